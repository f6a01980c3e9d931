"""What all operations have in common: a wire form in both directions, and an answer of a type of its own."""

from collections.abc import Generator
from typing import Any, ClassVar, Generic, Self, TypeVar

from zc.zk.codes import ErrorCode, OpCode, Xid
from zc.zk.errors import error_for
from zc.zk.jute import Reader, Writer
from zc.zk.records import SMALLEST_STRING, Stat, WatchedEvent

R = TypeVar("R")
OPERATIONS: "dict[int, type[Operation[Any]]]" = {}  # Any: replies of every type


class Step(Generic[R]):
    """Something a plan can ask its driver for; `answer = yield from step` gives the answer, typed."""

    __slots__ = ()

    def __iter__(
        self,
    ) -> "Generator[Step[Any], Any, R]":  # Any: a plan is sent answers of every type
        answer: R = yield self
        return answer


class Watch:
    """Is told of changes after the answer of the operation that it was given to.

    Of the first one only, unless that operation is `AddWatch`.
    """

    __slots__ = ()

    def fire(self, event: WatchedEvent) -> None:
        """Take the event: called by the core under the driver's lock, so this may only take note."""

    @property
    def is_spent(self) -> bool:
        """Whether nobody waits for it any more."""
        return False

    @property
    def is_removable(self) -> bool:
        """Whether a user who removes the watches of its path means this one, too."""
        return False

    def restart(self) -> bool:
        """Say whether a new session shall arm the watch again; if not, it is dropped, and knows."""
        return True


class Operation(Step[R]):
    """One request and its reply.

    `is_read` says that asking twice is as good as asking once: a request cut off by a lost connection is sent again.
    `watches` and `watches_missing` name the kind of watch that an answer, or the answer that there is no node, arms.
    `xid` is set where requests of this kind are not counted but marked. `is_kept` says that the session remembers it,
    as it does identities and watches that stand, and has to act on it, too.
    `is_newer` marks what servers of 3.4 lack.
    """

    __slots__ = ()
    opcode: ClassVar[OpCode]
    is_read: ClassVar[bool] = False
    is_kept: ClassVar[bool] = False
    watches: ClassVar[str] = ""
    watches_missing: ClassVar[str] = ""
    xid: ClassVar[Xid | None] = None
    is_newer: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        if "opcode" in cls.__dict__:
            OPERATIONS[cls.opcode] = cls

    def write(self, out: Writer) -> None:
        """Write the request's body."""

    def read(self, reply: Reader) -> R:
        """Read the answer from a reply's body."""
        raise NotImplementedError

    def arms(self, code: int) -> str:
        """Name the kind of watch that an answer with this error number leaves at the server."""
        return self.watches if code == ErrorCode.OK else self.watches_missing

    def refused(self, code: int) -> R:
        """Return the answer that an error number stands for, or raise its exception."""
        raise error_for(code, getattr(self, "path", None))

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        """Read the request's body, as a server."""
        raise NotImplementedError

    def write_reply(self, answer: R, out: Writer) -> None:
        """Write the answer, as a server."""
        raise NotImplementedError


class Bare(Operation[None]):
    """A request whose reply has no body."""

    __slots__ = ()

    def read(self, reply: Reader) -> None:
        return None

    def write_reply(self, answer: None, out: Writer) -> None:
        return None


class Done(Operation[bool]):
    """A request whose reply has no body, where that it came is the answer: True."""

    __slots__ = ()

    def read(self, reply: Reader) -> bool:
        return True

    def write_reply(self, answer: bool, out: Writer) -> None:
        return None


class Empty(Bare):
    """A request without a body, either."""

    __slots__ = ()

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls()


class AnswersStat(Operation[Stat]):
    """A request that is answered with the node's status."""

    __slots__ = ()

    def read(self, reply: Reader) -> Stat:
        return Stat.read(reply)

    def write_reply(self, answer: Stat, out: Writer) -> None:
        answer.write(out)


class AnswersNames(Operation[list[str]]):
    """A request that is answered with a list of names."""

    __slots__ = ()

    def read(self, reply: Reader) -> list[str]:
        return reply.vector(reply.text, SMALLEST_STRING)

    def write_reply(self, answer: list[str], out: Writer) -> None:
        out.vector(answer, out.string)
