"""K10 to K14: the log, what a client tells of its session, four-letter words, identities and sync, on real servers."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

import zc.zk
from tests import wire
from tests.frames import request
from tests.keys import Keys
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.tlsserver import TlsServer
from tests.waiting import stretched, wait_until
from zc.zk import (
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    TLS,
    Client,
    Retry,
    make_digest_acl,
    make_digest_acl_credential,
)

SOON = 20.0


# --- K10


@pytest.mark.slow
def test_k10_what_happens_is_logged_by_level(
    proxy: FaultProxy, chroot: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Our loggers are `ZooKeeper` and `zc.zk`, kazoo's `kazoo.client`; below DEBUG there is nothing (no BLATHER)."""
    caplog.set_level(1)

    with Client(f"{proxy.address}{chroot}/missing") as client:
        proxy.cut()
        wait_until(lambda: "SUSPENDED" in caplog.text, SOON)
        wait_until(lambda: client.connected, SOON)

    lines = {
        (record.levelname, record.getMessage().split(",")[0].split(" of ")[0])
        for record in caplog.records
        if record.name == "ZooKeeper"
    }
    assert {level for level, _ in lines} == {"DEBUG", "INFO", "WARNING"}
    assert {("INFO", "CONNECTED"), ("INFO", "SUSPENDED"), ("INFO", "LOST")} <= lines
    assert ("DEBUG", f"connecting to {proxy.address}") in lines


