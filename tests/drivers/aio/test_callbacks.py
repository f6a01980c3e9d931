"""Callbacks on a loop: in order for each key, none of which holds up the loop or the others."""

import asyncio
import logging
import threading
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from functools import partial
from typing import cast

import pytest

from tests.aio.looping import others, run, turns, until
from tests.drivers.conftest import OnLoop
from tests.waiting import stretched
from zc.zk.drivers.aio.callbacks import LoopCallbacks

SOON = 20.0
A_MOMENT = 0.02


class Clock:
    """A clock that a test moves on."""

    def __init__(self, now: list[float]) -> None:
        self._now = now

    def monotonic(self) -> float:
        return self._now[0]


def opened() -> LoopCallbacks:
    callbacks = LoopCallbacks("test")
    callbacks.open(asyncio.get_running_loop())
    return callbacks


async def closed(callbacks: LoopCallbacks) -> None:
    await callbacks.close(stretched(SOON))


def broken() -> None:
    raise LookupError("of the callback")


async def broken_later() -> None:
    broken()


async def never() -> None:
    await asyncio.Event().wait()


def test_nothing_is_called_at_once(on_loop: OnLoop) -> None:
    async def main() -> None:
        callbacks, called = opened(), []
        callbacks.post("key", lambda: called.append(1))
        assert (called, callbacks.waiting) == ([], 1)
        await closed(callbacks)
        assert (called, callbacks.waiting) == ([1], 0)

    on_loop(main())


def test_callbacks_of_one_key_come_in_order_functions_and_coroutine_functions(
    on_loop: OnLoop,
) -> None:
    async def main() -> None:
        callbacks, called = opened(), list[int]()

        async def note(number: int) -> None:
            await turns(number % 3)
            called.append(number)

        for number in range(30):
            if number % 2:
                callbacks.post("key", partial(note, number))
            else:
                callbacks.post("key", partial(called.append, number))
        await closed(callbacks)
        assert called == list(range(30))

    on_loop(main())


def test_a_coroutine_that_waits_holds_up_its_own_key_alone(on_loop: OnLoop) -> None:
    async def main() -> None:
        callbacks, called, gate = opened(), [], asyncio.Event()
        callbacks.post("slow", gate.wait)
        callbacks.post("slow", lambda: called.append("slow"))
        callbacks.post("quick", lambda: called.append("quick"))
        await turns(5)
        assert called == ["quick"]
        gate.set()
        await closed(callbacks)
        assert called == ["quick", "slow"]

    on_loop(main())


def test_a_future_that_is_returned_is_waited_for() -> None:
    async def main() -> None:
        callbacks, called = opened(), []
        future = asyncio.get_running_loop().create_future()
        callbacks.post("key", lambda: future)
        callbacks.post("key", lambda: called.append(1))
        await turns(5)
        assert called == []
        future.set_result(None)
        await closed(callbacks)
        assert called == [1]

    run(main())


def test_a_key_need_not_be_hashable() -> None:
    async def main() -> None:
        callbacks, called = opened(), list[int]()
        key: list[int] = []
        for number in range(3):
            callbacks.post(cast("Hashable", key), partial(called.append, number))
        await closed(callbacks)
        assert called == [0, 1, 2]

    run(main())


