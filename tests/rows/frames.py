"""What went over the wire, as a proxy has seen it."""

import struct

from tests import wire
from tests.frames import Frame, Kind
from tests.proxy import FaultProxy
from zc.zk.codes import OpCode


def requests(proxy: FaultProxy, opcode: OpCode) -> list[Frame]:
    """Give the requests of a type, in their order."""
    return [
        frame for frame in proxy.frames if frame.kind is Kind.REQUEST and frame.opcode == opcode
    ]


def only_request(proxy: FaultProxy, opcode: OpCode) -> wire.Request:
    """Give the request of a type, of which there must be one."""
    (frame,) = requests(proxy, opcode)
    return wire.parse_request(frame.payload)


def only_reply(proxy: FaultProxy, opcode: OpCode) -> wire.Reply:
    """Give the reply to it."""
    (frame,) = (
        frame for frame in proxy.frames if frame.kind is Kind.REPLY and frame.opcode == opcode
    )
    return wire.parse_reply(frame.payload)


def path_and_number(body: bytes) -> tuple[str, int]:
    """Give the path and the number behind it that a body is made of."""
    path, offset = wire.parse_buffer(body)
    (number,) = struct.unpack(">i", body[offset:])
    return (path or b"").decode(), number


def armed(body: bytes) -> tuple[int, list[list[str]]]:
    """Give the zxid and the lists of paths of a SetWatches or SetWatches2 request."""
    (zxid,) = struct.unpack_from(">q", body)
    offset, lists = 8, []
    while offset < len(body):
        paths, offset = wire.parse_strings(body, offset)
        lists.append(paths)
    return zxid, lists
