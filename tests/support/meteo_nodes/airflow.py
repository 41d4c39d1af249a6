"""Airflow as a person uses it: by its interface, as the administrator."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any, Final

from meteo_nodes.platform import Platform

RUN_S: Final = 300
POLL_S: Final = 1.0
AUTOMATIC_S: Final = 40.0
"""A DAG with a schedule that is let run has its last missed run made by the scheduler within this."""
DONE: Final = ("success", "failed")


def request(url: str, *, token: str = "", body: object = None, method: str | None = None) -> Any:
    """Ask an interface that answers in JSON, as Airflow's pages do."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 (the platform's own)
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 (the same)
        return json.loads(answer.read())


class Airflow:
    """Airflow's interface."""

    def __init__(self, platform: Platform) -> None:
        host = platform.members("airflow_api")[0]
        self.url = f"http://{platform.topology['hosts'][host]['member']['address']}:{platform.port('airflow_api')}"
        account = {"username": "admin", "password": platform.secrets()["secret_airflow_admin"]}
        self.token = request(f"{self.url}/auth/token", body=account)["access_token"]
        self._held: set[str] = set()

    def get(self, path: str) -> Any:
        return request(f"{self.url}/api/v2/{path}", token=self.token)

    def change(self, path: str, body: object) -> Any:
        return request(f"{self.url}/api/v2/{path}", token=self.token, body=body, method="PATCH")

    def start(self, dag: str, **conf: Any) -> str:
        """Let a DAG run and have a run of it; return the run's id. :meth:`wait` holds it again afterwards.

        A DAG with a schedule that was held has its last missed run made at once, and runs do not overlap: then it is
        that one, unless the run is to have parameters.
        """
        facts = self.get(f"dags/{dag}")
        if facts["is_paused"]:
            self._held.add(dag)
            before = set(self.runs(dag))
            self.change(f"dags/{dag}", {"is_paused": False})
            begin = time.monotonic()
            while facts["timetable_summary"] and not conf and time.monotonic() - begin < AUTOMATIC_S:
                made = [run for run in self.runs(dag) if run not in before]
                if made:
                    return made[0]
                time.sleep(POLL_S)
        return self.trigger(dag, **conf)

    def trigger(self, dag: str, **conf: Any) -> str:
        """Make a run by hand, which has no logical date; return its id."""
        body = {"logical_date": None, "conf": conf}
        return str(request(f"{self.url}/api/v2/dags/{dag}/dagRuns", token=self.token, body=body)["dag_run_id"])

    def runs(self, dag: str) -> list[str]:
        return [str(run["dag_run_id"]) for run in self.get(f"dags/{dag}/dagRuns?limit=100")["dag_runs"]]

    def wait(self, dag: str, run: str, seconds: float = RUN_S) -> str:
        """Wait for the end of a run; return its state."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            state = str(self.get(f"dags/{dag}/dagRuns/{run}")["state"])
            if state in DONE:
                break
            time.sleep(POLL_S)
        else:
            state = f"not done after {seconds:g} s"
        if dag in self._held:
            self._held.discard(dag)
            self.change(f"dags/{dag}", {"is_paused": True})
        return state

    def run(self, dag: str, seconds: float = RUN_S, **conf: Any) -> tuple[str, str]:
        """Run a DAG to its end; return the run's id and its state."""
        run = self.start(dag, **conf)
        return run, self.wait(dag, run, seconds)

    def tasks(self, dag: str, run: str) -> dict[str, dict[str, Any]]:
        """Task to what is known of its last try."""
        found = self.get(f"dags/{dag}/dagRuns/{run}/taskInstances?limit=100")["task_instances"]
        return {task["task_id"]: task for task in found}

    def log(self, dag: str, run: str, task: str, attempt: int = 1) -> str:
        """Return a task's log, as its page shows it."""
        return json.dumps(self.get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/{attempt}")["content"])

    def story(self, dag: str, run: str) -> str:
        """Say how the tasks of a run went, with the ends of the logs of those that did not succeed."""
        lines = []
        for name, task in self.tasks(dag, run).items():
            lines.append(f"{name}: {task['state']} (try {task['try_number']}, {task['duration']} s)")
            if task["state"] in ("failed", "up_for_retry", "running") and task["try_number"]:
                lines.append(self.log(dag, run, name, task["try_number"])[-3000:])
        return "\n".join(lines)
