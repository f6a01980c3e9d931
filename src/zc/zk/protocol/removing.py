"""Taking watches away, so that the tables and the server agree afterwards, whatever was under way meanwhile."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from zc.zk.codes import AddWatchMode, ErrorCode
from zc.zk.errors import NoWatcherError, OperationTimeoutError, ServerError
from zc.zk.operations import AddWatch, Exists, Operation, RemoveWatches
from zc.zk.protocol.connection import Connection
from zc.zk.protocol.requests import NEVER, Request, encode

if TYPE_CHECKING:
    from zc.zk.protocol.session import Session


class Removing:
    """Removes the watches of a session."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._watches = session.trail.watches

    def unwatch(self, request: Request, operation: RemoveWatches) -> None:
        """Remove watches of users, which are told so at once.

        One that is gone here concerns nobody: whatever the server says to its removal, it is removed.
        """
        removed = self._watches.remove(operation.path, operation.kind)
        if removed:
            self._tell_server(operation, removed, request)
        else:
            request.fail(NoWatcherError(operation.path))

    def added(self, operation: AddWatch, *, is_wanted: bool) -> None:
        """Note that a watch was set; where nobody waits for that any more it is removed."""
        self._watches.answered(operation.path)
        if not is_wanted:
            self._unwanted(operation)

    def _unwanted(self, operation: AddWatch) -> None:
        path = operation.path
        is_recursive = operation.mode is AddWatchMode.PERSISTENT_RECURSIVE
        self._watches.discard(path, operation.watch)
        removed = {"recursive" if is_recursive else "persistent"}
        self._tell_server(RemoveWatches(path), removed, None)

    def _tell_server(
        self, operation: RemoveWatches, removed: set[str], asked: Request | None
    ) -> None:
        session, path, watches = self._session, operation.path, self._watches
        trail, connection = session.trail, session.connection
        # A reply that comes before watches are armed again must not make the zxid grow: events would be missed.
        if not session.phase.takes_requests or connection is None:
            if asked is not None:
                asked.resolve(None)
            return
        coming = _coming(connection, path)
        requests = watches.removal(operation, removed, coming, trail.zxid)
        then = partial(watches.faded, path) if "recursive" in removed else None
        if requests is None:
            watches.hold(path, removed)
            requests = [Exists(path)]  # answered after all that is under way
            then = partial(self._tell_server, operation, removed, None)
        else:
            watches.release(path, removed)
        if not requests:
            if then is not None:
                then()
            if asked is not None:
                asked.resolve(None)
            return
        # Only the first of them has a place in the line where deadlines and lost connections are looked after.
        connection.send(_Behind(requests[0], trail.root, asked, then))
        for each in requests[1:]:
            connection.send(_Behind(each, trail.root))


def _coming(connection: Connection, path: str) -> set[str]:
    """Return the kinds of the watches on a path that the tables do not know yet, for they are under way."""
    return {
        kind
        for each in connection.in_flight
        if each.path == path and not each.ended and getattr(each.operation, "watch", None)
        for kind in (each.operation.arms(ErrorCode.OK), each.operation.watches_missing)
        if kind
    }


class Adding(Request):
    """A request for a watch that stands, as it is on its way: its reply counts also when it comes too late."""

    __slots__ = ("_removing", "asked")

    def __init__(self, removing: Removing, asked: Request) -> None:
        super().__init__(asked.operation, asked.body, asked.deadline, asked.fail_fast)
        self._removing = removing
        self.asked = asked

    def resolve(self, answer: object) -> None:
        self.ended = True
        if isinstance(self.operation, AddWatch):
            self._removing.added(self.operation, is_wanted=not self.asked.ended)
        if not self.asked.ended:
            self.asked.resolve(answer)

    def fail(self, error: Exception) -> None:
        if not self.asked.ended:
            self.asked.fail(error)
        if isinstance(error, OperationTimeoutError):
            self.deadline = NEVER
        else:
            self.ended = True


class _Behind(Request):
    """What brings the server in line after watches were removed; its outcome changes nothing for whoever asked."""

    __slots__ = ("_asked", "_done")

    def __init__(
        self,
        operation: Operation[Any],
        root: str,
        asked: Request | None = None,
        done: Callable[[], None] | None = None,
    ) -> None:
        deadline = NEVER if asked is None else asked.deadline
        super().__init__(operation, encode(operation, root), deadline)
        self._asked = asked
        self._done = done

    @property
    def is_repeatable(self) -> bool:
        return False  # the next connection has only what was left

    def resolve(self, answer: object) -> None:
        self.ended = True
        self._tell()
        if self._done is not None:
            self._done()

    def fail(self, error: Exception) -> None:
        if isinstance(error, ServerError):
            self.resolve(None)
            return
        self._tell()
        if isinstance(error, OperationTimeoutError):
            self.deadline = NEVER  # the reply is still waited for, for what is to be done then
        else:
            self.ended = True

    def _tell(self) -> None:
        if self._asked is not None and not self._asked.ended:
            self._asked.resolve(None)
