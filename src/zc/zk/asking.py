"""How the calls of either client are made."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from zc.zk import arguments
from zc.zk.drivers.running import Driver
from zc.zk.operations import Watch
from zc.zk.protocol.requests import NEVER
from zc.zk.records import WatchedEvent
from zc.zk.security import ACL

D = TypeVar("D", bound=Driver)
WatchCallback = Callable[[WatchedEvent], object]


class Asking(Generic[D]):
    """How calls are made: by which driver, with which ACL, within how many seconds."""

    def __init__(
        self,
        driver: D,
        default_acl: Sequence[ACL],
        operation_timeout: float | None,
        fail_fast: bool = False,
    ) -> None:
        self.driver = driver
        self.default_acl = default_acl
        self.operation_timeout = operation_timeout
        self.fail_fast = fail_fast

    @property
    def operation_timeout(self) -> float | None:
        """How many seconds a call may take; None for as long as it takes."""
        return None if self.patience == NEVER else self.patience

    @operation_timeout.setter
    def operation_timeout(self, seconds: float | None) -> None:
        self.patience = arguments.patience(seconds, "the operation time-out")

    def _acl(self, acl: Sequence[ACL] | None) -> Sequence[ACL]:
        return self.default_acl if acl is None else acl

    def _watch(self, callback: WatchCallback | None) -> Watch | None:
        return None if callback is None else _Callback(self.driver, callback)


class _Callback(Watch):
    """A user's watch; the same function set twice on a node is called once, as the server's watch is one."""

    __slots__ = ("_callback", "_driver")

    def __init__(self, driver: Driver, callback: WatchCallback) -> None:
        if not callable(callback):
            msg = f"a watch must be callable: {callback!r}"
            raise arguments.ArgumentTypeError(msg)
        self._driver = driver
        self._callback = callback

    @property
    def is_removable(self) -> bool:
        return True

    def fire(self, event: WatchedEvent) -> None:
        self._driver.callbacks.post(self._callback, partial(self._callback, event))

    def __eq__(self, other: object) -> bool:
        try:
            return isinstance(other, _Callback) and bool(other._callback == self._callback)
        except Exception:  # noqa: BLE001 (a user's: it must not end the reading of replies)
            return other is self

    def __hash__(self) -> int:
        return hash(self._callback)
