"""What users hold of a live node: an iterable of children, a mapping of properties."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from zc.zk import paths
from zc.zk.drivers.connected import Ring
from zc.zk.drivers.following import Following, accepts
from zc.zk.errors import ArgumentTypeError, NoNodeError, UsageError, ZooKeeperError
from zc.zk.faces import Face
from zc.zk.protocol.live import Live, LiveChildren, LiveData
from zc.zk.records import Stat
from zc.zk.registry.properties import Data, change, decode, encode, merged

if TYPE_CHECKING:
    from zc.zk.client import Client

F = TypeVar("F", bound=Callable[..., object])
log = logging.getLogger("zc.zk")


class CancelWatch(ZooKeeperError):  # noqa: N818 (the name is zc.zk's)
    """A callback raises this to be called no more."""


class LiveObject(Following):
    """What children and properties share: a path, and callbacks."""

    __slots__ = ("_bells", "_callbacks", "_client", "path")

    def __init__(self, client: Face[Any], path: str, live: Live) -> None:  # Any: of either kind
        self.path = path
        self._client = client
        self._callbacks: tuple[Callback, ...] = ()
        self._bells: tuple[Ring, ...] = ()  # rung at each change, out of the line of callbacks
        super().__init__(client.driver, live)
        self._learn(client)
        error = live.error
        if error is not None or not live.exists:
            self.drop()
            raise NoNodeError(path) if error is None else error

    @property
    def deleted(self) -> bool:
        """Whether the node is gone at the moment; it is watched for coming back."""
        return not self._live.exists

    def __call__(self, callback: F) -> F:
        """Call `callback` with this object now, in this thread, and after each change; return it, so this decorates.

        What it raises in the first call is raised here, and it is not called again. Later an error is logged and ends
        the callback, `CancelWatch` ends it quietly. While the node is deleted, callbacks are called without
        arguments, those that can be. Changes that come while callbacks run make one more call, with the latest state.
        """
        if not callable(callback):
            msg = f"a callback must be callable: {callback!r}"
            raise ArgumentTypeError(msg)

        self._driver.require_own_place()

        def first() -> object:
            added = Callback(callback)
            answer = self._call(added)
            is_new = all(each.function != callback for each in self._callbacks)
            with self._driver.lock:
                if is_new:
                    self._callbacks += (added,)
                self.go_on_following()  # another callback may have been the last one meanwhile
                if added.told != self._live.changes:
                    self._changed()
            return self._join([(added, answer)])

        try:
            self.follow(first)
        finally:
            self._unfollow_if_idle()
        return callback

    def _changed(self) -> None:
        for bell in self._bells:
            bell.ring()
        if self._callbacks:
            super()._changed()

    def deliver(self) -> object:
        if self._live.error is not None:
            log.warning("%r is not shown any more: %s", self, self._live.error)
            return None
        answers = []
        for callback in self._callbacks:
            with self._judging(callback):
                answers.append((callback, self._call(callback)))
        return self._join(answers)

    @contextmanager
    def _judging(self, callback: "Callback") -> Iterator[None]:
        """Take an error of a callback for its end."""
        try:
            yield
        except CancelWatch:
            log.debug("%r of %r cancelled its watch", callback.function, self)
            self._remove(callback)
        except Exception as error:  # noqa: BLE001 (logged)
            self._failed(callback, error)

    def _failed(self, callback: "Callback", error: BaseException) -> None:
        self._driver.callbacks.count_failure()
        text = "%r of %r failed, and is not called again"
        log.error(text, callback.function, self, exc_info=error)
        self._remove(callback)

    def _call(self, callback: "Callback") -> object:
        """Call a callback, unless it was told the state already; return what it returns."""
        changes = self._live.changes
        if callback.told == changes:
            return None  # a change between the first call's being due and its being made was told by it
        callback.told = changes
        if not self.deleted:
            return callback.function(self)
        return callback.function() if accepts(callback.function, 0) else None

    def _join(self, answers: Sequence[tuple["Callback", object]]) -> object:
        """Return what is to be awaited of what callbacks returned: nothing, where nobody awaits."""
        return None

    def _remove(self, callback: "Callback") -> None:
        """Call a callback no more."""
        with self._driver.lock:
            self._callbacks = tuple(each for each in self._callbacks if each is not callback)
        self._unfollow_if_idle()

    def _unfollow_if_idle(self) -> None:
        with self._driver.lock:
            if not self._callbacks and not self._bells:
                self._live.on_change = None

    def __repr__(self) -> str:
        identity = self._client.client_id
        session = identity[0] if identity else 0
        return f"zc.zk.{type(self).__name__}({session:#x}, {self.path})"


class Callback:
    """A function, and up to which change it was called."""

    __slots__ = ("function", "told")

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function
        self.told = -1


class Children(LiveObject):
    """The names of a node's children, always as they are now; `len`, `in`, and iteration in no order.

    While the connection is lost it shows the last known state. Iterating goes over the state at the start.
    """

    __slots__ = ()

    def __init__(self, client: Face[Any], path: str, live: LiveChildren | None = None) -> None:
        live = live or LiveChildren(client.driver.session, paths.validate(path))
        super().__init__(client, path, live)

    @property
    def data(self) -> list[str]:
        """The names, as a list of their own; none while the node is deleted."""
        live = self._live
        assert isinstance(live, LiveChildren)  # noqa: S101 (tells the type checker)
        return list(live.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __contains__(self, name: object) -> bool:
        return name in self.data


class ShownProperties(LiveObject, Mapping[str, Any]):  # Any: JSON
    """A node's properties, to be read."""

    __slots__ = ("_decoded", "_is_watching")

    def __init__(
        self, client: Face[Any], path: str, watch: bool = True, live: LiveData | None = None
    ) -> None:
        self._is_watching = watch
        self._decoded: tuple[bytes | None, Data] = (None, {})
        live = live or LiveData(client.driver.session, paths.validate(path))
        super().__init__(client, path, live)
        if not watch:
            self.drop()

    def __call__(self, callback: F) -> F:
        if not self._is_watching:
            msg = "Can't set callbacks without watching."
            raise ArgumentTypeError(msg)
        return super().__call__(callback)

    __call__.__doc__ = LiveObject.__call__.__doc__

    @property
    def _data(self) -> LiveData:
        assert isinstance(self._live, LiveData)  # noqa: S101 (tells the type checker)
        return self._live

    @property
    def data(self) -> Data:
        """The properties, as a dictionary of their own; empty while the node is deleted."""
        return dict(self._current())

    @property
    def meta_data(self) -> Stat | None:
        """The node's status when it was last read; None while it is deleted."""
        return self._data.stat

    def _current(self) -> Data:
        raw = self._data.data
        decoded = self._decoded
        if raw is None:
            return {}
        if decoded[0] is not raw:
            self._decoded = decoded = (raw, decode(raw, self.path))
        return decoded[1]

    def __getitem__(self, name: str) -> Any:
        return self._current()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self._current())

    def __contains__(self, name: object) -> bool:
        return name in self._current()

    def __delitem__(self, name: str) -> NoReturn:
        raise UsageError(
            f"a property cannot be deleted: call set() with those to keep, without {name!r}"
        )

    __hash__ = object.__hash__

    def copy(self) -> Data:
        """Return the properties as a dictionary."""
        return self.data

    def wrote(self, written: bytes, stat: Stat) -> None:
        """Show what was just written."""
        with self._driver.lock:
            self._data.wrote(written, stat)


