import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import wire
from tests.samples import EXCHANGES, ONE_OF_EACH, STAT, Exchange
from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, CreateFlag, EventType, KeeperState, OpCode
from zc.zk.errors import BadVersionError, CodedError, NoNodeError, ProtocolError
from zc.zk.jute import Reader, Writer
from zc.zk.records import REPLY_HEADER, REQUEST_HEADER, ClientInfo, Stat, WatchedEvent
from zc.zk.security import ACL, Id

# The recorded frames of protocol.md, section 22, without their lengths.
CREATED = Stat(0x2F0D, 0x2F0D, 0x1A1F7B5B27F, 0x1A1F7B5B27F, 0, 1, 0, 0, 2, 1, 0x2F0E)
WRITTEN = Stat(0x2F0D, 0x2F0F, 0x1A1F7B5B27F, 0x1A1F7B5B280, 1, 1, 0, 0, 2, 1, 0x2F0E)
LOCK = Stat(0x2F0E, 0x2F0E, 0x1A1F7B5B27F, 0x1A1F7B5B27F, 0, 0, 0, 0x010000039ACA0010, 0, 0, 0x2F0E)
WORLD = "00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65"
DEMO = "00000005 2f64656d6f"
LOCK_PATH = "/demo/lock-0000000000"
REQUESTS: list[tuple[int, ops.Operation[Any], str]] = [  # Any: replies of every type
    (-2, ops.Ping(), "fffffffe 0000000b"),
    (
        -4,
        ops.Auth("digest", b"bob:pw"),
        "fffffffc 00000064 00000000 00000006 646967657374 00000006 626f623a7077",
    ),
    (2, ops.Create("/demo", b"hi"), f"00000002 00000001 {DEMO} 00000002 6869 {WORLD} 00000000"),
    (
        3,
        ops.Create2("/demo/lock-", b"", flags=CreateFlag(3)),
        f"00000003 0000000f 0000000b 2f64656d6f2f6c6f636b2d 00000000 {WORLD} 00000003",
    ),
    (4, ops.GetData("/demo", ops.Watch()), f"00000004 00000004 {DEMO} 01"),
    (5, ops.SetData("/demo", b"yo", 0), f"00000005 00000005 {DEMO} 00000002 796f 00000000"),
    (6, ops.Delete("/demo"), f"00000006 00000002 {DEMO} ffffffff"),
    (
        8,
        ops.Exists("/demo/nope", ops.Watch()),
        "00000008 00000003 0000000a 2f64656d6f2f6e6f7065 01",
    ),
    (
        -8,
        ops.SetWatches(0, ("/demo",)),
        f"fffffff8 00000065 0000000000000000 00000001 {DEMO} 00000000 00000000",
    ),
    (17, ops.CloseSession(), "00000011 fffffff5"),
    (
        9,
        ops.AddWatch("/demo", ops.Watch(), AddWatchMode.PERSISTENT_RECURSIVE),
        f"00000009 0000006a {DEMO} 00000001",
    ),
    (11, ops.WhoAmI(), "0000000b 0000006b"),
    (1, ops.Sasl(b""), "00000001 00000066 00000000"),
    (
        5,
        ops.Multi((ops.Create("/mu/a"), ops.Check("/mu/x", 99), ops.Delete("/mu/x"))),
        (
            "00000005 0000000e"
            f"00000001 00 ffffffff 00000005 2f6d752f61 00000000 {WORLD} 00000000"
            "0000000d 00 ffffffff 00000005 2f6d752f78 00000063"
            "00000002 00 ffffffff 00000005 2f6d752f78 ffffffff"
            "ffffffff 01 ffffffff"
        ),
    ),
    (
        12,
        ops.MultiRead((ops.GetData("/demo"), ops.GetChildren("/none"))),
        (
            f"0000000c 00000016 00000004 00 ffffffff {DEMO} 00"
            "00000008 00 ffffffff 00000005 2f6e6f6e65 00 ffffffff 01 ffffffff"
        ),
    ),
]
STAT_READ = (
    "0000000000002f0d 0000000000002f0d 000001a1f7b5b27f 000001a1f7b5b27f"
    "00000000 00000001 00000000 0000000000000000 00000002 00000001 0000000000002f0e"
)
STAT_WRITTEN = (
    "0000000000002f0d 0000000000002f0f 000001a1f7b5b27f 000001a1f7b5b280"
    "00000001 00000001 00000000 0000000000000000 00000002 00000001 0000000000002f0e"
)
STAT_LOCK = (
    "0000000000002f0e 0000000000002f0e 000001a1f7b5b27f 000001a1f7b5b27f"
    "00000000 00000000 00000000 010000039aca0010 00000000 00000000 0000000000002f0e"
)
REPLIES: list[tuple[ops.Operation[Any], object, str]] = [  # Any: replies of every type
    (ops.Ping(), None, "fffffffe 0000000000002f0c 00000000"),
    (ops.Auth("digest", b""), None, "fffffffc 0000000000000000 00000000"),
    (ops.Create("/demo"), "/demo", f"00000002 0000000000002f0d 00000000 {DEMO}"),
    (
        ops.Create2("/demo/lock-"),
        (LOCK_PATH, LOCK),
        "00000003 0000000000002f0e 00000000 00000015 2f64656d6f2f6c6f636b2d30303030303030303030"
        + STAT_LOCK,
    ),
    (
        ops.GetData("/demo"),
        (b"hi", CREATED),
        "00000004 0000000000002f0e 00000000 00000002 6869" + STAT_READ,
    ),
    (ops.SetData("/demo", b""), WRITTEN, "00000005 0000000000002f0f 00000000" + STAT_WRITTEN),
    (
        ops.GetChildren("/demo"),
        ["lock-0000000000"],
        "00000007 0000000000002f10 00000000 00000001 0000000f 6c6f636b2d30303030303030303030",
    ),
    (ops.SetWatches(0), None, "fffffff8 0000000000002f10 00000000"),
    (ops.CloseSession(), None, "00000011 0000000000002f13 00000000"),
    (
        ops.AddWatch("/demo", ops.Watch()),
        None,
        "00000009 0000000000002f10 00000000 00000000",
    ),
    (
        ops.WhoAmI(),
        [ClientInfo("digest", "bob"), ClientInfo("ip", "127.0.0.1")],
        (
            "0000000b 0000000000002f10 00000000 00000002 00000006 646967657374 00000003 626f62"
            "00000002 6970 00000009 3132372e302e302e31"
        ),
    ),
    (
        ops.Multi(
            (ops.Create("/mu/a"), ops.SetData("/mu/a", b""), ops.Check("/a"), ops.Delete("/a"))
        ),
        ["/mu/a", WRITTEN, True, True],
        (
            "00000004 000000000000023d 00000000"
            "00000001 00 00000000 00000005 2f6d752f61"
            f"00000005 00 00000000 {STAT_WRITTEN}"
            "0000000d 00 00000000"
            "00000002 00 00000000"
            "ffffffff 01 ffffffff"
        ),
    ),
]


