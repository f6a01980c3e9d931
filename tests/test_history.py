from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import pytest

from tests.history import Call, Client, Kind, Outcome, applied, check
from tests.txnlog import Change, Transaction, TxnType

ANN, BOB = 0xA, 0xB


@dataclass
class World:
    """A history and the log of the servers, for a test to spoil."""

    ann: Client
    bob: Client
    log: list[Transaction]

    def complaints(self) -> list[str]:
        return check("/r", [self.ann, self.bob], self.log)

    def change(self, client: Client, number: int, **attributes: object) -> None:
        client.calls[number] = replace(client.calls[number], **attributes)  # type: ignore[arg-type]

    def change_log(self, zxid: int, **attributes: object) -> None:
        (at,) = [n for n, each in enumerate(self.log) if each.zxid == zxid]
        self.log[at] = replace(self.log[at], **attributes)  # type: ignore[arg-type]


def transaction(zxid: int, session: int, change: Change) -> Transaction:
    return Transaction(
        zxid=zxid, session=session, cxid=0, time=0.0, type=change.type, changes=(change,)
    )


def created(zxid: int, session: int, path: str, data: bytes, *, lives_with: bool) -> Transaction:
    change = Change(type=TxnType.CREATE, path=path, data=data, is_ephemeral=lives_with)
    return transaction(zxid, session, change)


def changed(zxid: int, session: int, path: str, data: bytes, version: int) -> Transaction:
    change = Change(type=TxnType.SET_DATA, path=path, data=data, version=version)
    return transaction(zxid, session, change)


@pytest.fixture
def world() -> World:
    log = [
        created(10, ANN, "/r", b"root", lives_with=False),
        created(11, ANN, "/r/a", b"a0", lives_with=False),
        created(12, BOB, "/r/b", b"b0", lives_with=True),
        changed(13, ANN, "/r/a", b"a1", 1),
        changed(14, BOB, "/r/a", b"a2", 2),
        created(15, ANN, "/other", b"x", lives_with=False),
        changed(16, ANN, "/r/a", b"a3", 3),
        transaction(17, ANN, Change(type=TxnType.DELETE, path="/r/a")),
        transaction(18, BOB, Change(type=TxnType.CLOSE_SESSION, deleted=("/r/b",))),
    ]
    times = iter(range(100))

    def call(kind: Kind, path: str, **attributes: object) -> Call:
        begin, end = float(next(times)), float(next(times))
        return Call(kind=kind, path=path, began_at=begin, ended_at=end, **attributes)  # type: ignore[arg-type]

    ann, bob = Client("ann", sessions={ANN}), Client("bob", sessions={BOB})
    ann.calls += [
        call(Kind.CREATE, "/r", data=b"root", zxid=10),
        call(Kind.GET, "/r/a"),
        call(Kind.CREATE, "/r/a", data=b"a0", zxid=11),
    ]
    bob.calls += [
        call(Kind.CREATE, "/r/b", data=b"b0", zxid=12),
        call(Kind.GET, "/r/a", data=b"a0", version=0, zxid=11),  # behind, but true
        call(Kind.CHILDREN, "/r", children=frozenset({"a", "b"}), zxid=12),
    ]
    ann.calls += [call(Kind.SET, "/r/a", data=b"a1", expected=0, version=1, zxid=13)]
    bob.calls += [
        call(Kind.SET, "/r/a", data=b"a2", expected=1, version=2, zxid=14),
        call(Kind.GET, "/r/a", data=b"a2", version=2, zxid=14, seen=14),
        call(Kind.SET, "/r/a", data=b"in vain", expected=0, outcome=Outcome.FAILED),
    ]
    ann.calls += [
        call(Kind.SET, "/r/a", data=b"a3", expected=-1, outcome=Outcome.UNKNOWN),
        call(Kind.SET, "/r/a", data=b"lost", expected=-1, outcome=Outcome.UNKNOWN),
        call(Kind.GET, "/r/a", data=b"a3", version=3, zxid=16, seen=16),
        call(Kind.DELETE, "/r/a"),
        call(Kind.GET, "/r/a"),
    ]
    bob.calls += [call(Kind.DELETE, "/r/a", outcome=Outcome.FAILED)]
    return World(ann, bob, log)


def test_a_good_history_has_nothing_wrong(world: World) -> None:
    assert world.complaints() == []


def test_unknown_writes_are_classified_by_the_log(world: World) -> None:
    assert applied("/r", [world.ann, world.bob], world.log) == 1


