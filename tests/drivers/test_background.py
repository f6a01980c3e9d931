"""Plans in the background: what they ask of a driver, and what they do with its answers."""

from collections.abc import Callable, Hashable
from contextlib import nullcontext
from typing import Any, cast

import pytest

from zc.zk.codes import EventType, KeeperState
from zc.zk.drivers.background import Background, Promised, ids
from zc.zk.drivers.running import Driver
from zc.zk.errors import ConnectionClosedError, NoNodeError, RequestTooLargeError
from zc.zk.operations import Exists, GetData, SetData, Step
from zc.zk.plans import Change, Ids, Pause, Plan, Together, Wait, Whoami
from zc.zk.protocol.ensemble import Endpoint, Ensemble
from zc.zk.protocol.requests import NEVER, Request
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Settings
from zc.zk.records import WatchedEvent

TOO_LARGE = bytes(2**20)


class Recorded:
    """A driver that sends nothing: a test gives the answers, and runs what was posted."""

    def __init__(self) -> None:
        ensemble = Ensemble([Endpoint("host", 1)], lambda: 0.5)
        self.session = Session(ensemble, Settings(10.0, 1.0), lambda _: None)
        self.session.open(0.0)
        self.lock = nullcontext()
        self.callbacks = self
        self.posted: list[tuple[Hashable, Callable[[], object]]] = []
        self.requests: list[Request] = []
        self.later: list[tuple[float, Callable[[], None]]] = []

    def post(self, key: Hashable, call: Callable[[], object]) -> None:
        self.posted.append((key, call))

    def submit(self, request: Request) -> None:
        self.requests.append(request)

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self.later.append((seconds, call))

    def run(self) -> None:
        """Do what was posted, and what that posts."""
        while self.posted:
            self.posted.pop(0)[1]()


