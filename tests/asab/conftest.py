"""Servers, and an environment that names none."""

from collections.abc import Callable

import pytest

from tests.servers import AnyServer


@pytest.fixture(autouse=True)
def no_servers_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASAB_ZOOKEEPER_SERVERS", raising=False)


@pytest.fixture
def url(server: AnyServer, chroot: str) -> str:
    """The URL of a node of this test alone."""
    return f"zookeeper://{server.address}{chroot}"


@pytest.fixture
def real_url(own_real_server: AnyServer, fresh_chroot: Callable[[AnyServer], str]) -> str:
    """The URL of a node on `own_real_server`."""
    return f"zookeeper://{own_real_server.address}{fresh_chroot(own_real_server)}"
