"""What lets the callbacks of live nodes be coroutine functions."""

import asyncio

from tests.aio.looping import run, until
from zc.zk.aio import Client
from zc.zk.aio.awaiting import Awaiting, named_as
from zc.zk.protocol.live import LiveData
from zc.zk.testing import Server


class Followed(Awaiting):
    """Notes what it was called for, and when that was awaited."""

    __slots__ = ("notes",)

    def __init__(self, client: Client, live: LiveData) -> None:
        super().__init__(client.driver, live)
        self.notes: list[str] = []

    def deliver(self) -> object:
        self.notes.append("called")
        return self._note()

    async def _note(self) -> None:
        await asyncio.sleep(0)
        self.notes.append("awaited")


def test_the_first_call_is_made_at_once_and_awaited_soon(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            live = LiveData(client.driver.session, "/")
            async with client.kept([live]):
                followed = Followed(client, live)

            assert followed.follow(followed.deliver) is None
            assert followed.notes == ["called"]
            await until(lambda: followed.notes == ["called", "awaited"])
            await client.set("/", b"1")
            await until(lambda: followed.notes == ["called", "awaited"] * 2)

    run(main())


def test_a_coroutine_of_ours_is_named_as_the_users() -> None:
    async def of_the_user() -> None:
        return

    async def ours() -> None:
        return

    theirs = of_the_user()
    work = named_as(theirs, ours())

    assert "of_the_user" in repr(work)
    theirs.close()
    work.close()
