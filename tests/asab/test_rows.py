"""Section 1.3 of the list of features: each row has a test named after it."""

import asyncio
import json
import re
from functools import partial
from pathlib import Path

import asab
import asab.api.discovery
import pytest

import zc.zk
import zc.zk.asab
from tests.aio.looping import until
from tests.asab.applications import Application, becomes, run
from tests.servers import AnyServer
from zc.zk import Client

pytestmark = pytest.mark.slow
ROWS = range(1, 19)


@pytest.mark.parametrize("row", [f"a{row:02}" for row in ROWS])
def test_a_row_has_a_test_named_after_it(row: str) -> None:
    names = re.findall(r"^def test_(\w+)", Path(__file__).read_text(), re.MULTILINE)

    assert [name for name in names if name.startswith(f"{row}_")]


def test_a01_the_module_brings_the_service() -> None:
    async def work(app: Application) -> None:
        service = app.get_service("asab.ZooKeeperService")
        assert isinstance(service, zc.zk.asab.ZooKeeperService)
        assert service is app.zookeeper
        assert service.ProactorService is app.get_service("asab.ProactorService")
        assert service.Containers == []

    run(work)


def test_a02_an_application_has_any_number_of_containers(url: str) -> None:
    async def work(app: Application) -> None:
        first = await app.connected(z_path=f"{url}/first")
        second = await app.connected("mine", {"path": "x"}, f"{url}/second")
        third = await app.connected(config_section_name="mine", config={}, z_path=f"{url}/third")

        assert app.zookeeper.Containers == [first, second, third]
        assert sorted(await first.ZooKeeper.get_children(url_path(url)) or []) == [
            "first",
            "second",
            "third",
        ]

    run(work)


def url_path(url: str) -> str:
    return "/" + url.rpartition("/")[2]


def test_a03_the_application_is_told_of_states_with_the_container(
    server: AnyServer, url: str
) -> None:
    async def work(app: Application) -> None:
        told = []

        async def on_connected(event_name: str, zookeeper: zc.zk.asab.ZooKeeperContainer) -> None:
            told.append((event_name, zookeeper, zookeeper.is_connected()))

        app.PubSub.subscribe("ZooKeeperContainer.state/CONNECTED!", on_connected)
        container = await app.connected(z_path=url)
        assert app.heard == [("ZooKeeperContainer.state/CONNECTED!", container)]
        await until(lambda: told)
        assert told == [("ZooKeeperContainer.state/CONNECTED!", container, True)]

        await expire(server, container)

        await until(lambda: app.heard_of(container)[-1] == "CONNECTED" and len(app.heard) > 1)
        assert app.heard_of(container) == ["CONNECTED", "SUSPENDED", "LOST", "CONNECTED"]

    run(work)


async def expire(server: AnyServer, container: zc.zk.asab.ZooKeeperContainer) -> None:
    """End a container's session from outside."""
    identity = container.ZooKeeper.AioClient.client_id
    assert identity is not None
    await asyncio.to_thread(server.expire, *identity)
    await until(lambda: container.ZooKeeper.AioClient.client_id not in {None, identity})


def test_a04_the_url_goes_before_the_configuration_and_that_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work(app: Application) -> None:
        def place(*args: str, **named: str) -> tuple[str, str]:
            container = app.container(*args, **named)
            return container.ZooKeeper.AioClient.hosts, container.Path

        assert place("of-url", z_path="zookeeper://127.0.0.1:11/a") == ("127.0.0.1:11", "a")
        assert place("full", z_path="zookeeper:///a") == ("127.0.0.1:12", "a")
        assert place("full", z_path="zookeeper://127.0.0.1:11") == ("127.0.0.1:11", "full")
        assert place("full") == ("127.0.0.1:12", "full")
        assert place("half") == ("127.0.0.1:13", "half")
        assert place("absent", z_path="zookeeper:./a") == ("127.0.0.1:13", "general/a")

        del asab.Config["zookeeper"]["servers"]
        assert place("half") == ("127.0.0.1:14", "half")

    monkeypatch.setenv("ASAB_ZOOKEEPER_SERVERS", "127.0.0.1:14")
    run(
        work,
        {
            "zookeeper": {"servers": "127.0.0.1:13", "path": "general"},
            "full": {"servers": "127.0.0.1:12", "path": "full"},
            "half": {"path": "half"},
        },
    )


def test_a05_servers_path_and_timeout_are_configured(server: AnyServer, chroot: str) -> None:
    async def work(app: Application) -> None:
        container = await app.connected()

        assert container.ZooKeeper.AioClient.hosts == f"{server.address},127.0.0.1:1"
        assert container.Path == f"{chroot[1:]}/myfolder"
        assert container.ZooKeeper.AioClient.session_timeout == 7.0
        other = await app.connected("other")
        assert other.ZooKeeper.AioClient.session_timeout == 7.0
        third = await app.connected(config={"timeout": "8s"})
        assert third.ZooKeeper.AioClient.session_timeout == 8.0

    servers = f"{server.address},127.0.0.1:1"
    settings = {"servers": servers, "path": f"{chroot}/myfolder", "timeout": "7s"}
    run(work, {"zookeeper": settings})


