"""What calls of several steps do, for whichever client runs them."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from zc.zk import arguments, paths
from zc.zk.asking import Asking, D
from zc.zk.operations import Creates, MultiRead
from zc.zk.plans import Plan
from zc.zk.recipes import nodes, outcomes
from zc.zk.security import ACL, checked_acl

C = TypeVar("C", bound=Creates[Any])  # Any: answers of either type
Servers = str | Sequence[str] | None


class Making(Asking[D]):
    """Makes the operations and the plans of calls that create nodes."""

    def _creation(
        self,
        path: str,
        value: bytes | None,
        acl: Sequence[ACL] | None,
        ephemeral: bool,
        sequence: bool,
        include_data: bool,
        container: bool,
        ttl: int | None,
    ) -> Creates[Any]:  # Any: str, or with `include_data` a tuple
        return arguments.create(
            path,
            value,
            self._acl(acl),
            ephemeral=ephemeral,
            sequence=sequence,
            container=container,
            time_to_live=ttl,
            with_status=include_data,
        )

    def _creating(
        self, operation: Creates[Any], makepath: bool, include_data: bool, is_protected: bool
    ) -> Plan[Any]:  # Any: str, or with `include_data` a tuple
        return nodes.create(
            named(operation, is_protected),
            makepath=makepath,
            include_data=include_data,
            is_protected=is_protected,
            root=self.driver.session.trail.root,
        )

    def _ensuring(self, path: str, acl: Sequence[ACL] | None) -> Plan[bool]:
        root = self.driver.session.trail.root
        return nodes.ensure_path(paths.validate(path), checked_acl(self._acl(acl)), root)


def reading(reads: Iterable[tuple[str, str]]) -> Plan[list[Any]]:
    """Return the plan that reads several nodes in one request; raises `ArgumentError` and `ArgumentTypeError`."""
    if isinstance(reads, str) or not isinstance(reads, Iterable):
        msg = f"the reads must be a list of tuples, not {type(reads).__name__}"
        raise arguments.ArgumentTypeError(msg)
    return _read_all(MultiRead(tuple(map(arguments.read, reads))))


def _read_all(operation: MultiRead) -> Plan[list[Any]]:
    return (yield from operation) if operation.operations else []


def named(create: C, protected: bool) -> C:
    """Return a creation as it is, or of a name that can only be its own."""
    if not protected:
        return create
    return replace(create, path=outcomes.protected(create.path, str(uuid.uuid4())))
