"""Plans, run by a task and in the background of a loop."""

import asyncio
import gc
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest

from tests.aio.looping import others, turns, until
from tests.drivers.conftest import OnLoop
from tests.waiting import stretched
from zc.zk import (
    ConnectionClosedError,
    ConnectionLoss,
    NoNodeError,
    OperationTimeoutError,
    RequestTooLargeError,
)
from zc.zk.aio import Client
from zc.zk.drivers.aio.planning import run, run_async, settled
from zc.zk.operations import Create, Delete, Exists, GetData, Operation, SetData, Step
from zc.zk.plans import Change, Pause, Plan, Together, Wait, Whoami
from zc.zk.protocol.requests import NEVER
from zc.zk.testing import Server

SOON = 20.0
A_MOMENT = 0.03
TOO_LARGE = bytes(2**20)


class Unknown(Step[None]):
    """A step that no driver knows."""


def in_time() -> float:
    return monotonic() + stretched(SOON)


def one_step(step: Step[Any], into: list[Any]) -> Plan[None]:
    """Append what comes of a step, be it an error."""
    try:
        into.append((yield from step))
    except Exception as error:  # noqa: BLE001 (this is what is looked at)
        into.append(error)


async def outcome(client: Client, step: Step[Any]) -> Any:
    told: list[Any] = []
    await run(client.driver, one_step(step, told), in_time())
    return told[0]


def test_each_step_has_its_outcome(embedded: Server, on_loop: OnLoop) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            await client.create("/a", b"0")
            assert (await outcome(client, GetData("/a")))[0] == b"0"
            assert isinstance(await outcome(client, GetData("/missing")), NoNodeError)
            assert isinstance(await outcome(client, SetData("/a", TOO_LARGE)), RequestTooLargeError)
            assert isinstance(await outcome(client, Pause(3600.0)), OperationTimeoutError)
            assert isinstance(await outcome(client, Unknown()), NotImplementedError)
            assert client.client_id is not None
            assert (await outcome(client, Whoami())).current == client.client_id[0]

    on_loop(main())


def test_a_plan_without_steps_gives_its_result(embedded: Server, on_loop: OnLoop) -> None:
    def plan() -> Plan[int]:
        return 5
        yield

    async def main() -> None:
        async with Client(embedded.address) as client:
            assert await run(client.driver, plan(), in_time()) == 5
            assert await run_async(client.driver, plan(), "plan", in_time()) == 5

    on_loop(main())


def test_things_asked_together_are_answered_in_order_with_errors_as_values(
    embedded: Server, on_loop: OnLoop
) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            together = Together([Exists("/"), GetData("/missing"), GetData("/")])
            stat, error, (data, _) = await outcome(client, together)
            assert stat is not None
            assert isinstance(error, NoNodeError)
            assert data == b""

    on_loop(main())


@pytest.mark.parametrize("ends_by", ["cancellation", "what cannot be asked"])
def test_what_was_asked_together_is_forgotten_when_nobody_waits_any_more(
    embedded: Server, on_loop: OnLoop, ends_by: str
) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            with embedded.faults.stall():
                steps: list[Operation[Any]] = [Exists("/"), GetData("/")]
                if ends_by == "cancellation":
                    task = asyncio.create_task(run(client.driver, iter(Together(steps)), NEVER))
                    await turns(3)
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                else:
                    with pytest.raises(RequestTooLargeError):
                        await run(
                            client.driver,
                            iter(Together([*steps, SetData("/", TOO_LARGE)])),
                            NEVER,
                        )
                await client.stop()
        gc.collect()  # a future whose error nobody took complains

    on_loop(main())


def test_a_wait_ends_with_its_change_or_its_time(embedded: Server, on_loop: OnLoop) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            change = Change()
            await run(client.driver, iter(Exists("/a", change)), in_time())
            assert not await run(client.driver, iter(Wait(change, A_MOMENT)), in_time())
            assert not await run(client.driver, iter(Wait(change)), monotonic() + A_MOMENT)
            waiting = asyncio.create_task(run(client.driver, iter(Wait(change)), NEVER))
            await turns(3)
            await client.create("/a")
            assert await waiting
            assert await run(client.driver, iter(Wait(change)), monotonic())
            await client.stop()
            with pytest.raises(ConnectionClosedError):
                await run(client.driver, iter(Wait(Change())), in_time())

    on_loop(main())


def test_a_wait_with_a_bound_of_its_own_puts_the_deadline_off(
    embedded: Server, on_loop: OnLoop
) -> None:
    def plan() -> Plan[None]:
        yield from Wait(Change(), 0.2)
        yield from Pause(0.05)

    async def main() -> None:
        async with Client(embedded.address) as client:
            await run(client.driver, plan(), monotonic() + 0.15)

    on_loop(main())


