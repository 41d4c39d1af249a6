"""What the roles render for an inventory, without a host (playbooks/render.yml)."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import yaml

REPOSITORY: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Rendered:
    """Files of an inventory's hosts below one folder."""

    root: Path
    secrets: dict[str, str]

    def text(self, host: str, path: str) -> str:
        return (self.root / host / path.lstrip("/")).read_text(encoding="utf-8")

    def has(self, host: str, path: str) -> bool:
        return (self.root / host / path.lstrip("/")).exists()

    def entries(self, host: str, unit: str) -> dict[str, dict[str, Any]]:
        """Return the files that one task renders for a unit: path to owner, mode, whether it holds a secret ..."""
        request = json.loads((self.root / host / f"{unit}.render.json").read_text(encoding="utf-8"))
        return {entry["dest"]: entry for entry in request["files"]}

    def hadoop(self, host: str, name: str) -> dict[str, str]:
        """Return the settings of one of Hadoop's XML files."""
        tree = ET.fromstring(self.text(host, f"/etc/hadoop/{name}"))  # noqa: S314 (our own file)
        return {entry.findtext("name", ""): entry.findtext("value", "") for entry in tree.iter("property")}

    def yaml(self, host: str, path: str) -> Any:
        return yaml.safe_load(self.text(host, path))


def secret_values() -> dict[str, str]:
    """Return a value for every secret that the platform knows."""
    names = yaml.safe_load((REPOSITORY / "roles/controller/vars/main.yml").read_text(encoding="utf-8"))
    return {name: f"{name[7:]}-0123456789abcdef" for name in names["__controller_own_secrets"]}


def render(folder: Path, inventory: str, **variables: Any) -> Rendered:
    secrets = secret_values()
    given = folder / "variables.json"
    given.write_text(json.dumps(secrets | variables | {"meteo_render_root": str(folder / "root")}), encoding="utf-8")
    command = ["ansible-playbook", "playbooks/render.yml", "-i", f"inventories/{inventory}", "-e", f"@{given}"]
    environment = os.environ | {"METEO_CONFIG": str(folder / "config")}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return Rendered(folder / "root", secrets)
