#!/usr/bin/python
"""Run the commands that make a machine use changed files: once a change, also one that an earlier run left behind."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: meteo_apply
short_description: Make the machine use changed files
description:
  - A handler runs only in the run that changed the file. If that run fails in between, the next one finds the file
    right and never applies it (KF-31). So each step remembers the digest of the files that it applied last, below
    C(/var/lib/meteo/applied), and runs if and only if they differ from it now.
options:
  steps:
    description:
      - Steps in order, each with C(name), C(files) (absent ones count as empty), C(command), and optionally C(check)
        (a command whose failure means that the machine does not use the files at present).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the step; also that of its file below C(/var/lib/meteo/applied).
        type: str
        required: true
      files:
        description: Files that the step applies.
        type: list
        elements: path
        required: true
      command:
        description: The command that applies them.
        type: list
        elements: str
        required: true
      check:
        description: A command whose failure means that the step has to run whatever the files are.
        type: list
        elements: str
"""

RETURN = r"""
applied:
  description: Names of the steps that ran, or would have run in check mode.
  type: list
"""

APPLIED = Path("/var/lib/meteo/applied")


def digest(paths: list[str]) -> str:
    """Return one digest of all files' names and contents."""
    total = hashlib.sha256()
    for path in sorted(paths):
        try:
            content = Path(path).read_bytes()
        except FileNotFoundError:
            content = b""
        total.update(f"{path}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def due(module: AnsibleModule, step: dict[str, Any], now: str) -> bool:
    """Return whether the machine does not use the files as they are."""
    mark = APPLIED / step["name"]
    if not mark.exists() or mark.read_text(encoding="ascii").strip() != now:
        return True
    if not step["check"]:
        return False
    rc, _out, _err = module.run_command(step["check"])
    return bool(rc != 0)


def main() -> None:
    """Run what is due."""
    options = {
        "name": {"type": "str", "required": True},
        "files": {"type": "list", "elements": "path", "required": True},
        "command": {"type": "list", "elements": "str", "required": True},
        "check": {"type": "list", "elements": "str"},
    }
    module = AnsibleModule(
        argument_spec={"steps": {"type": "list", "elements": "dict", "required": True, "options": options}},
        supports_check_mode=True,
    )
    applied = []
    for step in module.params["steps"]:
        now = digest(step["files"])
        if not due(module, step, now):
            continue
        applied.append(step["name"])
        if module.check_mode:
            continue
        rc, out, err = module.run_command(step["command"])
        if rc != 0:
            module.fail_json(
                msg=f"{step['name']}: expected '{' '.join(step['command'])}' to succeed, found exit status {rc}: "
                f"{(err or out).strip()}. The files are {', '.join(step['files'])}; the next run tries again.",
                applied=applied,
            )
        APPLIED.mkdir(parents=True, exist_ok=True)
        (APPLIED / step["name"]).write_text(now + "\n", encoding="ascii")
    module.exit_json(changed=bool(applied), applied=applied)


if __name__ == "__main__":
    main()
