"""A settings file for commands that tests run."""

from __future__ import annotations

from pathlib import Path

NO_BROKERS = """
[kafka]
bootstrap = ["127.0.0.1:1"]
security = "PLAINTEXT"
"""


def settings_file(folder: Path, more: str = "", kafka: str = NO_BROKERS) -> Path:
    """Settings whose folders all lie below ``folder``; the brokers are away unless ``kafka`` says otherwise.

    ``more`` goes on with the section [intake].
    """
    path = folder / "settings.toml"
    path.write_text(
        f"""
        {kafka}
        [outbox]
        directory = "{folder}/outbox"
        [dropfolder]
        directory = "{folder}/drop"
        profiles = "{folder}/profiles"
        [quarantine]
        directory = "{folder}/quarantine"
        [intake]
        directory = "{folder}/intake"
        {more}
        """
    )
    return path
