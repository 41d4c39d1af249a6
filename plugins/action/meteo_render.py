"""Render all files of one daemon on the control node and bring the node to them in one transfer.

A `template` task costs half a second a run whatever it does; a daemon has ten files. So they are rendered
here together, sent once, and compared by one module (plugins/modules/meteo_render.py has the options).
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from pathlib import Path
from typing import Any

from ansible._internal._templating import _template_vars
from ansible.errors import AnsibleActionFail, AnsibleFileNotFound
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

VAULT_NAMES = "secret_"
FILE_KEYS = {"src", "content", "dest", "owner", "group", "mode", "watch", "when", "each", "immutable", "block"}
# Templates that every role may include or render (unit hardening, Hadoop's XML).
SHARED_TEMPLATES = str(Path(__file__).resolve().parents[2] / "roles" / "base" / "templates")


class ActionModule(ActionBase):
    """Runs on the control node; `_supports_check_mode` and diff are the module's."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = dict(self._task.args)
        secrets = self._secrets(task_vars)
        group = args.get("group", "root")
        files = [
            self._file(entry, group, secrets, variables)
            for given in args.pop("files", [])
            if given.get("when", True)
            for entry, variables in self._expand(given, task_vars)
        ]
        duplicates = {entry["dest"] for entry in files if sum(f["dest"] == entry["dest"] for f in files) > 1}
        if duplicates:
            raise AnsibleActionFail(f"one owner per file (KF-49): {sorted(duplicates)} is rendered twice by this task")
        request = {
            "unit": args.pop("unit", None),
            "files": files,
            "accounts": args.pop("accounts", []),
            "groups": args.pop("groups", []),
            "directories": args.pop("directories", []),
            "exclusive": args.pop("exclusive", []),
            "watch": args.pop("watch", []),
            "lib": task_vars.get("topology_lib", "/usr/local/lib/meteo"),
        }
        args.pop("group", None)
        if args:
            raise AnsibleActionFail(f"meteo_render has no option {sorted(args)}")
        offline = task_vars.get("meteo_render_root")
        if offline:
            return result | self._write_offline(Path(str(offline)) / task_vars["inventory_hostname"], request)
        packed = base64.b64encode(zlib.compress(json.dumps(request).encode())).decode()
        done: dict[str, Any] = self._execute_module("meteo_render", {"payload": packed}, task_vars=task_vars)
        return result | done

    def _secrets(self, task_vars: dict[str, Any]) -> list[str]:
        """Return the values of all `secret_*` variables, so that files that hold one are known as such."""
        names = [name for name in task_vars if name.startswith(VAULT_NAMES)]
        values = (self._templar.template(task_vars[name]) for name in names)
        return [value for value in values if isinstance(value, str) and len(value) >= 8]

    @staticmethod
    def _expand(entry: dict[str, Any], task_vars: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return the entry, or with `each` one entry an item: its `name` ends `dest`, the template sees `item`."""
        if "each" not in entry:
            return [(entry, task_vars)]
        return [(entry | {"dest": entry["dest"] + item["name"]}, task_vars | {"item": item}) for item in entry["each"]]

    def _file(self, entry: dict[str, Any], group: str, secrets: list[str], task_vars: dict[str, Any]) -> dict[str, Any]:
        unknown = set(entry) - FILE_KEYS
        if unknown or "dest" not in entry or ("src" in entry) == ("content" in entry):
            raise AnsibleActionFail(
                "a file of meteo_render has dest and one of src, content; "
                f"found {sorted(entry)} for {entry.get('dest')}"
            )
        text = entry["content"] if "content" in entry else self._template(entry["src"], entry["dest"], task_vars)
        if not isinstance(text, str):
            text = json.dumps(text, indent=2, sort_keys=True, ensure_ascii=False)
        if not text.endswith("\n"):
            text += "\n"
        mode = str(entry.get("mode", "0640"))
        secret = any(value in text for value in secrets)
        if secret and int(mode, 8) & 0o007:
            raise AnsibleActionFail(
                f"{entry['dest']} holds a secret and its mode {mode} lets everybody read it: use 0640 or less"
            )
        return {
            "dest": entry["dest"],
            "content": text,
            "owner": entry.get("owner", "root"),
            "group": entry.get("group", group),
            "mode": mode,
            "watch": bool(entry.get("watch", True)),
            "secret": secret,
            "immutable": bool(entry.get("immutable", False)),
            "block": bool(entry.get("block", False)),
        }

    def _source(self, src: str) -> str:
        """Return where a template lies: in the role, else among those that all roles share."""
        try:
            return str(self._find_needle("templates", src))
        except AnsibleFileNotFound:
            shared = Path(SHARED_TEMPLATES) / src
            if not shared.is_file():
                raise
            return str(shared)

    def _template(self, src: str, dest: str, task_vars: dict[str, Any]) -> str:
        source = self._source(src)
        search = []
        for folder in [*task_vars.get("ansible_search_path", []), os.path.dirname(source)]:
            search += [os.path.join(folder, "templates"), folder]
        search.append(SHARED_TEMPLATES)
        variables = task_vars | _template_vars.generate_ansible_template_vars(
            path=src, fullpath=source, dest_path=dest, include_ansible_managed=False
        )
        templar = self._templar.copy_with_new_env(searchpath=search, available_variables=variables)
        data = trust_as_template(self._loader.get_text_file_contents(source))
        return str(
            templar.template(data, escape_backslashes=False, overrides={"trim_blocks": True, "lstrip_blocks": True})
        )

    @staticmethod
    def _write_offline(root: Path, request: dict[str, Any]) -> dict[str, Any]:
        """Write the rendered files below `root` instead of to the node (offline tests of an inventory)."""
        for entry in request["files"]:
            path = root / entry["dest"].lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(entry["content"], encoding="utf-8")
        manifest = root / f"{request['unit'] or 'files'}.render.json"
        manifest.write_text(json.dumps(request, indent=1, sort_keys=True), encoding="utf-8")
        return {"changed": False, "files": [], "offline": str(root)}
