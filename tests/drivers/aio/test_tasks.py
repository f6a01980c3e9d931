"""A task begins when its maker has put it down, not before."""

import asyncio

from tests.aio.looping import run
from tests.drivers.conftest import OnLoop
from tests.loops import eager, standard
from zc.zk.drivers.aio.tasks import begin_later


def test_a_task_begins_with_a_later_turn(on_loop: OnLoop) -> None:
    seen: list[str] = []

    async def work() -> str:
        seen.append("begun")
        return "done"

    async def main() -> None:
        loop = asyncio.get_running_loop()
        task = begin_later(loop, work(), "a name")
        seen.append("made")
        assert await task == "done"
        assert task.get_name() == "a name"

    on_loop(main())

    assert seen == ["made", "begun"]


def test_it_does_so_where_the_factory_would_begin_it_at_once() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append("begun")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(eager)
        task = begin_later(loop, work(), "a name")
        seen.append("made")
        await task

    run(main(), standard)

    assert seen == ["made", "begun"]


def test_the_factory_of_the_tests_begins_a_task_at_once() -> None:
    seen: list[object] = []

    async def work() -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(eager)
        task = loop.create_task(work())
        me = asyncio.current_task()
        assert len(seen) == 1
        await task
        assert seen == [task, task]
        assert asyncio.current_task() is me

    run(main(), standard)
