#!/usr/bin/python
"""Read whether a node holds a PostgreSQL cluster, and which, without changing anything."""

from __future__ import annotations

DOCUMENTATION = r"""
module: meteo_postgres_state
short_description: Tell which PostgreSQL cluster a node holds
description:
  - Returns C(system_id), the identifier that PostgreSQL gave the cluster when it was made, or nothing if the data
    directory holds none; and C(leader), the primary that a running member tells.
options:
  data_dir:
    description: PostgreSQL's data directory.
    type: path
    required: true
  rest:
    description: Addresses of the members' Patroni.
    type: list
    elements: str
    default: []
"""

import os
import struct

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.meteo_patroni import Patroni, PatroniError


def system_id(data_dir):
    """Return the first field of pg_control, an unsigned 64-bit number, as PostgreSQL shows it."""
    try:
        with open(os.path.join(data_dir, "global", "pg_control"), "rb") as stream:
            head = stream.read(8)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return str(struct.unpack("=Q", head)[0]) if len(head) == 8 else None


def leader(addresses):
    for address in addresses:
        try:
            name = Patroni(address).leader()
        except PatroniError:
            continue
        if name:
            return name
    return None


def main():
    module = AnsibleModule(
        argument_spec={
            "data_dir": {"type": "path", "required": True},
            "rest": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    module.exit_json(
        changed=False, system_id=system_id(module.params["data_dir"]), leader=leader(module.params["rest"])
    )


if __name__ == "__main__":
    main()