def request_body(operation: ops.Operation[Any], root: str = "") -> bytes:
    out = Writer(root)
    operation.write(out)
    return out.getvalue()


def reply_body(operation: ops.Operation[Any], answer: object) -> bytes:
    out = Writer()
    operation.write_reply(answer, out)
    return out.getvalue()


def answer_in(operation: ops.Operation[Any], body: bytes) -> object:
    source = Reader(body)
    answer = operation.read(source)
    source.finish()
    return answer


def without_watch(operation: ops.Operation[Any]) -> tuple[object, ...]:
    """What must survive the wire: of a watch, only whether there is one."""
    names = getattr(operation, "__dataclass_fields__", ())
    values = [getattr(operation, name) for name in names]
    return type(operation), *map(_wire_value, values)


def _wire_value(value: object) -> object:
    if isinstance(value, tuple) and all(isinstance(each, ops.Operation) for each in value):
        return tuple(without_watch(each) for each in value)
    return isinstance(value, ops.Watch) or value


# As recorded


@pytest.mark.parametrize(("xid", "operation", "recorded"), REQUESTS)
def test_a_request_has_the_bytes_that_were_recorded(
    xid: int, operation: ops.Operation[Any], recorded: str
) -> None:
    header = REQUEST_HEADER.pack(xid, operation.opcode)

    assert header + request_body(operation) == bytes.fromhex(recorded)


