"""Names lead to addresses and back, on every machine for every machine."""

from __future__ import annotations

from meteo_nodes.platform import Platform


def test_every_machine_resolves_every_other_forward_and_back(platform: Platform) -> None:
    wrong = []
    for host in platform.hosts:
        node = platform.host(host)
        for other, facts in platform.topology["hosts"].items():
            address, name = facts["member"]["address"], facts["member"]["name"]
            forward = node.run("getent ahostsv4 %s", name).stdout.split()
            if forward[:1] != [address]:
                wrong.append(f"{host}: {name} of {other} leads to {forward[:1]}, expected {address}")
            back = node.run("getent hosts %s", address).stdout.split()
            if back[1:2] != [name]:
                wrong.append(f"{host}: {address} of {other} leads to {back[1:]}, expected {name} first")
    assert not wrong


def test_localhost_is_loopback(platform: Platform) -> None:
    """PySpark binds it by name; Debian 12 without libnss-myhostname knows it from /etc/hosts alone."""
    for host in platform.hosts:
        assert platform.host(host).check_output("getent ahostsv4 localhost").split()[0] == "127.0.0.1"
