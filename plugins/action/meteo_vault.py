"""Make the secrets that an inventory's vault lacks; what is there is never changed.

    meteo_vault:
      path: inventories/one/secrets.yml
      secrets: [secret_kafka_admin, ...]
      length: 32

The vault is one flat mapping, encrypted as a whole with the key of `vault_password_file`. Beside the secrets it holds
`meteo_vault_id`, a random name of this vault that is no secret: nodes keep it, so that a vault that was lost and made
anew is noticed before it changes a password (KF-68, plugins/action/meteo_preflight.py).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import string
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.vault import VaultLib, is_encrypted
from ansible.parsing.yaml.dumper import AnsibleDumper
from ansible.plugins.action import ActionBase

if TYPE_CHECKING:
    from collections.abc import Mapping

ALPHABET = string.ascii_letters + string.digits
ID = "meteo_vault_id"
PREFIX = "secret_"
SHORTEST = 16


def generate(length: int) -> str:
    """Return a random secret of letters and digits (no client's configuration needs to quote it), a letter first."""
    return secrets.choice(string.ascii_letters) + "".join(secrets.choice(ALPHABET) for _ in range(length - 1))


def complete(held: Mapping[str, str], names: list[str], length: int) -> tuple[dict[str, str], list[str]]:
    """Return the vault's content with what it lacked, and the names that were added."""
    added = [name for name in [ID, *names] if name not in held]
    fresh = {name: secrets.token_hex(8) if name == ID else generate(length) for name in added}
    return {**held, **fresh}, added


def read(path: Path, vault: VaultLib) -> dict[str, str]:
    """Return the vault's content; empty if there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    if not is_encrypted(data):
        raise AnsibleActionFail(
            f"{path}: expected a file that is encrypted as a whole, found plain text. "
            f"Encrypt it with: ansible-vault encrypt {path}"
        )
    try:
        content = yaml.safe_load(vault.decrypt(data))
    except AnsibleError as error:
        raise AnsibleActionFail(
            f"{path}: this control machine's vault key does not open it ({error.message}). Bring the key back that it "
            "was made with (vault.key in the configuration folder, see docs/security.md); a new key cannot replace it"
        ) from error
    wrong = not isinstance(content, dict) or [name for name, value in content.items() if not isinstance(value, str)]
    if wrong:
        raise AnsibleActionFail(
            f"{path}: expected one flat mapping of names to texts, found something else under "
            f"{wrong if isinstance(wrong, list) else 'its top level'}. Change it with: ansible-vault edit {path}"
        )
    return dict(content)


def write(path: Path, content: Mapping[str, str], vault: VaultLib) -> None:
    """Replace the vault: encrypted before it reaches the disk, complete or not at all, readable by its owner alone."""
    encrypted = vault.encrypt(yaml.dump(dict(content), Dumper=AnsibleDumper, sort_keys=True, default_flow_style=False))
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".secrets.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(encrypted)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class ActionModule(ActionBase):
    """Runs on the control node alone."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the names that were added; never a value."""
        result: dict[str, Any] = super().run(tmp, task_vars or {})
        _, args = self.validate_argument_spec(
            {
                "path": {"type": "path", "required": True},
                "secrets": {"type": "list", "elements": "str", "required": True},
                "length": {"type": "int", "default": 32},
            }
        )
        odd = [name for name in args["secrets"] if not name.startswith(PREFIX)]
        if odd or args["length"] < SHORTEST:
            raise AnsibleActionFail(
                f"expected names that begin with {PREFIX} and a length of at least {SHORTEST}, "
                f"found {odd or args['length']}"
            )
        path = Path(args["path"])
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # two runs that start at once make one vault
            content, added = complete(read(path, self._loader._vault), args["secrets"], args["length"])
            if added and not self._task.check_mode:
                write(path, content, self._loader._vault)
        finally:
            os.close(folder)
        return result | {"changed": bool(added), "added": added, "vault": str(path)}
