"""Passwords as PostgreSQL keeps them, and addresses as its rules write them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from ansible.errors import AnsibleFilterError

REPOSITORY = Path(__file__).resolve().parents[2]

# The example of RFC 7677, section 3.
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
AUTH_MESSAGE = (
    b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
)
CLIENT_PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SERVER_SIGNATURE = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.fixture(scope="module")
def filters() -> ModuleType:
    spec = importlib.util.spec_from_file_location("meteo_postgres", REPOSITORY / "plugins/filter/meteo_postgres.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_verifier_checks_the_proof_of_the_standards_example(filters: ModuleType) -> None:
    """RFC 7677: the server's part of the exchange, computed from the verifier alone, gives the published values."""
    mechanism, iterations_salt, keys = filters.scram_verifier("pencil", SALT).split("$")
    assert (mechanism, iterations_salt) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    stored_key, server_key = (base64.b64decode(key) for key in keys.split(":"))
    signature = hmac.digest(server_key, AUTH_MESSAGE, "sha256")
    assert base64.b64encode(signature).decode() == SERVER_SIGNATURE
    client_signature = hmac.digest(stored_key, AUTH_MESSAGE, "sha256")
    client_key = bytes(a ^ b for a, b in zip(base64.b64decode(CLIENT_PROOF), client_signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key


def test_verifiers_stay_the_same_and_tell_no_password(filters: ModuleType) -> None:
    """A second run must find what the first one set, without knowing more than the vault."""
    roles = {"reader": {"password": "Abcdefgh01234567"}, "writer": {"password": "Abcdefgh01234567"}}
    first = filters.verifiers(roles, "a secret of this installation")
    assert first == filters.verifiers(roles, "a secret of this installation")
    assert first["reader"] != first["writer"]
    assert first != filters.verifiers(roles, "a secret of another installation")
    assert "Abcdefgh01234567" not in str(first)


def test_a_password_that_saslprep_would_change_is_refused(filters: ModuleType) -> None:
    with pytest.raises(AnsibleFilterError, match="printable ASCII"):
        filters.scram_verifier("é" * 12, SALT)


def test_roles_come_without_their_passwords(filters: ModuleType) -> None:
    found = filters.login_roles({"reader": {"password": "x" * 16, "member_of": ["pg_monitor"]}}, "clients")
    assert found == {"reader": {"login": True, "member_of": ["clients", "pg_monitor"]}}


@pytest.mark.parametrize(
    ("address", "rule"), [("10.77.0.11", "10.77.0.11/32"), ("fd00::1", "fd00::1/128"), ("db1.example", "db1.example")]
)
def test_a_rule_names_one_host(filters: ModuleType, address: str, rule: str) -> None:
    assert filters.hba_address(address) == rule