@pytest.mark.parametrize(("operation", "answer", "recorded"), REPLIES)
def test_a_reply_that_was_recorded_is_read_and_written(
    operation: ops.Operation[Any], answer: object, recorded: str
) -> None:
    body = bytes.fromhex(recorded)[REPLY_HEADER.size :]

    assert answer_in(operation, body) == answer
    assert reply_body(operation, answer) == body


def test_an_event_that_was_recorded_is_read() -> None:
    frame = bytes.fromhex(f"ffffffff ffffffffffffffff 00000000 00000003 00000003 {DEMO}")

    event = WatchedEvent.read(Reader(frame, REPLY_HEADER.size), -1)

    assert event == WatchedEvent(EventType.CHANGED, KeeperState.CONNECTED, "/demo")


# There and back


@given(EXCHANGES)
def test_a_server_reads_the_request_that_a_client_wrote(exchange: Exchange) -> None:
    operation, _ = exchange
    source = Reader(request_body(operation))

    read = ops.OPERATIONS[operation.opcode].read_request(source)
    source.finish()

    assert without_watch(read) == without_watch(operation)


@pytest.mark.parametrize(("operation", "_answer"), ONE_OF_EACH)
def test_every_operation_survives_the_wire(operation: ops.Operation[Any], _answer: object) -> None:
    read = ops.OPERATIONS[operation.opcode].read_request(Reader(request_body(operation)))

    assert without_watch(read) == without_watch(operation)


@given(EXCHANGES)
def test_a_client_reads_the_answer_that_a_server_wrote(exchange: Exchange) -> None:
    operation, answer = exchange

    assert answer_in(operation, reply_body(operation, answer)) == answer


@pytest.mark.parametrize(("operation", "answer"), ONE_OF_EACH)
def test_every_strict_prefix_of_a_reply_is_a_protocol_error(
    operation: ops.Operation[Any], answer: object
) -> None:
    body = reply_body(operation, answer)

    for length in range(len(body)):
        with pytest.raises(ProtocolError):
            answer_in(operation, body[:length])


@pytest.mark.parametrize(("operation", "answer"), ONE_OF_EACH)
@pytest.mark.parametrize("extension", [b"\0", b"\xff", bytes(4), bytes(68)])
def test_every_extension_of_a_reply_is_a_protocol_error(
    operation: ops.Operation[Any], answer: object, extension: bytes
) -> None:
    body = reply_body(operation, answer) + extension

    with pytest.raises(ProtocolError, match=r"bytes after the end of a record$"):
        answer_in(operation, body)


@given(EXCHANGES, st.binary(max_size=120))
def test_whatever_the_bytes_a_reply_is_read_or_a_protocol_error(
    exchange: Exchange, body: bytes
) -> None:
    operation, _ = exchange

    with contextlib.suppress(ProtocolError):
        answer_in(operation, body)


@given(EXCHANGES, st.data())
def test_a_reply_with_one_byte_changed_is_read_or_a_protocol_error(
    exchange: Exchange, data: st.DataObject
) -> None:
    operation, answer = exchange
    body = bytearray(reply_body(operation, answer) or b"\0")
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] = data.draw(st.integers(0, 255))

    with contextlib.suppress(ProtocolError):
        answer_in(operation, bytes(body))


@given(st.sampled_from([cls for _, cls in sorted(ops.OPERATIONS.items())]), st.binary(max_size=120))
def test_whatever_the_bytes_a_request_is_read_or_a_protocol_error(
    operation: type[ops.Operation[Any]], body: bytes
) -> None:
    with contextlib.suppress(ProtocolError):
        operation.read_request(Reader(body))


# What is particular to one


@pytest.mark.parametrize("cls", [ops.Exists, ops.GetData, ops.GetChildren, ops.GetChildren2])
def test_a_read_that_can_leave_a_watch_says_whether_it_shall(cls: type[Any]) -> None:
    assert request_body(cls("/a")) == wire.path_watch_body("/a")
    assert request_body(cls("/a", ops.Watch())) == wire.path_watch_body("/a", watch=True)