class Properties(ShownProperties):
    """A node's properties, always as they are now.

    A mapping to read, and `set`, `update` and item assignment to write. Writing is compared and set: it never undoes
    what somebody else wrote to other properties in between. Two objects are equal when their properties are; the hash
    is the object's own. While the connection is lost it shows the last known state; while the node is deleted,
    nothing.
    """

    __slots__ = ()
    _client: "Client"

    def set(self, data: Mapping[str, Any] | None = None, /, **properties: Any) -> None:
        """Replace all the properties by those given; this object shows them when the call returns.

        Raises `NoNodeError` when the node is deleted, `NoAuthError`, `OperationTimeoutError` when it could not be
        done in the client's `operation_timeout`; an `ArgumentError` or `ArgumentTypeError` for what JSON has no form
        for.
        """
        new = merged(data, properties)
        encode(new)
        self._change(lambda _: new)

    def update(self, data: Mapping[str, Any] | None = None, /, **properties: Any) -> None:
        """Set the properties given, and leave the others; otherwise as `set`."""
        new = merged(data, properties)
        encode(new)
        self._change(lambda old: {**old, **new})

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def _change(self, apply: Callable[[Data], Data]) -> None:
        self.wrote(*self._client.run(change(self.path, apply)))


def children_of(client: "Client", nodes: Iterable[str]) -> dict[str, Children]:
    """Return the live children of many nodes, all read at once."""
    lives = [LiveChildren(client.driver.session, paths.validate(path)) for path in nodes]
    with client.kept(lives):
        return {live.path: Children(client, live.path, live) for live in lives}


def properties_of(client: "Client", nodes: Iterable[str]) -> dict[str, Properties]:
    """Return the live properties of many nodes, all read at once."""
    lives = [LiveData(client.driver.session, paths.validate(path)) for path in nodes]
    with client.kept(lives):
        return {live.path: Properties(client, live.path, live=live) for live in lives}
