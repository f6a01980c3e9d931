"""Transactions: writes that a server does all together, or none of them."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from zc.zk import arguments
from zc.zk.codes import ANY_VERSION
from zc.zk.errors import (
    ArgumentError,
    ArgumentTypeError,
    RolledBackError,
    RuntimeInconsistency,
    UsageError,
    ZooKeeperError,
)
from zc.zk.operations import Creates, Delete, Multi, Operation, SetData
from zc.zk.plans import Plan
from zc.zk.security import ACL

if TYPE_CHECKING:
    from zc.zk.calls import Calls
    from zc.zk.drivers.results import AsyncResult


class Contents:
    """The operations of a transaction, each of them checked when it is added, and the plan that has them done."""

    def __init__(self, default_acl: Sequence[ACL], *, raising: bool) -> None:
        self.operations: list[Operation[Any]] = []  # Any: replies of every type
        self.committed = False
        self._default_acl = default_acl
        self._raising = raising
        self._with_status: set[int] = set()

    def create(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        include_data: bool = False,
        container: bool = False,
        ttl: int | None = 0,
    ) -> None:
        """Add the creation of a node, as by the client's `create`; its result is the path.

        With `include_data` it is a tuple of the path and the status. Servers before 3.7.2 and 3.8.2 leave the status of
        what a transaction creates out: then it is None.
        """
        self._require_open()
        try:
            operation = arguments.create(
                path,
                value,
                self._default_acl if acl is None else acl,
                ephemeral=ephemeral,
                sequence=sequence,
                container=container,
                time_to_live=ttl,
                with_status=include_data,
            )
        except (ArgumentError, ArgumentTypeError) as error:
            raise self._numbered(error, "create") from error
        if include_data:
            self._with_status.add(len(self.operations))
        self.operations.append(operation)

    def delete(self, path: str, version: int = ANY_VERSION) -> None:
        """Add the deletion of a node, as by the client's `delete`; its result is True."""
        self._require_open()
        try:
            self.operations.append(arguments.delete(path, version))
        except (ArgumentError, ArgumentTypeError) as error:
            raise self._numbered(error, "delete") from error

    def set_data(self, path: str, value: bytes | None, version: int = ANY_VERSION) -> None:
        """Add the replacement of a node's data, as by the client's `set`; its result is the new status."""
        self._require_open()
        try:
            self.operations.append(arguments.set_data(path, value, version))
        except (ArgumentError, ArgumentTypeError) as error:
            raise self._numbered(error, "set_data") from error

    def check(self, path: str, version: int) -> None:
        """Add the condition that a node is there and has this version, -1 for any; its result is True."""
        self._require_open()
        try:
            self.operations.append(arguments.check(path, version))
        except (ArgumentError, ArgumentTypeError) as error:
            raise self._numbered(error, "check") from error

    def _numbered(self, error: UsageError, name: str) -> UsageError:
        return type(error)(
            f"operation {len(self.operations) + 1} of the transaction, {name}: {error}"
        )

    def _require_open(self) -> None:
        if self.committed:
            msg = "the transaction was committed already: begin another one"
            raise ArgumentError(msg)

    def commitment(self) -> Plan[list[Any]]:
        """Return the plan that has all operations done and gives their results; only once."""
        self._require_open()
        self.committed = True
        return self._commit(Multi(tuple(self.operations)))

    def _commit(self, multi: Multi) -> Plan[list[Any]]:
        if not multi.operations:
            return []
        results = yield from multi
        if self._raising:
            for result in results:
                if _is_cause(result):
                    raise result
        return [self._shown(number, result) for number, result in enumerate(results)]

    def _shown(self, number: int, result: Any) -> Any:
        if number in self._with_status or not isinstance(self.operations[number], Creates):
            return result
        # Containers and nodes with a TTL are answered with their status in any case.
        return result[0] if isinstance(result, tuple) else result

    def written(self, results: Sequence[Any]) -> list[str]:
        """Return the paths of the nodes that were written to, where these are the results."""
        paths = []
        for operation, result in zip(self.operations, results, strict=True):
            if isinstance(result, Exception):
                return []  # all or nothing
            if isinstance(operation, Creates):
                paths.append(result[0] if isinstance(result, tuple) else result)
            elif isinstance(operation, Delete | SetData):
                paths.append(operation.path)
        return paths

    def __repr__(self) -> str:
        standing = "committed" if self.committed else "open"
        return f"<Transaction of {len(self.operations)} operations {standing}>"


def _is_cause(result: Any) -> bool:
    return isinstance(result, ZooKeeperError) and not isinstance(
        result, RolledBackError | RuntimeInconsistency
    )


class Transaction(Contents):
    """Writes that are done all together, under one zxid, or none of them.

    Add operations, then `commit` once; or use it as a context manager, which commits at the end of its block unless
    that raises. What the operations say is checked when they are added. A transaction is one request, of at most 1 MiB.

    The results come in the order of the operations. When one operation fails, nothing is done: its result is the
    exception, those before it are `RolledBackError`, those after it `RuntimeInconsistency`. Nothing is raised then,
    unless the transaction is `raising`: that raises the exception. A lost connection raises `ConnectionLoss` as for any
    write: the outcome is unknown, but it is all or nothing.
    """

    def __init__(self, calls: "Calls", *, raising: bool = False) -> None:
        super().__init__(calls.default_acl, raising=raising)
        self.results: list[Any] | None = None
        self._calls = calls

    def commit(self) -> list[Any]:
        """Have all operations done and return their results, which `results` then are, too.

        Raises `RequestTooLargeError` when they are too much for one request, `ArgumentError` when called twice.
        """
        self.results = results = self._calls.run(self.commitment())
        self._calls.catch_up(*self.written(results))
        return results

    def commit_async(self) -> "AsyncResult[list[Any]]":
        """As `commit`, without waiting."""
        return self._calls.run_async(self.commitment(), "transaction")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None and not self.committed:
            self.commit()
