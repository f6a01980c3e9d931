"""What the server does for several operations in one request (protocol.md, 12)."""

from collections.abc import Callable
from typing import Any

from zc.zk import operations as ops
from zc.zk.codes import CreateFlag
from zc.zk.errors import CodedError, ProtocolError, RolledBackError, RuntimeInconsistency
from zc.zk.records import Stat
from zc.zk.server import reads, writes
from zc.zk.server.caller import Caller
from zc.zk.server.settings import Settings
from zc.zk.server.store import Draft, Store

Results = list[Any]  # Any: values of every type, and errors


def multi(draft: Draft, caller: Caller, request: ops.Multi) -> Results:
    """Do all of the writes and give their answers, or none of them and say which one failed."""
    results: Results = []
    parts = [_as_written(part, draft.store.settings) for part in request.operations]
    draft.keep_undo()
    try:
        for part in parts:
            results.append(_WRITES[type(part)](draft, caller, part))
    except CodedError as error:
        draft.roll_back()
        before, after = len(results), len(parts) - len(results) - 1
        return [RolledBackError()] * before + [error] + [RuntimeInconsistency()] * after
    except BaseException:
        draft.roll_back()  # a bug of ours: it shall not leave half of a transaction behind
        raise
    return results


def multi_read(store: Store, caller: Caller, request: ops.MultiRead) -> Results:
    """Do each of the reads on its own; they leave no watches."""
    results: Results = []
    room = store.settings.unsent_bytes_to_drop
    for part in request.operations:
        try:
            result = _READS[type(part)](store, caller, part)
        except CodedError as error:
            result = error
        else:
            room -= _size(result)
        if room < 0:
            # A frame can ask 50,000 times for a MiB. Apache tries, and runs out of memory.
            raise ProtocolError("the answer would be larger than a connection may have unsent")
        results.append(result)
    return results


def _get_data(store: Store, caller: Caller, part: ops.GetData) -> tuple[bytes | None, Stat]:
    return reads.get_data(store, caller, ops.GetData(part.path))


def _get_children(store: Store, caller: Caller, part: ops.GetChildren) -> list[str]:
    return reads.get_children(store, caller, ops.GetChildren(part.path))


def _size(result: Any) -> int:
    if isinstance(result, tuple):
        return len(result[0] or b"")
    return sum(map(len, result))


def _as_written(part: ops.Operation[Any], settings: Settings) -> ops.Operation[Any]:
    """Return what Apache takes a part of a multi for: the flags of a creation outweigh its number.

    Flags that are for another operation make the multi unreadable, and so do unknown ones in 3.9.
    """
    if not isinstance(part, ops.Creates):
        return part
    flags, is_ttl = part.flags, isinstance(part, ops.CreateTTL)
    if flags in (CreateFlag.TTL, CreateFlag.SEQUENTIAL_TTL):
        if is_ttl:
            return part
    elif flags == CreateFlag.CONTAINER:
        return ops.CreateContainer(part.path, part.data, part.acl, flags)
    elif flags in _PLAIN_FLAGS:
        if is_ttl or not settings.answers_create2_in_full:
            return ops.Create(part.path, part.data, part.acl, flags)
        return part
    elif is_ttl or not settings.answers_create2_in_full:
        return part  # to be refused in its turn
    raise ProtocolError(f"flags {flags:d} in a creation that is part of a multi")


_PLAIN_FLAGS = range(4)


# Any: each function takes the one class that it is listed under.
_WRITES: dict[type, Callable[[Draft, Caller, Any], object]] = {
    ops.Create: writes.create,
    ops.Create2: writes.create2,
    ops.CreateContainer: writes.create_container,
    ops.CreateTTL: writes.create_ttl,
    ops.Delete: writes.delete,
    ops.SetData: writes.set_data,
    ops.Check: writes.check,
}
_READS: dict[type, Callable[[Store, Caller, Any], Any]] = {
    ops.GetData: _get_data,
    ops.GetChildren: _get_children,
}
