import asyncio
import logging
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import asab
import pytest

import zc.zk.asab
from tests.aio.looping import until
from tests.asab.applications import MESSAGES, Application, becomes, run
from tests.ports import free_port
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import stretched
from zc.zk import Client, State
from zc.zk.asab.advertising import Advertisement
from zc.zk.protocol.states import StateChange
from zc.zk.testing import Server

pytestmark = pytest.mark.slow
# As in the document, but for the import, and for what it writes and reads at the end.
DOCUMENTED = """
class MyApplication(asab.Application):

    def __init__(self):
        super().__init__()

        # Load the ASAB Zookeeper module
        self.add_module(asab.zookeeper.Module)

        # Initialize ZooKeeper Service
        self.ZooKeeperService = self.get_service("asab.ZooKeeperService")

        # Create the Zookeeper container
        self.ZooKeeperContainer = asab.zookeeper.ZooKeeperContainer(self.ZooKeeperService)

        # Subscribe to Zookeeper container ready event
        self.PubSub.subscribe("ZooKeeperContainer.state/CONNECTED!", self._on_zk_connected)

    async def _on_zk_connected(self, event_name, zookeeper):
        if zookeeper != self.ZooKeeperContainer:
            return

        print("Connected to Zookeeper!", flush=True)
        path, data = self.ZooKeeperContainer.Path + "/written-", b"data"

        def write_to_zk():
            self.ZooKeeperContainer.ZooKeeper.Client.create(
                path, data, sequence=True, ephemeral=True, makepath=True)

        await self.ZooKeeperContainer.ZooKeeper.ProactorService.execute(write_to_zk)
        print(await self.ZooKeeperContainer.get_children(), flush=True)
        self.stop()

if __name__ == "__main__":
    MyApplication().run()
"""
SPELLINGS = {
    "by its new name": "import asab, zc.zk.asab"
    + DOCUMENTED.replace("asab.zookeeper.", "zc.zk.asab."),
    "by its old name": "import asab, zc.zk.asab\nasab.zookeeper = zc.zk.asab" + DOCUMENTED,
}


