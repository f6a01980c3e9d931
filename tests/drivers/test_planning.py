"""Plans, run in the caller's thread and in the background."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.waiting import remains, stretched, wait_until
from zc.zk import (
    Client,
    ConnectionClosedError,
    NoNodeError,
    OperationTimeoutError,
    RequestTooLargeError,
)
from zc.zk.drivers.background import Background
from zc.zk.drivers.planning import run, run_async
from zc.zk.drivers.results import AsyncResult, Work
from zc.zk.operations import Create, Delete, Exists, GetData, SetData, Step
from zc.zk.plans import Change, Ids, Pause, Plan, Together, Wait, Whoami
from zc.zk.protocol.requests import NEVER

SOON = 20.0
A_MOMENT = 0.05
TOO_LARGE = bytes(2**20)


class Unknown(Step[None]):
    """A step that no driver knows."""


def in_time() -> float:
    return time.monotonic() + stretched(SOON)


def change_of(client: Client, path: str) -> Change:
    """Give a change that is to come at `path`."""
    change = Change()
    run(client.driver, iter(GetData(path, change)), in_time())
    return change


def one_step(step: Step[Any], into: list[Any]) -> Plan[None]:
    """Append what comes of a step, be it an error."""
    try:
        into.append((yield from step))
    except Exception as error:  # noqa: BLE001 (this is what is looked at)
        into.append(error)


# --- in the caller's thread


def test_a_plan_gets_answers_and_gives_its_result(client: Client) -> None:
    def plan() -> Plan[tuple[bytes, bytes]]:
        before, stat = yield from GetData("/a")
        yield from SetData("/a", before + b"1", stat.version)
        after, _ = yield from GetData("/a")
        return before, after

    assert run(client.driver, plan(), in_time()) == (b"0", b"01")


def test_a_plan_without_steps_gives_its_result(client: Client) -> None:
    def plan() -> Plan[int]:
        return 5
        yield

    assert run(client.driver, plan(), in_time()) == 5


def test_a_plan_gets_errors_and_may_go_on(client: Client) -> None:
    def plan() -> Plan[str]:
        try:
            yield from GetData("/missing")
        except NoNodeError:
            return (yield from Create("/missing"))
        return ""

    assert run(client.driver, plan(), in_time()) == "/missing"


def test_an_error_that_a_plan_lets_go_reaches_the_caller(client: Client) -> None:
    with pytest.raises(NoNodeError, match="/missing"):
        run(client.driver, iter(GetData("/missing")), in_time())


def test_what_cannot_be_encoded_is_thrown_into_the_plan(client: Client) -> None:
    outcome: list[Any] = []

    run(client.driver, one_step(SetData("/a", TOO_LARGE), outcome), in_time())

    assert isinstance(outcome[0], RequestTooLargeError)


def test_things_asked_together_are_answered_in_order_with_errors_as_values(
    client: Client,
) -> None:
    outcome: list[Any] = []
    steps = Together([Exists("/a"), GetData("/missing"), GetData("/a")])

    run(client.driver, one_step(steps, outcome), in_time())

    stat, error, (data, _) = outcome[0]
    assert stat is not None
    assert isinstance(error, NoNodeError)
    assert data == b"0"


def test_waiting_for_a_change_is_true_when_it_comes(client: Client) -> None:
    change = change_of(client, "/a")
    with ThreadPoolExecutor(1) as threads:
        waited = threads.submit(run, client.driver, iter(Wait(change)), in_time())
        assert remains(lambda: not waited.done(), A_MOMENT)

        client.set("/a", b"1")

        assert waited.result(stretched(SOON)) is True


def test_waiting_for_what_has_come_is_true_at_once(client: Client) -> None:
    change = change_of(client, "/a")
    client.set("/a", b"1")
    wait_until(lambda: change.event, SOON)

    assert run(client.driver, iter(Wait(change)), time.monotonic())


@pytest.mark.parametrize(("seconds", "deadline"), [(A_MOMENT, SOON), (None, A_MOMENT)])
def test_waiting_for_a_change_is_false_when_its_time_is_over(
    client: Client, seconds: float | None, deadline: float
) -> None:
    change = change_of(client, "/a")

    assert not run(client.driver, iter(Wait(change, seconds)), time.monotonic() + deadline)


def test_waiting_for_a_change_of_a_closed_client_is_an_error(client: Client) -> None:
    change = change_of(client, "/a")
    client.stop()

    with pytest.raises(ConnectionClosedError):
        run(client.driver, iter(Wait(change)), in_time())


def test_a_pause_takes_its_time(client: Client) -> None:
    before = time.monotonic()

    run(client.driver, iter(Pause(A_MOMENT)), in_time())

    assert time.monotonic() - before >= A_MOMENT


def test_a_pause_beyond_the_deadline_is_not_made(client: Client) -> None:
    with pytest.raises(OperationTimeoutError, match="pause"):
        run(client.driver, iter(Pause(3600)), in_time())


def test_a_plan_may_ask_who_it_is(client: Client) -> None:
    ids: Ids = run(client.driver, iter(Whoami()), in_time())

    assert client.client_id is not None
    assert ids.current == client.client_id[0]
    assert ids.earlier == frozenset()
    assert ids.timeout == client.session_timeout


def test_earlier_sessions_are_remembered(client: Client) -> None:
    assert client.client_id is not None
    first = client.client_id[0]

    client.restart()

    assert run(client.driver, iter(Whoami()), in_time()).earlier == {first}


def test_a_step_that_no_driver_knows_is_an_error(client: Client) -> None:
    with pytest.raises(NotImplementedError):
        run(client.driver, iter(Unknown()), in_time())


def test_an_interrupted_plan_cleans_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    def plan() -> Plan[None]:
        try:
            yield from Pause(1)
        finally:
            yield from Delete("/a")

    monkeypatch.setattr(client.driver, "sleep", interrupt)

    with pytest.raises(KeyboardInterrupt):
        run(client.driver, plan(), in_time())

    assert client.exists("/a") is None


# --- in the background


def background(client: Client, plan: Plan[None]) -> Background:
    return Background(client.driver, plan, "the plan").start()


@pytest.mark.parametrize(
    ("step", "is_expected"),
    [
        (Exists("/missing"), lambda outcome: outcome is None),
        (GetData("/a"), lambda outcome: outcome[0] == b"0"),
        (GetData("/missing"), lambda outcome: isinstance(outcome, NoNodeError)),
        (SetData("/a", TOO_LARGE), lambda outcome: isinstance(outcome, RequestTooLargeError)),
        (Pause(A_MOMENT), lambda outcome: outcome is None),
        (Whoami(), lambda outcome: outcome.current != 0),
    ],
)
def test_each_step_has_its_outcome_in_the_background_too(
    client: Client, step: Step[Any], is_expected: Callable[[Any], bool]
) -> None:
    outcome: list[Any] = []

    ran = background(client, one_step(step, outcome))

    wait_until(lambda: ran.has_ended, SOON)
    assert is_expected(outcome[0])


def test_a_plan_in_the_background_waits_for_a_change_and_holds_no_thread(client: Client) -> None:
    outcomes: list[Any] = []
    changes = [change_of(client, "/a") for _ in range(50)]

    ran = [background(client, one_step(Wait(change), outcomes)) for change in changes]
    assert remains(lambda: not any(each.has_ended for each in ran), A_MOMENT)
    client.set("/a", b"1")

    wait_until(lambda: all(each.has_ended for each in ran), SOON)
    assert outcomes == [True] * 50


def test_a_plan_in_the_background_ends_when_the_client_is_closed(client: Client) -> None:
    ended: list[Exception] = []

    def plan() -> Plan[None]:
        try:
            while True:
                change = Change()
                yield from GetData("/a", change)
                yield from Wait(change)
        except ConnectionClosedError as error:
            ended.append(error)
            raise

    ran = background(client, plan())
    client.sync("/a")

    client.stop()

    wait_until(lambda: ran.has_ended, SOON)
    assert len(ended) == 1


def test_an_error_in_the_background_is_logged(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def plan() -> Plan[None]:
        yield from Exists("/a")
        raise KeyError("the fault of the plan")

    ran = background(client, plan())

    wait_until(lambda: "the fault of the plan" in caplog.text, SOON)
    assert "the plan ended" in caplog.text
    assert ran.has_ended


def test_a_background_shows_its_name(client: Client) -> None:
    assert repr(background(client, one_step(Whoami(), []))) == "<the plan>"


def promised(client: Client, plan: Plan[Any]) -> AsyncResult[Any]:
    return run_async(client.driver, plan, Work("the plan", "/a"), in_time())


def test_a_promise_gets_the_result_of_its_plan(client: Client) -> None:
    def plan() -> Plan[bytes]:
        yield from SetData("/a", b"1")
        data, _ = yield from GetData("/a")
        return data

    assert promised(client, plan()).get(stretched(SOON)) == b"1"


def test_a_promise_gets_the_error_of_its_plan(client: Client) -> None:
    def plan() -> Plan[None]:
        yield from Exists("/a")
        raise KeyError("the fault of the plan")

    with pytest.raises(KeyError):
        promised(client, plan()).get(stretched(SOON))


def test_a_promise_of_a_plan_without_steps_is_kept_at_once(client: Client) -> None:
    def plan() -> Plan[int]:
        return 5
        yield

    assert promised(client, plan()).get_nowait() == 5


def test_the_first_step_of_a_promised_plan_comes_before_the_callers_next_call(
    client: Client,
) -> None:
    results = []
    for number in range(50):
        results.append(promised(client, iter(Create(f"/{number}"))))
        results.append(client.create_async(f"/{number}/child"))

    assert all(result.get(stretched(SOON)) for result in results)


def test_what_cannot_be_sent_first_is_raised_and_ends_the_plan(client: Client) -> None:
    ended: list[str] = []

    def plan() -> Plan[None]:
        try:
            yield from SetData("/a", TOO_LARGE)
        finally:
            ended.append("ended")

    with pytest.raises(RequestTooLargeError):
        promised(client, plan())
    assert ended == ["ended"]


def test_what_cannot_be_sent_later_is_the_outcome(client: Client) -> None:
    def plan() -> Plan[None]:
        yield from Exists("/a")
        yield from SetData("/a", TOO_LARGE)

    with pytest.raises(RequestTooLargeError):
        promised(client, plan()).get(stretched(SOON))


def test_a_promise_is_broken_when_the_client_is_closed(client: Client) -> None:
    change = change_of(client, "/a")

    def plan() -> Plan[None]:
        yield from Wait(change)
        yield from Exists("/a")

    result = promised(client, plan())
    client.stop()

    with pytest.raises(ConnectionClosedError):
        result.get(stretched(SOON))


def test_a_plan_may_run_without_a_deadline(client: Client) -> None:
    change = change_of(client, "/a")
    with ThreadPoolExecutor(1) as threads:
        waited = threads.submit(run, client.driver, iter(Wait(change)), NEVER)
        client.set("/a", b"1")

        assert waited.result(stretched(SOON))