class Kept:
    """Keeps the outcome of a plan."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def set(self, value: Any) -> None:
        self.values.append(value)

    def set_exception(self, exception: Exception) -> None:
        self.values.append(exception)


@pytest.fixture
def driver() -> Recorded:
    return Recorded()


def started(driver: Recorded, plan: Plan[Any]) -> Background:
    return Background(cast("Driver", driver), plan, "the plan").start()


def promised(driver: Recorded, plan: Plan[Any]) -> Kept:
    kept = Kept()
    Promised(cast("Driver", driver), plan, NEVER, NEVER, kept, "the plan").begin()
    return kept


def one_step(step: Step[Any], into: list[Any]) -> Plan[Any]:
    """Append what comes of a step, be it an error, and return it."""
    try:
        into.append((yield from step))
    except Exception as error:  # noqa: BLE001 (this is what is looked at)
        into.append(error)
    return into[0]


def test_a_start_takes_no_step_itself(driver: Recorded) -> None:
    ran = started(driver, iter(Exists("/a")))

    assert driver.requests == []
    assert [key for key, _ in driver.posted] == [ran]


def test_an_answer_goes_on_where_callbacks_run(driver: Recorded) -> None:
    outcome: list[Any] = []
    ran = started(driver, one_step(Exists("/a"), outcome))
    driver.run()

    driver.requests[0].resolve(5)
    assert outcome == []
    driver.run()

    assert outcome == [5]
    assert ran.has_ended


def test_an_error_is_thrown_in(driver: Recorded) -> None:
    outcome: list[Any] = []
    started(driver, one_step(Exists("/a"), outcome))
    driver.run()

    driver.requests[0].fail(NoNodeError("/a"))
    driver.run()

    assert isinstance(outcome[0], NoNodeError)


def test_what_cannot_be_encoded_is_thrown_in(driver: Recorded) -> None:
    outcome: list[Any] = []
    started(driver, one_step(SetData("/a", TOO_LARGE), outcome))
    driver.run()

    assert isinstance(outcome[0], RequestTooLargeError)
    assert driver.requests == []


def test_requests_have_the_nearer_bound_and_the_haste_of_their_plan(driver: Recorded) -> None:
    Background(
        cast("Driver", driver), iter(Exists("/a")), "the plan", 7.0, 1e9, fail_fast=True
    ).start()
    driver.run()

    assert driver.requests[0].deadline == 7.0
    assert driver.requests[0].fail_fast


def test_a_pause_is_left_to_the_driver(driver: Recorded) -> None:
    outcome: list[Any] = []
    started(driver, one_step(Pause(3.0), outcome))
    driver.run()

    ((seconds, call),) = driver.later
    call()
    driver.run()

    assert seconds == 3.0
    assert outcome == [None]


def test_a_change_is_waited_for(driver: Recorded) -> None:
    outcome: list[Any] = []
    change = Change()
    started(driver, one_step(Wait(change), outcome))
    driver.run()
    assert outcome == []

    change.fire(WatchedEvent(EventType.CREATED, KeeperState.CONNECTED, "/a"))
    driver.run()

    assert outcome == [True]


def test_a_change_that_has_come_is_not_waited_for(driver: Recorded) -> None:
    outcome: list[Any] = []
    change = Change()
    change.fire(WatchedEvent(EventType.CREATED, KeeperState.CONNECTED, "/a"))

    started(driver, one_step(Wait(change), outcome))
    driver.run()

    assert outcome == [True]


def test_nothing_is_waited_for_when_the_session_ends(driver: Recorded) -> None:
    outcome: list[Any] = []
    driver.session.finish("closed")

    started(driver, one_step(Wait(Change()), outcome))
    driver.run()

    assert outcome == [True]


def test_a_plan_may_ask_who_it_is(driver: Recorded) -> None:
    outcome: list[Any] = []
    driver.session.attach(7, b"password")
    driver.session.earlier_ids.add(5)

    started(driver, one_step(Whoami(), outcome))
    driver.run()

    assert outcome == [Ids(7, frozenset({5}), 10.0)]
    assert ids(cast("Driver", driver)) == outcome[0]


def test_an_error_that_a_plan_lets_go_is_logged_with_its_name(
    driver: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    def plan() -> Plan[None]:
        raise KeyError("the fault of the plan")
        yield

    ran = started(driver, plan())
    driver.run()

    assert ran.has_ended
    assert repr(ran) == "<the plan>"
    assert "the plan ended" in caplog.text
    assert "the fault of the plan" in caplog.text


def test_the_end_of_the_client_is_no_error(
    driver: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    ran = started(driver, iter(Exists("/a")))
    driver.run()

    driver.requests[0].fail(ConnectionClosedError())
    driver.run()

    assert ran.has_ended
    assert caplog.text == ""


# --- promised


def test_the_first_step_is_taken_at_once(driver: Recorded) -> None:
    kept = promised(driver, iter(GetData("/a")))

    assert driver.posted == []
    driver.requests[0].resolve(5)
    driver.run()

    assert kept.values == [5]


def test_the_result_of_no_step_is_there_at_once(driver: Recorded) -> None:
    def plan() -> Plan[int]:
        return 5
        yield

    assert promised(driver, plan()).values == [5]


def test_the_error_of_a_plan_is_its_outcome(
    driver: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    kept = promised(driver, iter(GetData("/a")))

    driver.requests[0].fail(NoNodeError("/a"))
    driver.run()

    assert isinstance(kept.values[0], NoNodeError)
    assert caplog.text == ""


def test_what_cannot_be_sent_first_is_raised_and_ends_the_plan(driver: Recorded) -> None:
    ended = []

    def plan() -> Plan[None]:
        try:
            yield from SetData("/a", TOO_LARGE)
        finally:
            ended.append(True)

    with pytest.raises(RequestTooLargeError):
        promised(driver, plan())
    assert ended == [True]


def test_a_step_that_cannot_be_taken_in_the_background_is_the_outcome(driver: Recorded) -> None:
    def plan() -> Plan[None]:
        yield from Exists("/a")
        yield from Together([Exists("/a")])

    kept = promised(driver, plan())
    driver.requests[0].resolve(None)
    driver.run()

    assert isinstance(kept.values[0], NotImplementedError)
