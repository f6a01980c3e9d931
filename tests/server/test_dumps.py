"""Four-letter words that list things, as a real server's answers look (protocol.md, 16)."""

import datetime as dt
import random

import pytest

from tests.server.conversation import World
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag
from zc.zk.server.dumps import date
from zc.zk.server.settings import Settings
from zc.zk.server.status import Place
from zc.zk.server.words import answer

WATCH = ops.Watch()


@pytest.fixture
def world() -> World:
    world = World(Settings(tick_time=1.0, first_zxid=0), wall=1_700_000_000.0 - 100.0)
    peer, other = world.connect(), world.connect(timeout=20_000)
    peer.ask(ops.Create("/e", b"", flags=CreateFlag.EPHEMERAL))
    peer.ask(ops.GetData("/e", WATCH))
    other.ask(ops.GetData("/e", WATCH))
    other.call(ops.Exists("/n", WATCH))
    return world


def told(world: World, word: bytes) -> list[str]:
    return answer(word, world.core.status(), ("*",)).decode().splitlines()


def ids(world: World) -> tuple[str, str]:
    first, second = (f"{session.id:#x}" for session in world.core.sessions)
    return first, second


def test_conf_tells_what_the_server_was_started_with(world: World) -> None:
    world.core.place = Place(2181, -1, "/data", lambda: 17)

    assert told(world, b"conf") == [
        "clientPort=2181",
        "secureClientPort=-1",
        "dataDir=/data",
        "dataDirSize=17",
        "dataLogDir=/data",
        "dataLogSize=17",
        "tickTime=1000",
        "maxClientCnxns=0",
        "minSessionTimeout=2000",
        "maxSessionTimeout=60000",
        "clientPortListenBacklog=-1",
        "serverId=0",
    ]
    assert told(world, b"dirs") == ["datadir_size: 17", "logdir_size: 17"]


def test_cons_tells_what_was_last_done_on_each_connection(world: World) -> None:
    world.arrive("::1")
    first, second = ids(world)

    common = "est=1700000000000,to=%d,lcxid=0x2,lzxid=0x3,lresp=100000,llat=0,minlat=0,avglat=0"
    counts = " /127.0.0.1:4711[1](queued=0,recved=3,sent=3"
    assert told(world, b"cons") == [
        f"{counts},sid={first},lop=GETD,{common % 10_000},maxlat=0)",
        f"{counts},sid={second},lop=EXIS,{common % 20_000},maxlat=0)",
        " /[::1]:4711[1](queued=0,recved=0,sent=0)",
        "",
    ]


def test_cons_says_so_where_nothing_was_done_yet() -> None:
    world = World()
    world.connect()

    (line, _) = told(world, b"cons")

    assert ",lop=NA," in line
    assert "lcxid" not in line
    assert ",lzxid=0xffffffffffffffff," in line


def test_dump_tells_when_sessions_end_and_what_they_own(world: World) -> None:
    world.arrive()
    first, second = ids(world)

    assert told(world, b"dump") == [
        "SessionTracker dump:",
        "Session Sets (2)/(2):",
        "1 expire at Tue Nov 14 22:13:31 UTC 2023:",
        f"\t{first}",
        "1 expire at Tue Nov 14 22:13:41 UTC 2023:",
        f"\t{second}",
        "ephemeral nodes dump:",
        "Sessions with Ephemerals (1):",
        f"{first}:",
        "\t/e",
        "Connections dump:",
        "Connections Sets (3)/(3):",
        "1 expire at Tue Nov 14 22:13:30 UTC 2023:",
        "\tip: /127.0.0.1:4711 sessionId: 0x0",
        "1 expire at Tue Nov 14 22:13:31 UTC 2023:",
        f"\tip: /127.0.0.1:4711 sessionId: {first}",
        "1 expire at Tue Nov 14 22:13:41 UTC 2023:",
        f"\tip: /127.0.0.1:4711 sessionId: {second}",
    ]


def test_watches_are_listed_by_session_and_by_path(world: World) -> None:
    first, second = ids(world)

    assert told(world, b"wchc") == [first, "\t/e", second, "\t/e", "\t/n", ""]
    assert told(world, b"wchp") == ["/e", f"\t{first}", f"\t{second}", "/n", f"\t{second}", ""]


def test_a_date_is_written_as_java_does() -> None:
    chance = random.Random(1)
    for seconds in [0, 68_169_600, 951_782_400, *(chance.randrange(1 << 33) for _ in range(1000))]:
        moment = dt.datetime.fromtimestamp(seconds, dt.UTC)

        assert date(seconds) == f"{moment:%a %b %d %H:%M:%S UTC %Y}"
