"""S3: a digest password is shown to each server first, warned about where others can listen, and a refusal is final."""

import logging
from time import monotonic
from typing import Any

import pytest

from tests.frames import Kind, request
from tests.promises.conftest import Connect
from tests.promises.told import States
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import stretched, wait_until
from tests.wire import Opcode
from zc.zk import (
    AsyncResult,
    AuthFailedError,
    KeeperState,
    NoAuthError,
    State,
    ZooKeeper,
    make_digest_acl,
)
from zc.zk.drivers import exposure

PASSWORD = "correct-horse-battery"
CREDENTIAL = f"dobbin:{PASSWORD}"
BOUND = 2.0  # seconds for a refusal to be told
WARNING = "the digest credential goes in clear to "


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    messages = (record.getMessage() for record in caplog.records)
    return [message for message in messages if message.startswith(WARNING)]


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have loopback taken for the open network."""
    monkeypatch.setattr(exposure, "is_loopback", lambda connection: False)


# Where others can listen


@pytest.mark.usefixtures("far_away")
def test_s3_a_password_in_clear_to_another_machine_is_warned_about_once(
    connect: Connect, network: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect(auth_data=[("digest", CREDENTIAL)])
    states = States(client)
    wait_until(lambda: warnings(caplog), BOUND)

    network.cut()
    states.wait_for(State.SUSPENDED, State.CONNECTED, bound=BOUND)
    client.add_auth("digest", f"{CREDENTIAL}-2")
    client.sync("/")
    client.stop()

    assert warnings(caplog) == [f"{WARNING}{network.address}: use TLS, or SASL"]
    assert PASSWORD not in caplog.text


@pytest.mark.usefixtures("far_away")
def test_s3_a_password_that_is_shown_later_is_warned_about_then(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect()
    client.sync("/")
    before = warnings(caplog)

    client.add_auth("digest", CREDENTIAL)

    wait_until(lambda: warnings(caplog), BOUND)
    assert before == []


def test_s3_on_loopback_nobody_is_warned(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect(auth_data=[("digest", CREDENTIAL)])
    client.sync("/")
    client.stop()

    assert warnings(caplog) == []


# First, on each connection


def test_s3_identities_go_out_before_watches_registrations_and_waiting_requests(
    connect: Connect, network: FaultProxy
) -> None:
    client = connect(auth_data=[("digest", CREDENTIAL), ("digest", "second:x")])
    registry = ZooKeeper(client)
    registry.register("/", "h:1")
    client.create("/private", b"1", [make_digest_acl("dobbin", PASSWORD, all=True)])
    client.exists("/nothing", lambda event: None)
    states = States(client)
    network.refuse()
    network.cut()
    states.wait_for(State.SUSPENDED, bound=BOUND)
    read, write = client.get_async("/private"), client.set_async("/private", b"2")

    network.accept()

    assert read.get(stretched(BOUND * 2))[0] == b"1"
    assert write.get(stretched(BOUND * 2)).version == 1
    number = max(frame.connection for frame in network.frames)
    order = [
        frame.opcode
        for frame in network.frames
        if frame.kind is Kind.REQUEST and frame.connection == number and frame.opcode != Opcode.PING
    ]
    assert order[:2] == [Opcode.AUTH, Opcode.AUTH]
    assert order.index(Opcode.SET_WATCHES) == 2
    assert Opcode.AUTH not in order[2:]
    assert {Opcode.GET_DATA, Opcode.SET_DATA} <= set(order[3:])


def test_s3_a_new_session_shows_the_identities_as_well(
    connect: Connect, real_server: RealServer
) -> None:
    client = connect(auth_data=[("digest", CREDENTIAL)])
    client.create("/private", b"1", [make_digest_acl("dobbin", PASSWORD, all=True)])
    states = States(client)
    before = client.client_id
    assert before is not None

    real_server.expire(*before)
    states.wait_for(State.LOST, State.CONNECTED, bound=BOUND)

    assert client.client_id != before
    assert client.get("/private")[0] == b"1"


def test_s3_without_the_identity_the_node_is_closed(connect: Connect) -> None:
    owner, other = connect(auth_data=[("digest", CREDENTIAL)]), connect()
    owner.create("/private", b"1", [make_digest_acl("dobbin", PASSWORD, all=True)])

    with pytest.raises(NoAuthError):
        other.get("/private")
    other.add_auth("digest", CREDENTIAL)

    assert other.get("/private")[0] == b"1"


# A refusal is final: kazoo #582 (calls hung for ever), #688 (stop hung), #744 (start hung after its mending)


def test_s3_a_refused_identity_resolves_every_future_and_stops_the_client(
    connect: Connect, network: FaultProxy
) -> None:
    client = connect()
    states = States(client)
    network.hold("to_client")
    began = monotonic()
    pending: list[AsyncResult[Any]] = [client.get_async("/"), client.create_async("/a")]
    refused = client.add_auth_async("no-such-scheme", CREDENTIAL)
    pending += [client.get_async("/"), client.add_auth_async("digest", CREDENTIAL)]
    network.heal()

    with pytest.raises(AuthFailedError) as caught:
        refused.get(stretched(BOUND))
    for each in pending:
        assert each.wait(stretched(BOUND))
    with pytest.raises(AuthFailedError):
        client.get("/")
    client.stop()

    states.wait_for(State.LOST, bound=BOUND)
    assert monotonic() - began < stretched(2 * BOUND)
    assert client.client_state is KeeperState.AUTH_FAILED
    assert (caught.value.scheme, caught.value.server) == ("no-such-scheme", network.address)
    assert PASSWORD not in str(caught.value)


def test_s3_a_refused_identity_ends_the_start_at_once_with_scheme_and_server(
    make_client: Connect, network: FaultProxy
) -> None:
    client = make_client(auth_data=[("no-such-scheme", CREDENTIAL)])
    pending = client.get_async("/")
    began = monotonic()

    with pytest.raises(AuthFailedError) as caught:
        client.start()
    client.stop()

    assert monotonic() - began < stretched(BOUND)
    assert pending.wait(0)
    assert str(caught.value) == (
        f"authentication failed (scheme no-such-scheme, server {network.address}, "
        "the server refused it)"
    )


def test_s3_a_refusal_on_a_later_connection_is_final_too(
    connect: Connect, network: FaultProxy
) -> None:
    client = connect(auth_data=[("digest", CREDENTIAL)])
    states = States(client)
    network.rewrite(
        request(Opcode.AUTH), lambda payload: payload.replace(b"digest", b"dogest"), times=1
    )
    network.refuse()
    network.cut()
    states.wait_for(State.SUSPENDED, bound=BOUND)
    waiting = client.get_async("/")

    network.accept()

    with pytest.raises(AuthFailedError) as caught:
        waiting.get(stretched(2 * BOUND))
    assert caught.value.scheme == "digest"
    assert client.client_state is KeeperState.AUTH_FAILED
    wait_until(lambda: states.last is State.LOST, BOUND)


def test_s3_after_a_refusal_the_client_can_be_started_again(
    server: AnyServer, make_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(server.address, auth_data=[("no-such-scheme", CREDENTIAL)])
    with caplog.at_level(logging.DEBUG), pytest.raises(AuthFailedError):
        client.start()

    client.start()  # without the identity that was refused

    assert client.exists("/")
    assert PASSWORD not in caplog.text
