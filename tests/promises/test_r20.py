"""R20: what is asked again and what is not is explicit: reads are, writes that may be applied are not, errors never."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.frames import Kind, Selector, nth, of_kind, reply_to, request
from tests.promises.conftest import Connect
from tests.proxy import FaultProxy
from tests.waiting import remains, stretched, wait_until
from tests.wire import Opcode, session_refused
from zc.zk import (
    OPEN_ACL_UNSAFE,
    AuthFailedError,
    BadVersionError,
    Client,
    ConnectionLoss,
    KeeperState,
    NodeExistsError,
    NoNodeError,
    OperationTimeoutError,
    OutcomeUnknown,
    RequestTooLargeError,
    ServerError,
    SessionExpiredError,
    State,
)

Call = Callable[[Client], Any]
LONG_ENOUGH = 0.25  # seconds in which a request that is sent again would be seen

READS: dict[Opcode, Call] = {
    Opcode.EXISTS: lambda client: client.exists("/node").data_length,  # type: ignore[union-attr]
    Opcode.GET_DATA: lambda client: client.get("/node")[0],
    Opcode.GET_CHILDREN: lambda client: client.get_children("/node"),
    Opcode.GET_CHILDREN2: lambda client: client.get_children("/node", include_data=True)[0],
    Opcode.GET_ACL: lambda client: client.get_acls("/node")[0],
    Opcode.SYNC: lambda client: client.sync("/node"),
}
ANSWERS = {
    Opcode.EXISTS: 4,
    Opcode.GET_DATA: b"data",
    Opcode.GET_CHILDREN: ["child"],
    Opcode.GET_CHILDREN2: ["child"],
    Opcode.GET_ACL: OPEN_ACL_UNSAFE,
    Opcode.SYNC: "/node",
}
# What the node cannot tell the outcome of.
WRITES: dict[str, tuple[Opcode, Call]] = {
    "create": (Opcode.CREATE, lambda client: client.create("/new")),
    "create sequence": (Opcode.CREATE, lambda client: client.create("/new", sequence=True)),
    "create2": (Opcode.CREATE2, lambda client: client.create("/new", include_data=True)),
    "set": (Opcode.SET_DATA, lambda client: client.set("/node", b"new")),
    "set_acls": (Opcode.SET_ACL, lambda client: client.set_acls("/node", OPEN_ACL_UNSAFE)),
}
# What it can.
PROTECTED: dict[str, tuple[Opcode, Call]] = {
    "create ephemeral": (Opcode.CREATE, lambda client: client.create("/new", ephemeral=True)),
    "create2 ephemeral": (
        Opcode.CREATE2,
        lambda client: client.create("/new", ephemeral=True, include_data=True)[0],
    ),
    "create ephemeral makepath": (
        Opcode.CREATE,
        lambda client: client.create("/new", ephemeral=True, makepath=True),
    ),
    "create protected": (Opcode.CREATE, lambda client: client.create("/new/a", protected=True)),
    "create protected ephemeral sequence": (
        Opcode.CREATE,
        lambda client: client.create("/new/a-", ephemeral=True, sequence=True, protected=True),
    ),
    "create2 protected sequence": (
        Opcode.CREATE2,
        lambda client: client.create("/new/", sequence=True, include_data=True, protected=True)[0],
    ),
    "delete": (Opcode.DELETE, lambda client: client.delete("/node/child")),
    "delete version": (Opcode.DELETE, lambda client: client.delete("/node/child", 0)),
    "delete recursive": (Opcode.DELETE, lambda client: client.delete("/node", recursive=True)),
    "ensure_path": (Opcode.CREATE, lambda client: client.ensure_path("/new")),
}


@pytest.fixture(autouse=True)
def node(observer: Client) -> None:
    observer.create("/node", b"data")
    observer.create("/node/child")


def requests(network: FaultProxy, opcode: Opcode) -> int:
    return sum(frame.kind is Kind.REQUEST and frame.opcode == opcode for frame in network.frames)


def picture(observer: Client) -> tuple[int, list[str], int, int]:
    """Give what the writes of these tests can change."""
    stat = observer.exists("/node")
    assert stat is not None
    names = [name for name in observer.get_children("/") if name.startswith("new")]
    return len(names), observer.get_children("/node"), stat.version, stat.acl_version


@pytest.mark.parametrize("opcode", READS, ids=lambda opcode: opcode.name)
@pytest.mark.parametrize("end", ["request", "reply"])
@pytest.mark.parametrize("rst", [False, True], ids=["fin", "rst"])
def test_r20_a_read_that_was_cut_off_is_asked_again(
    client: Client, network: FaultProxy, opcode: Opcode, end: str, rst: bool
) -> None:
    cut: Selector = request(opcode) if end == "request" else reply_to(opcode)
    network.forget_frames()  # starting has looked for the chroot
    network.cut_on(cut, rst=rst)

    answer = READS[opcode](client)

    assert answer == ANSWERS[opcode]
    assert requests(network, opcode) == 2
    assert len(network.attempts) == 2


def test_r20_reads_that_were_cut_off_together_are_answered_each_for_itself(
    client: Client, network: FaultProxy
) -> None:
    paths = [client.create(f"/node/{number}", b"%d" % number) for number in range(100)]
    seen = 0

    def is_one_in_the_middle(frame: Any) -> bool:
        nonlocal seen
        seen += frame.kind is Kind.REPLY and frame.opcode == Opcode.GET_DATA
        return seen == 50

    network.cut_on(is_one_in_the_middle)

    results = [client.get_async(path) for path in paths]

    assert [result.get()[0] for result in results] == [b"%d" % number for number in range(100)]


@pytest.mark.parametrize("write", WRITES)
def test_r20_a_write_cut_off_before_it_was_applied_is_unknown_and_never_sent_again(
    client: Client, network: FaultProxy, observer: Client, write: str
) -> None:
    opcode, call = WRITES[write]
    before = picture(observer)
    network.cut_on(request(opcode))

    with pytest.raises(ConnectionLoss) as caught:
        call(client)

    assert caught.value.maybe_applied
    wait_until(lambda: client.connected, 2.0)
    assert remains(lambda: requests(network, opcode) == 1, LONG_ENOUGH)
    assert picture(observer) == before


@pytest.mark.parametrize("write", WRITES)
def test_r20_a_write_cut_off_after_it_was_applied_is_unknown_and_never_applied_twice(
    client: Client, network: FaultProxy, observer: Client, write: str
) -> None:
    opcode, call = WRITES[write]
    before = picture(observer)
    network.cut_on(reply_to(opcode))

    with pytest.raises(ConnectionLoss) as caught:
        call(client)

    assert caught.value.maybe_applied
    after = wait_until(lambda: (now := picture(observer)) != before and now, 2.0)
    wait_until(lambda: client.connected, 2.0)
    assert remains(lambda: requests(network, opcode) == 1, LONG_ENOUGH)
    assert picture(observer) == after
    assert after[0] <= 1
    assert after[2] <= 1
    assert after[3] <= 1


@pytest.mark.parametrize("end", ["request", "reply"])
@pytest.mark.parametrize("rst", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("write", PROTECTED)
def test_r20_a_write_that_can_be_told_is_done_once_wherever_it_was_cut_off(
    client: Client, network: FaultProxy, observer: Client, write: str, end: str, rst: bool
) -> None:
    opcode, call = PROTECTED[write]
    if write.startswith("create") and "protected" in write:
        observer.create("/new")
    client.exists("/node")  # who has heard of nothing cannot tell one node from the next
    network.cut_on(request(opcode) if end == "request" else reply_to(opcode), rst=rst)

    answer = call(client)

    made = names_below(observer, "/new")
    if write.startswith("create"):
        assert made == [answer]
        assert observer.exists(answer).version == 0  # type: ignore[union-attr]
    elif write == "ensure_path":
        assert made == ["/new"]
    else:
        assert observer.exists("/node/child") is None
    assert len(network.attempts) == 2


@pytest.mark.parametrize("end", ["request", "reply"])
@pytest.mark.parametrize(
    ("opcode", "call", "answer"),
    [
        (Opcode.CREATE, lambda it: it.create_async("/new", ephemeral=True), "/new"),
        (Opcode.CREATE, lambda it: it.create_async("/new", ephemeral=True, makepath=True), "/new"),
        (Opcode.DELETE, lambda it: it.delete_async("/node/child"), True),
        (Opcode.DELETE, lambda it: it.delete_async("/node", recursive=True), True),
    ],
    ids=["create", "makepath", "delete", "recursive"],
)
def test_r20_a_write_without_waiting_is_done_once_as_well(
    client: Client, network: FaultProxy, opcode: Opcode, call: Call, answer: object, end: str
) -> None:
    client.exists("/node")
    network.cut_on(request(opcode) if end == "request" else reply_to(opcode))
    told: list[object] = []

    result = call(client)
    result.rawlink(told.append)

    assert result.get() == answer
    wait_until(lambda: told == [result], 2.0)


@pytest.mark.parametrize("end", ["request", "reply"])
def test_r20_a_write_without_waiting_that_cannot_be_told_is_unknown(
    client: Client, network: FaultProxy, end: str
) -> None:
    network.cut_on(request(Opcode.CREATE) if end == "request" else reply_to(Opcode.CREATE))

    with pytest.raises(ConnectionLoss) as caught:
        client.create_async("/new").get()

    assert isinstance(caught.value, OutcomeUnknown)


def test_r20_a_write_without_waiting_ends_in_time_whatever_is_found_out(
    connect: Connect, network: FaultProxy
) -> None:
    client = connect(operation_timeout=0.5)
    network.refuse()
    network.cut_on(reply_to(Opcode.CREATE))
    begun = time.monotonic()

    with pytest.raises(OutcomeUnknown):
        client.create_async("/new", ephemeral=True).get()

    assert time.monotonic() - begun < stretched(0.5 + 0.4)


def test_r20_a_write_without_waiting_ends_with_the_client(
    client: Client, network: FaultProxy
) -> None:
    network.refuse()
    network.cut_on(reply_to(Opcode.CREATE))
    result = client.create_async("/new", ephemeral=True)
    wait_until(lambda: client.state is State.SUSPENDED, 2.0)

    client.stop()

    with pytest.raises(OutcomeUnknown):
        result.get(2.0)


def names_below(observer: Client, path: str) -> list[str]:
    """Give the paths of the nodes below a path, or its own where there are none below."""
    if observer.exists(path) is None:
        return []
    return [f"{path}/{name}" for name in observer.get_children(path)] or [path]


@pytest.mark.parametrize("end", ["request", "reply"])
def test_r20_a_write_at_a_version_is_done_or_unknown_and_never_done_twice(
    client: Client, network: FaultProxy, observer: Client, end: str
) -> None:
    client.exists("/node")
    cut: Selector = request(Opcode.SET_DATA) if end == "request" else reply_to(Opcode.SET_DATA)
    network.cut_on(cut)

    if end == "request":
        assert client.set("/node", b"new", 0).version == 1
    else:
        with pytest.raises(OutcomeUnknown, match="version 1 now"):
            client.set("/node", b"new", 0)

    stat = observer.exists("/node")
    assert stat is not None
    assert stat.version == 1


def test_r20_two_counters_that_are_cut_off_together_lose_no_count(
    connect: Connect, network: FaultProxy, observer: Client
) -> None:
    observer.create("/count", b"0")
    clients = [connect(), connect()]
    network.hold("to_client")

    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(client.set, "/count", b"1", 0) for client in clients]
        wait_until(lambda: requests(network, Opcode.SET_DATA) == 2, 2.0)
        wait_until(lambda: observer.get("/count")[0] == b"1", 2.0)
        network.cut()
        network.heal()
        errors = [result.exception() for result in results]

    assert all(isinstance(error, (OutcomeUnknown, BadVersionError)) for error in errors)


def test_r20_the_name_that_another_took_meanwhile_is_his(
    client: Client, network: FaultProxy, observer: Client
) -> None:
    network.refuse()
    network.cut_on(request(Opcode.CREATE))
    result = ThreadPoolExecutor(1).submit(client.create, "/new", ephemeral=True)
    wait_until(lambda: client.state is State.SUSPENDED, 2.0)
    observer.create("/new", ephemeral=True)

    network.accept()

    with pytest.raises(NodeExistsError) as caught:
        result.result()
    assert observer.client_id is not None
    assert caught.value.owner == observer.client_id[0]


def test_r20_a_write_whose_session_ended_meanwhile_is_unknown(
    client: Client, network: FaultProxy, observer: Client
) -> None:
    network.rewrite(
        nth(1, of_kind(Kind.CONNECT_RESPONSE)), lambda _: session_refused()[4:], times=1
    )
    network.cut_on(reply_to(Opcode.CREATE))

    with pytest.raises(SessionExpiredError) as caught:
        client.create("/new", ephemeral=True)

    assert isinstance(caught.value, OutcomeUnknown)


def test_r20_what_cannot_be_found_out_in_time_is_unknown(
    connect: Connect, network: FaultProxy
) -> None:
    client = connect(operation_timeout=0.5)
    network.refuse()
    network.cut_on(reply_to(Opcode.CREATE))
    begun = time.monotonic()

    with pytest.raises(OperationTimeoutError) as caught:
        client.create("/new", ephemeral=True)

    assert isinstance(caught.value, OutcomeUnknown)
    assert time.monotonic() - begun < stretched(0.5 + 0.4)


@pytest.mark.parametrize(
    ("call", "late"),
    [
        (
            lambda client: client.create("/new/a/b", makepath=True),
            lambda: nth(3, request(Opcode.CREATE)),
        ),
        (lambda client: client.ensure_path("/new/a/b"), lambda: nth(4, request(Opcode.CREATE))),
        (
            lambda client: client.delete("/node", recursive=True),
            lambda: nth(3, request(Opcode.GET_CHILDREN)),
        ),
    ],
    ids=["makepath", "ensure_path", "recursive"],
)
def test_r20_what_was_done_in_part_when_time_ran_out_says_so(
    connect: Connect, network: FaultProxy, call: Call, late: Callable[[], Selector]
) -> None:
    client = connect(operation_timeout=0.5)
    network.refuse()
    network.cut_on(late())

    with pytest.raises(OutcomeUnknown):
        call(client)

    assert client.state is State.SUSPENDED


@pytest.mark.parametrize("write", ["create ephemeral", "delete", "create protected"])
def test_r20_nothing_more_is_asked_where_nothing_was_lost(
    client: Client, network: FaultProxy, observer: Client, write: str
) -> None:
    opcode, call = PROTECTED[write]
    if "protected" in write:
        observer.create("/new")
    network.forget_frames()

    call(client)

    asked = [frame.opcode for frame in network.frames if frame.kind is Kind.REQUEST]
    assert [each for each in asked if each != Opcode.PING] == [opcode]


def test_r20_a_write_that_never_left_the_client_is_sent_when_a_server_is_there(
    client: Client, network: FaultProxy
) -> None:
    network.refuse()
    network.cut()
    wait_until(lambda: client.state is State.SUSPENDED, 1.0)
    result = client.create_async("/new")

    network.heal()

    assert result.get() == "/new"
    assert requests(network, Opcode.CREATE) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.create("/new", bytes(2**20)),
        lambda client: client.create("/new", bytes(2**20), makepath=True),
        lambda client: client.set("/node", bytes(2**21)),
        lambda client: client.set_async("/node", bytes(2**21)),
        lambda client: client.get("/" + "x" * 2**20),
    ],
    ids=["create", "create makepath", "set", "set_async", "path"],
)
def test_r20_a_request_that_is_too_large_is_an_error_at_once(
    client: Client, network: FaultProxy, call: Call
) -> None:
    session = client.client_id
    frames = len(network.frames)

    with pytest.raises(RequestTooLargeError):
        call(client)

    assert remains(lambda: client.connected, LONG_ENOUGH)
    assert client.client_id == session
    assert len(network.attempts) == 1
    assert not any(frame.opcode not in {None, Opcode.PING} for frame in network.frames[frames:])


@pytest.mark.parametrize(
    ("opcode", "call", "error"),
    [
        (Opcode.GET_DATA, lambda client: client.get("/missing"), NoNodeError),
        (Opcode.CREATE, lambda client: client.create("/node"), NodeExistsError),
        (Opcode.SET_DATA, lambda client: client.set("/node", b"", 7), BadVersionError),
        (Opcode.DELETE, lambda client: client.delete("/missing"), NoNodeError),
    ],
)
def test_r20_what_the_server_refuses_is_not_asked_again(
    client: Client, network: FaultProxy, opcode: Opcode, call: Call, error: type[ServerError]
) -> None:
    with pytest.raises(error) as caught:
        call(client)

    assert not caught.value.maybe_applied
    assert requests(network, opcode) == 1
    assert len(network.attempts) == 1


def test_r20_an_identity_that_is_refused_is_not_shown_again(
    connect: Connect, network: FaultProxy
) -> None:
    client = connect()

    with pytest.raises(AuthFailedError):
        client.add_auth("no-such-scheme", "me")

    assert client.client_state is KeeperState.AUTH_FAILED
    assert remains(lambda: len(network.attempts) == 1, LONG_ENOUGH)
    with pytest.raises(AuthFailedError):
        client.get("/node")