def program(text: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a program with these variables set."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("ASAB_")}
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        env={**others, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def uncoloured(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_documented_application_runs_with_its_import_changed(
    server: AnyServer, chroot: str, spelling: str
) -> None:
    ran = program(SPELLINGS[spelling], ASAB_ZOOKEEPER_SERVERS=f"{server.address}{chroot}")

    assert ran.stdout.splitlines() == ["Connected to Zookeeper!", "['written-0000000000']"]
    assert ran.returncode == 0, ran.stderr
    with Client(server.address + chroot) as outsider:
        assert outsider.get_children("/asab") == []
    lines = [line.split(" ", 2)[2] for line in uncoloured(ran.stderr).splitlines()]
    assert lines == [
        "NOTICE asab.application is ready.",
        f"NOTICE zc.zk.asab connected to ZooKeeper at {server.address}{chroot}, path /asab",
        'NOTICE asab.application [sd exit_code="0"] is exiting ...',
    ]


def test_the_documented_application_exits_by_one_line_where_no_server_is_configured() -> None:
    ran = program(SPELLINGS["by its old name"])

    assert ran.returncode == 1
    (line,) = uncoloured(ran.stderr).splitlines()
    assert "CRITICAL zc.zk.asab cannot connect to ZooKeeper: no ZooKeeper server" in line
    assert ran.stdout == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"servers": "host:port"}, "not a server address, host:port is needed: 'host:port'"),
        ({"servers": "zookeeper://a:1"}, "has no scheme"),
        ({"servers": ","}, "no server is named"),
        ({"servers": "a:1", "path": "a/../b"}, "a part that is . or .."),
        ({"servers": "a:1", "timeout": "soon"}, "`timeout` in the section [zookeeper]"),
        ({"servers": "a:1", "timeout": "-1s"}, "`timeout` in the section [zookeeper]"),
    ],
)
def test_a_bad_configuration_is_one_line_that_says_what_is_wrong(
    settings: dict[str, str], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(app: Application) -> None:
        with pytest.raises(SystemExit):
            app.container()
        assert app.zookeeper.Containers == []

    run(work, {"zookeeper": settings})

    assert one_critical_line(caplog).startswith("cannot connect to ZooKeeper: ")
    assert words in one_critical_line(caplog)


def one_critical_line(caplog: pytest.LogCaptureFixture) -> str:
    (line,) = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("zookeper://a:1/x", "the scheme is 'zookeper'"),
        ("zookeeper:etc", "neither / nor ./"),
        ("zookeeper://a:b/x", "'a:b'"),
        ("zookeeper:///x", "no ZooKeeper server is configured"),
    ],
)
def test_a_bad_url_is_one_line_that_says_what_is_wrong(
    url: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(app: Application) -> None:
        with pytest.raises(SystemExit):
            app.container(z_path=url)

    run(work)

    assert words in one_critical_line(caplog)


def test_containers_of_several_servers_are_told_apart(
    server: AnyServer, url: str, real_server: RealServer
) -> None:
    async def work(app: Application) -> None:
        one, two = await app.connected(z_path=url), app.container(z_path=nowhere)

        assert app.heard_of(one) == ["CONNECTED"]
        assert app.heard_of(two) == []
        assert (one.is_connected(), two.is_connected()) == (True, False)
        three = await app.connected(z_path=f"zookeeper://{real_server.address}/{one.Path}/3")
        assert app.heard_of(three) == ["CONNECTED"]
        assert await three.ZooKeeper.delete(three.Path, recursive=True)

    nowhere = f"zookeeper://127.0.0.1:{free_port()}/x"
    run(work)


def test_a_restart_of_the_server_is_seen_and_got_over(
    own_real_server: RealServer, real_url: str
) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path=real_url)
        container.advertise(b"1", "/run/App.")
        await advertised(container)
        await asyncio.to_thread(own_real_server.restart)

        await until(lambda: app.heard_of(container)[1:] == ["SUSPENDED", "CONNECTED"])
        assert await container.get_children("run") == ["App.0000000000"]
        container.advertise(b"2", "/run/App.")
        await becomes(lambda: container.get_raw_data("run/App.0000000000"), b"2")

    run(work)


def test_a_server_that_lost_its_data_gets_path_and_advertisement_anew(
    own_real_server: RealServer, real_url: str
) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path=f"{real_url}/deep", config={"timeout": "2s"})
        container.advertise(b"1", "/run/App.")
        await advertised(container)

        def lose() -> None:
            own_real_server.kill()
            own_real_server.wipe()
            own_real_server.start()

        await asyncio.to_thread(lose)

        await until(lambda: app.heard_of(container)[-2:] == ["LOST", "CONNECTED"])
        await becomes(lambda: container.get_children("run"), ["App.0000000000"])

    run(work)


def test_what_is_advertised_is_back_as_soon_as_there_is_a_session(
    server: AnyServer, url: str
) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path=url)
        for number in range(30):
            container.advertise({"number": number}, f"/run/App-{number}.")
        await until(lambda: list(map(is_made, container.Advertisements.values())) == [True] * 30)
        identity = container.ZooKeeper.AioClient.client_id
        assert identity is not None
        await asyncio.to_thread(server.expire, *identity)
        await until(lambda: app.heard_of(container)[1:] == ["SUSPENDED", "LOST", "CONNECTED"])

        told_at = time.monotonic()
        while len(await container.get_children("run") or []) < 30:  # noqa: ASYNC110 (it is read)
            await asyncio.sleep(0.005)
        assert time.monotonic() - told_at < stretched(1.0)

    def is_made(advertisement: Advertisement) -> bool:
        return advertisement.path is not None

    run(work)


def test_the_loss_of_either_session_is_told(server: AnyServer, url: str) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path=url)
        client = container.ZooKeeper.Client
        assert await container.ProactorService.execute(client.get_children, "/") != []
        identity = client.client_id
        assert identity is not None
        assert identity != container.ZooKeeper.AioClient.client_id

        await asyncio.to_thread(server.expire, *identity)

        await until(lambda: app.heard_of(container)[-1] == "CONNECTED" and len(app.heard) > 1)
        assert app.heard_of(container) == ["CONNECTED", "SUSPENDED", "LOST", "CONNECTED"]

    run(work)


