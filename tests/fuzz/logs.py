"""Files of the log that were changed: what is recovered was acknowledged in just this order, or nothing is."""

import itertools
import re
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from struct import Struct
from typing import Any

from tests.fuzz.operations import operation
from tests.fuzz.soundness import check_store, state
from tests.fuzz.tape import Tape
from tests.server.wireclient import connect_frame, request_frame
from zc.zk.operations import Create, Delete, Operation, Ping, SetData
from zc.zk.server.core import Core
from zc.zk.server.folder import Folder, FolderError
from zc.zk.server.log import MAGIC, DamagedError, recover, snapshot
from zc.zk.server.settings import Settings
from zc.zk.server.store import Store

MOST_CHANGES = 4
HEAD = Struct(">II")  # of a record: length and checksum
SETTINGS = Settings(first_zxid=0, tick_time=1.0, sweep_interval=1.0)
_REFUSAL = re.compile(r".*\bbyte \d+\b.*")


Turns = Sequence[Sequence[Operation[Any]]]  # Any: replies of every type


@dataclass(frozen=True)
class Life:
    """The log of a server, and what was acknowledged when it was so long, from the snapshot on."""

    log: bytes
    ends: tuple[int, ...]
    states: tuple[dict[str, Any], ...]  # Any: see `state`


def empty_store() -> Store:
    """Give the store of a server that was just started."""
    return Store(SETTINGS, 0.0, 1000.0, lambda count: b"p" * count)


@cache
def lives() -> tuple[Life, ...]:
    """Give the lives that logs are taken from: a short one, a rich one, one with a log in its data."""
    short: Turns = [[Create(f"/{number}", b"x")] for number in range(4)]
    changing: Turns = [[Create("/n")], [SetData("/n", b"1")], [SetData("/n", b"2")], [Delete("/n")]]
    first = _live(short)
    within: Turns = [[Create("/log", first.log + bytes(9))], [SetData("/log", first.log)]]
    tape = Tape(bytes(range(256)) * 20)
    rich: Turns = [[operation(tape) for _ in range(6)] for _ in range(25)]
    return (first, _live(changing), _live(within), _live(rich))


def _live(turns: Turns) -> Life:
    """Live: each turn of the loop carries out some requests, and brings them to the disk."""
    marks = itertools.count(sum(map(len, turns)))  # each log has its own
    core = Core(SETTINGS, 0.0, 1000.0, lambda count: next(marks).to_bytes(count))
    with tempfile.TemporaryDirectory() as name:
        folder = Folder.open(Path(name), core.store, 0.0, sync=False)
        ends, states = [folder.size], [state(core.store)]
        for now, turn in enumerate(turns):
            link = core.connect(("127.0.0.1", 1), now)
            link.receive(connect_frame(timeout=3000), now)
            for request in (*turn, Ping()):
                link.receive(request_frame(1, request), now)
            core.disconnect(link)
            core.tick(now)
            folder.flush()
            ends.append(folder.size)
            states.append(state(core.store))
        folder.close()
        return Life((Path(name) / "journal").read_bytes(), tuple(ends), tuple(states))


# What can happen to a file


def flip(log: bytes, tape: Tape) -> bytes:
    """Turn one bit over."""
    at = _place(log, tape)
    return log[:at] + bytes([log[at] ^ 1 << tape.below(8)]) + log[at + 1 :] if log else log


def put(log: bytes, tape: Tape) -> bytes:
    """Put other bytes over some."""
    at, other = _place(log, tape), tape.blob()
    return log[:at] + other + log[at + len(other) :]


def insert(log: bytes, tape: Tape) -> bytes:
    """Put other bytes between."""
    at = _place(log, tape)
    return log[:at] + tape.blob() + log[at:]


def remove(log: bytes, tape: Tape) -> bytes:
    """Take some bytes out."""
    at = _place(log, tape)
    return log[:at] + log[at + tape.below(64) :]


def cut(log: bytes, tape: Tape) -> bytes:
    """Take the end away."""
    return log[: _place(log, tape)]


def lengthen(log: bytes, tape: Tape) -> bytes:
    """Add zeros, as some crashes do."""
    return log + bytes(tape.below(200))


def double(log: bytes, tape: Tape) -> bytes:
    """Have a record twice, the second time anywhere."""
    records = records_of(log)
    copied = tape.choose(records)
    records.insert(1 + tape.below(len(records)), copied)
    return b"".join(records)


