"""Check what the inventory sets against the roles' argument_specs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from . import Finding

# Roles whose variables concern the members of these groups; a role that is named like a group concerns that group.
ROLE_GROUPS = {
    "hdfs": ("journalnode", "namenode", "datanode"),
    "spark": ("spark_master", "spark_worker", "spark_history"),
    "yarn": ("resourcemanager", "nodemanager", "mapred_history"),
    "airflow": ("airflow_api", "airflow_scheduler", "airflow_dag_processor", "airflow_triggerer", "airflow_worker"),
    "pipeline": ("jobs",),
}
# Roles that other roles call with values of their own: what they require is no inventory variable.
CALLED_ROLES = frozenset({"artifacts", "bundle", "jvm_service", "python_service"})
# Variables of the whole platform that are not a role's (docs/conventions.md), with their types.
HOST_VARIABLES = {
    "meteo_address": {"type": "str"},
    "meteo_bind_address": {"type": "str"},
    "meteo_name": {"type": "str"},
    "meteo_render_root": {"type": "path"},
    "meteo_vault_id": {"type": "str"},
}


@dataclass(frozen=True)
class Specs:
    """Every variable that somebody may set (name -> option), and the names that exist besides, such as defaults."""

    options: dict[str, dict[str, Any]]
    roles: dict[str, str]
    others: frozenset[str] = field(default_factory=frozenset)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Return what the name of one of our variables begins with."""
        return ("meteo_", *(f"{role}_" for role in set(self.roles.values())))


def _read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    return content if isinstance(content, dict) else {}


def load(roles: Path) -> Specs:
    """Read the argument_specs of all roles, and the names of their defaults."""
    options: dict[str, dict[str, Any]] = dict(HOST_VARIABLES)
    owners: dict[str, str] = {}
    others: set[str] = set()
    for folder in sorted(path for path in roles.iterdir() if path.is_dir()):
        owners[f"{folder.name}_"] = folder.name
        specs = _read(folder / "meta" / "argument_specs.yml").get("argument_specs", {})
        for entry in specs.values():
            for name, option in entry.get("options", {}).items():
                options[name] = option
                owners[name] = folder.name
        for path in (*folder.glob("defaults/main.yml"), *folder.glob("defaults/main/*.yml")):
            others.update(_read(path))
    return Specs(options, owners, frozenset(others))


def unknown(host: str, names: list[str], specs: Specs) -> list[Finding]:
    """Return the variables that look like ours and are nobody's, with the nearest name that exists."""
    known = specs.options.keys() | specs.others
    findings = []
    for name in sorted(names):
        if name in known or not name.startswith(specs.prefixes):
            continue
        near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
        findings.append(
            Finding(
                host,
                f"variable {name}",
                "a variable that a role's meta/argument_specs.yml names (docs/variables.md lists them)",
                "one that no role reads",
                f"did you mean {near[0]}? Rename or remove it" if near else "remove it",
            )
        )
    return findings


def ill_typed(host: str, name: str, value: object, option: Mapping[str, Any]) -> Finding | None:
    """Return the finding if a value is not what its option says."""
    wanted = str(option.get("type", "str"))
    shown = repr(value) if not option.get("no_log") else "a secret"
    # Ansible takes 'a,b' for a list and 'a=1' for a dictionary; templates that loop over it would not.
    wrong = (wanted == "list" and not isinstance(value, list)) or (wanted == "dict" and not isinstance(value, Mapping))
    said = ""
    if not wrong:
        spec = {name: {key: option[key] for key in ("type", "elements", "choices", "options") if key in option}}
        result = ArgumentSpecValidator(spec).validate({name: value})
        wrong, said = bool(result.error_messages), "; ".join(result.error_messages)
    if not wrong:
        return None
    kind = f"{wanted} of {option['elements']}" if "elements" in option else wanted
    among = f", one of {', '.join(map(str, option['choices']))}" if "choices" in option else ""
    meaning = " ".join(str(option.get("description", "")).split())
    return Finding(
        host, f"variable {name}", f"{kind}{among}: {meaning}", f"{shown} ({said})" if said else shown, "correct it"
    )


def missing(host: str, names: set[str], groups: Mapping[str, list[str]], specs: Specs) -> list[Finding]:
    """Return what roles that concern this host require, and what it does not have."""
    findings = []
    for name, option in sorted(specs.options.items()):
        role = specs.roles.get(name)
        if not option.get("required") or name in names or role is None or role in CALLED_ROLES:
            continue
        if any(host in groups.get(group, []) for group in ROLE_GROUPS.get(role, (role,))):
            meaning = " ".join(str(option.get("description", "")).split())
            findings.append(
                Finding(
                    host, f"variable {name}", f"a value: {meaning}", "none", "set it in the inventory, for this host"
                )
            )
    return findings


def check(
    host: str,
    variables: Mapping[str, Any],
    groups: Mapping[str, list[str]],
    specs: Specs,
    compute: Callable[[object], object],
) -> list[Finding]:
    """Return all findings about a host's variables; `compute` makes a value of a template.

    A value that needs facts of the host cannot be computed offline: it is looked at when there are facts.
    """
    ours = [name for name in variables if name.startswith(specs.prefixes)]
    findings = unknown(host, ours, specs) + missing(host, set(variables), groups, specs)
    for name in sorted(specs.options.keys() & set(ours)):
        try:
            value = compute(variables[name])
        except AnsibleError as error:
            if "ansible_facts" not in str(error):
                findings.append(
                    Finding(
                        host, f"variable {name}", "a value that can be computed", str(error), "correct the expression"
                    )
                )
            continue
        finding = ill_typed(host, name, value, specs.options[name])
        if finding and not (value is None and not specs.options[name].get("required")):
            findings.append(finding)
    return findings
