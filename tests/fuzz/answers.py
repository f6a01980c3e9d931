"""What a server may answer to an operation, as a tape says it."""

from collections.abc import Callable
from typing import Any

from tests.fuzz.tape import Tape
from zc.zk import operations as ops
from zc.zk.errors import NoNodeError, RolledBackError
from zc.zk.records import ClientInfo, Stat

_TOKENS = (
    b'realm="zk-sasl-md5",nonce="n",charset=utf-8,algorithm=md5-sess',
    # The proof for what the client's harness logs in by.
    b"rspauth=93b339f138fcfb15ea74ccd1e477821e",
    None,
)
_ERRORS = (NoNodeError, RolledBackError)


def answer(
    asked: ops.Operation[Any], tape: Tape
) -> Any:  # Any: the answer's type is the operation's
    """Give an answer that fits; its numbers need not make sense."""
    if isinstance(asked, ops.Multi | ops.MultiRead):
        return [_part(each, tape) for each in asked.operations]
    for kinds, make in _MAKERS:
        if isinstance(asked, kinds):
            return make(tape)
    return None


def _part(asked: ops.Operation[Any], tape: Tape) -> Any:  # Any: as above
    return tape.choose(_ERRORS)() if tape.is_odd else answer(asked, tape)


def _stat(tape: Tape) -> Stat:
    zxid = tape.below(200)
    return Stat(zxid, zxid + tape.below(9), 3, 4, tape.number(), 0, 0, tape.number(8), 1, 0, 2)


def _names(tape: Tape) -> list[str]:
    return [tape.path().rpartition("/")[2] for _ in range(tape.below(5))]


_MAKERS: tuple[tuple[tuple[type, ...], Callable[[Tape], Any]], ...] = (
    ((ops.Create, ops.Sync), Tape.path),
    ((ops.Creates,), lambda tape: (tape.path(), _stat(tape))),
    ((ops.GetData,), lambda tape: (tape.data(), _stat(tape))),
    ((ops.Exists, ops.SetData, ops.SetACL), _stat),
    ((ops.GetChildren, ops.GetEphemerals), _names),
    ((ops.GetChildren2,), lambda tape: (_names(tape), _stat(tape))),
    ((ops.GetACL,), lambda tape: (list(tape.acl()), _stat(tape))),
    ((ops.GetAllChildrenNumber,), Tape.number),
    ((ops.WhoAmI,), lambda tape: [ClientInfo("ip", tape.path())]),
    ((ops.Sasl,), lambda tape: tape.blob() if tape.is_odd else tape.choose(_TOKENS)),
    ((ops.Delete, ops.Check), lambda tape: True),
)
