"""Run real ASAB applications in this process, one after the other."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any

import asab
import asab.abc.singleton
import asab.proactor

import zc.zk.asab
from tests.aio.looping import until
from tests.waiting import stretched

SOON = 20.0
MESSAGES = [f"ZooKeeperContainer.state/{state}!" for state in ("CONNECTED", "SUSPENDED", "LOST")]
Settings = Mapping[str, Mapping[str, str]]
Work = Callable[["Application"], Coroutine[Any, Any, None]]


class Application(asab.Application):  # type: ignore[misc]  # asab has no types
    """Does some work once it runs, and exits; `heard` has all that was said of containers."""

    def __init__(self, work: Work) -> None:
        super().__init__(args=[], modules=[zc.zk.asab.Module])
        self.work = work
        self.error: BaseException | None = None
        self.heard: list[tuple[str, zc.zk.asab.ZooKeeperContainer]] = []
        self.zookeeper: zc.zk.asab.ZooKeeperService = self.get_service("asab.ZooKeeperService")
        for message in MESSAGES:
            self.PubSub.subscribe(message, self.hear)

    def hear(self, message: str, container: zc.zk.asab.ZooKeeperContainer) -> None:
        self.heard.append((message, container))

    def heard_of(self, container: zc.zk.asab.ZooKeeperContainer) -> list[str]:
        """Give what was said of one container, in short."""
        return [
            message.rpartition("/")[2].rstrip("!") for message, of in self.heard if of is container
        ]

    def container(self, *args: Any, **named: Any) -> zc.zk.asab.ZooKeeperContainer:
        return zc.zk.asab.ZooKeeperContainer(self.zookeeper, *args, **named)

    async def connected(self, *args: Any, **named: Any) -> zc.zk.asab.ZooKeeperContainer:
        """Give a container whose application has heard of its being connected."""
        container = self.container(*args, **named)
        await until(lambda: "CONNECTED" in self.heard_of(container))
        return container

    async def main(self) -> None:
        try:
            await asyncio.wait_for(self.work(self), stretched(60))
        except BaseException as error:  # noqa: BLE001 (raised where it is asserted)
            self.error = error
        finally:
            self.stop()


async def becomes(ask: Callable[[], Awaitable[object]], answer: object) -> None:
    """Wait until what is asked has an answer."""
    give_up_at = time.monotonic() + stretched(SOON)
    while (last := await ask()) != answer:
        assert time.monotonic() < give_up_at, last
        await asyncio.sleep(0.005)


def run(work: Work, settings: Settings | None = None) -> Application:
    """Run an application that does `work`, configured so; raise what that raised."""
    with clean(settings or {}):
        app = Application(work)
        assert app.run() == 0
    if app.error is not None:
        raise app.error
    return app


@contextlib.contextmanager
def clean(settings: Settings) -> Iterator[None]:
    """Let an application have these settings and no others, and leave nothing of it behind."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    config = asab.Config
    quiet = {"general": {"watchdog_threshold": "0"}, "logging:console": {"enabled": "false"}}
    config.remove_section("zookeeper")
    config.read_dict({**quiet, **settings})
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        for section in settings:
            config.remove_section(section)
        asab.abc.singleton.Singleton._instances.clear()  # noqa: SLF001 (no public way for all)
        loop.close()
        asyncio.set_event_loop(None)
        root.handlers[:], root.level = handlers, level
