"""Functions that are called with a node's data, or its children, now and after each change."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zc.zk import paths
from zc.zk.codes import State
from zc.zk.drivers.following import Following, accepts
from zc.zk.errors import ArgumentTypeError, UsageError
from zc.zk.faces import Face
from zc.zk.protocol.live import Live, LiveChildren, LiveData

if TYPE_CHECKING:
    from zc.zk.client import Client

Function = Callable[..., object]  # what arguments it takes decides how it is called
log = logging.getLogger("zc.zk")
_NOTHING = object()  # has been told so far


class NodeWatch(Following):
    """What the two kinds share: one function, which stops them by returning False."""

    __slots__ = ("_function", "_told", "path")

    def __init__(
        self, client: Face[Any], path: str, live: Live, function: Function | None
    ) -> None:  # Any: a client of either kind
        self._function: Function | None = None
        self._told: object = _NOTHING
        self.path = path
        if function is not None:
            _require_callable(function)
        super().__init__(client.driver, live)
        self._learn(client)
        if live.error is not None:
            self.drop()
            raise live.error
        if function is not None:
            self(function)

    def __call__(self, function: Function) -> Function:
        """Take the function: it is called at once, in this thread, and what it raises then is raised here.

        An error that it raises later is logged, and the function stays. Raises `UsageError` for a second function.
        """
        self._driver.require_own_place()
        if self._function is not None:
            msg = f"this watch of {self.path} has its function already: {self._function!r}"
            raise UsageError(msg)
        _require_callable(function)
        self._function = function
        try:
            self.follow(self.deliver)
        except BaseException:
            self.drop()
            raise
        return function

    def deliver(self) -> object:
        if self._function is None or self._live.is_dropped:
            return None
        if self._live.error is not None:
            log.warning("%s is not shown any more: %s", self.path, self._live.error)
            return None
        with self._driver.lock:
            state, arguments = self._now()
        # A change between the first call's being due and its being made is told by it, and noted as well.
        if state == self._told:
            return None
        self._told = state
        return self._heard(self._function(*arguments))

    def _heard(self, answer: object) -> object:
        """Stop when the function returned False; return what is to be awaited where there is a loop for that."""
        if answer is False:
            self.drop()
        return None

    def _now(self) -> tuple[object, tuple[Any, ...]]:
        """Return what tells one state from another, and what the function is called with."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path} {self._function!r}>"


def _require_callable(function: object) -> None:
    if not callable(function):
        msg = f"a watch's function must be callable: {function!r}"
        raise ArgumentTypeError(msg)


class DataWatch(NodeWatch):
    """Calls `func(data, stat)`, or `func(data, stat, event)`, now and after each change of the node's data.

    While there is no node both are None; the watch goes on and is there when the node is created. `event` is what set
    the call off, None for the first call and where the change was found after a reconnect. The function ends the
    watch by returning False. It is never called twice for one `mzxid`; states that follow each other fast may be left
    out, the last one never is. Also a decorator: `@client.DataWatch(path)`. The connection or the session may be lost
    meanwhile.
    """

    __slots__ = ("_takes_event",)

    def __init__(
        self,
        client: Face[Any],
        path: str,
        func: Function | None = None,
        live: LiveData | None = None,
    ) -> None:
        self._takes_event = False
        live = live or LiveData(client.driver.session, paths.validate(path))
        super().__init__(client, path, live, func)

    def __call__(self, function: Function) -> Function:
        self._takes_event = accepts(function, 3)
        return super().__call__(function)

    def _now(self) -> tuple[object, tuple[Any, ...]]:
        live = self._live
        assert isinstance(live, LiveData)  # noqa: S101 (tells the type checker)
        arguments: tuple[Any, ...] = (live.data, live.stat, live.event)
        version = None if live.stat is None else live.stat.mzxid
        return version, arguments if self._takes_event else arguments[:2]


class ChildrenWatch(NodeWatch):
    """Calls `func(children)`, or `func(children, event)`, now and after each change of a node's children.

    The event comes with `send_event`.

    The node must exist when the watch begins: if it does not, the function is never called, and a warning is logged.
    When it is deleted later, the function gets an empty list, and is called again when the node comes back. With
    `allow_session_lost=False` the watch ends with the session. Otherwise as `DataWatch`.
    """

    __slots__ = ("_client", "_is_bound", "_send_event")

    def __init__(
        self,
        client: Face[Any],
        path: str,
        func: Function | None = None,
        allow_session_lost: bool = True,
        send_event: bool = False,
        live: LiveChildren | None = None,
    ) -> None:
        self._client = client
        self._is_bound = not allow_session_lost
        self._send_event = send_event
        live = live or LiveChildren(client.driver.session, paths.validate(path))
        super().__init__(client, path, live, func)

    def __call__(self, function: Function) -> Function:
        self._driver.require_own_place()
        if not self._live.exists:
            log.warning("%s does not exist: its children are not watched", self.path)
            self.drop()
            return function
        if self._is_bound:
            self._client.add_listener(self._end_with_session)
        return super().__call__(function)

    def drop(self) -> None:
        super().drop()
        if self._is_bound:
            self._client.remove_listener(self._end_with_session)

    def _end_with_session(self, state: State) -> bool:
        if state is State.LOST:
            self.drop()
        return self._live.is_dropped

    def _now(self) -> tuple[object, tuple[Any, ...]]:
        live = self._live
        assert isinstance(live, LiveChildren)  # noqa: S101 (tells the type checker)
        names = list(live.names)
        return (live.exists, live.names), (names, live.event) if self._send_event else (names,)


def watch_data(client: "Client", functions: Mapping[str, Function]) -> dict[str, DataWatch]:
    """Make a `DataWatch` of each path with its function; all the nodes are read at once."""
    lives = [LiveData(client.driver.session, paths.validate(path)) for path in functions]
    with client.kept(lives):
        return {
            live.path: DataWatch(client, live.path, functions[live.path], live) for live in lives
        }
