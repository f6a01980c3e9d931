"""kazoo 2.11 as a client of the embedded server: an independent witness."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    AuthFailedError,
    BadVersionError,
    InvalidACLError,
    NoAuthError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
)
from kazoo.security import make_acl, make_digest_acl

from tests.waiting import stretched, wait_until
from zc.zk.server.settings import Settings
from zc.zk.testing import Server

Connect = Callable[..., Any]  # Any: kazoo ships no types


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(tick_time=0.05) as server:
        yield server


@contextmanager
def _connected(server: Server, **options: Any) -> Iterator[Any]:
    client = KazooClient(server.address + options.pop("chroot", ""), **options)
    client.start(timeout=stretched(10))
    try:
        yield client
    finally:
        client.stop()
        client.close()


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with _connected(server) as client:
        yield client


def test_nodes_come_and_go(client: Any) -> None:
    assert client.create("/n", b"1") == "/n"
    assert client.get("/n")[0] == b"1"
    assert client.set("/n", b"22").version == 1
    stat = client.exists("/n")
    assert (stat.version, stat.dataLength, stat.numChildren) == (1, 2, 0)
    assert client.delete("/n") is True
    assert client.exists("/n") is None


def test_create_can_give_the_status_too(client: Any) -> None:
    path, stat = client.create("/n", b"123", include_data=True)

    assert (path, stat.dataLength) == ("/n", 3)
    assert stat.czxid == client.exists("/n").czxid


def test_paths_are_made_on_the_way(client: Any) -> None:
    client.create("/a/b/c", makepath=True)
    client.ensure_path("/a/b/d")

    assert sorted(client.get_children("/a/b")) == ["c", "d"]

    client.delete("/a", recursive=True)
    assert client.get_children("/") == ["zookeeper"]


def test_children_can_come_with_the_status(client: Any) -> None:
    client.create("/p/n", makepath=True)

    names, stat = client.get_children("/p", include_data=True)

    assert (names, stat.numChildren, stat.cversion) == (["n"], 1, 1)


def test_sequences_count(client: Any) -> None:
    client.ensure_path("/q")

    names = [client.create("/q/n-", sequence=True) for _ in range(3)]

    assert names == ["/q/n-0000000000", "/q/n-0000000001", "/q/n-0000000002"]


@pytest.mark.parametrize(
    ("error", "ask"),
    [
        (NoNodeError, lambda client: client.get("/none")),
        (NoNodeError, lambda client: client.create("/none/n")),
        (NoNodeError, lambda client: client.delete("/none")),
        (NoNodeError, lambda client: client.set("/none", b"")),
        (NodeExistsError, lambda client: client.create("/p")),
        (BadVersionError, lambda client: client.set("/p", b"", version=7)),
        (BadVersionError, lambda client: client.delete("/p", version=7)),
        (NotEmptyError, lambda client: client.delete("/p")),
        (NoChildrenForEphemeralsError, lambda client: client.create("/e/n")),
        (InvalidACLError, lambda client: client.create("/x", acl=[make_acl("none", "x", 1)])),
    ],
)
def test_errors_are_what_they_are_called(
    error: type[Exception], ask: Callable[[Any], object], client: Any
) -> None:
    client.create("/p/n", makepath=True)
    client.create("/e", ephemeral=True)

    with pytest.raises(error):
        ask(client)


def test_sync_and_many_requests_in_flight(client: Any) -> None:
    client.create("/n", b"data")

    answers = [client.get_async("/n") for _ in range(1000)]

    assert {answer.get(timeout=stretched(10))[0] for answer in answers} == {b"data"}
    assert client.sync("/n") == "/n"


def test_acls_are_kept_and_obeyed(server: Server, client: Any) -> None:
    acl = [make_digest_acl("bob", "pw", all=True), make_acl("ip", "10.0.0.1", read=True)]
    client.create("/locked", acl=acl)
    with pytest.raises(NoAuthError):
        client.get("/locked")

    client.add_auth("digest", "bob:pw")

    assert client.get("/locked")[0] == b""
    assert set(client.get_acls("/locked")[0]) == set(acl)
    stat = client.set_acls("/locked", [make_acl("world", "anyone", read=True)])
    assert stat.aversion == 1


def test_credentials_can_be_given_from_the_start(server: Server) -> None:
    with _connected(server, auth_data=[("digest", "bob:pw")]) as client:
        client.create("/n", acl=[make_digest_acl("bob", "pw", all=True)])
        assert client.get("/n")[0] == b""


def test_failed_credentials_are_told(server: Server) -> None:
    with _connected(server) as client, pytest.raises(AuthFailedError):
        client.add_auth("none", "x")


def test_a_chroot_is_below_the_root(server: Server, client: Any) -> None:
    client.ensure_path("/app")
    with _connected(server, chroot="/app") as inner:
        inner.create("/n", b"x")
        assert inner.get_children("/") == ["n"]

    assert client.get("/app/n")[0] == b"x"


def test_watches_fire_once(client: Any) -> None:
    events: list[tuple[str, str]] = []

    def note(event: Any) -> None:
        events.append((event.type, event.path))

    client.exists("/n", watch=note)
    client.get_children("/", watch=note)
    client.create("/n")
    wait_until(lambda: len(events) == 2, 5)
    client.get("/n", watch=note)
    client.set("/n", b"1")
    client.set("/n", b"2")
    client.get("/n", watch=note)
    client.delete("/n")
    wait_until(lambda: len(events) == 4, 5)

    assert events == [("CREATED", "/n"), ("CHILD", "/"), ("CHANGED", "/n"), ("DELETED", "/n")]


def test_data_and_children_watches_follow(client: Any) -> None:
    data: list[bytes | None] = []
    names: list[list[str]] = []
    client.create("/n", b"0")
    client.DataWatch("/n", lambda value, stat: data.append(value))
    client.ChildrenWatch("/n", lambda children: names.append(sorted(children)))

    client.set("/n", b"1")
    wait_until(lambda: data[-1:] == [b"1"], 5)
    client.create("/n/a")
    wait_until(lambda: names[-1:] == [["a"]], 5)


def test_ephemerals_end_with_their_session(server: Server, client: Any) -> None:
    with _connected(server) as other:
        other.create("/e", ephemeral=True)
        assert client.exists("/e").owner_session_id == other.client_id[0]

    wait_until(lambda: client.exists("/e") is None, 5)


def test_an_expired_session_is_lost_and_a_new_one_begins(server: Server, client: Any) -> None:
    states: list[str] = []
    client.add_listener(states.append)
    client.create("/e", ephemeral=True)
    old = client.client_id[0]

    server.expire(old)

    wait_until(lambda: KazooState.CONNECTED in states[-1:] and client.client_id[0] != old, 10)
    assert KazooState.LOST in states
    assert client.retry(client.exists, "/e") is None


def test_a_dropped_connection_keeps_session_and_watches(server: Server, client: Any) -> None:
    fired = threading.Event()
    client.create("/e", ephemeral=True)
    client.get("/e", watch=lambda _: fired.set())
    states: list[str] = []
    client.add_listener(states.append)
    old = client.client_id

    server.drop_connections()
    wait_until(lambda: states[-1:] == [KazooState.CONNECTED], 10)
    with _connected(server) as other:
        other.set("/e", b"x")

    assert fired.wait(stretched(5))
    assert client.client_id == old


def test_a_change_missed_while_away_is_told_afterwards(server: Server, client: Any) -> None:
    fired = threading.Event()
    client.create("/n", b"")
    client.get("/n", watch=lambda _: fired.set())
    with _connected(server) as other:
        server.drop_connections()
        other.retry(other.set, "/n", b"x")

    assert fired.wait(stretched(10))


def test_a_lock_is_held_by_one(server: Server, client: Any) -> None:
    with _connected(server) as other:
        first, second = client.Lock("/lock", "first"), other.Lock("/lock", "second")

        with first:
            assert not second.acquire(blocking=False)
        assert second.acquire(timeout=stretched(5))
        second.release()


def test_version_and_words_can_be_asked(client: Any) -> None:
    assert client.server_version() == (3, 9, 3)
    assert client.command(b"ruok") == "imok"
    assert "Mode: standalone" in client.command(b"srvr")
    assert "zk_version\t3.9.3" in client.command(b"mntr")


def test_a_user_logs_in_by_digest_md5() -> None:
    settings = Settings(sasl_users={"alice": "secret"})
    options = {"mechanism": "DIGEST-MD5", "username": "alice", "password": "secret"}
    with Server(settings=settings) as server:
        with _connected(server, sasl_options=options) as client:
            client.create("/n", acl=[make_acl("sasl", "alice", all=True)])
            assert client.get("/n")[0] == b""
        with _connected(server) as stranger, pytest.raises(NoAuthError):
            stranger.get("/n")
