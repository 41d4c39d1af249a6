"""Control machine's half of `meteo_bundle`: knows the bundle's identity, and sends the archive when a node lacks it.

A run that changes nothing is one module call: the archive in the cache is not even opened.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "tools" / "fetch"))

from meteo_fetch import cache  # noqa: E402
from meteo_fetch.definition import Bundle, archive_name, bundle_id, read_bundle  # noqa: E402
from meteo_fetch.errors import FetchError  # noqa: E402

ARCHITECTURE = "x86_64"
"""Python bundles hold compiled code for it."""


class ActionModule(ActionBase):
    """`meteo_bundle`, see the module of this name for its options."""

    TRANSFERS_FILES = True
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Asks the node; sends the archive and asks again if the node lacks it."""
        variables = task_vars or {}
        result: dict[str, Any] = super().run(tmp, variables)
        _, options = self.validate_argument_spec(
            argument_spec={
                "name": {"type": "str", "required": True},
                "url": {"type": "str", "default": self._variable(variables, "bundle_artifact_url", "")},
                "keep": {"type": "int", "default": self._variable(variables, "bundle_keep", 2)},
                "prefix": {"type": "path", "default": "/opt"},
                "artifacts": {"type": "path", "default": str(REPOSITORY / "artifacts")},
            }
        )
        try:
            bundle = read_bundle(Path(options["artifacts"]) / options["name"])
            python = self._node_python(bundle, variables)
            path = cache.cache_root() / "bundles" / archive_name(bundle, python)
            archive = cache.find(path)
            arguments = {
                "name": bundle.name,
                "id": bundle_id(bundle),
                "version": bundle.version,
                "python": python,
                "prefix": options["prefix"],
                "keep": options["keep"],
                "url": options["url"],
                "archive_name": path.name,
                "sha256": archive.sha256 if archive else "",
                "installed_size": int(archive.manifest["installed_size"]) if archive else 0,
            }
            answer = self._call(arguments, variables)
            if answer.pop("needs_archive", False):
                arguments["archive"] = self._send(bundle, archive or _refuse_absent(bundle, path, python))
                answer = self._call(arguments, variables)
        except FetchError as error:
            raise AnsibleActionFail(str(error)) from error
        result.update(answer)
        return result

    def _variable(self, variables: dict[str, Any], name: str, default: object) -> object:
        return self._templar.template(variables[name]) if name in variables else default

    def _call(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module("meteo_bundle", module_args=arguments, task_vars=variables)
        return answer

    def _node_python(self, bundle: Bundle, variables: dict[str, Any]) -> str | None:
        """Python minor of the node for a bundle with an environment, else None."""
        if bundle.python == "none":
            return None
        facts = variables.get("ansible_facts", {})
        if "python" not in facts:
            raise FetchError(
                f"{bundle.name}: expected the node's facts, to know its Python; found none. Gather them before "
                "(ansible.builtin.setup with gather_subset: min)"
            )
        architecture = facts.get("architecture", ARCHITECTURE)
        if architecture != ARCHITECTURE:
            raise FetchError(f"{bundle.name}: holds compiled code for {ARCHITECTURE}, this node is {architecture}")
        version = facts["python"]["version"]
        return f"{version['major']}.{version['minor']}"

    def _send(self, bundle: Bundle, archive: cache.Archive) -> str:
        """Verifies the archive and copies it into the login user's temporary folder on the node; returns where it lies.

        The name is always the same, so what an interrupted transfer left is overwritten and not heaped up.
        """
        cache.verify_content(archive)
        path = archive.path
        temporary = self.get_shell_option("remote_tmp", default="~/.ansible/tmp")
        folder = f"{self._remote_expand_user(temporary, sudoable=False)}/meteo-bundles"
        target = f"{folder}/{path.name}.part"
        old = f"{shlex.quote(folder)}/{shlex.quote(bundle.name)}-*.part"
        prepare = f"umask 077 && mkdir -p {shlex.quote(folder)} && rm -f {old}"
        done = self._low_level_execute_command(prepare, sudoable=False)
        if done["rc"]:
            raise FetchError(f"{folder} could not be made on the node: {done['stderr'] or done['stdout']}")
        self._display.v(
            f"sending {path.name} ({path.stat().st_size / 1e6:.0f} MB)", host=self._play_context.remote_addr
        )
        self._connection.put_file(str(path), target)
        return target


def _refuse_absent(bundle: Bundle, path: Path, python: str | None) -> NoReturn:
    option = f" --python {python}" if bundle.python == "each" else ""
    command = f"./meteo fetch {bundle.name}{option}"
    raise FetchError(f"{path.name} is not in the cache ({path.parent}). Make it with: {command}")