def test_a06_a_url_names_servers_and_path(server: AnyServer, chroot: str) -> None:
    async def work(app: Application) -> None:
        url = f"zookeeper://{server.address},{server.address}{chroot}/file1"
        container = await app.connected(z_path=url)

        assert container.Path == f"{chroot[1:]}/file1"
        assert await container.ZooKeeper.exists(f"{chroot}/file1") is not None

    run(work)


@pytest.mark.parametrize("scheme", ["zookeeper", "zookeepers"])
def test_a07_a_url_without_servers_has_those_configured(
    server: AnyServer, chroot: str, scheme: str
) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path=f"{scheme}://{chroot}/file1")

        assert container.Path == f"{chroot[1:]}/file1"
        assert await container.ZooKeeper.exists(f"{chroot}/file1") is not None

    run(work, {"zookeeper": {"servers": server.address, "path": "elsewhere"}})


def test_a08_a_relative_url_is_below_the_configured_path(server: AnyServer, chroot: str) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path="zookeeper:./etc/configs/file1")

        assert container.Path == f"{chroot[1:]}/myfolder/etc/configs/file1"
        assert await container.ZooKeeper.exists(f"{chroot}/myfolder/etc/configs/file1") is not None

    run(work, {"zookeeper": {"servers": server.address, "path": f"{chroot}/myfolder/"}})


def test_a09_without_a_server_there_is_one_critical_line_and_the_exit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work(app: Application) -> None:
        assert app.container(z_path="zookeeper://127.0.0.1:1").Path == "asab"
        assert app.container(z_path="zookeeper://127.0.0.1:1///a/b").Path == "a/b"
        with pytest.raises(SystemExit) as caught:
            app.container()
        assert caught.value.code == 1

    run(work)

    critical = [each.getMessage() for each in caplog.records if each.levelname == "CRITICAL"]
    (line,) = critical
    assert line == (
        "cannot connect to ZooKeeper: no ZooKeeper server is configured; name servers in z_path, as"
        " `servers` in the section [zookeeper] or in the environment as ASAB_ZOOKEEPER_SERVERS"
    )


def test_a10_the_blocking_client_is_used_through_the_proactor(url: str) -> None:
    async def work(app: Application) -> None:
        container = app.container(z_path=url)
        assert not container.is_connected()
        await until(container.is_connected)
        path = container.Path + "/deep/node-"

        def write_to_zk() -> str:
            return container.ZooKeeper.Client.create(
                path, b"data", sequence=True, ephemeral=True, makepath=True
            )

        created = await container.ZooKeeper.ProactorService.execute(write_to_zk)

        assert created == f"/{container.Path}/deep/node-0000000000"
        assert await container.ZooKeeper.get_data(created) == b"data"

    run(work)


def test_a11_a_container_reads_below_its_path(url: str) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path=url)
        await container.ZooKeeper.create(container.Path + "/a", b'{"b": [1]}')
        await container.ZooKeeper.create(container.Path + "/text", "\xe9".encode("latin-1"))
        await container.ZooKeeper.create(container.Path + "/quoted", '"\xe9"'.encode("latin-1"))

        assert sorted(await container.get_children() or []) == ["a", "quoted", "text"]
        assert await container.get_children("a") == []
        assert await container.get_children("missing") is None
        assert await container.get_data("a") == {"b": [1]}
        assert await container.get_data("missing") == {}
        assert await container.get_data("quoted", encoding="latin-1") == "\xe9"
        assert await container.get_raw_data("a") == b'{"b": [1]}'
        assert await container.get_raw_data("missing") is None
        with pytest.raises(json.JSONDecodeError):
            await container.get_data("text", "latin-1")

    run(work)


def test_a12_all_calls_are_coroutines_to_which_a_missing_node_is_none(url: str) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path=url)
        zk, node = container.ZooKeeper, container.Path + "/a/b"

        assert await zk.exists(node) is None
        assert await zk.get_children(node) is None
        assert await zk.get_data(node) is None
        assert await zk.get(node) is None
        assert await zk.set_data(node, b"") is None
        assert await zk.delete(node) is None

        assert await zk.ensure_path(container.Path + "/a")
        assert await zk.create(node, b"1") == "/" + node
        stat = await zk.set_data(node, b"2")
        assert stat is not None
        assert await zk.get(node) == (b"2", stat)
        assert await zk.get_data(node) == b"2"
        await zk.upsert(node, b"3")
        await zk.upsert(node + "/new/one", b"4")
        assert await zk.get_data(node) == b"3"
        assert await zk.get_data(node + "/new/one") == b"4"
        assert await zk.get_children(node) == ["new"]
        assert await zk.delete(node + "/new", recursive=True)
        assert await zk.exists(node + "/new") is None
        numbers = container.Path + "/numbers/"
        numbered = [await zk.create(numbers, b"", sequence=True, makepath=True) for _ in range(2)]
        assert numbered == [f"/{numbers}0000000000", f"/{numbers}0000000001"]

    run(work)


