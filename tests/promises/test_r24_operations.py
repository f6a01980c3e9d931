"""R24: a malformed reply to any operation costs its connection at the most, never the client."""

import contextlib
import itertools
import logging
import random
import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.frames import Selector, reply_to
from tests.promises.conftest import Connect
from tests.promises.told import States
from tests.proxy import FaultProxy
from tests.saslserver import USERS, SaslServer
from tests.waiting import wait_until
from zc.zk import AddWatchMode, Client, DigestMD5, State, WatcherType, ZooKeeperError
from zc.zk import operations as ops
from zc.zk.codes import OpCode

HEADER = 16
BOUND = 5.0
FLIPS = 4  # replies with some bits of their body flipped, for each operation

Mutate = Callable[[bytes], bytes]
Ask = Callable[[Client, str], object]  # and a name that nobody has used


def body(change: Mutate) -> Mutate:
    return lambda payload: payload[:HEADER] + change(payload[HEADER:])


def number_at(position: int, number: int) -> Mutate:
    def change(content: bytes) -> bytes:
        return content[:position] + struct.pack(">i", number) + content[position + 4 :]

    return body(change)


# Whatever the body is, these leave none that could be read.
MUTATIONS: dict[str, Mutate] = {
    "no body": body(lambda content: b"" if content else b"x"),
    "half a body": body(lambda content: content[: len(content) // 2] or b"x"),
    "one byte less": body(lambda content: content[:-1] or b"x"),
    "one byte more": body(lambda content: content + b"\0"),
    "the body twice": body(lambda content: (content or b"x") * 2),
}
# These may leave one that says something else.
CHANGES: dict[str, Mutate] = {
    "a negative number": number_at(0, -5),
    "a huge number": number_at(0, 2**31 - 1),
    "no items": number_at(0, 0),
    "an error of no number": lambda payload: payload[:12] + struct.pack(">i", -98) + payload[16:],
    "another number behind": number_at(9, -7),
}


def flipped(seed: int) -> Mutate:
    def change(content: bytes) -> bytes:
        chance, changed = random.Random(seed), bytearray(content or b"x")
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        return bytes(changed)

    return body(change)


def commit(client: Client, name: str) -> object:
    transaction = client.transaction()
    transaction.create(f"/{name}")
    transaction.set_data(f"/{name}", b"data")
    transaction.check(f"/{name}", 1)
    transaction.delete(f"/{name}")
    return transaction.commit()


def add_and_remove(client: Client, name: str) -> object:
    with contextlib.suppress(ZooKeeperError):
        client.add_watch(f"/{name}", print)
    client.remove_watches(f"/{name}", WatcherType.ANY)
    return None


OPERATIONS: dict[str, tuple[OpCode, Ask]] = {
    "create": (OpCode.CREATE, lambda client, name: client.create(f"/{name}")),
    "create2": (OpCode.CREATE2, lambda client, name: client.create(f"/{name}", include_data=True)),
    "container": (
        OpCode.CREATE_CONTAINER,
        lambda client, name: client.create(f"/{name}", container=True),
    ),
    "ttl": (OpCode.CREATE_TTL, lambda client, name: client.create(f"/{name}", ttl=60_000)),
    "set": (OpCode.SET_DATA, lambda client, name: client.set("/node", name.encode())),
    "get": (OpCode.GET_DATA, lambda client, name: client.get("/node")),
    "exists": (OpCode.EXISTS, lambda client, name: client.exists("/node")),
    "get_children": (OpCode.GET_CHILDREN, lambda client, name: client.get_children("/node")),
    "get_children2": (
        OpCode.GET_CHILDREN2,
        lambda client, name: client.get_children("/node", include_data=True),
    ),
    "get_acls": (OpCode.GET_ACL, lambda client, name: client.get_acls("/node")),
    "set_acls": (
        OpCode.SET_ACL,
        lambda client, name: client.set_acls("/node", client.default_acl),
    ),
    "sync": (OpCode.SYNC, lambda client, name: client.sync("/node")),
    "transaction": (OpCode.MULTI, commit),
    "multi_read": (
        OpCode.MULTI_READ,
        lambda client, name: client.multi_read([("get", "/node"), ("get_children", "/node")]),
    ),
    "get_ephemerals": (OpCode.GET_EPHEMERALS, lambda client, name: client.get_ephemerals()),
    "get_all_children_number": (
        OpCode.GET_ALL_CHILDREN_NUMBER,
        lambda client, name: client.get_all_children_number("/"),
    ),
    "who_am_i": (OpCode.WHO_AM_I, lambda client, name: client.who_am_i()),
    "add_watch": (
        OpCode.ADD_WATCH,
        lambda client, name: client.add_watch(
            f"/{name}", lambda event: None, AddWatchMode.PERSISTENT_RECURSIVE
        ),
    ),
    "remove_watches": (OpCode.REMOVE_WATCHES, add_and_remove),
    "check_watches": (
        OpCode.CHECK_WATCHES,
        lambda client, name: client.run(iter(ops.CheckWatches("/node", WatcherType.ANY))),
    ),
    "reconfig": (OpCode.RECONFIG, lambda client, name: client.reconfig(None, "9", None)),
    "delete": (OpCode.DELETE, lambda client, name: [client.create("/own"), client.delete("/own")]),
}


@pytest.fixture
def peer(client: Client, observer: Client) -> Client:
    """A client that must outlive everything, with nodes to ask for."""
    observer.create("/node", b"data")
    observer.create("/node/child", b"more")
    client.create("/mine", ephemeral=True)
    return client


def ask_spoilt(
    client: Client, network: FaultProxy, selector: Selector, mutate: Mutate, ask: Any, name: str
) -> bool:
    """Ask while the first answer is spoilt; tell whether it was. Nothing but our own errors may come."""
    rule = network.rewrite(selector, mutate, times=1)
    with contextlib.suppress(ZooKeeperError):
        ask(client, name)
    was_spoilt = rule.fired == 1
    network.heal()
    wait_until(lambda: client.connected, BOUND)
    return was_spoilt


def unexpected(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if "unexpected" in each.getMessage()]


@pytest.mark.slow
@pytest.mark.of_core
@pytest.mark.parametrize("operation", OPERATIONS)
def test_r24_no_malformed_answer_to_an_operation_ends_a_client(
    peer: Client, network: FaultProxy, caplog: pytest.LogCaptureFixture, operation: str
) -> None:
    opcode, ask = OPERATIONS[operation]
    caplog.set_level(logging.DEBUG)
    session, states = peer.client_id, States(peer)
    flips = {f"flips {number}": flipped(number) for number in range(FLIPS)}
    spoilt = 0

    for number, mutate in enumerate([*MUTATIONS.values(), *CHANGES.values(), *flips.values()]):
        spoilt += ask_spoilt(peer, network, reply_to(opcode), mutate, ask, f"{operation}-{number}")
        assert peer.get("/node/child")[0] == b"more"

    assert spoilt == len(MUTATIONS) + len(CHANGES) + FLIPS
    assert unexpected(caplog) == []
    assert peer.client_id == session
    assert State.LOST not in states.values
    assert peer.exists("/mine")


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("operation", ["get", "transaction", "multi_read", "who_am_i", "get_acls"])
def test_r24_an_answer_that_cannot_be_read_costs_its_connection(
    peer: Client, network: FaultProxy, operation: str, mutation: str
) -> None:
    opcode, ask = OPERATIONS[operation]
    attempts = len(network.attempts)

    assert ask_spoilt(peer, network, reply_to(opcode), MUTATIONS[mutation], ask, operation)

    wait_until(lambda: len(network.attempts) == attempts + 1, BOUND)
    assert peer.get("/node/child")[0] == b"more"


REARMING: dict[str, tuple[OpCode, ...]] = {
    "one-shot watches": (OpCode.SET_WATCHES,),
    "standing watches": (OpCode.CHECK_WATCHES, OpCode.SET_WATCHES2),
    "identities": (OpCode.AUTH,),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", REARMING)
def test_r24_malformed_answers_while_re_arming_are_made_up_for(
    connect: Connect,
    network: FaultProxy,
    observer: Client,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    observer.create("/node", b"data")
    client = connect(auth_data=[("digest", "ann:her word")] if what == "identities" else ())
    told: list[object] = []
    if what == "standing watches":
        client.add_watch("/node", told.append)
    client.get("/node", told.append)
    session = client.client_id
    spoilt = 0

    for opcode, mutate in itertools.product(REARMING[what], MUTATIONS.values()):
        rule = network.rewrite(reply_to(opcode), mutate, times=1)
        network.cut()
        wait_until(lambda rule=rule: rule.fired or not client.connected, BOUND)  # type: ignore[misc]
        wait_until(lambda: client.connected, BOUND)
        spoilt += rule.fired
        network.heal()

    told.clear()
    wait_until(lambda: client.connected, BOUND)
    observer.set("/node", b"changed")
    wait_until(lambda: told, BOUND)
    assert spoilt > 0
    assert client.client_id == session
    assert unexpected(caplog) == []


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_r24_malformed_answers_while_logging_in_are_made_up_for(
    sasl_server: SaslServer,
    make_client: Connect,
    proxy_to: Callable[[int], FaultProxy],
    caplog: pytest.LogCaptureFixture,
    mutation: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    network = proxy_to(sasl_server.port)
    rule = network.rewrite(reply_to(OpCode.SASL), MUTATIONS[mutation], times=1)
    client = make_client(network.address, sasl=DigestMD5("bob", USERS["bob"]))

    client.start()

    assert rule.fired == 1
    assert ("sasl", "bob") in [(each.scheme, each.user) for each in client.who_am_i()]
    assert unexpected(caplog) == []
