"""What is measured, and how good it has to be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["plain", "update", "recover", "memory"]
SUBJECTS = ("zc.zk", "kazoo", "bare")
LOOPS = ("zc.zk.aio", "aiozk", "bare.aio", "zc.zk")  # the subjects of what is done on an event loop
FACES = ("zc.zk.aio", "zc.zk")  # the one whose loop is looked at, and what it is compared with
FOLLOWING = ("watch_children", "watch_together", "watch_and_read")  # calls that follow children
NODES = "/bench"
DATA_SIZE = 100  # bytes in a node
TRANSACTION = 100  # creates in one


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that every subject is timed at.

    `call` is the subject's method. `count` is how many times it does it, `quick_count` with --quick.
    `is_heavy` tasks get fewer rounds.
    """

    name: str
    title: str
    call: str
    count: int
    quick_count: int
    kind: Kind = "plain"
    is_heavy: bool = False
    ends_session: bool = False
    subjects: tuple[str, ...] = SUBJECTS


TASKS = (
    Task("serial", "get, one after the other", "get_serially", 5000, 1000),
    Task("gets", "20,000 gets in flight", "get_in_flight", 20_000, 4000),
    Task("creates", "4,000 ephemeral creates in flight", "create_in_flight", 4000, 1000),
    Task("multis", "  the same, in transactions of 100", "create_in_transactions", 4000, 1000),
    Task("watches", "set up 3,000 live data watches", "watch_data", 3000, 500),
    Task("together", "  the same, in one go (kazoo: one by one)", "watch_data_in_flight", 3000, 500),
    Task("updates", "update 3,000 live data watches", "watch_data", 3000, 500, "update"),
    Task("cut", "10,000 live children current after a cut", "watch_children", 10_000, 1000, "recover", True),
    Task(
        "lost",
        "10,000 live children current after session loss",
        "watch_children",
        10_000,
        1000,
        "recover",
        True,
        ends_session=True,
    ),
    Task(
        "rearmed",
        "10,000 live data watches current after a cut",
        "watch_data",
        10_000,
        1000,
        "recover",
        True,
    ),
    Task("memory", "a live data watch", "watch_idly", 10_000, 1000, "memory", True),
    Task("recursive", "  the same by one recursive watch", "watch_all", 10_000, 1000, "memory", True),
    Task("aio-serial", "get, one after the other", "get_serially", 5000, 1000, subjects=LOOPS),
    Task("aio-gets", "20,000 gets in flight", "get_in_flight", 20_000, 4000, subjects=LOOPS),
    Task("aio-made", "10,000 live children made", "watch_together", 10_000, 1000, subjects=FACES),
    Task("aio-live", "10,000 live children updated", "watch_together", 10_000, 1000, "update", subjects=FACES),
    Task(
        "aio-cut",
        "10,000 live children current after a cut",
        "watch_together",
        10_000,
        1000,
        "recover",
        subjects=FACES,
    ),
    Task(
        "aio-worst",
        "  the same, with 20,000 gets waiting",
        "watch_and_read",
        10_000,
        1000,
        "recover",
        subjects=FACES,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """What one subject needed for one task in one round: seconds, or bytes a watch.

    `threads` is the highest number of threads beyond those there were before. `held` is the longest that the event loop
    was held, `held_cpu` the most of its CPU time between two looks at it, `held_idle` the longest in as much time with
    nothing to do. `collection` is the longest collection of garbage.
    """

    wall: float = 0.0
    cpu: float = 0.0
    threads: int = 0
    resident: float = 0.0
    traced: float = 0.0
    held: float = 0.0
    held_cpu: float = 0.0
    held_idle: float = 0.0
    collection: float = 0.0


Round = dict[str, Result]  # by subject


@dataclass(frozen=True, slots=True)
class Target:
    """A promise about one task; `measure` takes one round, the median over the rounds counts.

    One about two tasks names the other as `against`, whose results are in the round by the subject's name and this one.
    """

    task: str
    text: str
    measure: Callable[[Round], float]
    bound: float
    unit: str = ""
    is_floor: bool = False
    against: str = ""


def _wall(subject: str, other: str) -> Callable[[Round], float]:
    return lambda results: results[subject].wall / results[other].wall


def _cpu(subject: str, other: str) -> Callable[[Round], float]:
    return lambda results: results[subject].cpu / results[other].cpu


TARGETS = (
    Target("serial", "a get takes at most 1.25 x a bare round trip", _wall("zc.zk", "bare"), 1.25),
    Target("serial", "a get is 1.6 x as fast as kazoo's", _wall("kazoo", "zc.zk"), 1.6, is_floor=True),
    Target("gets", "gets in flight: 0.9 of the bare rate", _wall("bare", "zc.zk"), 0.9, is_floor=True),
    Target("gets", "gets in flight: 1/6 of kazoo's CPU time", _cpu("kazoo", "zc.zk"), 6, is_floor=True),
    Target(
        "multis",
        "a transaction costs 1/5 of its creates in flight",
        _wall("zc.zk", "zc.zk creates"),
        0.2,
        against="creates",
    ),
    Target("watches", "watches are set up 3 x as fast as kazoo's", _wall("kazoo", "zc.zk"), 3, is_floor=True),
    Target("together", "  the same, in one go", _wall("kazoo", "zc.zk"), 3, is_floor=True),
    Target("updates", "watches are updated 3 x as fast as kazoo's", _wall("kazoo", "zc.zk"), 3, is_floor=True),
    Target("rearmed", "10,000 data watches are armed again in 3 s", lambda r: r["zc.zk"].wall, 3, "s"),
    Target("rearmed", "a reconnect adds at most one thread", lambda r: r["zc.zk"].threads, 1),
    Target("memory", "a live watch costs at most 1.5 kB", lambda r: r["zc.zk"].resident, 1500, "bytes"),
    Target(
        "recursive",
        "one recursive watch instead: 1/100 of that",
        lambda r: r["zc.zk"].traced / r["zc.zk memory"].traced,
        0.01,
        against="memory",
    ),
    Target("aio-serial", "an awaited get: 1.3 x a bare one", _wall("zc.zk.aio", "bare.aio"), 1.3),
    Target("aio-serial", "an awaited get: 1.5 x as fast as aiozk's", _wall("aiozk", "zc.zk.aio"), 1.5, is_floor=True),
    Target("aio-gets", "awaited gets in flight: 0.9 of bare", _wall("bare.aio", "zc.zk.aio"), 0.9, is_floor=True),
    Target("aio-live", "10,000 live children: the loop is not held", lambda r: 1000 * r["zc.zk.aio"].held, 20, "ms"),
)  # fmt: skip