def test_a_plan_cleans_up_to_its_end_however_often_it_is_cancelled(
    embedded: Server, on_loop: OnLoop
) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            await client.create("/a")

            def plan() -> Plan[None]:
                try:
                    yield from Pause(60.0)
                finally:
                    yield from Pause(A_MOMENT)
                    yield from Delete("/a")

            task = asyncio.create_task(run(client.driver, plan(), NEVER))
            for _ in range(4):
                await turns(3)
                task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await client.exists("/a") is None

    on_loop(main())


def test_a_clean_up_that_is_cancelled_itself_goes_on_to_its_end(
    embedded: Server, on_loop: OnLoop
) -> None:
    ended: list[str] = []

    def plan() -> Plan[None]:
        try:
            yield from Pause(60.0)
        finally:
            try:
                yield from Pause(60.0)
            finally:
                yield from Pause(0.0)
                ended.append("ended")

    async def main() -> None:
        async with Client(embedded.address) as client:
            before = others()
            task = asyncio.create_task(run(client.driver, plan(), NEVER))
            await turns(3)
            task.cancel()
            await turns(3)
            for each in others() - before - {task}:
                each.cancel()  # as the end of the loop does
            with pytest.raises(asyncio.CancelledError):
                await task
        assert ended == ["ended"]

    on_loop(main())


# --- in the background


def test_the_first_step_is_taken_before_the_callers_next_call(
    embedded: Server, on_loop: OnLoop
) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            results = []
            for number in range(20):
                first = iter(Create(f"/{number}"))
                results.append(run_async(client.driver, first, "plan", in_time()))
                results.append(client.create_async(f"/{number}/child"))
            assert len(await asyncio.gather(*results)) == 40

    on_loop(main())


def test_a_future_has_the_error_of_its_plan(embedded: Server, on_loop: OnLoop) -> None:
    def too_large() -> Plan[None]:
        yield from Exists("/")
        yield from SetData("/", TOO_LARGE)

    async def main() -> None:
        async with Client(embedded.address) as client:
            with pytest.raises(RequestTooLargeError):
                await run_async(client.driver, too_large(), "plan", in_time())
            with pytest.raises(RequestTooLargeError):
                run_async(client.driver, iter(SetData("/", TOO_LARGE)), "plan", in_time())

    on_loop(main())


def test_a_future_that_is_cancelled_leaves_its_plan_alone(
    embedded: Server, on_loop: OnLoop
) -> None:
    def plan() -> Plan[None]:
        yield from Create("/a")
        yield from Create("/a/b")

    async def main() -> None:
        async with Client(embedded.address) as client:
            run_async(client.driver, plan(), "plan", in_time()).cancel()
            while await client.exists("/a/b") is None:
                await turns(1)

    on_loop(main())


def test_a_plan_in_the_background_ends_when_the_client_is_closed(
    embedded: Server, on_loop: OnLoop
) -> None:
    def plan() -> Plan[None]:
        change = Change()
        yield from Exists("/a", change)
        yield from Wait(change)
        yield from Exists("/a")

    async def main() -> None:
        async with Client(embedded.address) as client:
            result = run_async(client.driver, plan(), "plan", NEVER)
            await client.exists("/")
            await client.stop()
            with pytest.raises(ConnectionClosedError):
                await result

    on_loop(main())


# --- writes whose reply was lost


@pytest.mark.parametrize("is_known", [True, False])
def test_a_plan_finds_out_what_became_of_a_write_whose_reply_was_lost(
    embedded: Server, on_loop: OnLoop, is_known: bool
) -> None:
    asked: list[ConnectionLoss] = []

    def settle(operation: Operation[Any], error: ConnectionLoss) -> Plan[Any]:
        asked.append(error)
        yield from Exists("/a")
        if is_known:
            return "/a"
        raise error

    async def main() -> None:
        async with Client(embedded.address) as client:
            embedded.faults.drop_after(operation="create")
            result = settled(client.driver, Create("/a"), settle, in_time())
            if is_known:
                assert await result == "/a"
            else:
                with pytest.raises(ConnectionLoss):
                    await result
            assert len(asked) == 1

    on_loop(main())


def test_a_write_that_is_answered_needs_no_settling(embedded: Server, on_loop: OnLoop) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:

            def settle(operation: Operation[Any], error: ConnectionLoss) -> Plan[Any]:
                raise AssertionError
                yield

            assert await settled(client.driver, Create("/a"), settle, in_time()) == "/a"
            with pytest.raises(NoNodeError):
                await settled(client.driver, Delete("/b"), settle, in_time())
            await until(lambda: client.connected)

    on_loop(main())
