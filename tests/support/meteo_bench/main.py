"""Entry of the bench."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from meteo_nodes.platform import CACHE, REPOSITORY, Platform

from meteo_bench import operations, streams
from meteo_bench.figure import Figure, as_json, described, markdown, table

PARTS: Final[dict[str, Callable[[Platform], list[Figure]]]] = {
    "fresh": operations.fresh,
    "run": operations.no_change,
    "memory": operations.memory,
    "latency": streams.produce_to_visible,
    "throughput": streams.throughput,
    "redeploy": operations.redeploy,
}
DESTROYS: Final = "fresh"
PAGE: Final = REPOSITORY / "docs" / "performance.md"
BEGIN: Final = "<!-- measured: begin -->\n"
END: Final = "<!-- measured: end -->\n"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./meteo bench", description="Measure a running platform.")
    parser.add_argument("parts", nargs="*", default=["all"], metavar="PART", help=f"all, {', '.join(PARTS)}")
    parser.add_argument("--inventory", type=Path, default=REPOSITORY / "inventories" / "one")
    parser.add_argument("--write", action="store_true", help=f"write the figures into {PAGE.relative_to(REPOSITORY)}")
    given = parser.parse_args()
    unknown = sorted(set(given.parts) - set(PARTS) - {"all"})
    if unknown:
        parser.error(f"expected parts of: all, {', '.join(PARTS)}; found {', '.join(unknown)}")
    return given


def wanted(given: list[str]) -> list[str]:
    """Parts to run, in their order."""
    return [name for name in PARTS if name in given or ("all" in given and name != DESTROYS)]


def write_page(text: str) -> None:
    """Put the figures between the marks of docs/performance.md."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")


def main() -> int:
    given = arguments()
    platform = Platform(given.inventory.resolve())
    description = described()
    figures: list[Figure] = []
    for name in wanted(given.parts):
        print(f"== {name}", file=sys.stderr, flush=True)
        figures += PARTS[name](platform)
    folder = CACHE / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / f"{description['when'].replace(':', '')}.json"
    result.write_text(json.dumps(as_json(description, figures), indent=1) + "\n", encoding="utf-8")
    print(table(figures))
    print(f"\n{description['cores']} cores ({description['processor']}), {description['memory_gib']} GiB")
    print(f"as JSON: {result}")
    if given.write:
        about = ", ".join(f"{key}: {value}" for key, value in description.items())
        write_page(f"Measured on: {about}.\n\n{markdown(figures)}")
    return 0 if all(figure.reached is not False for figure in figures) else 1