def test_k10_an_error_in_a_callback_is_logged_with_its_traceback(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.create("/a")
    client.get("/a", lambda event: 1 / 0)

    client.set("/a", b"")

    wait_until(lambda: "ZeroDivisionError" in caplog.text, SOON)
    assert [(each.name, each.levelname) for each in caplog.records] == [("zc.zk", "ERROR")]


def test_k10_a_logger_may_be_given_as_an_adapter(
    proxy: FaultProxy, chroot: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Prefixed(logging.LoggerAdapter[logging.Logger]):
        def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
            return f"[ours] {msg}", kwargs

    caplog.set_level(logging.INFO)

    with Client(proxy.address + chroot, logger=Prefixed(logging.getLogger("tests.own"))):
        wait_until(lambda: "[ours] CONNECTED" in caplog.text, SOON)

    assert "ZooKeeper" not in {record.name for record in caplog.records}


# --- K11


def test_k11_the_client_id_is_that_of_the_session(server: AnyServer) -> None:
    client = Client(server.address)
    assert client.client_id is None

    client.start()
    client_id = client.client_id
    client.stop()

    assert client_id is not None
    session_id, password = client_id
    assert isinstance(session_id, int)
    assert (len(password), session_id != 0) == (16, True)
    assert client.client_id is None


def test_k11_the_client_id_is_the_owner_of_ephemeral_nodes(client: Client) -> None:
    client.create("/a", ephemeral=True)

    stat = client.exists("/a")

    assert stat is not None
    assert client.client_id is not None
    assert stat.owner_session_id == client.client_id[0]


@pytest.mark.slow
def test_k11_hosts_can_be_set_while_the_session_goes_on(
    client: Client, proxy: FaultProxy, chroot: str, server: AnyServer
) -> None:
    session = client.client_id
    assert (client.hosts, client.chroot) == (server.address, chroot)

    client.set_hosts(proxy.address + chroot)

    assert client.hosts == proxy.address
    wait_until(lambda: proxy.connections == 1 and client.connected, SOON)
    assert client.client_id == session
    client.set_hosts([server.address + chroot])
    assert client.hosts == server.address


def test_k11_the_chroot_stays(client: Client, server: AnyServer, chroot: str) -> None:
    """In kazoo, whoever changes the hosts changes the chroot unseen."""
    for hosts in (server.address, f"{server.address}{chroot}x", f"{server.address}/other"):
        with pytest.raises(ValueError, match="the chroot must stay"):
            client.set_hosts(hosts)

    assert client.chroot == chroot


def test_k11_a_path_is_shown_without_the_chroot(
    client: Client, server: AnyServer, chroot: str
) -> None:
    assert client.unchroot(f"{chroot}/a/b") == "/a/b"
    assert client.unchroot(chroot) == "/"
    assert client.unchroot(f"{chroot}x/a") == f"{chroot}x/a"
    assert client.unchroot("/other") == "/other"
    assert Client(server.address).unchroot("/a") == "/a"


def test_k11_the_last_zxid_grows_with_what_is_written(client: Client) -> None:
    seen = [client.last_zxid]

    for number in range(3):
        stat = client.create(f"/{number}", include_data=True)[1]
        seen.append(client.last_zxid)
        assert client.last_zxid >= stat.czxid

    assert seen == sorted(set(seen))


def test_k11_the_default_acl_may_be_set(client: Client) -> None:
    assert list(client.default_acl) == OPEN_ACL_UNSAFE
    mine = [make_digest_acl("bob", "pw", all=True), *zc.zk.READ_ACL_UNSAFE]

    client.default_acl = mine
    client.create("/a")
    client.add_auth("digest", "bob:pw")  # others are not shown the digest

    assert client.get_acls("/a")[0] == mine


def test_k11_retry_is_a_policy_that_calls_again(client: Client) -> None:
    client.create("/a", b"1")

    assert isinstance(client.retry, Retry)
    assert client.retry(client.get, "/a")[0] == b"1"


# --- K12


def test_k12_a_four_letter_word_is_answered(client: Client) -> None:
    assert client.command() == "imok"
    assert client.command(b"ruok") == "imok"
    assert "Zookeeper version: " in client.command(cmd=b"srvr")


def test_k12_words_need_no_session(server: AnyServer) -> None:
    client = Client(server.address)

    assert client.command(b"ruok") == "imok"
    assert client.server_version()[:2] == server.version


@pytest.mark.parametrize(("word", "kind"), [("ruok", TypeError), (b"RUOK", ValueError)])
def test_k12_what_is_no_word_is_refused(client: Client, word: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="four-letter word"):
        client.command(word)


def test_k12_the_version_is_a_tuple_of_numbers(client: Client, server: AnyServer) -> None:
    exact = {(3, 8): (3, 8, 0), (3, 9): (3, 9, 3)}

    version = client.server_version()

    assert version == client.server_version(retries=1)
    if isinstance(server, RealServer):
        assert version == exact[server.version]
    assert version[:2] == server.version


@pytest.mark.slow
def test_k12_a_word_that_is_not_allowed_is_answered_so_and_versions_need_none_of_those() -> None:
    """The word that tells the version cannot be forbidden; other peers are in tests/drivers/test_words.py."""
    server = RealServer(settings={"4lw.commands.whitelist": "ruok"})
    server.launch()  # `start` asks by one of the words that are missing
    try:
        with Client(server.address) as client:
            assert client.command(b"ruok") == "imok"
            assert "is not executed because it is not in the whitelist" in client.command(b"conf")
            assert client.server_version() == (3, 8, 0)
    finally:
        server.close()


def test_k12_words_go_over_tls_too(tls_server: TlsServer, keys: Keys) -> None:
    with Client(tls_server.secure_address, tls=TLS(ca=keys.trusted)) as client:
        assert client.command(b"ruok") == "imok"
        assert client.server_version() == (3, 8, 0)


# --- K13


@pytest.mark.slow
def test_k13_an_identity_is_shown_now_and_to_each_server_from_now_on(
    proxied: Client, proxy: FaultProxy, other: Client
) -> None:
    assert proxied.add_auth("digest", "bob:pw") is True
    proxied.create("/a", b"secret", CREATOR_ALL_ACL)
    with pytest.raises(zc.zk.NoAuthError):
        other.get("/a")

    shown = [frame for frame in proxy.frames if request(wire.Opcode.AUTH)(frame)]
    for reconnects in (1, 2):
        proxy.cut()
        wait_until(lambda: proxied.state == "SUSPENDED" or proxy.connections == 0, SOON)
        assert proxied.get("/a")[0] == b"secret"
        again = [frame for frame in proxy.frames if request(wire.Opcode.AUTH)(frame)]
        assert len(again) == len(shown) + reconnects

    expected = make_digest_acl_credential("bob", "pw")
    assert proxied.get_acls("/a")[0] == [zc.zk.ACL(31, zc.zk.Id("digest", expected))]


def test_k13_without_waiting_and_several_of_them(client: Client, other: Client) -> None:
    results = [client.add_auth_async("digest", name) for name in ("bob:pw", b"eve:pw")]
    for result in results:
        result.get(SOON)

    client.create("/a", b"", CREATOR_ALL_ACL)

    assert len(client.get_acls("/a")[0]) == 2
    other.add_auth("digest", "eve:pw")
    assert other.get("/a")[0] == b""


@pytest.mark.parametrize(
    ("scheme", "credential", "kind"),
    [
        (5, "bob:pw", TypeError),
        (None, "bob:pw", TypeError),
        ("digest", 5, TypeError),
        ("digest", None, TypeError),
        ("digest", "no colon", ValueError),
    ],
)
def test_k13_what_cannot_be_an_identity_is_refused(
    client: Client, scheme: Any, credential: Any, kind: type[Exception]
) -> None:
    for add in (client.add_auth, client.add_auth_async):
        with pytest.raises(kind):
            add(scheme, credential)

    assert client.connected


def test_k13_an_identity_that_the_server_refuses_is_an_error(client: Client) -> None:
    with pytest.raises(zc.zk.AuthFailedError, match=r"scheme nosuch"):
        client.add_auth("nosuch", "credential")


# --- K14


@pytest.mark.parametrize("wait", [lambda result: result.get(stretched(SOON)), None])
def test_k14_syncing_gives_the_path_and_what_was_written_before(
    client: Client, other: Client, wait: Callable[[Any], str] | None
) -> None:
    client.create("/a", b"0")
    for count in range(10):
        client.set("/a", b"%d" % count)

    path = other.sync("/a") if wait is None else wait(other.sync_async("/a"))

    assert path == "/a"
    assert other.get("/a")[0] == b"9"


def test_k14_a_node_that_is_missing_can_be_synced_and_what_is_no_path_cannot(
    client: Client,
) -> None:
    assert client.sync("/missing") == "/missing"
    for sync in (client.sync, client.sync_async):
        with pytest.raises(TypeError):
            sync(5)  # type: ignore[arg-type]  # what is tested
        with pytest.raises(ValueError, match="not a path"):
            sync("a")
