"""Asks a server whether it takes writes, by opening a session and ending it; needs no four-letter word."""

import logging

from zc.zk.codes import OpCode
from zc.zk.drivers.deadline import Deadline
from zc.zk.drivers.dialling import dial, reason_of
from zc.zk.drivers.tls import Security
from zc.zk.drivers.wire import Wire
from zc.zk.errors import ProtocolError
from zc.zk.jute import INT, Reader, Writer
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.frames import FrameReader
from zc.zk.protocol.states import NO_PASSWORD
from zc.zk.records import REQUEST_HEADER, ConnectRequest, ConnectResponse

_SHORTEST_SESSION = 1  # milliseconds: servers make it their shortest, for when the farewell is lost
_LONGEST_ANSWER = 4096  # bytes
log = logging.getLogger("ZooKeeper")


def takes_writes(
    server: Endpoint, security: Security | None, last_zxid: int, seconds: float
) -> bool:
    """Return whether a server that is not behind us opened a session for writing, within so many seconds."""
    deadline = Deadline(seconds)
    reached = dial([server], seconds, security, deadline)
    if reached is None:
        log.debug("%s: %s", server, deadline.failures.get(server))
        return False
    wire = reached.wire()
    try:
        return _greet(wire, last_zxid, deadline)
    except OSError as error:
        log.debug("%s: %s", server, reason_of(error))
    except ProtocolError as error:
        log.debug("%s: %s", server, error)
    finally:
        wire.hang_up()
        wire.close()
    return False


def _greet(wire: Wire, last_zxid: int, deadline: Deadline) -> bool:
    out = Writer()
    # A read-only server refuses who does not say that it would do, and one that is behind refuses the zxid.
    ConnectRequest(last_zxid, _SHORTEST_SESSION, 0, NO_PASSWORD, read_only=False).write(out)
    _send(wire, out.getvalue())
    response = ConnectResponse.read(Reader(_frame(wire, deadline)))
    is_open = response.timeout > 0
    if is_open:
        _send(wire, REQUEST_HEADER.pack(1, OpCode.CLOSE_SESSION))
        _frame(wire, deadline)
    return is_open and not response.read_only


def _send(wire: Wire, body: bytes) -> None:
    wire.send(INT.pack(len(body)) + body)  # so short that the kernel takes it


def _frame(wire: Wire, deadline: Deadline) -> bytes:
    """Return the next frame, b"" at the end of the stream."""
    frames = FrameReader(_LONGEST_ANSWER)
    while deadline.go_on():
        try:
            data = wire.receive(deadline.left)
        except TimeoutError:
            continue
        if not data:
            return b""
        for buffer, begin, end in frames.feed(data):
            return buffer[begin:end]
    raise TimeoutError("no answer in time")
