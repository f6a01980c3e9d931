"""What both clients share: settings, states, listeners; each test is true of either."""

import asyncio
import logging
from typing import Any

import pytest

from tests.faces import FACES, client_of
from tests.ports import LOOPBACK, free_port
from tests.waiting import wait_until
from zc.zk import (
    ArgumentError,
    ArgumentTypeError,
    Client,
    FailedConnect,
    KeeperState,
    NoAuthError,
    Permissions,
    Retry,
    State,
    aio,
    make_digest_acl,
    world_permission,
)
from zc.zk.testing import Server

SOON = 20.0
CLIENTS: dict[str, Any] = dict(zip(FACES, (Client, aio.Client), strict=True))


@pytest.fixture
def make(face: str) -> Any:  # either class of clients
    return CLIENTS[face]


def test_a_client_shows_its_settings_before_it_is_started(make: Any) -> None:
    client = make("a:1,[::1]/chroot", 7.0, operation_timeout=None)

    assert client.hosts == "a:1,[::1]:2181"
    assert client.chroot == "/chroot"
    assert client.operation_timeout is None
    assert client.state is State.LOST
    assert client.client_state is KeeperState.CLOSED
    assert client.client_id is None
    assert not client.connected
    assert client.last_zxid == 0
    assert client.unchroot("/chroot/a") == "/a"
    assert client.info.server == ""
    assert repr(client) == (f"<{make.__module__}.Client a:1,[::1]:2181/chroot {client.state}>")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": 0}, "the session time-out"),
        ({"timeout": "10"}, "the session time-out"),
        ({"connect_timeout": -1}, "the connect time-out"),
        ({"operation_timeout": 0}, "the operation time-out"),
        ({"after_fork": "new"}, 'after_fork must be "error" or "new session"'),
        ({"command_retry": 5}, "command_retry must be a zc.zk.Retry, not int"),
        ({"sasl": "password"}, "sasl must be a SASL mechanism such as zc.zk.DigestMD5, not str"),
        ({"tls": 5}, "tls must be True"),
        ({"driver": "none"}, "driver"),
        ({"client_id": 5}, "client"),
        ({"logger": 5}, "logger"),
        ({"default_acl": [5]}, "ACL"),
        ({"auth_data": [("digest", 5)]}, "credential"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_setting_that_cannot_be_is_refused(
    make: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=words):
        make("localhost", **options)


def test_other_servers_must_have_the_same_chroot(make: Any) -> None:
    client = make("a:1/chroot")

    client.set_hosts(["b:2/chroot"])
    assert client.hosts == "b:2"
    with pytest.raises(ArgumentError, match="the chroot must stay /chroot, not become none"):
        client.set_hosts("c:3")


def test_a_client_goes_to_other_servers_and_keeps_its_session(face: str) -> None:
    with Server() as server, client_of(face, server.address) as client:
        session = client.client_id
        client.set_hosts(f"{LOOPBACK}:{free_port()},{server.address}")
        assert client.exists("/")
        assert client.client_id == session


def test_listeners_are_told_each_state_until_they_return_true_or_are_removed(face: str) -> None:
    always: list[State] = []
    once: list[State] = []
    never: list[State] = []

    def tell_once(state: State) -> bool:
        once.append(state)
        return True

    with Server() as server, client_of(face, server.address) as client:
        client.add_listener(always.append)
        client.add_listener(always.append)
        client.add_listener(tell_once)
        client.add_listener(never.append)
        client.remove_listener(never.append)
        with pytest.raises(ArgumentTypeError, match="a listener must be callable: 5"):
            client.add_listener(5)
        server.restart()
        wait_until(lambda: always == [State.SUSPENDED, State.CONNECTED], SOON)
        client.stop()
        wait_until(lambda: always[-1] is State.LOST, SOON)

    assert once == [State.SUSPENDED]
    assert never == []


def test_nodes_are_open_unless_told_otherwise_which_is_logged_once(
    face: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Server() as server, client_of(face, server.address) as client:
        client.create("/a")
        client.create("/b")

    assert caplog.text.count("everybody") == 1


def test_a_default_acl_and_identities_are_those_of_every_call(face: str) -> None:
    acl = [make_digest_acl("bob", "pw", all=True)]
    with (
        Server() as server,
        client_of(face, server.address) as stranger,
        client_of(face, server.address, auth_data=[("digest", "bob:pw")], default_acl=acl) as bob,
    ):
        bob.create("/a")
        assert bob.get_acls("/a")[0] == acl
        with pytest.raises(NoAuthError):
            stranger.get("/a")
        stranger.add_auth("digest", b"bob:pw")
        assert stranger.get("/a")[0] == b""
        stranger.create("/b", acl=[world_permission(Permissions.READ)])


def test_a_session_is_taken_up_by_its_id_and_password(face: str) -> None:
    with (
        Server() as server,
        client_of(face, server.address) as one,
        client_of(face, server.address, client_id=one.client_id) as other,
    ):
        assert other.client_id == one.client_id


def test_a_client_that_reaches_nobody_says_whom_it_tried(face: str) -> None:
    address = f"{LOOPBACK}:{free_port()}"

    def start() -> None:
        if face == "threads":
            Client(address).start(0.2)
        else:
            asyncio.run(aio.Client(address).start(0.2))

    with pytest.raises(FailedConnect, match=f"{address}: connection refused"):
        start()


def test_a_client_retries_as_it_was_told_to(make: Any) -> None:
    assert make("localhost", command_retry=Retry(7)).retry.max_tries == 7
    assert make("localhost", operation_timeout=3).retry.deadline == 3.0
    assert make("localhost").within(2).retry.deadline == 2.0


def test_lines_go_to_the_logger_that_was_given(face: str) -> None:
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger = logging.getLogger(f"of the user of {face}")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(Handler())
    with Server() as server, client_of(face, server.address, logger=logger) as client:
        client.get("/", lambda _: 1 // 0)
        client.set("/", b"")
        wait_until(lambda: any("callback failed" in line for line in lines), SOON)

    assert any("connect" in line.lower() for line in lines)


class Told:
    """Notes the names of what it is told."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def count(self, name: str, number: int, labels: dict[str, str], /) -> None:
        self.names.add(name)

    def observe(self, name: str, seconds: list[float], labels: dict[str, str], /) -> None:
        self.names.add(name)

    def change(self, name: str, difference: int, labels: dict[str, str], /) -> None:
        self.names.add(name)


def test_metrics_are_told_what_the_client_counts_and_measures(face: str) -> None:
    told = Told()

    with Server() as server, client_of(face, server.address, metrics=told) as client:
        client.get("/")
        wait_until(
            lambda: told.names >= {"requests", "request_seconds", "connected", "bytes_sent"}, SOON
        )


class Heir:
    """Counts how often it has begun."""

    def __init__(self) -> None:
        self.begun = 0

    def begin(self) -> None:
        self.begun += 1


def test_an_heir_begins_where_the_client_begins_anew(make: Any) -> None:
    client = make("localhost", after_fork="new session", auth_data=[("digest", "a:b")])
    heir = Heir()
    client.inherit(heir)
    before = client.driver

    client._begin_anew(was_running=False)  # noqa: SLF001 (as a child of this process does)

    assert heir.begun == 1
    assert client.driver is not before
    assert client.driver.session.identities == before.session.identities
