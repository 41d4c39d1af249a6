"""What a measurement yields, and how it is shown."""

from __future__ import annotations

import os
import platform as machine
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        part: The part of the bench that measured it.
        name: What was measured.
        value: The number.
        unit: Its unit.
        goal: The goal in words, or nothing.
        reached: Whether the goal was reached; None without a goal.
        note: What to know when reading it.
    """

    part: str
    name: str
    value: float
    unit: str
    goal: str = ""
    reached: bool | None = None
    note: str = ""


def at_most(part: str, name: str, value: float, unit: str, goal: float, note: str = "") -> Figure:
    """A figure that should not be above its goal."""
    return Figure(part, name, value, unit, f"at most {goal:g} {unit}".strip(), value <= goal, note)


def shown(value: float) -> str:
    """A number with three significant digits, or whole from a thousand on."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """Figures as rows of a table, without its heading."""
    verdict = {True: "reached", False: "MISSED", None: ""}
    return [
        (
            figure.part,
            figure.name,
            f"{shown(figure.value)} {figure.unit}".strip(),
            figure.goal,
            verdict[figure.reached],
            figure.note,
        )
        for figure in figures
    ]


HEADINGS = ("PART", "WHAT", "MEASURED", "GOAL", "", "NOTE")


def table(figures: Sequence[Figure]) -> str:
    """For a terminal."""
    cells = [HEADINGS, *rows(figures)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def markdown(figures: Sequence[Figure]) -> str:
    """For docs/performance.md."""
    heading = "| Part | What | Measured | Goal | | Note |\n|---|---|---:|---|---|---|\n"
    return heading + "".join("| " + " | ".join(row) + " |\n" for row in rows(figures))


def described() -> dict[str, Any]:
    """The machine and the code that was measured."""
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    cpu = next(
        (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?: unknown"
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], check=False, capture_output=True, text=True
    ).stdout.strip()
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit or "unknown",
        "processor": cpu.partition(":")[2].strip(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory.split()[1]) / 2**20),
        "kernel": machine.release(),
        "load_before": os.getloadavg()[0],
    }


def as_json(description: dict[str, Any], figures: Sequence[Figure]) -> dict[str, Any]:
    return {"machine": description, "figures": [asdict(figure) for figure in figures]}