def test_an_outage_is_seen_where_a_log_has_no_more_than_notices(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path=url)
        await asyncio.to_thread(server.restart)
        await until(lambda: app.heard_of(container)[1:] == ["SUSPENDED", "CONNECTED"])
        await asyncio.to_thread(server.expire, *server.sessions)
        await until(lambda: app.heard_of(container)[3:] == ["SUSPENDED", "LOST", "CONNECTED"])

    with Server() as server:
        where, url = f"ZooKeeper at {server.address}, path /x", f"zookeeper://{server.address}/x"
        with caplog.at_level(asab.LOG_NOTICE, "ZooKeeper"):
            run(work)

    lines = [
        f"{each.levelname} {each.getMessage()}"
        for each in caplog.records
        if each.name in {"ZooKeeper", "zc.zk.asab"}
    ]
    assert len(lines) == 6
    assert [lines[0], lines[2], lines[5]] == [f"NOTICE connected to {where}"] * 3
    for number, state in ((1, "SUSPENDED"), (3, "SUSPENDED"), (4, "LOST")):
        assert re.fullmatch(f"WARNING {state}, the connection to {where}: .+", lines[number])


def test_one_line_says_when_no_server_is_found(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(app: Application) -> None:
        app.container(z_path=f"zookeeper://{nowhere}/x")
        await until(lambda: warnings(caplog) != [])
        (line,) = warnings(caplog)
        assert line == (
            f"not connected to ZooKeeper at {nowhere}, path /x so far: no ZooKeeper server"
            f" within 0.2 s ({nowhere}: connection refused)"
        )

    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setattr("zc.zk.asab.application._PATIENCE", 0.2)
    run(work)

    assert len(warnings(caplog)) == 1


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give what our log has at WARNING."""
    return [
        each.getMessage()
        for each in caplog.records
        if (each.name, each.levelname) == ("zc.zk.asab", "WARNING")
    ]


def test_states_are_told_as_of_one_session(url: str) -> None:
    async def work(app: Application) -> None:
        container = app.container(z_path=url)
        agreed: list[bool] = []

        def hear(message: str, container: zc.zk.asab.ZooKeeperContainer) -> None:
            agreed.append(container.is_connected() is message.endswith("/CONNECTED!"))

        for message in MESSAGES:
            app.PubSub.subscribe(message, hear)
        for session, state in (
            ("own", State.CONNECTED),
            ("blocking", State.CONNECTED),
            ("own", State.SUSPENDED),
            ("own", State.LOST),
            ("blocking", State.SUSPENDED),
            ("own", State.CONNECTED),
            ("blocking", State.LOST),
            ("blocking", State.SUSPENDED),
            ("blocking", State.CONNECTED),
        ):
            container._tell(session, StateChange(state, "", 1))  # noqa: SLF001 (no luck)

        assert app.heard_of(container) == ["CONNECTED", "SUSPENDED", "LOST", "CONNECTED"]
        assert agreed == [True] * 4
        await container.stop()

    run(work)


def test_all_ephemeral_nodes_go_with_the_application(server: AnyServer, url: str) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path=url)
        container.advertise({}, "/run/App.")
        zk = container.ZooKeeper
        await zk.create(container.Path + "/own", b"", ephemeral=True)
        path = container.Path + "/blocking"
        await zk.ProactorService.execute(lambda: zk.Client.create(path, ephemeral=True))
        await advertised(container)
        assert sorted(await container.get_children() or []) == ["blocking", "own", "run"]

    app = run(work)

    path = url.rpartition("/")[2]
    with Client(server.address) as outsider:
        assert outsider.get_children(f"/{path}") == ["run"]
        assert outsider.get_children(f"/{path}/run") == []
    assert app.zookeeper.Containers == []


WITH_MODULES_OF_ASAB = """
import asab, asab.api, asab.library, zc.zk.asab

asab.Config.read_dict({"library": {"providers": "zk:///library"}})

class MyApplication(asab.Application):

    def __init__(self):
        super().__init__(modules=[zc.zk.asab.Module])
        self.PubSub.subscribe("ZooKeeperContainer.state/CONNECTED!", self.connected)
        self.service = self.get_service("asab.ZooKeeperService")
        self.waiting = {zc.zk.asab.ZooKeeperContainer(self.service)}
        asab.library.LibraryService(self, "LibraryService")
        asab.api.ApiService(self).initialize_zookeeper()
        self.waiting.update(self.service.Containers)

    def connected(self, event_name, container):
        self.waiting.discard(container)
        if not self.waiting:
            print([type(each).__module__ for each in self.service.Containers])
            self.stop()

MyApplication().run()
"""


def test_containers_that_modules_of_asab_make_are_stopped_with_ours() -> None:
    # In a process of its own: kazoo leaves sockets behind.
    with Server() as server:
        ran = program(WITH_MODULES_OF_ASAB, ASAB_ZOOKEEPER_SERVERS=server.address)
        assert server.sessions == []

    kazoos = "asab.zookeeper.container"
    assert ran.stdout == f"{['zc.zk.asab.application', kazoos, kazoos]}\n", ran.stderr
    assert ran.returncode == 0
    # ASAB's library complains for itself where the application stops while it reads.
    assert "Error during finalize" not in ran.stderr
    assert "could not be stopped" not in ran.stderr
    assert "stop' was never awaited" not in ran.stderr


def test_a_container_that_cannot_be_stopped_harms_no_other(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck:
        async def _stop(self) -> None:
            raise ValueError("stuck")

    async def work(app: Application) -> None:
        app.zookeeper.Containers.append(Stuck())
        containers.append(await app.connected(z_path=url))
        app.zookeeper.Containers.append(object())

    containers: list[zc.zk.asab.ZooKeeperContainer] = []
    run(work)

    assert not containers[0].is_connected()
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert [each.partition(": <")[0] for each in errors] == ["a container could not be stopped"] * 2


def test_containers_and_their_wrappers_are_stopped_as_those_of_asab(url: str) -> None:
    async def work(app: Application) -> None:
        one, two = await app.connected(z_path=url), await app.connected(z_path=url)
        await one.ProactorService.execute(one.ZooKeeper.Client.get, one.Path)

        await one.ZooKeeper._stop()  # noqa: SLF001 (as asab's library does)
        await two._stop()  # noqa: SLF001 (as asab's service does)

        assert not one.is_connected()
        assert not two.is_connected()
        assert not one.ZooKeeper.Client.is_used

    run(work)


def test_what_waits_for_a_server_ends_with_the_application() -> None:
    async def work(app: Application) -> None:
        container = app.container(z_path=f"zookeeper://127.0.0.1:{free_port()}/x")
        container.advertise({}, "/run/App.")
        waiting.extend(
            [
                asyncio.ensure_future(container.get_data("x")),
                container.ProactorService.execute(container.ZooKeeper.Client.get, "/x"),
            ]
        )
        await asyncio.sleep(0.1)

    waiting: list[asyncio.Future[Any]] = []
    began_at = time.monotonic()
    run(work)

    assert time.monotonic() - began_at < stretched(5.0)
    assert [type(each.exception()) for each in waiting] == [zc.zk.ConnectionClosedError] * 2


def test_a_stopped_container_advertises_nothing(url: str) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path=url)
        await container.stop()
        container.advertise({}, "/run/App.")
        await asyncio.sleep(0.01)

        assert container.Advertisements == {}
        assert not container.is_connected()
        assert app.heard_of(container) == ["CONNECTED", "LOST"]

    run(work)


def test_a_container_that_is_stopped_before_it_began_never_begins(url: str) -> None:
    async def work(app: Application) -> None:
        container = app.container(z_path=url)
        await container.stop()
        await asyncio.sleep(0.05)

        assert not container.is_connected()

    run(work)


def test_data_that_are_no_json_are_refused_at_once(url: str) -> None:
    async def work(app: Application) -> None:
        container = app.container(z_path=url)
        with pytest.raises(TypeError):
            container.advertise({"a": object()}, "/run/App.")

    run(work)


@pytest.mark.parametrize(
    ("path", "words"),
    [(None, "must be a string: None"), ("/../x", "a part that is . or ..: '/asab/../x'")],
)
def test_a_path_that_cannot_be_is_refused_at_once(path: str, words: str) -> None:
    async def work(app: Application) -> None:
        container = app.container(z_path=f"zookeeper://localhost:{free_port()}")
        with pytest.raises(zc.zk.ZooKeeperError, match=re.escape(words)):
            container.advertise({}, path)
        assert container.Advertisements == {}

    run(work)


def test_what_is_read_before_there_is_a_server_waits_for_one(url: str) -> None:
    async def work(app: Application) -> None:
        container = app.container(z_path=url)
        assert await container.get_children("nothing") is None

    run(work)


def test_a_path_that_cannot_be_made_is_told_and_holds_nothing_up(
    server: AnyServer, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = "/" + url.rpartition("/")[2]
    with Client(server.address) as outsider:
        outsider.create(f"{path}/closed", acl=zc.zk.READ_ACL_UNSAFE)

    async def work(app: Application) -> None:
        container = await app.connected(z_path=f"{url}/closed/x")
        assert await container.get_children() is None

    run(work)

    (warning,) = warnings(caplog)
    assert "closed/x may be missing" in warning


async def advertised(container: zc.zk.asab.ZooKeeperContainer) -> None:
    """Wait until something is advertised."""
    await until(lambda: any(each.path for each in container.Advertisements.values()))


# --- the event loop


async def longest_turn(work: "asyncio.Future[Any]") -> float:
    """Give the longest time in which nothing else could run until some work is done, in seconds."""
    longest, last = 0.0, time.monotonic()
    while not work.done():
        await asyncio.sleep(0)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    return longest


def test_nothing_blocks_the_event_loop(
    own_real_server: RealServer, real_url: str, proxy_to: Callable[[int], FaultProxy]
) -> None:
    async def everything(app: Application) -> None:
        container = await app.connected(z_path=real_url)
        zk = container.ZooKeeper
        container.advertise({"a": 1}, "/run/App.")
        for _ in range(20):
            await zk.upsert(container.Path + "/x", b"")
            await container.get_data("x")
        await container.ProactorService.execute(zk.Client.get, container.Path + "/x")
        await asyncio.to_thread(own_real_server.pause)  # it takes connections, and answers nobody
        waiting = [
            asyncio.ensure_future(container.get_data("x")),
            container.ProactorService.execute(zk.Client.get, container.Path + "/x"),
        ]
        silent = app.container(z_path=real_url)
        silent.advertise({}, "/run/App.")
        await asyncio.sleep(0.5)
        await silent.stop()
        await asyncio.to_thread(own_real_server.resume)
        await asyncio.gather(*waiting)
        await asyncio.to_thread(own_real_server.kill)
        await until(lambda: not container.is_connected())
        await container.stop()

    async def work(app: Application) -> None:
        doing = asyncio.ensure_future(everything(app))
        turns.append(await longest_turn(doing))
        await doing

    turns: list[float] = []
    run(work)

    assert turns[0] < stretched(1.0)  # what blocked here would block for ten seconds


def test_a_container_needs_no_thread_until_the_blocking_client_is_used(url: str) -> None:
    async def work(app: Application) -> None:
        before = set(threading.enumerate())
        container = await app.connected(z_path=url)
        container.advertise({}, "/run/App.")
        await container.get_data("x")
        await advertised(container)
        assert set(threading.enumerate()) == before

        await container.ProactorService.execute(container.ZooKeeper.Client.get, container.Path)
        assert set(threading.enumerate()) > before

    run(work)


def test_importing_it_says_what_is_missing_without_the_extra() -> None:
    ran = program(
        textwrap.dedent(
            """
            import sys
            sys.modules["asab"] = None
            import zc.zk.asab
            """
        )
    )

    assert "pip install zc.zk[asab]" in ran.stderr.splitlines()[-1]
