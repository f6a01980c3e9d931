"""The fixtures: servers, a network between, and a guard that nothing is left behind."""

import contextlib
import importlib.util
import itertools
import signal
from collections.abc import Callable, Iterator

import hypothesis
import pytest

from tests.bareclient import BareClient, create_node
from tests.echo import Echo
from tests.ensemble import Ensemble
from tests.faces import FACES
from tests.kdc import Kdc
from tests.keys import Keys
from tests.leaks import LeakGuard
from tests.loops import use_uvloop
from tests.proxy import FaultProxy
from tests.realserver import NEWER_CLASSPATH, RealServer
from tests.saslserver import KerberosServer, SaslServer
from tests.servers import AnyServer, EmbeddedServer, serving
from tests.tlsserver import TlsServer

ENSEMBLES = {"ensemble", "own_ensemble"}
REAL = {
    *ENSEMBLES,
    "real_server",
    "own_real_server",
    "newer_server",
    "tls_server",
    "sasl_server",
    "kerberos",
}
SLOW = {"own_real_server", "own_ensemble"}
_chroot_numbers = itertools.count(1)

# The same examples in every run, and no clock: what passes here passes on a busy machine.
hypothesis.settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long tests, and only them")
    parser.addoption(
        "--uvloop",
        action="store_true",
        help="run the tests that make a loop, on uvloop, and only them",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Hear ^C, as do all processes that the tests start, where a shell began us in the background, deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("uvloop"):
        use_uvloop()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a real server, so that `-m 'not real'` runs without Java, and what makes a loop; select."""
    marks = {"real": REAL, "slow": SLOW, "ensemble": ENSEMBLES}
    for item in items:
        if isinstance(item, pytest.Function):
            for mark, fixtures in marks.items():
                if not fixtures.isdisjoint(item.fixturenames):
                    item.add_marker(mark)
        if makes_loop(item):
            item.add_marker("loop")
    is_long, is_uvloop = config.getoption("long"), config.getoption("uvloop")
    wanted: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        is_wanted = bool(item.get_closest_marker("long")) == is_long
        if is_uvloop and not item.get_closest_marker("loop"):
            is_wanted = False
        (wanted if is_wanted else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = wanted


def makes_loop(item: pytest.Item) -> bool:
    """Tell whether a test has an event loop, by its place, its face, or having clients of both faces."""
    folder = item.path.parent
    is_of_loops = folder.name in {"aio", "asab"}
    return is_of_loops or "asyncio" in item.name or bool(item.get_closest_marker("at_once"))


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> str:
    """Which face of the library is asked."""
    face: str = request.param
    return face


@pytest.fixture(scope="session")
def leak_guard() -> LeakGuard:
    """Ask it to exempt processes that outlive a test."""
    return LeakGuard()


@pytest.fixture(autouse=True)
def no_leaks(leak_guard: LeakGuard) -> Iterator[None]:
    """Fail the test that leaves a thread, a socket or a child process behind."""
    before = leak_guard.look()
    yield
    leak_guard.check(before)


@pytest.fixture(scope="session")
def shared_real_server(leak_guard: LeakGuard) -> Iterator[RealServer]:
    """The server behind `real_server`, in whatever state the last test left it."""
    server = RealServer()
    leak_guard.exempt(lambda: server.processes)
    with server:
        yield server


@pytest.fixture
def real_server(shared_real_server: RealServer) -> RealServer:
    """A real ZooKeeper that serves, shared with all other tests: keep to a chroot of your own."""
    return serving(shared_real_server)


@pytest.fixture
def own_real_server() -> Iterator[RealServer]:
    """A real ZooKeeper of this test alone, to kill, pause and wipe."""
    with RealServer() as server:
        yield server


@pytest.fixture(scope="session")
def shared_newer_server(leak_guard: LeakGuard) -> Iterator[RealServer]:
    """The server behind `newer_server`, in whatever state the last test left it."""
    server = RealServer(classpath=NEWER_CLASSPATH)
    leak_guard.exempt(lambda: server.processes)
    with server:
        yield server


@pytest.fixture
def newer_server(shared_newer_server: RealServer) -> RealServer:
    """As `real_server`, but ZooKeeper 3.9."""
    return serving(shared_newer_server)


@pytest.fixture(scope="session")
def shared_ensemble(leak_guard: LeakGuard) -> Iterator[Ensemble]:
    """The ensemble behind `ensemble`, in whatever state the last test left it."""
    ensemble = Ensemble()
    leak_guard.exempt(lambda: ensemble.processes)
    with ensemble:
        yield ensemble


@pytest.fixture
def ensemble(shared_ensemble: Ensemble) -> Ensemble:
    """Three real servers that serve, shared with all other tests, to harm but not to reconfigure."""
    shared_ensemble.heal()
    return shared_ensemble


@pytest.fixture
def own_ensemble() -> Iterator[Callable[..., Ensemble]]:
    """Give a function that starts an ensemble of this test alone; it takes what `Ensemble` does."""
    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(Ensemble(*args, **kwargs))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Certificates and keys, good ones and bad ones."""
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def shared_tls_server(keys: Keys, leak_guard: LeakGuard) -> Iterator[TlsServer]:
    """The server behind `tls_server`, in whatever state the last test left it."""
    server = TlsServer(keys)
    leak_guard.exempt(lambda: server.processes)
    with server:
        yield server


@pytest.fixture
def tls_server(shared_tls_server: TlsServer) -> TlsServer:
    """A real server with a TLS port, where clients can show a certificate; shared."""
    return serving(shared_tls_server)


@pytest.fixture(scope="session")
def shared_sasl_server(leak_guard: LeakGuard) -> Iterator[SaslServer]:
    """The server behind `sasl_server`, in whatever state the last test left it."""
    server = SaslServer()
    leak_guard.exempt(lambda: server.processes)
    with server:
        yield server


@pytest.fixture
def sasl_server(shared_sasl_server: SaslServer) -> SaslServer:
    """A real server that `users` can log in to with their passwords, and need not; shared."""
    return serving(shared_sasl_server)


@pytest.fixture(scope="session")
def installed_kerberos() -> None:
    """Skip where `.ci/install-kerberos` could not install everything."""
    missing = Kdc.missing()
    if importlib.util.find_spec("gssapi") is None:
        missing.append("gssapi")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="session")