def test_many_callbacks_let_the_loop_turn(on_loop: OnLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that a callback moves on by a millisecond, so that nothing depends on the machine.
    now = [0.0]
    monkeypatch.setattr("zc.zk.drivers.aio.callbacks.time", Clock(now))

    async def main() -> None:
        callbacks, called = opened(), [0]

        def work() -> None:
            now[0] += 0.001
            called[0] += 1

        for number in range(10_000):
            callbacks.post(number, work)
        most = 0
        while callbacks.waiting:
            before = called[0]
            await turns(1)
            most = max(most, called[0] - before)

        assert called == [10_000]
        assert most <= 3

    on_loop(main())


def test_one_key_cannot_keep_the_loop_for_itself(on_loop: OnLoop) -> None:
    async def main() -> None:
        callbacks, is_over = opened(), list[bool]()

        def again() -> None:
            if not is_over:
                callbacks.post("key", again)

        callbacks.post("key", again)
        await asyncio.wait_for(turns(20), SOON)
        is_over.append(True)
        await closed(callbacks)

    on_loop(main())


# --- failures


@pytest.mark.parametrize("callback", [broken, broken_later])
def test_a_failure_is_counted_told_and_logged_and_the_next_is_called(
    on_loop: OnLoop, caplog: pytest.LogCaptureFixture, callback: Callable[[], object]
) -> None:
    async def main() -> None:
        callbacks, told = opened(), []
        callbacks.on_failure = lambda: told.append(callbacks.failures)
        callbacks.post("key", callback)
        callbacks.post("key", lambda: told.append(0))
        await closed(callbacks)
        assert told == [1, 0]

    on_loop(main())

    assert callback.__name__ in caplog.text
    assert "of the callback" in caplog.text


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_to_ask_for_what_was_cancelled_is_a_failure(
    on_loop: OnLoop, caplog: pytest.LogCaptureFixture, is_coroutine: bool
) -> None:
    async def main() -> None:
        callbacks, called = opened(), []
        cancelled = asyncio.get_running_loop().create_future()
        cancelled.cancel()

        async def ask() -> None:
            await cancelled

        callbacks.post("key", ask if is_coroutine else cancelled.result)
        callbacks.post("key", lambda: called.append(1))
        callbacks.post("other", lambda: called.append(2))
        await closed(callbacks)
        assert callbacks.failures == 1
        assert sorted(called) == [1, 2]

    on_loop(main())

    assert "callback failed" in caplog.text


def test_an_interrupt_ends_the_loop_and_costs_no_other_callback() -> None:
    called: list[int] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    loop = asyncio.new_event_loop()
    callbacks = LoopCallbacks("test")
    callbacks.open(loop)
    callbacks.post("key", interrupt)
    callbacks.post("key", lambda: called.append(1))
    callbacks.post("other", lambda: called.append(2))
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    loop.run_until_complete(closed(callbacks))
    loop.close()

    assert sorted(called) == [1, 2]


def test_a_function_that_blocks_the_loop_is_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("zc.zk.drivers.aio.callbacks.time", Clock(now))

    def heavy() -> None:
        now[0] += 0.4

    async def main() -> None:
        callbacks = opened()
        callbacks.post("key", heavy)
        await turns(3)

    run(main())

    assert "callback blocked the event loop for 0.4 s" in caplog.text
    assert "heavy" in caplog.text


def test_only_the_innermost_that_blocks_is_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("zc.zk.drivers.aio.callbacks.time", Clock(now))
    callbacks = LoopCallbacks("test")

    with callbacks.timed(never), callbacks.timed(broken):
        now[0] += 0.3

    assert "broken" in caplog.text
    assert "never" not in caplog.text


# --- the end


def test_a_close_waits_for_what_was_posted_and_what_that_posts(on_loop: OnLoop) -> None:
    async def main() -> None:
        callbacks, called = opened(), []

        async def first() -> None:
            await turns(3)
            callbacks.post("other", lambda: called.append(1))

        callbacks.post("key", first)
        await closed(callbacks)
        assert called == [1]

    on_loop(main())


def test_each_call_has_a_context_of_its_own(on_loop: OnLoop) -> None:
    variable = ContextVar("variable", default="nobody's")
    seen: list[str] = []

    def note(name: str) -> None:
        seen.append(variable.get())
        variable.set(name)

    async def note_later() -> None:
        await turns(1)
        note("a task's")

    async def main() -> None:
        variable.set("the opener's")
        callbacks = opened()
        variable.set("a poster's")
        callbacks.post("one", partial(note, "one's"))
        callbacks.post("two", partial(note, "two's"))
        callbacks.post("two", note_later)
        callbacks.post("three", note_later)
        await closed(callbacks)

    on_loop(main())

    assert seen == ["the opener's"] * 4


def test_what_waits_behind_what_does_not_end_is_no_more_left_than_that(
    on_loop: OnLoop, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        callbacks = opened()
        for _ in range(3):
            callbacks.post("key", never)
        await turns(3)
        await callbacks.close(A_MOMENT)
        assert others() == set()

    on_loop(main())

    assert caplog.text.count("callback had not ended when its client was closed") == 3


def test_what_does_not_end_is_named_and_cancelled(
    on_loop: OnLoop, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        callbacks = opened()
        callbacks.post("key", never)
        await turns(3)
        await callbacks.close(A_MOMENT)

    on_loop(main())

    assert "callback had not ended when its client was closed" in caplog.text
    assert "never" in caplog.text


def test_what_does_not_end_for_long_is_named_once_and_what_does_is_not(
    on_loop: OnLoop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zc.zk.drivers.aio.callbacks._LONGEST", 0.25)

    async def main() -> None:
        callbacks = opened()
        callbacks.post("short", partial(asyncio.sleep, 0))
        callbacks.post("long", never)
        await until(lambda: caplog.messages)
        await asyncio.sleep(0.5)
        assert caplog.messages == [
            "callback has not ended after 0.25 s, and is not called again before it has: test never"
        ]
        await callbacks.close(A_MOMENT)

    on_loop(main())


def test_what_swallows_its_cancellation_does_not_hold_up_the_close(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        callbacks, gate = opened(), asyncio.Event()

        async def stubborn() -> None:
            while not gate.is_set():
                try:
                    await gate.wait()
                except asyncio.CancelledError:
                    continue

        callbacks.post("key", stubborn)
        await turns(3)
        await asyncio.wait_for(callbacks.close(A_MOMENT), SOON)
        gate.set()
        await turns(5)

    run(main())

    assert "stubborn" in caplog.text


def test_a_callback_may_close(on_loop: OnLoop) -> None:
    async def main() -> None:
        callbacks, own, done = opened(), [], []

        async def close() -> None:
            own.append(callbacks.is_own_thread)
            callbacks.let_go_caller()
            await closed(callbacks)
            done.append(True)

        callbacks.post("key", close)
        await until(lambda: done)
        assert own == [True]
        assert not callbacks.is_own_thread

    on_loop(main())


def test_no_thread_is_one_of_the_callbacks() -> None:
    assert not LoopCallbacks("test").is_own_thread


def test_what_is_posted_before_the_loop_is_called_on_it() -> None:
    callbacks, called = LoopCallbacks("test"), list[int]()
    callbacks.post("key", lambda: called.append(1))

    async def main() -> None:
        callbacks.open(asyncio.get_running_loop())
        await closed(callbacks)

    run(main())

    assert called == [1]


def test_what_another_thread_posts_is_called_on_the_loop(on_loop: OnLoop) -> None:
    async def main() -> None:
        callbacks, called = opened(), []
        thread = threading.Thread(
            target=callbacks.post,
            args=("key", lambda: called.append(threading.get_ident())),
        )
        thread.start()
        await until(lambda: called)
        thread.join()
        assert called == [threading.get_ident()]

    on_loop(main())


def test_what_was_left_by_a_loop_that_ended_is_called_on_the_next() -> None:
    callbacks, called = LoopCallbacks("test"), list[int]()
    first = asyncio.new_event_loop()
    callbacks.open(first)
    callbacks.post("key", lambda: called.append(1))
    first.close()
    callbacks.post("key", lambda: called.append(2))

    async def main() -> None:
        callbacks.open(asyncio.get_running_loop())
        await closed(callbacks)

    run(main())

    assert called == [1, 2]


def test_a_loggers_own_lines_go_to_it() -> None:
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger = logging.getLogger("own")
    logger.addHandler(Handler())

    async def main() -> None:
        callbacks = LoopCallbacks("test", logger)
        callbacks.open(asyncio.get_running_loop())
        callbacks.post("key", broken)
        await closed(callbacks)

    run(main())

    assert len(lines) == 1