def test_a13_what_is_advertised_comes_back_with_the_session(server: AnyServer, url: str) -> None:
    async def work(app: Application) -> None:
        container = await app.connected(z_path=url)

        async def advertised() -> dict[str, bytes | None]:
            names = await container.get_children("run") or []
            return {name: await container.get_raw_data(f"run/{name}") for name in names}

        container.advertise({"host": "here"}, "/run/App.")
        await becomes(advertised, {"App.0000000000": b'{"host": "here"}'})
        container.advertise("text", "/run/App.")
        await becomes(advertised, {"App.0000000000": b"text"})
        container.advertise(b"bytes", "/run/App.")
        await becomes(advertised, {"App.0000000000": b"bytes"})

        await expire(server, container)
        await becomes(advertised, {"App.0000000001": b"bytes"})
        (path,) = [f"/{container.Path}/run/{name}" for name in await advertised()]
        stat = await container.ZooKeeper.exists(path)
        identity = container.ZooKeeper.AioClient.client_id
        assert stat is not None
        assert identity is not None
        assert stat.ephemeralOwner == identity[0]

        await container.ZooKeeper.delete(path)
        await becomes(advertised, {"App.0000000002": b"bytes"})

    run(work)


def test_a14_a_server_is_looked_for_without_end_and_sessions_end_with_the_application(
    url: str, server: AnyServer, chroot: str
) -> None:
    async def work(app: Application) -> None:
        container = app.container(z_path=url)
        await asyncio.sleep(1.0)  # some attempts
        assert not container.is_connected()
        await asyncio.to_thread(server.start)
        await until(lambda: app.heard_of(container) == ["CONNECTED"])
        container.advertise({}, "/run/App.")
        await becomes(lambda: container.get_children("run"), ["App.0000000000"])

    server.stop()
    app = run(work)

    with Client(server.address) as outsider:
        assert outsider.get_children(f"{chroot}/run") == []
    assert app.zookeeper.Containers == []


def test_a15_the_path_is_there_when_the_application_is_told_of_the_connection(url: str) -> None:
    async def work(app: Application) -> None:
        answers = []

        async def on_connected(_: str, zookeeper: zc.zk.asab.ZooKeeperContainer) -> None:
            answers.append(await zookeeper.get_children())

        app.PubSub.subscribe("ZooKeeperContainer.state/CONNECTED!", on_connected)
        app.container(z_path=f"{url}/made/by/itself")
        await until(lambda: answers)

        assert answers == [[]]

    run(work)


def test_a16_the_discovery_of_asab_finds_what_is_advertised(url: str) -> None:
    async def work(app: Application) -> None:
        # ASAB's discovery gives up, for five minutes, where somebody else makes the node that it is just making.
        before = await app.connected(z_path=url)
        await before.ZooKeeper.ensure_path(before.Path + "/run")
        container = app.container(z_path=url)
        discovery = asab.api.discovery.DiscoveryService(app, container)
        await until(container.is_connected)
        data = {
            "host": "node-1",
            "instance_id": "app-1",
            "service_id": "app",
            "discovery": {"colour": ["red"]},
            "web": [["0.0.0.0", 8090]],  # noqa: S104 (as ASAB advertises)
        }

        container.advertise(data, f"/run/{type(app).__name__}.")

        for asked in ({"instance_id": "app-1"}, {"service_id": "app"}, {"colour": "red"}):
            await becomes(partial(discovery.locate, **asked), {"http://node-1:8090"})
        assert (await discovery.discover())["colour"] == {"red": {("node-1", 8090, 2)}}
        await until(app.TaskService.NewTasks.empty)

    run(work)


def test_a17_one_of_several_candidates_leads(url: str) -> None:
    async def work(app: Application) -> None:
        heard: list[tuple[str, str]] = []

        def hear(message: str, scope: str) -> None:
            heard.append((message, scope))

        app.PubSub.subscribe("LeaderService.state/LEADER!", hear)
        app.PubSub.subscribe("LeaderService.state/FOLLOWER!", hear)
        services = [
            zc.zk.asab.LeaderService(app, await app.connected(z_path=url), "scope", str(number))
            for number in range(3)
        ]

        await until(lambda: len(heard) == 3)
        assert sorted(heard) == [
            ("LeaderService.state/FOLLOWER!", "scope"),
            ("LeaderService.state/FOLLOWER!", "scope"),
            ("LeaderService.state/LEADER!", "scope"),
        ]
        assert [each.IsLeader() for each in services].count(True) == 1
        assert [each.LeaderInfo is not None for each in services] == [True] * 3

    run(work)


def test_a18_the_urls_of_libraries_are_understood(server: AnyServer, chroot: str) -> None:
    async def work(app: Application) -> None:
        urls = [f"zk://{server.address}{chroot}/x", f"zk://{chroot}/x", "zk://./x", "zk:./x"]
        paths = [(await app.connected(z_path=url)).Path for url in urls]

        assert paths == [f"{chroot[1:]}/x"] * 4
        assert (await app.connected(z_path="zk://")).Path == chroot[1:]

    run(work, {"zookeeper": {"servers": server.address, "path": chroot}})
