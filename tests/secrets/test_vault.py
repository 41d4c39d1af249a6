"""Secrets are made once, into one encrypted file, and never shown."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

REPOSITORY: Final = Path(__file__).resolve().parents[2]
LENGTH: Final = 32


class Control:
    """A control machine of its own: configuration folder (the vault's key) and one inventory."""

    def __init__(self, folder: Path) -> None:
        self.inventory = folder / "inventory" / "hosts.yml"
        self.vault = folder / "inventory" / "secrets.yml"
        self.config = folder / "config"
        self.inventory.parent.mkdir()
        self.inventory.write_text(
            "all: {hosts: {n1: {ansible_host: 10.99.0.11, ansible_connection: local}}}\n", "utf-8"
        )
        self.playbook = folder / "play.yml"
        self.environment = os.environ | {
            "METEO_CONFIG": str(self.config),
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        }

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=REPOSITORY, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def play(self, *plays: dict[str, Any], arguments: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        self.playbook.write_text(yaml.safe_dump(list(plays)), "utf-8")
        return self.run("ansible-playbook", str(self.playbook), "--inventory", str(self.inventory), *arguments)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.play(play("localhost", "main"), arguments=arguments)

    def content(self) -> dict[str, str]:
        shown = self.run("ansible-vault", "view", str(self.vault))
        assert shown.returncode == 0, shown.stderr
        return dict(yaml.safe_load(shown.stdout))


def play(hosts: str, *parts: str) -> dict[str, Any]:
    roles = [
        {"ansible.builtin.import_role": {"name": "controller", "tasks_from": part, "rolespec_validate": False}}
        for part in parts
    ]
    return {"hosts": hosts, "connection": "local", "gather_facts": False, "tasks": roles}


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path)


def test_secrets_are_strong_different_and_encrypted_as_a_whole(control: Control) -> None:
    done = control.make()
    assert "changed=1" in done.stdout, done.stdout + done.stderr
    secrets = {name: value for name, value in control.content().items() if name.startswith("secret_")}
    assert len(secrets) >= 10
    assert len(set(secrets.values())) == len(secrets)
    assert all(len(value) == LENGTH and value.isalnum() and value[0].isalpha() for value in secrets.values())
    text = control.vault.read_text("utf-8")
    assert text.startswith("$ANSIBLE_VAULT;")
    assert "secret_" not in text
    assert stat.S_IMODE(control.vault.stat().st_mode) == 0o600
    assert stat.S_IMODE((control.config / "vault.key").stat().st_mode) == 0o600


def test_a_second_run_changes_nothing(control: Control) -> None:
    control.make()
    before = control.vault.read_bytes()
    assert "changed=0" in control.make().stdout
    assert control.vault.read_bytes() == before


def test_a_new_name_is_added_and_the_others_stay(control: Control) -> None:
    control.make()
    before = control.content()
    extra = '{"controller_extra_secrets": {"secret_new": {"service": "New", "user": "new"}}}'
    assert "changed=1" in control.make("--extra-vars", extra).stdout
    after = control.content()
    assert set(after) - set(before) == {"secret_new"}
    assert all(after[name] == value for name, value in before.items())


def test_check_mode_has_secrets_too(control: Control) -> None:
    """KF-57: templates need values, also in check mode against bare machines."""
    done = control.play(play("localhost", "main"), play("all", "load"), arguments=("--check",))
    assert done.returncode == 0, done.stdout + done.stderr
    assert control.vault.exists()


def test_no_secret_shows_however_talkative_the_run_is(control: Control) -> None:
    """KF-64: with -vvvv, --diff and a log file; the table of credentials is the screen's alone."""
    control.environment["ANSIBLE_LOG_PATH"] = str(control.inventory.parent / "log")
    making = control.play(play("localhost", "main"), play("all", "load"), arguments=("-vvvv", "--diff"))
    showing = control.play(play("all", "load", "show"), arguments=("-vvvv", "--diff"))
    secrets = {name: value for name, value in control.content().items() if name.startswith("secret_")}
    said = making.stdout + making.stderr + (control.inventory.parent / "log").read_text("utf-8")
    assert "secret_kafka_admin" in said
    assert [name for name, value in secrets.items() if value in said] == []
    # That the search finds a secret where there is one: the table has each of them once.
    assert [name for name, value in secrets.items() if showing.stdout.count(value) != 1] == []


def test_a_vault_whose_key_was_lost_is_left_as_it_is(control: Control) -> None:
    """KF-68: a new key does not open it, and it is not made anew."""
    control.make()
    before = control.vault.read_bytes()
    (control.config / "vault.key").unlink()
    done = control.make()
    assert done.returncode != 0
    assert "Bring the key back" in done.stdout
    assert control.vault.read_bytes() == before


def test_a_vault_in_plain_text_is_refused(control: Control) -> None:
    control.vault.write_text("secret_kafka_admin: hunter2hunter2hunter2\n", "utf-8")
    done = control.make()
    assert done.returncode != 0
    assert "ansible-vault encrypt" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_of_two_runs_at_once_one_makes_the_vault(control: Control) -> None:
    control.playbook.write_text(yaml.safe_dump([play("localhost", "main")]), "utf-8")
    command = ["ansible-playbook", str(control.playbook), "--inventory", str(control.inventory)]
    started = [
        subprocess.Popen(command, cwd=REPOSITORY, env=control.environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in started]
    assert sorted(text.partition("changed=")[2][0] for text in said) == ["0", "1"], said
    control.content()