def without(zxid: int) -> Callable[[World], None]:
    def spoil(world: World) -> None:
        world.log = [each for each in world.log if each.zxid != zxid]

    return spoil


def twice(zxid: int, again_at: int) -> Callable[[World], None]:
    def spoil(world: World) -> None:
        (once,) = [each for each in world.log if each.zxid == zxid]
        world.log.append(replace(once, zxid=again_at))
        world.log.sort(key=lambda each: each.zxid)

    return spoil


def ann(number: int, **attributes: object) -> Callable[[World], None]:
    return lambda world: world.change(world.ann, number, **attributes)


def bob(number: int, **attributes: object) -> Callable[[World], None]:
    return lambda world: world.change(world.bob, number, **attributes)


def log(zxid: int, **attributes: object) -> Callable[[World], None]:
    return lambda world: world.change_log(zxid, **attributes)


def swapped(world: World) -> None:
    calls = world.ann.calls
    calls[2], calls[3] = calls[3], calls[2]


SPOILT: dict[str, tuple[Callable[[World], None], str]] = {
    "a create that is lost": (without(11), "was done, and is not in the log"),
    "a set that is lost": (without(13), "was done, and is not in the log"),
    "a delete that is lost": (without(17), "was done, and is not in the log"),
    "a create done twice": (twice(11, 19), "is 2 times in the log"),
    "a set done twice": (twice(14, 15), "is 2 times in the log"),
    "a delete done twice": (twice(17, 19), "is 2 times in the log"),
    "an unknown write done twice": (twice(16, 19), "is 2 times in the log"),
    "a failed set that was done": (
        lambda world: world.log.insert(5, changed(15, BOB, "/r/a", b"in vain", 3)),
        "failed, and is in the log",
    ),
    "a failed delete that was done": (
        lambda world: world.log.append(
            transaction(19, BOB, Change(type=TxnType.DELETE, path="/r/a"))
        ),
        "failed, and is in the log",
    ),
    "a version that is not the log's": (bob(3, version=7), "was answered with version 7"),
    "a zxid that is not the log's": (bob(3, zxid=13), "was answered with 0xd"),
    "an expected version that was not there": (ann(3, expected=4), "expected version 4"),
    "somebody else's session": (log(13, session=BOB), "which is not the client's"),
    "a write that nobody asked for": (
        lambda world: world.log.append(changed(19, ANN, "/r/a", b"?", 4)),
        "nobody has asked for",
    ),
    "an ephemeral that stays": (
        log(18, changes=(Change(type=TxnType.CLOSE_SESSION, deleted=()),)),
        "/r/b has outlived its session",
    ),
    "data that was never there": (bob(4, data=b"made up"), "is true at no point"),
    "a version that was never there": (bob(4, version=9), "is true at no point"),
    "data of another version": (bob(4, data=b"a1"), "is true at no point"),
    "children that were never there": (bob(2, children=frozenset({"b"})), "is true at no point"),
    "a read older than one's own write": (
        lambda world: world.ann.calls.insert(
            4, Call(kind=Kind.GET, path="/r/a", data=b"a0", version=0, zxid=11)
        ),
        "is true until 0xd, not at 0xd",
    ),
    "a read older than the read before": (
        lambda world: world.bob.calls.insert(
            5, Call(kind=Kind.GET, path="/r/a", data=b"a1", version=1, zxid=13)
        ),
        "is true until 0xe, not at 0xe",
    ),
    "a read older than what the client has seen": (
        lambda world: world.bob.calls.append(
            Call(kind=Kind.CHILDREN, path="/r", children=frozenset({"a"}), zxid=11)
        ),
        "is true until 0xc, not at 0xe",
    ),
    "no node after one's own create": (
        lambda world: world.ann.calls.insert(3, Call(kind=Kind.GET, path="/r")),
        "is true until 0xa, not at 0xb",
    ),
    "writes in another order than asked for": (swapped, "is not after"),
    "a write before one that had ended": (bob(0, began_at=-2.0, ended_at=-1.0), "had ended"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_history_is_found_out(world: World, name: str) -> None:
    spoil, complaint = SPOILT[name]

    spoil(world)

    assert any(complaint in each for each in world.complaints()), world.complaints()


def test_a_read_may_lag_as_far_as_the_client_has_not_seen_more(world: World) -> None:
    lagging = Call(kind=Kind.GET, path="/r/a", data=b"a0", version=0, zxid=11)
    world.bob.calls.insert(3, lagging)

    assert world.complaints() == []


def test_checking_changes_nothing(world: World) -> None:
    before = deepcopy(world)

    world.complaints()

    assert world == before
