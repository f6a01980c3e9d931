"""What is done beside the session, in tasks and in threads."""

import asyncio
import threading
from contextlib import suppress

import pytest

from tests.aio.looping import turns, until
from tests.drivers.conftest import OnLoop
from tests.promises.programs import run_program
from zc.zk.drivers.aio.aside import Asides, cancelled, in_thread


def test_what_a_task_aside_raises_is_told(on_loop: OnLoop) -> None:
    async def fail() -> None:
        raise ValueError("no")

    async def main() -> None:
        told: list[Exception] = []
        asides = Asides("a name", told.append)
        asides.begin(asyncio.get_running_loop(), fail())
        await until(lambda: told)
        assert repr(told) == "[ValueError('no')]"

    on_loop(main())


def test_what_has_not_ended_is_cancelled_and_waited_for(on_loop: OnLoop) -> None:
    async def main() -> None:
        ended: list[str] = []

        async def work() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0)
                ended.append("work")

        asides = Asides("a name", print)
        asides.begin(asyncio.get_running_loop(), work())
        await turns(2)
        await asides.cancel()
        assert ended == ["work"]
        await cancelled(())

    on_loop(main())


def test_a_call_in_a_thread_gives_what_it_returns_or_raises(on_loop: OnLoop) -> None:
    async def main() -> None:
        assert await in_thread(threading.current_thread) is not threading.current_thread()
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 / 0)

    on_loop(main())


def test_a_call_in_a_thread_that_is_cancelled_goes_on_and_tells_nobody(on_loop: OnLoop) -> None:
    async def main() -> None:
        goes_on, ended = threading.Event(), threading.Event()

        def work() -> None:
            goes_on.wait(20.0)
            ended.set()

        waiting = asyncio.create_task(in_thread(work))
        await turns(2)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        goes_on.set()
        await until(ended.is_set)
        await turns(5)

    on_loop(main())


def test_a_call_that_does_not_end_holds_no_program_up() -> None:
    program = """
        import asyncio, threading
        from zc.zk.drivers.aio.aside import in_thread

        async def main():
            try:
                async with asyncio.timeout(0.05):
                    await in_thread(threading.Event().wait)
            except TimeoutError:
                print("timed out")

        asyncio.run(main())
    """
    assert run_program(program) == "timed out\n"
