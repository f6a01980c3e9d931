"""The client whose calls block, for functions that `ProactorService.execute` runs on its threads."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from zc.zk import aio
from zc.zk.asab.addresses import absolute
from zc.zk.asab.explaining import Explaining
from zc.zk.client import Client
from zc.zk.codes import KeeperState, State
from zc.zk.drivers.threads import ThreadDriver
from zc.zk.faces import Listener
from zc.zk.transactions import Transaction
from zc.zk.within import Policy

_OF_ONE_NODE = [
    *("create", "ensure_path", "delete", "exists", "get", "get_children", "set"),
    *("get_acls", "set_acls", "sync", "add_watch", "remove_watches", "get_all_children_number"),
]
_SEQUENCE = 3  # the place of `sequence` among what follows the path in `create`


class BlockingClient(Explaining[ThreadDriver], Client):
    """A `zc.zk.Client` with a session of its own, which is opened by the first call.

    Its calls take paths without the first slash, too, such as `container.Path + "/node"`. Until it is used, its states
    and its `client_id` are those of the container's own session.
    """

    def __init__(self, servers: str, timeout: float, elder: aio.Client) -> None:
        self._elder = elder
        self._is_ended = False
        super().__init__(servers, timeout)
        self.driver.start_at_first_use()

    @property
    def is_used(self) -> bool:
        """Whether a session of its own was asked for."""
        return not self.driver.is_to_start and not self._is_ended

    @property
    def state(self) -> State:
        """See `zc.zk.Client.state`."""
        return super().state if self.is_used else self._elder.state

    @property
    def client_state(self) -> KeeperState:
        """See `zc.zk.Client.client_state`."""
        return super().client_state if self.is_used else self._elder.client_state

    @property
    def connected(self) -> bool:
        """See `zc.zk.Client.connected`."""
        return super().connected if self.is_used else self._elder.connected

    @property
    def client_id(self) -> tuple[int, bytes] | None:
        """See `zc.zk.Client.client_id`."""
        return super().client_id if self.is_used else self._elder.client_id

    def add_listener(self, listener: Listener) -> Listener:
        """Do as `zc.zk.Client.add_listener`, and open the session: nothing could be told without one."""
        added = super().add_listener(listener)
        if not self._is_ended:
            self.start_async()
        return added

    def within(self, seconds: float | None, *, fail_fast: bool | None = None) -> Client:
        """See `zc.zk.Client.within`."""
        return _Within(self, seconds, self.fail_fast if fail_fast is None else fail_fast)

    def transaction(self, *, raising: bool = False) -> Transaction:
        """See `zc.zk.Client.transaction`."""
        return _Transaction(self, raising=raising)

    def stop(self) -> None:
        """See `zc.zk.Client.stop`."""
        self._is_ended = True
        super().stop()

    close = stop


class _Within(Policy, BlockingClient):
    """Such a client by another policy."""


class _Transaction(Transaction):
    """A transaction that takes the same paths as its client."""


def _lenient(
    method: Callable[..., Any],
) -> Callable[..., Any]:  # Any: whatever the method takes and gives
    creates = method.__name__.startswith("create")

    @wraps(method)
    def call(self: Any, path: str, *arguments: Any, **named: Any) -> Any:  # Any: as above
        sequence = named.get("sequence", arguments[_SEQUENCE:][:1])
        return method(
            self, absolute(path, keeps_last_slash=creates and bool(sequence)), *arguments, **named
        )

    return call


for _name in [
    *_OF_ONE_NODE,
    *(f"{name}_async" for name in _OF_ONE_NODE),
    "DataWatch",
    "ChildrenWatch",
]:
    setattr(BlockingClient, _name, _lenient(getattr(Client, _name)))
for _name in ("create", "delete", "set_data", "check"):
    setattr(_Transaction, _name, _lenient(getattr(Transaction, _name)))
