"""Check the inventory and its variables without any machine (KF-58), and return every finding.

    meteo_validate:
      action: deploy      # or stop, remove: checks that do not matter for it are left out (KF-44)

`meteo_refuse` fails for the findings of all hosts; `meteo_preflight` finds the same and looks at the machines too.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

sys.path.append(str(Path(__file__).resolve().parents[1] / "plugin_utils"))
from meteo_checks.plan import Plan


class ActionModule(ActionBase):
    """Runs on the control node alone."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Judge; never fail for a finding."""
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        spec = {"action": {"type": "str", "choices": ["deploy", "stop", "remove"], "default": "deploy"}}
        _, args = self.validate_argument_spec(spec)
        findings = Plan(task_vars, self._templar.template).offline_findings(args["action"])
        return result | {"changed": False, "findings": [finding._asdict() for finding in findings]}
