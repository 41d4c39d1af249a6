"""Filters that prepare what PostgreSQL is to hold."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

# RFC 7677 section 4 asks for at least 4096; PostgreSQL's own default is the same.
SCRAM_ITERATIONS = 4096
SALT_BYTES = 16


def scram_verifier(password: str, salt: bytes) -> str:
    """Return what PostgreSQL keeps of a password (RFC 5803): enough to check it, not to log in with it.

    Only ASCII is taken, for which SASLprep changes nothing.

    >>> scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='
    """
    if not (password.isascii() and password.isprintable() and password):
        raise AnsibleFilterError("a password of PostgreSQL has printable ASCII characters only; make it anew")

    def code(data: bytes) -> str:
        return base64.b64encode(data).decode()

    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{code(salt)}${code(stored_key)}:{code(server_key)}"


def login_roles(roles: Mapping[str, Mapping[str, Any]], group: str) -> dict[str, dict[str, Any]]:
    """Return roles that log in, without their passwords, each a member of `group` beside its own groups."""
    return {
        str(name): {"login": True, "member_of": sorted({group, *role.get("member_of", [])})}
        for name, role in roles.items()
    }


def verifiers(roles: Mapping[str, Mapping[str, Any]], salt_key: str) -> dict[str, str]:
    """Return the verifier of each role's password.

    A salt is derived from the role's name and a secret of this installation, so that a run that changes nothing
    computes the verifier that the server has, and nobody outside can prepare for it.
    """
    result = {}
    for name, role in roles.items():
        salt = hmac.digest(salt_key.encode(), f"meteostream role {name}".encode(), "sha256")[:SALT_BYTES]
        result[str(name)] = scram_verifier(str(role["password"]), salt)
    return result


def hba_address(address: str) -> str:
    """Return how pg_hba.conf writes one host: an address with its full mask, or a name.

    >>> hba_address("10.77.0.11"), hba_address("fd00::1"), hba_address("node1.example")
    ('10.77.0.11/32', 'fd00::1/128', 'node1.example')
    """
    try:
        return str(ipaddress.ip_network(address))
    except ValueError:
        return address


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "meteo_postgres_roles": login_roles,
            "meteo_postgres_verifiers": verifiers,
            "meteo_hba_address": hba_address,
        }
