import asyncio
from collections.abc import Iterator

import pytest

from tests.aio.looping import run as run_loop
from tests.aio.looping import until
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import ArgumentError, ArgumentTypeError, ConnectionClosedError, State, aio
from zc.zk.asab.blocking import BlockingClient
from zc.zk.codes import KeeperState

SOON = 20.0


@pytest.fixture
def client(server: AnyServer, chroot: str) -> Iterator[BlockingClient]:
    address = server.address + chroot
    client = BlockingClient(address, 10.0, aio.Client(address))
    yield client
    client.stop()


def test_the_first_call_opens_the_session(client: BlockingClient) -> None:
    assert not client.is_used
    assert not client.connected

    client.get_children("/")

    assert client.is_used
    assert client.connected
    assert client.state is State.CONNECTED


def test_a_path_needs_no_first_slash_in_any_call(client: BlockingClient) -> None:
    assert client.create("a/b", b"1", makepath=True) == "/a/b"
    assert client.create("a/c-", b"", None, True, True) == "/a/c-0000000001"
    assert client.create("a//b/", sequence=True) == "/a/b/0000000000"
    assert client.create(path="a/d/", value=b"") == "/a/d"
    assert client.ensure_path("a/e/f")
    assert client.exists("a/b") is not None
    assert client.get("a//b")[0] == b"1"
    assert client.set("a/b", b"2").version == 1
    assert sorted(client.get_children("a")) == ["b", "c-0000000001", "d", "e"]
    assert client.get_acls("a")[0] == client.get_acls("/a")[0]
    assert client.sync("a") == "/a"
    assert client.get_async("a/b").get(SOON)[0] == b"2"
    assert client.delete("a", recursive=True)


def test_a_path_needs_no_first_slash_in_a_transaction_or_under_another_policy(
    client: BlockingClient,
) -> None:
    client.create("a", b"0")

    with client.transaction(raising=True) as transaction:
        transaction.check("a", 0)
        transaction.create("a/b", b"1")
        transaction.create("a/", sequence=True)
        transaction.set_data("a", b"1")
        transaction.delete("a/b")

    assert [result for result in transaction.results or () if result is not True][:2] == [
        "/a/b",
        "/a/0000000001",
    ]
    hasty = client.within(5.0)
    assert hasty.get("a")[0] == b"1"
    assert hasty.within(None).exists("a/b") is None
    assert hasty.transaction().create is not None
    assert hasty.connected


def test_watches_and_watchers_take_such_paths_as_well(client: BlockingClient) -> None:
    events: list[str | None] = []
    seen: list[bytes | None] = []
    client.create("/a", b"1")
    client.get("a", watch=lambda event: events.append(event.path))

    client.DataWatch("a", lambda data, stat: seen.append(data))
    client.set("a", b"2")

    wait_until(lambda: events == ["/a"] and seen == [b"1", b"2"], SOON)


@pytest.mark.parametrize("call", ["create", "get", "exists", "DataWatch"])
def test_what_cannot_be_a_path_is_refused_as_ever(client: BlockingClient, call: str) -> None:
    with pytest.raises(ArgumentError, match="a part that is"):
        getattr(client, call)("a/../b")
    with pytest.raises(ArgumentTypeError):
        getattr(client, call)(7)


def test_the_calls_keep_their_names_and_documentation() -> None:
    assert BlockingClient.create.__name__ == "create"
    assert BlockingClient.get.__doc__


def test_until_it_is_used_its_states_are_those_of_the_container(
    server: AnyServer, chroot: str
) -> None:
    async def work() -> None:
        async with aio.Client(server.address + chroot) as elder:
            client = BlockingClient(server.address + chroot, 10.0, elder)
            assert client.connected
            assert client.state is State.CONNECTED
            assert client.client_state is KeeperState.CONNECTED
            assert client.client_id == elder.client_id

            await asyncio.to_thread(client.exists, "/")
            assert client.connected
            assert client.client_id not in {None, elder.client_id}
            await asyncio.to_thread(client.stop)

    run_loop(work())


def test_a_listener_hears_of_the_session(client: BlockingClient) -> None:
    heard: list[State] = []

    client.add_listener(heard.append)

    wait_until(lambda: heard == [State.CONNECTED], SOON)


def test_one_that_is_to_be_told_only_opens_nothing(server: AnyServer, chroot: str) -> None:
    async def work() -> None:
        heard: list[State] = []
        async with aio.Client(server.address + chroot) as elder:
            client = BlockingClient(server.address + chroot, 10.0, elder)
            client.explain_to(lambda change: heard.append(change.state))
            assert not client.is_used

            await asyncio.to_thread(client.exists, "/")
            await until(lambda: heard == [State.CONNECTED])
            await asyncio.to_thread(client.stop)

    run_loop(work())


def test_after_the_end_calls_open_nothing(client: BlockingClient) -> None:
    client.stop()

    with pytest.raises(ConnectionClosedError):
        client.get("/")
    client.add_listener(print)
    assert not client.connected
