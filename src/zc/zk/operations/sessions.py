"""Operations that concern the session or its connection, and no node."""

from dataclasses import dataclass, field
from typing import Self

from zc.zk.codes import OpCode, Xid
from zc.zk.jute import Reader, Writer
from zc.zk.operations.base import Bare, Empty, Operation
from zc.zk.records import SMALLEST_STRING, ClientInfo


class Ping(Empty):
    """Tell the server that we are alive, and learn that it is."""

    __slots__ = ()
    opcode = OpCode.PING
    xid = Xid.PING


class CloseSession(Empty):
    """End the session, with its ephemeral nodes; the server hangs up after its answer."""

    __slots__ = ()
    opcode = OpCode.CLOSE_SESSION


@dataclass(frozen=True, slots=True)
class Auth(Bare):
    """Add an identity to the connection. What proves it is kept out of `repr`."""

    opcode = OpCode.AUTH
    is_kept = True
    xid = Xid.AUTH
    scheme: str
    credential: bytes | None = field(repr=False)

    def write(self, out: Writer) -> None:
        out.int(0)
        out.string(self.scheme)
        out.buffer(self.credential)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        body.int()
        scheme, credential = body.string(), body.buffer()
        return cls(scheme or "", credential)


@dataclass(frozen=True, slots=True)
class Sasl(Operation[bytes | None]):
    """Take a step of a SASL exchange; the answer is the server's next token, None where it has none.

    A token may prove who we are: it is kept out of `repr`.
    """

    opcode = OpCode.SASL
    token: bytes = field(repr=False)

    def write(self, out: Writer) -> None:
        out.buffer(self.token)

    def read(self, reply: Reader) -> bytes | None:
        return reply.buffer()

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.buffer() or b"")

    def write_reply(self, answer: bytes | None, out: Writer) -> None:
        out.buffer(answer)


class WhoAmI(Operation[list[ClientInfo]]):
    """Get the identities of the connection (servers 3.7 and later)."""

    __slots__ = ()
    opcode = OpCode.WHO_AM_I
    is_newer = True
    is_read = True

    def read(self, reply: Reader) -> list[ClientInfo]:
        return reply.vector(lambda: ClientInfo(reply.text(), reply.text()), 2 * SMALLEST_STRING)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls()

    def write_reply(self, answer: list[ClientInfo], out: Writer) -> None:
        def write(info: ClientInfo) -> None:
            out.string(info.scheme)
            out.string(info.user)

        out.vector(answer, write)
