"""Who answers which operation; to add an operation is to add its function and its row."""

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from zc.zk import operations as ops
from zc.zk.codes import OpCode
from zc.zk.errors import NotReadOnlyCallError
from zc.zk.server import batches, login, reads, watching, writes


class Kind(Enum):
    """How a request is carried out."""

    READ = "read"  # answered under the last zxid
    WRITE = "write"  # takes a zxid, whether it succeeds or fails
    REFUSED = "refused"  # by a server that takes no writes, unread
    CONNECTION = "connection"  # answered under zxid 0; a failure ends the connection


class Handler(NamedTuple):
    """One row of the table.

    `answer` takes the store, or for a write its draft, then the caller and the request.
    """

    operation: type[ops.Operation[Any]]  # Any: each row has its own types, as its function says
    kind: Kind
    answer: Callable[[Any, Any, Any], Any]


HANDLERS: dict[int, Handler] = {
    row.operation.opcode: row
    for row in (
        Handler(ops.GetData, Kind.READ, reads.get_data),
        Handler(ops.Exists, Kind.READ, reads.exists),
        Handler(ops.GetChildren, Kind.READ, reads.get_children),
        Handler(ops.GetChildren2, Kind.READ, reads.get_children2),
        Handler(ops.GetACL, Kind.READ, reads.get_acl),
        Handler(ops.MultiRead, Kind.READ, batches.multi_read),
        Handler(ops.Sync, Kind.READ, reads.sync),
        Handler(ops.Ping, Kind.READ, reads.ping),
        Handler(ops.WhoAmI, Kind.READ, reads.who_am_i),
        Handler(ops.GetEphemerals, Kind.READ, reads.get_ephemerals),
        Handler(ops.GetAllChildrenNumber, Kind.READ, reads.get_all_children_number),
        Handler(ops.SetWatches, Kind.READ, watching.set_watches),
        Handler(ops.SetWatches2, Kind.READ, watching.set_watches2),
        Handler(ops.AddWatch, Kind.READ, watching.add_watch),
        Handler(ops.CheckWatches, Kind.READ, watching.check_watches),
        Handler(ops.RemoveWatches, Kind.READ, watching.remove_watches),
        Handler(ops.Create, Kind.WRITE, writes.create),
        Handler(ops.Create2, Kind.WRITE, writes.create2),
        Handler(ops.CreateContainer, Kind.WRITE, writes.create_container),
        Handler(ops.CreateTTL, Kind.WRITE, writes.create_ttl),
        Handler(ops.Delete, Kind.WRITE, writes.delete),
        Handler(ops.SetData, Kind.WRITE, writes.set_data),
        Handler(ops.SetACL, Kind.WRITE, writes.set_acl),
        Handler(ops.Multi, Kind.WRITE, batches.multi),
        Handler(ops.Reconfig, Kind.WRITE, writes.reconfig),
        Handler(ops.CloseSession, Kind.WRITE, writes.close_session),
        Handler(ops.Auth, Kind.CONNECTION, login.auth),
        Handler(ops.Sasl, Kind.CONNECTION, login.sasl),
    )
}

_REFUSED = {OpCode.SYNC, OpCode.CHECK} | {
    opcode for opcode, row in HANDLERS.items() if row.kind is Kind.WRITE
}


def _refuse(*_: object) -> None:
    raise NotReadOnlyCallError


READ_ONLY_HANDLERS: dict[int, Handler] = {
    **HANDLERS,
    **{opcode: Handler(ops.OPERATIONS[opcode], Kind.REFUSED, _refuse) for opcode in _REFUSED},
    OpCode.CLOSE_SESSION: Handler(ops.CloseSession, Kind.READ, reads.close_local_session),
}
