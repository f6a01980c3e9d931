"""How calls are made: their watches as users' functions, their ACL, their time."""

from typing import Any

import pytest

from tests.faces import client_of
from tests.waiting import wait_until
from zc.zk import OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, ArgumentError, ArgumentTypeError, WatchedEvent
from zc.zk.asking import Asking
from zc.zk.testing import Server

SOON = 20.0


def asking(seconds: float | None = 1.0) -> Asking[Any]:
    driver: Any = None  # it is asked for nothing here
    return Asking(driver, OPEN_ACL_UNSAFE, seconds)


def test_a_call_may_take_as_long_as_it_takes() -> None:
    patient = asking(None)

    assert patient.operation_timeout is None
    assert patient.patience > 1e9
    patient.operation_timeout = 5
    assert patient.operation_timeout == patient.patience == 5.0


@pytest.mark.parametrize("seconds", [0, -1, "1", True, float("nan")])
def test_a_time_that_cannot_be_is_refused(seconds: Any) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match="operation time-out"):
        asking(seconds)


def test_the_default_acl_is_that_of_calls_without_one() -> None:
    one = asking()

    assert one._acl(None) == OPEN_ACL_UNSAFE  # noqa: SLF001 (for those below)
    assert one._acl(READ_ACL_UNSAFE) == READ_ACL_UNSAFE  # noqa: SLF001 (the same)
    assert one._watch(None) is None  # noqa: SLF001 (the same)


class Unequal:
    """A function whose equality fails."""

    def __init__(self) -> None:
        self.events: list[WatchedEvent] = []

    def __call__(self, event: WatchedEvent) -> None:
        self.events.append(event)

    def __eq__(self, other: object) -> bool:
        raise LookupError("of the user")

    def __hash__(self) -> int:
        return 1


def test_a_watch_is_called_by_either_face_and_only_once_when_set_twice(face: str) -> None:
    events: list[WatchedEvent] = []
    with Server() as server, client_of(face, server.address) as client:
        client.create("/a")
        client.get("/a", events.append)
        client.get("/a", events.append)
        client.set("/a", b"1")

        wait_until(lambda: events, SOON)
        client.sync("/a")

    assert [event.path for event in events] == ["/a"]


def test_watches_that_cannot_be_compared_are_each_called(face: str) -> None:
    one, other = Unequal(), Unequal()
    with Server() as server, client_of(face, server.address) as client:
        client.create("/a")
        client.get("/a", one)
        client.get("/a", other)
        client.set("/a", b"1")

        wait_until(lambda: one.events and other.events, SOON)


def test_what_cannot_be_called_is_no_watch(face: str) -> None:
    with (
        Server() as server,
        client_of(face, server.address) as client,
        pytest.raises(ArgumentTypeError, match="a watch must be callable: 5"),
    ):
        client.get("/", 5)
