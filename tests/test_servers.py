"""What behaviour tests rely on, of whichever server they get."""

from collections.abc import Callable

import pytest

from tests import wire
from tests.bareclient import BareClient, SessionRefusedError, create_node
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer, serving
from tests.wire import Opcode


@pytest.fixture(scope="module")
def met() -> list[tuple[int, int]]:
    """The versions that a test has met, each by one run of it."""
    return []


def error_of(server: AnyServer, path: str) -> int:
    with BareClient.connect(server.port) as client:
        return client.call(Opcode.EXISTS, wire.path_watch_body(path)).err


def test_each_version_is_met_once(every_server: AnyServer, met: list[tuple[int, int]]) -> None:
    create_node(every_server.port, f"/met-{len(met)}")

    met.append(every_server.version)

    assert met == [(3, 9), (3, 8), (3, 9)][: len(met)]


def test_a_chroot_is_there_and_fresh(
    server: AnyServer, chroot: str, fresh_chroot: Callable[[AnyServer], str]
) -> None:
    another = fresh_chroot(server)

    assert error_of(server, chroot) == error_of(server, another) == 0
    assert chroot != another


def test_an_expired_session_is_refused(server: AnyServer) -> None:
    with BareClient.connect(server.port) as client:
        session = client.session

        server.expire(session.session_id, session.password)

        with pytest.raises(EOFError):
            client.receive()
    with pytest.raises(SessionRefusedError):
        BareClient.connect(server.port, session.session_id, session.password)


@pytest.mark.slow
@pytest.mark.parametrize("crash", [False, True])
def test_data_and_sessions_outlive_the_process(server: AnyServer, chroot: str, crash: bool) -> None:
    address = server.address
    with BareClient.connect(server.port) as client:
        session = client.session
        if crash:
            server.kill()
            server.start()
        else:
            server.restart()

    assert server.address == address
    assert error_of(server, chroot) == 0
    BareClient.connect(server.port, session.session_id, session.password).end()


@pytest.mark.slow
def test_a_wiped_server_forgets(server: AnyServer) -> None:
    create_node(server.port, "/lost")

    server.stop()
    server.wipe()
    server.start()

    assert error_of(server, "/lost") == -101


def test_a_proxy_leads_to_the_server(server: AnyServer, proxy: FaultProxy) -> None:
    create_node(proxy.port, "/by-proxy")

    assert error_of(server, "/by-proxy") == 0
    proxy.cut()


@pytest.mark.slow
@pytest.mark.parametrize("harm", [RealServer.pause, RealServer.kill])
def test_a_shared_server_serves_again_after_any_test(
    real_server: RealServer, harm: Callable[[RealServer], None]
) -> None:
    harm(real_server)

    assert serving(real_server).words(b"ruok") == "imok"
