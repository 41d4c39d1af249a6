"""Standard output for verbs whose playbook prints a table itself: nothing but what failed."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback.default import CallbackModule as DefaultCallback

DOCUMENTATION = r"""
name: meteo_quiet
type: stdout
short_description: Prints failures only; the playbook's own actions print the rest
description:
  - For C(ANSIBLE_STDOUT_CALLBACK=meteo_quiet). Failed and unreachable results look as with the default callback.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""


class CallbackModule(DefaultCallback):
    """The default callback without its headings, its successes and its recapitulation."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "meteo_quiet"

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Remember the play, as the default callback does, and print no heading."""
        self._play = play

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002 (Ansible's)
        """Print the heading of a task only if it fails."""
        self._last_task_name = task.get_name().strip()
        self._last_task_banner = None

    def v2_runner_on_ok(self, result: Any) -> None:
        """Print nothing."""

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Print nothing."""

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Print nothing."""

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print nothing."""
