"""The lake's locks on a real ZooKeeper: one holder, others wait and are told, a lost session is noticed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from meteostream.lake.lock import LakeLock, LakeLockError
from zookeeper_server import ZooKeeperServer

pytestmark = pytest.mark.zookeeper


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    server = ZooKeeperServer(tmp_path_factory.mktemp("zookeeper"))
    server.start()
    yield server
    server.kill()


def test_two_holders_take_turns(zookeeper: ZooKeeperServer) -> None:
    first, second = LakeLock(zookeeper.hosts, "stream-lake"), LakeLock(zookeeper.hosts, "maintenance")
    order: list[str] = []
    inside = threading.Event()

    def other() -> None:
        inside.wait(10)
        with second.held(30):
            order.append("second")

    thread = threading.Thread(target=other)
    thread.start()
    with first.held(30):
        inside.set()
        time.sleep(0.5)  # the other asks meanwhile
        first.check()
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]
    first.close()
    second.close()


def test_who_waits_too_long_is_told_who_has_it(zookeeper: ZooKeeperServer) -> None:
    first, second = LakeLock(zookeeper.hosts, "stream-lake"), LakeLock(zookeeper.hosts, "maintenance")
    with (
        first.held(30),
        pytest.raises(LakeLockError, match="expected the lock 'lake' within 1 s, stream-lake on"),
        second.held(1),
    ):
        pass
    with second.held(30):  # and it is free afterwards
        pass
    first.close()
    second.close()


def test_the_stream_does_not_wait_for_the_etl(zookeeper: ZooKeeperServer) -> None:
    etl, stream = LakeLock(zookeeper.hosts, "etl", "etl"), LakeLock(zookeeper.hosts, "stream-lake")
    with etl.held(30), stream.held(5):
        etl.check()
        stream.check()
    etl.close()
    stream.close()


def test_without_zookeeper_there_is_no_lock_and_that_is_a_setting() -> None:
    lock = LakeLock([], "test")
    with lock.held(), lock.held():
        lock.check()
    lock.close()


def test_a_lost_session_is_noticed(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = ZooKeeperServer(tmp_path_factory.mktemp("lost"))
    server.start()
    lock = LakeLock(server.hosts, "maintenance")
    with lock.held(30):
        server.kill()
        with pytest.raises(LakeLockError, match="was lost with ZooKeeper's session"):
            check_until(lock, 30)
    lock.close()


def check_until(lock: LakeLock, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        lock.check()
        time.sleep(0.1)
