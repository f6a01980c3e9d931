"""Quotas: the embedded server counts and refuses as a real one does."""

from collections.abc import Iterator

import pytest

from tests.leaks import LeakGuard
from tests.realserver import RealServer
from tests.server.stories import CLASSPATHS, NO_SWEEPS, Pair, Step, asking, compare
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag
from zc.zk.server.settings import Settings
from zc.zk.testing import Server

pytestmark = pytest.mark.real

QUOTA = "/zookeeper/quota"
WATCH = ops.Watch()


@pytest.fixture(
    scope="module",
    params=[(version, enforced) for version in CLASSPATHS for enforced in (True, False)],
    ids=["3.8", "3.8-soft", "3.9", "3.9-soft"],
)
def pair(request: pytest.FixtureRequest, leak_guard: LeakGuard) -> Iterator[Pair]:
    version, enforced = request.param
    apache = RealServer(
        classpath=CLASSPATHS[version],
        settings={"enforceQuota": str(enforced).lower()},
        java_options=[NO_SWEEPS],
    )
    leak_guard.exempt(lambda: apache.processes)
    settings = Settings(version=version, enforce_quotas=enforced, sweep_interval=86400.0)
    with apache, Server(settings=settings) as embedded:
        yield Pair(apache, embedded, version)


def limiting(top: str, limits: bytes, stats: bytes = b"count=0,bytes=0") -> list[Step]:
    """Set a quota as the tools do."""
    parts = top.split("/")[1:]
    paths = [QUOTA + "/" + "/".join(parts[: count + 1]) for count in range(len(parts))]
    return [
        *(asking(0, ops.Create(path)) for path in paths),
        asking(0, ops.Create(f"{QUOTA}{top}/zookeeper_limits", limits)),
        asking(0, ops.Create(f"{QUOTA}{top}/zookeeper_stats", stats)),
    ]


def reading(top: str) -> list[Step]:
    names = ("zookeeper_limits", "zookeeper_stats")
    return [asking(1, ops.GetData(f"{QUOTA}{top}/{name}")) for name in names]


def test_what_is_below_is_counted_silently(pair: Pair) -> None:
    top = "/counted"
    steps = [
        asking(0, ops.Create(top, b"12345")),
        asking(0, ops.Create(f"{top}/a", b"123")),
        asking(0, ops.Create(f"{top}/a/b", None)),
        *limiting(top, b"count=100,bytes=1000"),
        *reading(top),
        asking(1, ops.GetData(f"{QUOTA}{top}/zookeeper_stats", WATCH)),
        asking(0, ops.Create(f"{top}/c", b"1")),
        asking(0, ops.Create(f"{top}/d", flags=CreateFlag.EPHEMERAL)),
        asking(0, ops.Create2(f"{top}/s-", b"xy", flags=CreateFlag.SEQUENTIAL)),
        *reading(top),
        asking(0, ops.SetData(f"{top}/c", b"123456")),
        asking(0, ops.SetData(top, None)),
        *reading(top),
        asking(0, ops.Multi((ops.Create(f"{top}/m", b"1"), ops.SetData(f"{top}/m", b"123")))),
        asking(0, ops.Multi((ops.Create(f"{top}/n", b"1"), ops.Delete(f"{top}/none")))),
        *reading(top),
        asking(0, ops.Delete(f"{top}/a/b")),
        asking(0, ops.Delete(f"{top}/a")),
        asking(0, ops.Create(f"{top}x", b"1")),
        asking(0, ops.CloseSession()),
        *reading(top),
        asking(0, ops.Delete(f"{QUOTA}{top}/zookeeper_limits")),
        asking(0, ops.Create(f"{top}/z", b"1")),
        asking(1, ops.GetData(f"{QUOTA}{top}/zookeeper_stats")),
        asking(1, ops.GetChildren2(f"{QUOTA}{top}")),
    ]

    compare(steps, pair)


