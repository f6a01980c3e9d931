"""The fixtures of the promises: clients in a home of their own, behind a network that fails on demand."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faces import Factory
from tests.leaks import LeakGuard
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.saslserver import SaslServer
from tests.servers import AnyServer, serving
from zc.zk import Client, DigestMD5

# Whose tests run through the asyncio face as well: what they call `Client` and `ZooKeeper` is then that face's.
THROUGH_BOTH = {
    *(f"test_s{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8)),
    *(f"test_r{number:02}" for number in (*range(1, 17), *range(19, 26), 27, 28, 32)),
    "test_bad_input",
    "test_every_error",
    "test_r24_operations",
}
OF_THEIR_OWN = ("threads", "at_once")  # marks of tests that choose their faces themselves
BOB = DigestMD5("bob", "secret-of-bob")
ZOE = DigestMD5("zoe", "geheïm-€")
Connect = Callable[..., Client]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    is_in_both = metafunc.module.__name__.rpartition(".")[2] in THROUGH_BOTH
    marked = metafunc.definition.get_closest_marker
    if is_in_both and not any(map(marked, OF_THEIR_OWN)):
        marks = [pytest.mark.long] if marked("of_core") else []
        metafunc.parametrize("face_of_promise", ["threads", pytest.param("asyncio", marks=marks)])


@pytest.fixture
def face_of_promise() -> str:
    """Which face of the library is to keep the promise."""
    return "threads"


@pytest.fixture(autouse=True)
def promised_face(
    face_of_promise: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Factory | None]:
    """Have the test's module use the asyncio face where that is to keep the promise."""
    if face_of_promise == "threads":
        yield None
        return
    factory = Factory()
    for name, make in (("Client", factory.client), ("ZooKeeper", factory.registry)):
        monkeypatch.setattr(request.module, name, make, raising=False)
    yield factory
    factory.close()


@pytest.fixture
def makers() -> Iterator[list[Connect]]:
    """What makes a client of each face, for tests that ask both at once."""
    with contextlib.closing(Factory()) as factory:
        yield [Client, factory.client]


@pytest.fixture
def home(real_server: RealServer, fresh_chroot: Callable[[AnyServer], str]) -> str:
    """The path of a node of the real server that is this test's alone."""
    return fresh_chroot(real_server)


@pytest.fixture
def network(real_server: RealServer, proxy_to: Callable[[int], FaultProxy]) -> FaultProxy:
    """A fault proxy before the real server."""
    return proxy_to(real_server.port)


@pytest.fixture
def make_client(network: FaultProxy, home: str, promised_face: Factory | None) -> Iterator[Connect]:
    """Give a function that makes a client at home behind the network; all are stopped in the end."""
    new = Client if promised_face is None else promised_face.client
    with contextlib.ExitStack() as stack:

        def make(address: str = network.address + home, **options: Any) -> Client:
            client: Client = new(address, **{"timeout": 4.0, **options})
            stack.callback(client.stop)
            return client

        yield make


@pytest.fixture
def connect(make_client: Connect) -> Connect:
    """Give a function that makes such a client and starts it."""

    def start(*arguments: Any, **options: Any) -> Client:
        client = make_client(*arguments, **options)
        client.start()
        return client

    return start


@pytest.fixture
def client(connect: Connect) -> Client:
    """A started client at home, behind the network."""
    return connect()


@pytest.fixture
def observer(real_server: RealServer, home: str, connect: Connect) -> Client:
    """A started client at home, whom the network does not reach."""
    return connect(real_server.address + home)


@pytest.fixture(scope="session")
def shared_strict_server(leak_guard: LeakGuard) -> Iterator[SaslServer]:
    """The server behind `strict_server`, in whatever state the last test left it."""
    server = SaslServer(
        {each.user: each.password for each in (BOB, ZOE)},
        settings={"sessionRequireClientSASLAuth": "true"},
    )
    leak_guard.exempt(lambda: server.processes)
    with server:
        yield server


@pytest.fixture
def strict_server(shared_strict_server: SaslServer) -> SaslServer:
    """A real server that hangs up on whoever is not BOB or ZOE, by SASL."""
    return serving(shared_strict_server)


@pytest.fixture
def strict_network(strict_server: RealServer, proxy_to: Callable[[int], FaultProxy]) -> FaultProxy:
    """A fault proxy before it."""
    return proxy_to(strict_server.port)
