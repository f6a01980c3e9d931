"""Which loop runs here."""

import asyncio

import pytest

from tests.drivers.conftest import OnLoop
from zc.zk import UsageError
from zc.zk.drivers.aio.place import require_here, running_loop, runs_here


def test_in_a_task_it_is_its_own_loop(on_loop: OnLoop) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert running_loop() is loop
        assert runs_here(loop)
        require_here(loop)

    on_loop(main())


def test_in_a_task_of_another_loop_it_is_not(on_loop: OnLoop) -> None:
    other = asyncio.new_event_loop()

    async def main() -> None:
        assert not runs_here(other)
        with pytest.raises(UsageError, match="belongs to another event loop"):
            require_here(other)

    on_loop(main())
    other.close()


def test_without_a_task_there_is_none() -> None:
    loop = asyncio.new_event_loop()

    assert not runs_here(loop)
    for ask in (running_loop, lambda: require_here(loop)):
        with pytest.raises(UsageError, match="no event loop runs in this thread"):
            ask()
    loop.close()
