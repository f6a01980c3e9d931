"""An operation on its way: what the core keeps of it, and how whoever asked is told its outcome."""

import struct
from typing import Any

from zc.zk.codes import MAX_REQUEST_BYTES
from zc.zk.errors import ArgumentError, RequestTooLargeError
from zc.zk.jute import Writer
from zc.zk.operations import Operation

FRAME_HEADER = struct.Struct(">iii")  # length, xid, opcode
_HEADER_BYTES = 8  # of the length that a frame announces
_REARMING_BYTES = (
    64  # by which a SetWatches can exceed the request that left the watch: it must be possible, too
)
_SHOWN_CHARACTERS = 200  # of a path in an error
NEVER = float("inf")


def encode(operation: Operation[Any], root: str) -> bytes:  # Any: replies of every type
    """Return the body of an operation's request, in the caller's own time.

    Raises `RequestTooLargeError` where servers would hang up, `ArgumentError` for what has no encoding, such as a
    version beyond 32 bits or half of a surrogate pair.
    """
    out = Writer(root)
    try:
        operation.write(out)
    except (UnicodeEncodeError, struct.error) as error:
        msg = f"{type(operation).__name__} cannot be encoded: {error}"
        raise ArgumentError(msg) from error
    body = out.getvalue()
    size = len(body) + _HEADER_BYTES
    most = MAX_REQUEST_BYTES
    if getattr(operation, "watch", None) is not None:
        most -= _REARMING_BYTES
    if size > most:
        path = getattr(operation, "path", "")
        if len(path) > _SHOWN_CHARACTERS:
            path = path[:_SHOWN_CHARACTERS] + "..."
        name = type(operation).__name__
        msg = f"the request is {size} bytes, servers accept {most}: {name} {path}".rstrip()
        raise RequestTooLargeError(msg)
    return body


class Request:
    """One operation, from being asked for to its outcome.

    Drivers derive their waiters from it. `resolve` and `fail` are called once, under the driver's lock, so they may
    only take note. `ended` requests stay in line for their reply, which is then dropped. One that shall `fail_fast`
    never waits for a connection.
    """

    __slots__ = ("body", "deadline", "ended", "fail_fast", "operation", "xid")

    def __init__(
        self,
        operation: Operation[Any],
        body: bytes,
        deadline: float = NEVER,
        fail_fast: bool = False,
    ) -> None:
        self.operation = operation
        self.body = body
        self.deadline = deadline
        self.fail_fast = fail_fast
        self.xid = 0
        self.ended = False

    @property
    def path(self) -> str | None:
        """The path that the operation is about, for errors to name."""
        return getattr(self.operation, "path", None)

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent again where it is not known what became of it."""
        return self.operation.is_read

    def frame(self) -> bytes:
        """Return the request as it goes over the wire."""
        body = self.body
        return FRAME_HEADER.pack(len(body) + 8, self.xid, self.operation.opcode) + body

    def resolve(self, answer: Any) -> None:  # Any: the answer's type is the operation's
        """Take the answer."""
        self.ended = True

    def fail(self, error: Exception) -> None:
        """Take the error."""
        self.ended = True
