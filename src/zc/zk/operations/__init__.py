"""The requests of the protocol as values: one small class each, which knows its wire form in both directions.

A client writes requests (`write`) and reads replies (`read`); a server does the reverse (`read_request`,
`write_reply`). To add an operation is to add its class here.
"""

from zc.zk.operations.base import OPERATIONS, Operation, Step, Watch
from zc.zk.operations.batches import Check, Multi, MultiRead
from zc.zk.operations.creating import Create, Create2, CreateContainer, Creates, CreateTTL
from zc.zk.operations.ensembles import Reconfig
from zc.zk.operations.nodes import (
    Delete,
    Exists,
    GetACL,
    GetAllChildrenNumber,
    GetChildren,
    GetChildren2,
    GetData,
    GetEphemerals,
    SetACL,
    SetData,
    Sync,
)
from zc.zk.operations.sessions import Auth, CloseSession, Ping, Sasl, WhoAmI
from zc.zk.operations.watching import (
    AddWatch,
    CheckWatches,
    ProbeModes,
    RemoveWatches,
    SetWatches,
    SetWatches2,
)

__all__ = [
    "OPERATIONS",
    "AddWatch",
    "Auth",
    "Check",
    "CheckWatches",
    "CloseSession",
    "Create",
    "Create2",
    "CreateContainer",
    "CreateTTL",
    "Creates",
    "Delete",
    "Exists",
    "GetACL",
    "GetAllChildrenNumber",
    "GetChildren",
    "GetChildren2",
    "GetData",
    "GetEphemerals",
    "Multi",
    "MultiRead",
    "Operation",
    "Ping",
    "ProbeModes",
    "Reconfig",
    "RemoveWatches",
    "Sasl",
    "SetACL",
    "SetData",
    "SetWatches",
    "SetWatches2",
    "Step",
    "Sync",
    "Watch",
    "WhoAmI",
]