@pytest.mark.parametrize(
    "limits",
    [
        b"count=3,bytes=10",
        b"count=3,bytes=10=;byteHardLimit=-1;countHardLimit=-1",
        b"count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3",
        b"count=-1,bytes=-1=;countHardLimit=3",
        b"count=-1,bytes=-1=;byteHardLimit=10",
        b"count=1,bytes=1=;byteHardLimit=10;countHardLimit=3",
        b"byteHardLimit=10,countHardLimit=3",
        b"count=0,bytes=0,byteHardLimit=0,countHardLimit=0",
        b"",
    ],
    ids=lambda limits: limits.decode() or "none",
)
def test_limits_are_held_by_both_alike(limits: bytes, pair: Pair) -> None:
    top = f"/limits{sum(limits)}"
    steps = [
        asking(0, ops.Create(top, b"1234")),
        *limiting(top, limits),
        asking(0, ops.SetData(top, b"12345", 7)),
        asking(0, ops.Create(f"{top}/a", b"1234")),
        asking(0, ops.Create(f"{top}/b", b"")),
        asking(0, ops.Create(f"{top}/c", b"")),
        asking(0, ops.Create(f"{top}/d/e", b"")),
        asking(0, ops.SetData(f"{top}/a", b"123456")),
        asking(0, ops.SetData(f"{top}/a", b"1234567")),
        asking(0, ops.SetData(f"{top}/a", b"12345678", 99)),
        asking(0, ops.SetData(f"{top}/a", b"1")),
        asking(0, ops.Multi((ops.Create(f"{top}/x", b"123"), ops.Create(f"{top}/y", b"123")))),
        *reading(top),
        asking(0, ops.Delete(f"{top}/b")),
        asking(0, ops.Create(f"{top}/e", b"1", flags=CreateFlag.SEQUENTIAL)),
        asking(0, ops.Create(f"{top}/f", b"1")),
        *reading(top),
    ]

    compare(steps, pair)


def test_the_lowest_quota_counts_alone(pair: Pair) -> None:
    steps = [
        asking(0, ops.Create("/low")),
        asking(0, ops.Create("/low/er")),
        *limiting("/low", b"count=-1,bytes=-1,countHardLimit=3"),
        *limiting("/low/er", b"count=-1,bytes=-1,countHardLimit=5"),
        *(asking(0, ops.Create(f"/low/er/{name}", b"x")) for name in "abcdef"),
        *(asking(0, ops.Create(f"/low/{name}", b"x")) for name in "abc"),
        *reading("/low"),
        *reading("/low/er"),
    ]

    compare(steps, pair)


# Limits at the root, or such as cannot be read, are left alone here: a real server ends by them.


def test_odd_quotas_are_odd_to_both_alike(pair: Pair) -> None:
    steps = [
        asking(0, ops.Create("/odd")),
        # On nothing at all, and statistics without limits.
        *limiting("/nothing", b"count=3,bytes=10"),
        *reading("/nothing"),
        asking(0, ops.Create(f"{QUOTA}/odd")),
        asking(0, ops.Create(f"{QUOTA}/odd/zookeeper_stats", b"")),
        asking(0, ops.Create("/odd/a", b"123")),
        asking(1, ops.GetData(f"{QUOTA}/odd/zookeeper_stats")),
        asking(0, ops.Create(f"{QUOTA}/odd/zookeeper_limits", b"count=9,bytes=9")),
        asking(0, ops.Create("/odd/b", b"123")),
        *reading("/odd"),
        asking(0, ops.Delete(f"{QUOTA}/odd/zookeeper_stats")),
        asking(0, ops.Create("/odd/c", b"123")),
        asking(0, ops.Create(f"{QUOTA}/odd/zookeeper_stats", b"count=77,bytes=77")),
        *reading("/odd"),
        # Statistics that somebody wrote.
        *(
            step
            for text in (b"count=5,bytes=6=;byteHardLimit=7;countHardLimit=8", b"count=1", b"")
            for step in (
                asking(0, ops.SetData(f"{QUOTA}/odd/zookeeper_stats", text)),
                asking(0, ops.SetData("/odd/b", text)),
                *reading("/odd"),
            )
        ),
    ]

    compare(steps, pair)
