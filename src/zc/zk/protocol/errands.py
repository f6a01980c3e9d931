"""The requests that a session makes for itself, to arm a connection and to keep the server in line with it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zc.zk.errors import AuthFailedError, OperationTimeoutError, ServerError
from zc.zk.operations import Auth, Operation, ProbeModes, SetWatches, SetWatches2
from zc.zk.protocol.requests import NEVER, Request, encode

if TYPE_CHECKING:
    from zc.zk.protocol.arming import Arming


class Identification(Request):
    """Shows an identity to this connection's server, for itself or for a caller who waits."""

    __slots__ = ("_arming", "_asked", "_identity", "_is_awaited")

    def __init__(
        self, arming: "Arming", identity: Auth, asked: list[Request], *, is_awaited: bool = False
    ) -> None:
        super().__init__(identity, asked[-1].body)
        self._arming = arming
        self._identity = identity
        self._asked = asked
        self._is_awaited = is_awaited

    def resolve(self, answer: object) -> None:
        self.ended = True
        for asked in self._asked:
            if not asked.ended:
                asked.resolve(answer)
        if self._is_awaited:
            self._arming.answered()

    def fail(self, error: Exception) -> None:
        self.ended = True
        is_final = isinstance(error, AuthFailedError)
        if is_final:
            error = self._arming.refused(self._identity)
        for asked in self._asked:
            if not asked.ended:
                asked.fail(error)
        if self._is_awaited and not is_final:
            self._arming.answered()


class Probe(Request):
    """Asks what the server knows of watches that stand."""

    __slots__ = ("_arming",)

    def __init__(self, arming: "Arming") -> None:
        operation = ProbeModes()
        super().__init__(operation, encode(operation, ""))
        self._arming = arming

    def resolve(self, answer: Any) -> None:  # Any: a boolean, as the operation says
        self.ended = True
        self._arming.probed(coexist=answer)

    def fail(self, error: Exception) -> None:
        self.ended = True
        self._arming.failed(error, stands=True)


class Rearming(Request):
    """Arms watches again."""

    __slots__ = ("_arming",)

    def __init__(self, arming: "Arming", operation: SetWatches | SetWatches2, root: str) -> None:
        super().__init__(operation, encode(operation, root))
        self._arming = arming

    def resolve(self, answer: object) -> None:
        self.ended = True
        self._arming.answered()

    def fail(self, error: Exception) -> None:
        self.ended = True
        self._arming.failed(error, stands=isinstance(self.operation, SetWatches2))


class Behind(Request):
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
