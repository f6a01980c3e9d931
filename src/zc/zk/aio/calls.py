"""Every call on nodes, awaited, over a session that somebody else looks after."""

import asyncio
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, Literal, TypeVar, overload

from zc.zk import arguments, calls, paths
from zc.zk.aio.documented import documented
from zc.zk.aio.transactions import Transaction
from zc.zk.asking import WatchCallback
from zc.zk.calling import Making, Servers, named, reading
from zc.zk.codes import ANY_VERSION, AddWatchMode, WatcherType
from zc.zk.drivers.aio import planning
from zc.zk.drivers.aio.driver import AioDriver
from zc.zk.errors import ConnectionLoss, ZooKeeperError
from zc.zk.operations import Create, Exists, Operation, WhoAmI
from zc.zk.plans import Plan
from zc.zk.recipes import nodes, outcomes
from zc.zk.records import ClientInfo, Stat
from zc.zk.security import ACL

R = TypeVar("R")


@documented(calls.Calls)
class Calls(Making[AioDriver]):
    """The calls on nodes, of one session; what is documented of the blocking ones holds for these, awaited.

    One that is cancelled leaves the connection as it is. What it asked for is not sent any more, or it was, and then it
    may be done. An `*_async` call asks at once, and returns the future that will have the outcome.
    """

    # --- nodes

    @overload
    async def create(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        makepath: bool = False,
        include_data: Literal[False] = False,
        container: bool = False,
        ttl: int | None = None,
        protected: bool = False,
    ) -> str: ...

    @overload
    async def create(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        makepath: bool = False,
        *,
        include_data: Literal[True],
        container: bool = False,
        ttl: int | None = None,
        protected: bool = False,
    ) -> tuple[str, Stat]: ...

    async def create(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        makepath: bool = False,
        include_data: bool = False,
        container: bool = False,
        ttl: int | None = None,
        protected: bool = False,
    ) -> str | tuple[str, Stat]:
        operation = self._creation(
            path, value, acl, ephemeral, sequence, include_data, container, ttl
        )
        created: str | tuple[str, Stat]
        if type(operation) is Create and not makepath:
            created = await self._surely(named(operation, protected), is_protected=protected)
        else:
            created = await self.run(self._creating(operation, makepath, include_data, protected))
        path = created if isinstance(created, str) else created[0]
        return await self._caught_up(operation, created, path)

    def create_async(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        makepath: bool = False,
        include_data: bool = False,
        container: bool = False,
        ttl: int | None = None,
        protected: bool = False,
    ) -> asyncio.Future[Any]:  # Any: str, or with `include_data` a tuple
        operation = self._creation(
            path, value, acl, ephemeral, sequence, include_data, container, ttl
        )
        if not (makepath or protected) and (include_data or type(operation) is Create):
            return self._write_async(operation)
        creating = self._creating(operation, makepath, include_data, protected)
        return self.run_async(creating, "create", path)

    async def ensure_path(self, path: str, acl: Sequence[ACL] | None = None) -> bool:
        return await self.run(self._ensuring(path, acl))

    def ensure_path_async(
        self, path: str, acl: Sequence[ACL] | None = None
    ) -> asyncio.Future[bool]:
        return self.run_async(self._ensuring(path, acl), "ensure_path", path)

    async def delete(self, path: str, version: int = ANY_VERSION, recursive: bool = False) -> bool:
        operation = arguments.delete(path, version)
        if recursive:
            return await self.run(nodes.delete_recursively(operation.path))
        return await self._write(operation, path)

    def delete_async(
        self, path: str, version: int = ANY_VERSION, recursive: bool = False
    ) -> asyncio.Future[bool]:
        operation = arguments.delete(path, version)
        if recursive:
            return self.run_async(nodes.delete_recursively(path), "delete", path)
        return self._write_async(operation)

    async def exists(self, path: str, watch: WatchCallback | None = None) -> Stat | None:
        return await self._call(arguments.exists(path, self._watch(watch)))

    def exists_async(
        self, path: str, watch: WatchCallback | None = None
    ) -> asyncio.Future[Stat | None]:
        return self._call_async(arguments.exists(path, self._watch(watch)))

    async def get(self, path: str, watch: WatchCallback | None = None) -> tuple[bytes, Stat]:
        return await self._call(arguments.get(path, self._watch(watch)))

    def get_async(
        self, path: str, watch: WatchCallback | None = None
    ) -> asyncio.Future[tuple[bytes, Stat]]:
        return self._call_async(arguments.get(path, self._watch(watch)))

    @overload
    async def get_children(
        self, path: str, watch: WatchCallback | None = None, include_data: Literal[False] = False
    ) -> list[str]: ...

    @overload
    async def get_children(
        self, path: str, watch: WatchCallback | None = None, *, include_data: Literal[True]
    ) -> tuple[list[str], Stat]: ...

    async def get_children(
        self, path: str, watch: WatchCallback | None = None, include_data: bool = False
    ) -> list[str] | tuple[list[str], Stat]:
        if include_data:
            return await self._call(arguments.get_children2(path, self._watch(watch)))
        return await self._call(arguments.get_children(path, self._watch(watch)))

    def get_children_async(
        self, path: str, watch: WatchCallback | None = None, include_data: bool = False
    ) -> asyncio.Future[Any]:  # Any: list[str], or with `include_data` a tuple
        make = arguments.get_children2 if include_data else arguments.get_children
        operation: Operation[Any] = make(path, self._watch(watch))
        return self._call_async(operation)

    async def set(self, path: str, value: bytes | None, version: int = ANY_VERSION) -> Stat:
        return await self._write(arguments.set_data(path, value, version), path)

    def set_async(
        self, path: str, value: bytes | None, version: int = ANY_VERSION
    ) -> asyncio.Future[Stat]:
        return self._write_async(arguments.set_data(path, value, version))

    async def get_acls(self, path: str) -> tuple[list[ACL], Stat]:
        return await self._call(arguments.get_acls(path))

    def get_acls_async(self, path: str) -> asyncio.Future[tuple[list[ACL], Stat]]:
        return self._call_async(arguments.get_acls(path))

    async def set_acls(self, path: str, acls: Sequence[ACL], version: int = ANY_VERSION) -> Stat:
        return await self._call(arguments.set_acls(path, acls, version))

    def set_acls_async(
        self, path: str, acls: Sequence[ACL], version: int = ANY_VERSION
    ) -> asyncio.Future[Stat]:
        return self._call_async(arguments.set_acls(path, acls, version))

    async def sync(self, path: str) -> str:
        return await self._call(arguments.sync(path))

    def sync_async(self, path: str) -> asyncio.Future[str]:
        return self._call_async(arguments.sync(path))

    # --- watches that stand

    async def add_watch(
        self, path: str, watch: WatchCallback, mode: AddWatchMode = AddWatchMode.PERSISTENT
    ) -> None:
        await self._call(arguments.add_watch(path, self._watch(watch), mode))

    def add_watch_async(
        self, path: str, watch: WatchCallback, mode: AddWatchMode = AddWatchMode.PERSISTENT
    ) -> asyncio.Future[None]:
        return self._call_async(arguments.add_watch(path, self._watch(watch), mode))

    async def remove_watches(self, path: str, watcher_type: WatcherType = WatcherType.ANY) -> None:
        await self._call(arguments.remove_watches(path, watcher_type))

    def remove_watches_async(
        self, path: str, watcher_type: WatcherType = WatcherType.ANY
    ) -> asyncio.Future[None]:
        return self._call_async(arguments.remove_watches(path, watcher_type))

    # --- several at once

    def transaction(self, *, raising: bool = False) -> Transaction:
        return Transaction(self, raising=raising)

    async def multi_read(self, reads: Iterable[tuple[str, str]]) -> list[Any]:
        return await self.run(reading(reads))

    def multi_read_async(self, reads: Iterable[tuple[str, str]]) -> asyncio.Future[list[Any]]:
        return self.run_async(reading(reads), "multi_read")

    # --- the session and the ensemble, as the server knows them

    async def get_ephemerals(self, prefix: str = "/") -> list[str]:
        return await self._call(arguments.get_ephemerals(prefix))

    def get_ephemerals_async(self, prefix: str = "/") -> asyncio.Future[list[str]]:
        return self._call_async(arguments.get_ephemerals(prefix))

    async def get_all_children_number(self, path: str) -> int:
        return await self._call(arguments.get_all_children_number(path))

    def get_all_children_number_async(self, path: str) -> asyncio.Future[int]:
        return self._call_async(arguments.get_all_children_number(path))

    async def who_am_i(self) -> list[ClientInfo]:
        return await self._call(WhoAmI())

    def who_am_i_async(self) -> asyncio.Future[list[ClientInfo]]:
        return self._call_async(WhoAmI())

    async def get_config(self, watch: WatchCallback | None = None) -> tuple[bytes, Stat]:
        return await self._call(arguments.get(paths.CONFIG, self._watch(watch)))

    def get_config_async(
        self, watch: WatchCallback | None = None
    ) -> asyncio.Future[tuple[bytes, Stat]]:
        return self._call_async(arguments.get(paths.CONFIG, self._watch(watch)))

    async def reconfig(
        self,
        joining: Servers,
        leaving: Servers,
        new_members: Servers,
        from_config: int = ANY_VERSION,
    ) -> tuple[bytes, Stat]:
        return await self._call(arguments.reconfig(joining, leaving, new_members, from_config))

    def reconfig_async(
        self,
        joining: Servers,
        leaving: Servers,
        new_members: Servers,
        from_config: int = ANY_VERSION,
    ) -> asyncio.Future[tuple[bytes, Stat]]:
        return self._call_async(arguments.reconfig(joining, leaving, new_members, from_config))

    # --- running

    async def run(self, plan: Plan[R], timeout: float | None = None) -> R:
        until = monotonic() + (self.patience if timeout is None else timeout)
        return await planning.run(self.driver, plan, until, self.patience, self.fail_fast)

    def run_async(self, plan: Plan[R], name: str, path: str | None = None) -> asyncio.Future[R]:
        until = monotonic() + self.patience
        return planning.run_async(self.driver, plan, name, until, self.patience, self.fail_fast)

    async def _call(self, operation: Operation[R]) -> R:
        return await self.driver.call(operation, monotonic() + self.patience, self.fail_fast)

    def _call_async(self, operation: Operation[R]) -> asyncio.Future[R]:
        return self.driver.call_async(operation, monotonic() + self.patience, self.fail_fast)

    def _write_async(self, operation: Operation[R]) -> asyncio.Future[R]:
        if self.fail_fast:
            return self._call_async(operation)
        until = monotonic() + self.patience
        return planning.settled(self.driver, operation, outcomes.settle, until)

    async def _surely(self, operation: Operation[R], *, is_protected: bool = False) -> R:
        until = monotonic() + self.patience
        try:
            return await self.driver.call(operation, until, self.fail_fast)
        except ConnectionLoss as lost:
            if self.fail_fast or not lost.session_id:
                raise
            plan = outcomes.settle(operation, lost, is_protected=is_protected)
        return await planning.run(self.driver, plan, until)

    async def _write(self, operation: Operation[R], path: str) -> R:
        return await self._caught_up(operation, await self._surely(operation), path)

    async def _caught_up(self, operation: Operation[Any], answer: R, path: str) -> R:
        try:
            await self.catch_up(path)
        except asyncio.CancelledError:
            self.driver.unheard(operation, answer)
            raise
        return answer

    async def catch_up(self, *written: str) -> None:
        readings = self.driver.session.readings
        until = monotonic() + calls.LONGEST_CATCHING_UP
        for path in written:
            while readings.concern(path) or readings.concern(paths.parent(path)):
                try:
                    await self.driver.call(Exists(path), until, self.fail_fast)
                except ZooKeeperError:
                    return
