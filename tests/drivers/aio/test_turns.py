"""Many things are made on an event loop without holding it up."""

import asyncio
from collections.abc import Iterable

import pytest

from tests.aio.looping import run
from zc.zk.drivers.aio import turns


def make_beside_another_task(things: Iterable[int]) -> tuple[list[int], list[int]]:
    """Double the things; give what was made, and how many there were whenever another task had its turn."""
    made: list[int] = []
    seen: list[int] = []

    def double(thing: int) -> int:
        made.append(thing)
        return 2 * thing

    async def look() -> None:
        while True:
            seen.append(len(made))
            await asyncio.sleep(0)

    async def main() -> list[int]:
        other = asyncio.create_task(look())
        try:
            return await turns.made(double, things)
        finally:
            other.cancel()
            await asyncio.wait((other,))

    return run(main()), seen


def test_others_have_their_turns_while_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(turns, "monotonic", lambda: next(clock) * 0.0015)

    made, seen = make_beside_another_task(range(6))

    assert made == [0, 2, 4, 6, 8, 10]
    assert seen == [1, 3, 5]


def test_what_takes_no_time_is_made_in_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "monotonic", lambda: 0.0)

    made, seen = make_beside_another_task(range(1000))

    assert len(made) == 1000
    assert seen == []


def test_who_has_a_turn_may_change_what_things_are_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(turns, "monotonic", lambda: next(clock) * 0.0015)
    things = dict.fromkeys(range(5))

    async def main() -> list[str]:
        asyncio.get_running_loop().call_soon(things.clear)
        return await turns.made(str, things)

    assert run(main()) == ["0", "1", "2", "3", "4"]
    assert not things