def swap(log: bytes, tape: Tape) -> bytes:
    """Let two records change their places."""
    records = records_of(log)
    one, other = (tape.below(len(records)) for _ in range(2))
    records[one], records[other] = records[other], records[one]
    return b"".join(records)


def lose(log: bytes, tape: Tape) -> bytes:
    """Let a record be missing."""
    records = records_of(log)
    del records[tape.below(len(records))]
    return b"".join(records)


CHANGES: tuple[Callable[[bytes, Tape], bytes], ...] = (
    *(flip, put, insert, remove, cut, lengthen, double, swap, lose),
)


def _place(log: bytes, tape: Tape) -> int:
    return int.from_bytes(tape.take(3)) % len(log) if log else 0


def records_of(log: bytes) -> list[bytes]:
    """Give what a log consists of: its first line, its records, and what is no record."""
    position = len(MAGIC)
    records = [log[:position]]
    while len(log) - position >= HEAD.size:
        end = position + HEAD.size + HEAD.unpack_from(log, position)[0]
        records.append(log[position:end])
        position = min(end, len(log))
    return [*records, log[position:]]


# What must be true


def play(data: bytes) -> None:
    """Change a log as `data` tells, and recover from it; raises whatever is wrong."""
    tape = Tape(data)
    life = tape.choose(lives())
    if tape.below(4) == 3:
        check_forged(_forged(life.log, tape))
        return
    log = life.log
    for _ in range(1 + tape.below(MOST_CHANGES)):
        log = tape.choose(CHANGES)(log, tape)
    check_changed(life, log)
    if tape.below(64) == 63:
        check_folder(log)


def check_changed(life: Life, log: bytes) -> None:
    """Insist that a changed log is refused, or recovered as far as it is unchanged to its end."""
    store = empty_store()
    try:
        good = recover(log, store, 0.0)
    except DamagedError as error:
        check_refusal(str(error))
        return
    assert good in life.ends
    count = life.ends.index(good)
    # The records of a snapshot may stand in another order, as long as parents come first.
    assert sorted(records_of(log[:good])) == sorted(records_of(life.log[:good]))
    assert state(store) == life.states[count]
    rest = log[good:]
    lost = [
        life.log[begin:end]
        for begin, end in zip(life.ends[count:], life.ends[count + 1 :], strict=False)
    ]
    assert not any(each and each in rest for each in lost), (
        "what is whole behind the end was left out"
    )
    check_store(store)


def check_forged(log: bytes) -> None:
    """Insist that a log with good checksums over anything is refused, or a store that fits together."""
    store = empty_store()
    try:
        recover(log, store, 0.0)
    except DamagedError as error:
        check_refusal(str(error))
        return
    check_store(store)
    again = empty_store()
    recover(b"".join(snapshot(store)), again, 0.0)
    assert state(again) == state(store)


def check_folder(log: bytes) -> None:
    """Insist that a folder with this log can be used twice alike, or is refused by its name."""
    with tempfile.TemporaryDirectory() as name:
        journal = Path(name) / "journal"
        journal.write_bytes(log)
        stores = [empty_store(), empty_store()]
        try:
            for store in stores:
                Folder.open(Path(name), store, 0.0).close()
        except FolderError as error:
            refusal = str(error)
        else:
            assert state(stores[0]) == state(stores[1])
            return
        assert refusal.startswith(f"cannot read {journal}: ")
        check_refusal(refusal)
        assert journal.read_bytes() == log


def check_refusal(text: str) -> None:
    """Insist on one line that names a byte."""
    assert _REFUSAL.fullmatch(text), text
    assert len(text) < 1000


def _forged(log: bytes, tape: Tape) -> bytes:
    """Change the bodies of some records, and make their checksums good again."""
    records = records_of(log)
    for _ in range(1 + tape.below(3)):
        at = 1 + tape.below(len(records))
        body = records[at][HEAD.size :] if at < len(records) else b""
        if tape.below(4):
            place = _place(body, tape)
            body = body[:place] + tape.blob() + body[place + tape.below(20) :]
        else:
            body = b"\0\0\0" + bytes([tape.below(6)]) + tape.fields()
        records[at : at + 1] = [HEAD.pack(len(body), zlib.crc32(body)) + body]
    return b"".join(records)
