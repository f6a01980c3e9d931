"""R21: every request gets exactly one answer, its own; a reply that nobody asked for ends its connection only."""

import struct
import threading
from collections.abc import Callable

import pytest

from tests import wire
from tests.frames import Kind, nth, reply_to
from tests.proxy import FaultProxy
from tests.waiting import remains, wait_until
from tests.wire import Opcode, Xid
from zc.zk import Client, ConnectionLoss

NODES = 20
Rewrite = Callable[[bytes], bytes | list[bytes]]


@pytest.fixture(autouse=True)
def nodes(observer: Client) -> list[str]:
    return [observer.create(f"/{number}", b"data of %d" % number) for number in range(NODES)]


def with_xid(payload: bytes, xid: int) -> bytes:
    return struct.pack(">i", xid) + payload[4:]


def xid_of(payload: bytes) -> int:
    xid: int = struct.unpack_from(">i", payload)[0]
    return xid


def read_all(client: Client) -> list[bytes]:
    results = [client.get_async(f"/{number}") for number in range(NODES)]
    return [result.get()[0] for result in results]


RIGHT = [b"data of %d" % number for number in range(NODES)]
WRONG_REPLIES: dict[str, Rewrite] = {
    "a duplicate": lambda payload: [wire.frame(payload), wire.frame(payload)],
    "one of a later request": lambda payload: with_xid(payload, xid_of(payload) + 1),
    "one of an earlier request": lambda payload: with_xid(payload, xid_of(payload) - 1),
    "one of a request never made": lambda payload: with_xid(payload, 2**31 - 1),
    "an unsolicited one first": lambda payload: [wire.reply(4711), wire.frame(payload)],
    "one with xid 0": lambda payload: with_xid(payload, 0),
    "one with a negative xid": lambda payload: with_xid(payload, -77),
    "one disguised as a ping's": lambda payload: with_xid(payload, Xid.PING),
    "one disguised as an identity's": lambda payload: with_xid(payload, Xid.AUTH),
    "one disguised as re-armed watches'": lambda payload: with_xid(payload, Xid.SET_WATCHES),
    "none at all": lambda payload: [],
}


@pytest.mark.parametrize("wrong", WRONG_REPLIES)
@pytest.mark.parametrize("number", [1, NODES // 2, NODES - 1])
def test_r21_a_wrong_reply_is_given_to_nobody(
    client: Client, network: FaultProxy, wrong: str, number: int
) -> None:
    network.rewrite(nth(number, reply_to(Opcode.GET_DATA)), WRONG_REPLIES[wrong], times=1)

    assert read_all(client) == RIGHT

    assert len(network.attempts) == 2
    assert read_all(client) == RIGHT


def test_r21_replies_out_of_order_are_given_to_nobody(client: Client, network: FaultProxy) -> None:
    kept: list[bytes] = []

    def swap(payload: bytes) -> list[bytes]:
        kept.insert(0, wire.frame(payload))
        return kept if len(kept) == 2 else []

    network.rewrite(reply_to(Opcode.GET_DATA), swap, times=2)

    assert read_all(client) == RIGHT

    assert len(network.attempts) == 2


def test_r21_a_duplicate_after_the_last_reply_ends_its_connection(
    client: Client, network: FaultProxy
) -> None:
    network.rewrite(reply_to(Opcode.GET_DATA), WRONG_REPLIES["a duplicate"], times=1)

    assert client.get("/7")[0] == b"data of 7"

    wait_until(lambda: len(network.attempts) == 2, 2.0)
    assert client.get("/8")[0] == b"data of 8"


@pytest.mark.parametrize(
    "data",
    [
        wire.reply(1),
        wire.reply(4711, err=-101),
        wire.reply(Xid.PING),
        wire.reply(Xid.AUTH),
        wire.reply(Xid.AUTH, err=-115),
        wire.reply(Xid.SET_WATCHES),
    ],
    ids=["request", "error", "ping", "identity", "refused identity", "re-armed watches"],
)
def test_r21_a_reply_that_nobody_waits_for_ends_its_connection_and_nothing_else(
    client: Client, network: FaultProxy, data: bytes
) -> None:
    session = client.client_id
    client.get("/1")

    network.inject(data)

    wait_until(lambda: len(network.attempts) == 2, 2.0)
    assert client.get("/2")[0] == b"data of 2"
    assert client.client_id == session


def test_r21_an_event_that_nobody_waits_for_is_nothing(client: Client, network: FaultProxy) -> None:
    network.inject(wire.event(wire.EventType.DELETED, "/nobody-watches-this"))

    assert client.get("/1")[0] == b"data of 1"
    assert remains(lambda: len(network.attempts) == 1, 0.2)


def test_r21_a_write_is_not_answered_by_the_reply_to_another(
    client: Client, network: FaultProxy
) -> None:
    network.rewrite(
        reply_to(Opcode.CREATE), lambda payload: with_xid(payload, xid_of(payload) + 1), times=1
    )

    results = [client.create_async(f"/new-{number}") for number in range(10)]

    for number, result in enumerate(results):
        assert result.wait(5.0)
        # Those that had not left yet when the connection ended are sent on the next one.
        assert isinstance(result.exception, ConnectionLoss) or result.value == f"/new-{number}"
    assert isinstance(results[0].exception, ConnectionLoss)


def test_r21_no_value_is_ever_another_nodes_while_replies_are_repeated_at_random(
    client: Client, network: FaultProxy
) -> None:
    network.rewrite(
        lambda frame: frame.kind is Kind.REPLY and frame.index % 37 == 36,
        WRONG_REPLIES["a duplicate"],
    )
    wrong: list[str] = []

    def read(number: int) -> None:
        for _ in range(40):
            data = client.get(f"/{number}")[0]
            if data != RIGHT[number]:
                wrong.append(f"{number}: {data!r}")

    readers = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(30.0)

    assert not wrong
    assert not any(reader.is_alive() for reader in readers)
    assert len(network.attempts) > 1
