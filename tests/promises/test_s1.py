"""S1: no log, no repr and no exception shows a secret, whatever happens; nor any node's data above DEBUG."""

import io
import logging
import pickle
import traceback
from collections.abc import Iterator

import pytest

from tests import wire
from tests.frames import Kind, of_kind, reply_to
from tests.promises.conftest import BOB, Connect
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.scripted import ScriptedServer, answering
from tests.waiting import wait_until
from tests.wire import Opcode
from zc.zk import (
    ACL,
    Client,
    DigestMD5,
    Id,
    State,
    ZooKeeper,
    ZooKeeperError,
    make_digest_acl_credential,
)
from zc.zk.operations import Sasl

PASSWORD = "correct-horse-battery"
CREDENTIAL = f"dobbin:{PASSWORD}"
DATA = b'{"secret": "node-data-of-somebody"}'
SECRET_DATA = "node-data-of-somebody"


class Log:
    """All that was logged, at every level, by every logger."""

    def __init__(self) -> None:
        self.records: list[logging.LogRecord] = []
        self.handler = logging.Handler(0)
        self.handler.emit = self.records.append  # type: ignore[method-assign, assignment]

    def text(self, level: int = 0) -> str:
        """Give all that a handler at that level writes, tracebacks and arguments included."""
        formatter = logging.Formatter("%(levelname)s %(name)s %(threadName)s %(message)s")
        records = [record for record in self.records if record.levelno >= level]
        return "\n".join(f"{formatter.format(record)} {record.args!r}" for record in records)


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    loggers = [logging.getLogger(), logging.getLogger("zc.zk"), logging.getLogger("ZooKeeper")]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(log.handler)
    for logger in loggers:
        logger.setLevel(1)
    yield log
    loggers[0].removeHandler(log.handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


class Secrets:
    """What must not be shown: credentials, and the password of every session that there was."""

    def __init__(self) -> None:
        self._forbidden: dict[str, str] = {"credential": PASSWORD}
        self.sessions = 0

    def note(self, client: Client) -> None:
        """Remember the password of the client's session, in every form that it could be shown in."""
        assert client.client_id is not None
        password = client.client_id[1]
        self.sessions += 1
        for form in (password.hex(), repr(password)[2:-1], str(list(password))[1:-1]):
            self._forbidden[f"password of session {self.sessions} as {form}"] = form

    def assert_not_in(self, text: str) -> None:
        assert [what for what, form in self._forbidden.items() if form in text] == []


def shown(error: BaseException) -> str:
    """Give all that a program could show of an error."""
    text = "".join(traceback.format_exception(error)) + repr(error) + str(error)
    attributes = repr(vars(error)) + repr(error.args)
    chained = [each for each in (error.__cause__, error.__context__) if each is not None]
    return text + attributes + "".join(map(shown, chained))


def test_s1_nothing_secret_is_logged_in_a_life_of_connects_identities_expiries_and_errors(
    connect: Connect, network: FaultProxy, real_server: RealServer, log: Log
) -> None:
    secrets = Secrets()
    client = connect(timeout=1.0, auth_data=[("digest", CREDENTIAL)])
    secrets.note(client)
    identity = make_digest_acl_credential("dobbin", PASSWORD)
    client.create("/private", DATA, [ACL(31, Id("digest", identity))])
    client.add_auth("digest", f"other:{PASSWORD}-2")
    registry = ZooKeeper(client)
    registry.register("/", "h:1", secret=SECRET_DATA)
    properties = registry.properties("/private")
    properties(lambda it: 1 / 0 if it.get("boom") else None)
    watched: list[bytes | None] = []

    def fail_later(data: bytes | None, stat: object) -> None:
        watched.append(data)
        if len(watched) > 1:
            raise LookupError("a callback that fails")

    client.DataWatch("/private", fail_later)

    # cut off, suspended, lost, and another session
    network.cut(rst=True)
    wait_until(lambda: client.state is State.SUSPENDED, 1.0)
    wait_until(lambda: client.connected, 2.0)
    network.black_hole()
    wait_until(lambda: client.state is State.LOST, 3.0)
    network.heal()
    wait_until(lambda: client.connected, 3.0)
    secrets.note(client)
    assert client.client_id is not None
    real_server.expire(*client.client_id)
    wait_until(lambda: client.connected and len(log.text()) and client.client_id, 2.0)
    client.sync("/")
    secrets.note(client)
    # errors of every kind, with data on the wire
    client.set("/private", b'{"boom": "node-data-of-somebody"}')
    client.set("/private", b'{"boom: node-data-of-somebody}')
    wait_until(lambda: "string_value" in properties, 2.0)
    wait_until(lambda: watched[-1] == b'{"boom: node-data-of-somebody}', 2.0)
    network.rewrite(reply_to(Opcode.GET_DATA), lambda payload: payload[:-4], times=1)
    errors = [
        attempt_to_fail(lambda: client.get("/private")),
        attempt_to_fail(lambda: client.get("/missing")),
        attempt_to_fail(lambda: client.create("/private", DATA)),
        attempt_to_fail(lambda: client.create("/large", SECRET_DATA.encode() * 60_000)),
        attempt_to_fail(lambda: client.set("/private", SECRET_DATA)),  # type: ignore[arg-type]
        attempt_to_fail(lambda: client.add_auth("digest", PASSWORD)),
        attempt_to_fail(lambda: client.add_auth("digest", f"{CREDENTIAL}\ud800")),
        attempt_to_fail(lambda: client.add_auth("digest", [CREDENTIAL])),  # type: ignore[arg-type]
        attempt_to_fail(lambda: client.add_auth("\ud800", CREDENTIAL)),
        attempt_to_fail(lambda: client.add_auth("digest", CREDENTIAL * 60_000)),
        attempt_to_fail(lambda: client.add_auth("no-such-scheme", CREDENTIAL)),
        attempt_to_fail(lambda: client.get("/private")),
    ]
    client.stop()

    text = log.text()
    assert text.count("CONNECTED") >= 4
    assert "LOST" in text
    assert "SUSPENDED" in text
    secrets.assert_not_in(text)
    assert SECRET_DATA not in log.text(logging.DEBUG + 1)
    for error in errors:
        secrets.assert_not_in(shown(error))
        assert SECRET_DATA not in shown(error)


def attempt_to_fail(call: object) -> BaseException:
    assert callable(call)
    try:
        call()
    except ZooKeeperError as error:
        return error
    raise AssertionError("it did not fail")


def test_s1_no_repr_shows_a_secret(connect: Connect, log: Log) -> None:
    secrets = Secrets()
    client = connect(auth_data=[("digest", CREDENTIAL)])
    secrets.note(client)
    client.create("/node", DATA)
    registry = ZooKeeper(client)
    result = client.add_auth_async("digest", CREDENTIAL)
    result.wait()
    registered = registry.register("/", "h:1", secret=SECRET_DATA)
    things = [
        client,
        registry,
        result,
        client.get_async("/node"),
        registry.children("/node"),
        registry.properties("/node"),
        registered,
        client.DataWatch("/node", lambda data, stat: None),
        client.driver,
        client.driver.session,
        client.driver.session.identity,
        client.driver.session.settings,
        client.driver.session.trail,
        client.state,
        client.client_state,
    ]

    text = "\n".join(f"{thing!r} {thing}" for thing in things)

    secrets.assert_not_in(text)
    assert SECRET_DATA not in text


def test_s1_sasl_shows_no_secret_whether_it_succeeds_or_fails(
    make_client: Connect, strict_network: FaultProxy, log: Log
) -> None:
    good, bad = (
        make_client(strict_network.address, sasl=DigestMD5("bob", password))
        for password in (BOB.password, PASSWORD)
    )
    good.start()
    strict_network.cut()
    wait_until(lambda: "SUSPENDED" in log.text(), 2.0)
    wait_until(lambda: good.connected, 2.0)

    error = attempt_to_fail(bad.start)

    mechanism = DigestMD5("bob", PASSWORD)
    exchange = mechanism.start("host", "nonce")
    text = log.text() + shown(error)
    for thing in (good, bad, bad.driver, bad.driver.session, mechanism, exchange, Sasl(b"token")):
        text += f"{thing!r} {thing}"
    assert PASSWORD not in text
    assert BOB.password not in text
    assert "token" not in text


def test_s1_a_failed_start_shows_no_secret(network: FaultProxy, log: Log) -> None:
    network.turn_away()
    client = Client(
        network.address, client_id=(77, b"0123456789abcdef"), auth_data=[("digest", CREDENTIAL)]
    )

    error = attempt_to_fail(lambda: client.start(0.3))

    text = log.text() + shown(error) + repr(client)
    assert PASSWORD not in text
    assert "0123456789abcdef" not in text


def test_s1_a_garbled_stream_shows_no_data(client: Client, network: FaultProxy, log: Log) -> None:
    client.create("/node", DATA)
    text = SECRET_DATA.encode()
    for raw in (text, wire.frame(text), wire.frame(bytes(7) + text), b"\0\0\x7f\xff" + text * 100):
        network.rewrite(reply_to(Opcode.GET_DATA), lambda _, raw=raw: [raw], times=1)  # type: ignore[misc]
        try:
            client.get("/node")
        except ZooKeeperError as error:
            assert SECRET_DATA not in shown(error)  # noqa: PT017 (some of them are asked again)
        wait_until(lambda: client.connected, 2.0)

    assert "SUSPENDED" in log.text()
    assert SECRET_DATA not in log.text(logging.DEBUG + 1)


def test_s1_a_garbled_greeting_shows_no_password(
    client: Client, network: FaultProxy, log: Log
) -> None:
    secrets = Secrets()
    secrets.note(client)
    network.rewrite(of_kind(Kind.CONNECT_RESPONSE), lambda payload: payload + b"junk", times=1)
    network.rewrite(of_kind(Kind.CONNECT_RESPONSE), lambda payload: payload[:-3], times=1)

    network.cut()
    wait_until(lambda: client.state is State.SUSPENDED, 1.0)
    wait_until(lambda: client.connected, 4.0)

    secrets.assert_not_in(log.text())


def test_s1_a_session_taken_over_shows_no_password(log: Log) -> None:
    password = b"s3ss10n-pa55word"
    with ScriptedServer(
        answering(lambda request: None, wire.connect_response(password=password))
    ) as server:
        client = Client(server.address)
        client.start()
        text = repr(client) + repr(client.driver.session.identity)
        client.stop()

    assert password.decode() not in text + log.text()


def test_s1_a_client_is_not_saved_with_its_secrets(client: Client) -> None:
    with pytest.raises(TypeError, match="a client cannot be saved"):
        pickle.dump(getattr(client, "_own", client), io.BytesIO())