def shared_kerberos_server(
    installed_kerberos: None, leak_guard: LeakGuard
) -> Iterator[KerberosServer]:
    """The server behind `kerberos`, in whatever state the last test left it."""
    with Kdc() as kdc:
        server = KerberosServer(kdc)
        leak_guard.exempt(lambda: kdc.processes | server.processes)
        with server:
            yield server


@pytest.fixture
def kerberos(
    shared_kerberos_server: KerberosServer, monkeypatch: pytest.MonkeyPatch
) -> KerberosServer:
    """A real server that this process can log in to, as `tests.kdc.CLIENT`; shared."""
    for name, value in shared_kerberos_server.kdc.client_environment.items():
        monkeypatch.setenv(name, value)
    return serving(shared_kerberos_server)


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real)])
def server(request: pytest.FixtureRequest) -> Iterator[AnyServer]:
    """The embedded server, and then a real one: what a test says must be true of both."""
    if request.param == "real":
        yield request.getfixturevalue("real_server")
    else:
        yield from embedded_server()


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("real_server", id="3.8", marks=pytest.mark.real),
        pytest.param("newer_server", id="3.9", marks=pytest.mark.real),
    ]
)
def every_server(request: pytest.FixtureRequest) -> Iterator[AnyServer]:
    """As `server`, and then ZooKeeper 3.9: for what differs between versions; see its `version`."""
    if request.param == "embedded":
        yield from embedded_server()
    else:
        yield request.getfixturevalue(request.param)


def embedded_server() -> Iterator[AnyServer]:
    """Give an embedded server while a fixture lasts."""
    embedded = EmbeddedServer()
    embedded.start()
    yield embedded
    embedded.stop()


@pytest.fixture
def fresh_chroot() -> Callable[[AnyServer], str]:
    """Give a function that creates a node nobody else uses, and gives its path."""

    def create(server: AnyServer) -> str:
        path = f"/test-{next(_chroot_numbers)}"
        create_node(server.port, path)
        return path

    return create


@pytest.fixture
def chroot(server: AnyServer, fresh_chroot: Callable[[AnyServer], str]) -> str:
    """The path of a node on `server` that is this test's alone."""
    return fresh_chroot(server)


@pytest.fixture
def proxy_to() -> Iterator[Callable[[int], FaultProxy]]:
    """Give a function that starts a fault proxy before a port, and gives it."""
    with contextlib.ExitStack() as stack:
        yield lambda port: stack.enter_context(FaultProxy(port))


@pytest.fixture
def proxy(server: AnyServer, proxy_to: Callable[[int], FaultProxy]) -> FaultProxy:
    """A fault proxy before `server`."""
    return proxy_to(server.port)


@pytest.fixture
def echo() -> Iterator[Echo]:
    """A server that answers each request with its own body."""
    with Echo() as server:
        yield server


@pytest.fixture
def echo_proxy(echo: Echo, proxy_to: Callable[[int], FaultProxy]) -> FaultProxy:
    """A fault proxy before `echo`."""
    return proxy_to(echo.port)


@pytest.fixture
def echo_client(echo_proxy: FaultProxy) -> Iterator[BareClient]:
    """A client of `echo` through the fault proxy."""
    with BareClient.connect(echo_proxy.port) as client:
        yield client
