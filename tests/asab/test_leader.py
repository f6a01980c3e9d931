import asyncio
import logging

import pytest

import zc.zk
from tests.aio.looping import until
from tests.asab.applications import Application, run
from tests.realserver import RealServer
from tests.servers import AnyServer
from zc.zk import Client
from zc.zk.asab import LeaderService, ZooKeeperContainer

pytestmark = pytest.mark.slow
SCOPE = "example"


class Heard:
    """What a leader service has told, and whether it led just then."""

    def __init__(self, app: Application) -> None:
        self.states: list[str] = []
        self.service: LeaderService | None = None
        for state in ("LEADER", "FOLLOWER"):
            app.PubSub.subscribe(f"LeaderService.state/{state}!", self)

    def __call__(self, message: str, scope: str) -> None:
        if scope == SCOPE and self.service is not None:
            state = message.rpartition("/")[2].rstrip("!")
            assert self.service.IsLeader() is (state == "LEADER")
            self.states.append(state)


def candidate(
    app: Application, container: ZooKeeperContainer, name: str | None = None
) -> LeaderService:
    return LeaderService(app, container, SCOPE, name)


def test_the_first_leads_and_says_who_it_is(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(app: Application) -> None:
        heard = Heard(app)
        container = app.container(z_path=url)
        heard.service = candidate(app, container)
        assert not heard.service.IsLeader()
        await until(heard.service.IsLeader)

        assert heard.states == ["LEADER"]
        assert heard.service.LeaderInfo == b"instance_id: app-1\nnode_id: node-1\n"
        path = f"{container.Path}/election/{SCOPE}"
        assert await container.ZooKeeper.get_data(path) == heard.service.LeaderInfo
        assert app.get_service(f"asab.LeaderService.{SCOPE}") is heard.service

    monkeypatch.setenv("INSTANCE_ID", "app-1")
    monkeypatch.setenv("NODE_ID", "node-1")
    monkeypatch.delenv("SERVICE_ID", raising=False)
    run(work)


def test_the_second_follows_until_the_first_steps_down(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(app: Application) -> None:
        first = candidate(app, app.container(z_path=url))
        await until(first.IsLeader)
        heard = Heard(app)
        heard.service = second = candidate(app, app.container(z_path=url), "second")
        await until(lambda: heard.states == ["FOLLOWER"])
        assert second.LeaderInfo == b"service_id: app\n"

        heard.service = None
        first.StepDown()
        assert not first.IsLeader()
        await until(second.IsLeader)
        first.SetUp()
        second.StepDown()
        await until(first.IsLeader)
        assert not second.IsLeader()

    monkeypatch.setenv("SERVICE_ID", "app")
    monkeypatch.delenv("INSTANCE_ID", raising=False)
    monkeypatch.delenv("NODE_ID", raising=False)
    run(work)


def test_one_that_stepped_down_and_sets_up_again_leads_again(url: str) -> None:
    async def work(app: Application) -> None:
        heard = Heard(app)
        container = await app.connected(z_path=url)
        heard.service = candidate(app, container)
        await until(heard.service.IsLeader)
        heard.service.StepDown()
        path = f"{container.Path}/election/{SCOPE}"
        while await container.ZooKeeper.exists(path) is not None:  # noqa: ASYNC110 (nothing to wait for)
            await asyncio.sleep(0.005)
        heard.service.SetUp()
        await until(heard.service.IsLeader)

        assert heard.states == ["LEADER", "FOLLOWER", "LEADER"]

    run(work)


def test_whoever_loses_the_session_follows_and_another_leads(server: AnyServer, url: str) -> None:
    async def work(app: Application) -> None:
        container = app.container(z_path=url)
        heard = Heard(app)
        heard.service = first = candidate(app, container)
        await until(first.IsLeader)
        second = candidate(app, app.container(z_path=url), "second")
        await until(lambda: second.LeaderInfo is not None)
        identity = container.ZooKeeper.AioClient.client_id
        assert identity is not None
        heard.service = None

        await asyncio.to_thread(server.expire, *identity)

        await until(lambda: first.IsLeader() is not second.IsLeader())

    run(work)


def test_nobody_leads_without_a_connection(own_real_server: RealServer, real_url: str) -> None:
    async def work(app: Application) -> None:
        heard = Heard(app)
        heard.service = candidate(app, app.container(z_path=real_url))
        await until(heard.service.IsLeader)
        await asyncio.to_thread(own_real_server.kill)
        await until(lambda: heard.states == ["LEADER", "FOLLOWER"])
        await asyncio.to_thread(own_real_server.start)
        await until(heard.service.IsLeader)

        assert heard.states == ["LEADER", "FOLLOWER", "LEADER"]

    run(work)


def test_leadership_ends_with_the_application(server: AnyServer, url: str) -> None:
    async def work(app: Application) -> None:
        await until(candidate(app, app.container(z_path=url)).IsLeader)

    run(work)

    path = url.rpartition("/")[2]
    with Client(server.address) as outsider:
        assert outsider.get_children(f"/{path}/election") == []


def test_what_is_refused_is_told(
    server: AnyServer, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = "/" + url.rpartition("/")[2]
    with Client(server.address) as outsider:
        outsider.create(f"{path}/election", acl=zc.zk.READ_ACL_UNSAFE)

    async def work(app: Application) -> None:
        service = candidate(app, app.container(z_path=url))
        await until(lambda: any("election at" in line for line in caplog.messages))
        assert not service.IsLeader()

    with caplog.at_level(logging.WARNING):
        run(work)


def test_a_stopped_container_elects_nobody(url: str) -> None:
    async def work(app: Application) -> None:
        container = app.container(z_path=url)
        await container.stop()
        service = candidate(app, container)
        await asyncio.sleep(0.01)

        assert not service.IsLeader()

    run(work)