def test_null_data_reads_as_empty() -> None:
    body = wire.buffer(None) + wire.stat_body()

    answer = answer_in(ops.GetData("/a"), body)

    assert isinstance(answer, tuple)
    assert answer[0] == b""


def test_a_node_may_be_created_with_null_data() -> None:
    assert request_body(ops.Create("/a", None)).startswith(wire.string("/a") + wire.buffer(None))


def test_exists_answers_none_where_there_is_no_node() -> None:
    assert ops.Exists("/a").refused(NoNodeError.code) is None


@pytest.mark.parametrize(("operation", "_answer"), ONE_OF_EACH)
def test_any_other_error_number_is_raised_as_its_exception(
    operation: ops.Operation[Any], _answer: object
) -> None:
    with pytest.raises(BadVersionError) as caught:
        operation.refused(BadVersionError.code)

    assert caught.value.path == getattr(operation, "path", None)


@pytest.mark.parametrize("number", [-99, 1, 12345, -(2**31)])
def test_an_unknown_error_number_is_a_coded_error(number: int) -> None:
    with pytest.raises(CodedError):
        ops.GetData("/a").refused(number)


def test_the_root_of_a_chroot_cannot_be_deleted() -> None:
    assert request_body(ops.Delete("/"), root="/app") == wire.delete_body("/")


@pytest.mark.parametrize(("root", "sent"), [("/app", "/app/"), ("", "/")])
def test_a_sequential_child_of_the_root_stays_below_the_chroot(root: str, sent: str) -> None:
    operation = ops.Create("/", flags=CreateFlag.SEQUENTIAL)

    assert request_body(operation, root=root) == wire.create_body(sent, flags=2)


def test_every_path_of_a_request_gets_the_chroot() -> None:
    operation = ops.SetWatches(7, ("/a",), ("/b",), ("/",))

    body = request_body(operation, root="/app")

    assert body == wire.set_watches_body(7, ["/app/a"], ["/app/b"], ["/app"])


@pytest.mark.parametrize("position", range(3))
def test_a_null_list_of_watches_is_a_protocol_error(position: int) -> None:
    lists = [wire.strings([])] * 3
    lists[position] = wire.buffer(None)

    with pytest.raises(ProtocolError, match=r"^a list of watches must not be null$"):
        ops.SetWatches.read_request(Reader(bytes(8) + b"".join(lists)))


def test_the_credential_is_not_in_the_repr() -> None:
    assert repr(ops.Auth("digest", b"bob:secret")) == "Auth(scheme='digest')"


def test_asking_twice_is_as_good_as_once_for_reads_alone() -> None:
    reads = {cls.opcode for cls in ops.OPERATIONS.values() if cls.is_read}

    assert reads == {
        OpCode.EXISTS,
        OpCode.GET_DATA,
        OpCode.GET_ACL,
        OpCode.GET_CHILDREN,
        OpCode.GET_CHILDREN2,
        OpCode.GET_EPHEMERALS,
        OpCode.GET_ALL_CHILDREN_NUMBER,
        OpCode.SYNC,
        OpCode.MULTI_READ,
        OpCode.ADD_WATCH,
        OpCode.CHECK_WATCHES,
        OpCode.WHO_AM_I,
    }


def test_an_operation_in_a_plan_yields_itself_and_returns_its_answer() -> None:
    plan = iter(ops.Exists("/a"))

    asked = next(plan)

    assert asked == ops.Exists("/a")
    with pytest.raises(StopIteration) as end:
        plan.send(STAT)
    assert end.value.value == STAT


def test_operations_are_values() -> None:
    assert ops.SetACL("/a", (ACL(1, Id("world", "anyone")),)) == ops.SetACL(
        "/a", (ACL(1, Id("world", "anyone")),)
    )


def test_a_plain_watch_lives_on_in_a_new_session() -> None:
    assert ops.Watch().restart()


def test_an_operation_must_say_how_it_is_read_and_written() -> None:
    nothing: ops.Operation[None] = ops.Operation()

    with pytest.raises(NotImplementedError):
        nothing.read(Reader(b""))
    with pytest.raises(NotImplementedError):
        ops.Operation.read_request(Reader(b""))
    with pytest.raises(NotImplementedError):
        nothing.write_reply(None, Writer())
