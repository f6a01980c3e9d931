from collections.abc import Iterator

import pytest

from zc.zk.cli.demo_process import DemoError, Process
from zc.zk.testing import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def zookeeper() -> Iterator[Process]:
    with Process("zookeeper") as process:
        yield process


def test_what_a_process_says_is_heard_by_the_line(zookeeper: Process) -> None:
    assert zookeeper.hear().startswith("ZooKeeper server on 127.0.0.1:")


def test_lines_are_shown_until_the_one_that_is_waited_for(zookeeper: Process) -> None:
    shown: list[str] = []

    line = zookeeper.hear_until(lambda line: "server on" in line, shown.append)

    assert shown == [line]


def test_a_process_that_has_ended_says_nothing_more(zookeeper: Process) -> None:
    zookeeper.hear()
    zookeeper.kill()

    with pytest.raises(DemoError, match="the zookeeper has ended before its time"):
        zookeeper.hear()


def test_a_process_that_fails_is_named() -> None:
    with Process("no such role") as process, pytest.raises(DemoError, match="failed with code 1"):
        process.finish()


def test_a_process_that_does_its_work_is_waited_for() -> None:
    with Server() as server, Process("prepare", server.address) as process:
        process.finish()
