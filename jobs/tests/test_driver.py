"""A stream's driver ends when it is of no use, instead of waiting for ever."""

from __future__ import annotations

import socket
import threading

import pytest

from meteostream.streams.driver import (
    BEFORE_THE_QUERY_S,
    WITHOUT_EXECUTORS_S,
    DriverError,
    Guard,
    driver_settings,
)


class Process:
    """Executors that a test sets, and how the process ended."""

    def __init__(self) -> None:
        self.executors: int | None = 0
        self.stopping = threading.Event()
        self.ended: list[int] = []
        self.guard = Guard(lambda: self.executors, self.stopping, self.ended.append)


def test_a_driver_that_never_gets_an_executor_ends_with_an_error() -> None:
    process = Process()
    process.guard.look(1000.0)
    process.guard.look(1000.0 + WITHOUT_EXECUTORS_S - 1)
    assert process.ended == []
    process.guard.look(1000.0 + WITHOUT_EXECUTORS_S)
    assert process.ended == [1]


def test_an_executor_that_comes_back_in_time_starts_the_wait_anew() -> None:
    process = Process()
    process.guard.look(0.0)
    process.executors = 1
    process.guard.look(WITHOUT_EXECUTORS_S - 1)
    process.executors = 0
    process.guard.look(WITHOUT_EXECUTORS_S)
    process.guard.look(2 * WITHOUT_EXECUTORS_S - 1)
    assert process.ended == []
    process.guard.look(2 * WITHOUT_EXECUTORS_S)
    assert process.ended == [1]


def test_a_local_master_has_no_executors_and_needs_none() -> None:
    process = Process()
    process.executors = None
    process.guard.look(0.0)
    process.guard.look(10 * WITHOUT_EXECUTORS_S)
    assert process.ended == []


def test_a_stop_before_the_query_ends_the_process_without_an_error() -> None:
    process = Process()
    process.stopping.set()
    process.guard.look(0.0)
    assert process.ended == []
    process.guard.look(BEFORE_THE_QUERY_S)
    assert process.ended == [0]


def test_a_stop_of_a_running_query_is_left_to_it() -> None:
    process = Process()
    process.guard.query_runs()
    process.stopping.set()
    process.guard.look(0.0)
    process.guard.look(10 * WITHOUT_EXECUTORS_S)
    assert process.ended == []


def test_each_start_takes_a_free_port_of_the_range() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        chosen = {driver_settings((port, port + 3))["spark.driver.port"] for _ in range(100)}
        assert str(port) not in chosen
        assert chosen <= {str(port + step) for step in (1, 2, 3)}
        assert len(chosen) > 1
        with pytest.raises(DriverError, match=f"from {port} to {port}, found all"):
            driver_settings((port, port))
    assert driver_settings(None) == {}
