"""Write every result to $METEO_RECORD as `-vvv --diff` would show it, whatever the screen shows.

The canary test searches the record for secrets (KF-64). With ANSIBLE_LOG_PATH and ANSIBLE_LOG_VERBOSITY=3 beside it,
what connections and plugins say at that verbosity is kept too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: full_record
type: notification
short_description: Writes every result in full to a file
description: For tests.
"""


class CallbackModule(CallbackBase):
    """Appends; one line a result, then its differences."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "full_record"
    CALLBACK_NEEDS_ENABLED = True

    def _record(self, kind: str, result: Any) -> None:
        shown = self._dump_results(result._result, indent=0, keep_invocation=True)
        difference = result._result.get("diff")
        with Path(os.environ["METEO_RECORD"]).open("a", encoding="utf-8") as stream:
            stream.write(f"{kind} {result._host.get_name()} {result._task.get_name()}: {shown}\n")
            if difference:
                stream.write(self._get_diff(difference) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        """Record a success."""
        self._record("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Record a failure."""
        self._record("failed, ignored" if ignore_errors else "failed", result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Record one item's success."""
        self._record("item ok", result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Record one item's failure."""
        self._record("item failed", result)
