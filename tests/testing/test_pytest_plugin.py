"""The plugin, in runs of pytest within this one."""

from collections.abc import Iterator

import pytest

from tests.realserver import RealServer
from zc.zk import Client
from zc.zk.testing import Server
from zc.zk.testing.pytest_plugin import VARIABLE, OtherServer

pytestmark = pytest.mark.slow
STRICT = ("-Werror", "-Wignore::pytest.PytestAssertRewriteWarning")  # this run has imported it
TESTS = """
    import pytest
    from kazoo.client import KazooClient

    seen = set()

    @pytest.mark.parametrize("number", range(3))
    def test_each_test_has_a_chroot_of_its_own(number, zk_client, zk_chroot):
        assert zk_client.get_children("/") == []
        zk_client.create("/n/m", makepath=True)
        assert zk_chroot not in seen
        seen.add(zk_chroot)

    def test_client_and_registry_share_it(zk_client, zk_registry):
        zk_client.create("/s")
        zk_registry.register_server("/s", ("127.0.0.1", 80))
        assert zk_client.get_children("/s") == ["127.0.0.1:80"]

    def test_kazoo_too(zk_connection_string, zk_client):
        kazoo = KazooClient(zk_connection_string)
        kazoo.start()
        kazoo.create("/k", b"x")
        assert zk_client.get("/k")[0] == b"x"
        kazoo.stop()
        kazoo.close()
"""
ON_A_LOOP = """
    import asyncio

    def test_a_client_of_the_tests_own_loop(zk_aio_client, zk_client):
        async def main():
            async with zk_aio_client:
                await zk_aio_client.create("/n")

        asyncio.run(main())
        assert zk_client.get_children("/") == ["n"]

    def test_a_registry_of_the_tests_own_loop(zk_aio_registry, zk_client, zk_faults):
        async def main():
            async with zk_aio_registry as zk:
                await zk.create("/s")
                await zk.register_server("/s", ("127.0.0.1", 80))
                zk_faults.drop_connections()
                assert await zk.get_children("/s") == ["127.0.0.1:80"]

        asyncio.run(main())
        assert zk_client.get_children("/s") == []

    def test_one_that_is_not_used(zk_aio_client, zk_aio_registry):
        pass
"""
LEFT_OPEN = """
    import asyncio, pytest

    @pytest.fixture
    def loop():
        with asyncio.Runner() as runner:
            yield runner

    def test_it_is_left_open(loop, zk_aio_client):
        loop.run(zk_aio_client.start())
"""
FAULTS = """
    def test_a_fault_happens(zk_faults, zk_client):
        zk_client.create("/n")
        with zk_faults.drop_connections():
            pass
        assert zk_client.exists("/n")

    def test_a_forgotten_fault_delays_nobody(zk_faults, zk_client, zk_registry):
        zk_faults.stall()
        zk_faults.refuse()

    def test_nor_is_it_there_for_the_next(zk_client, zk_faults):
        assert list(zk_faults) == []
        assert zk_client.get_children("/") == []

    def test_a_stopped_server(zk_server, zk_client):
        zk_server.stop()

    def test_is_started_for_the_next(zk_server, zk_client):
        assert zk_server.is_running
        assert zk_client.get_children("/") == []
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv(VARIABLE, raising=False)
    # Its entry point may be installed or not.
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p zc.zk.testing.pytest_plugin")
    return pytester


@pytest.fixture
def other() -> Iterator[Server]:
    with Server() as server:
        yield server


def names(server: Server | RealServer) -> set[str]:
    with Client(server.address) as client:
        return {name for name in client.get_children("/") if name.startswith("test-")}


def test_the_fixtures_give_servers_clients_and_chroots(inner: pytest.Pytester) -> None:
    inner.makepyfile(TESTS)

    inner.runpytest_inprocess(*STRICT).assert_outcomes(passed=5)


@pytest.mark.loop
def test_clients_of_the_tests_own_loops(inner: pytest.Pytester) -> None:
    inner.makepyfile(ON_A_LOOP)

    inner.runpytest_inprocess(*STRICT).assert_outcomes(passed=3)


@pytest.mark.loop
def test_an_asyncio_client_that_was_left_open_fails_the_test(inner: pytest.Pytester) -> None:
    inner.makepyfile(LEFT_OPEN)

    result = inner.runpytest_inprocess(*STRICT)

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*zk_aio_client was left open: use it in `async with`*"])


def test_faults_are_lifted_and_servers_started_after_each_test(inner: pytest.Pytester) -> None:
    inner.makepyfile(FAULTS)

    inner.runpytest_inprocess(*STRICT).assert_outcomes(passed=5)


def test_a_project_decides_about_its_server(inner: pytest.Pytester) -> None:
    inner.makeconftest(
        """
        import pytest
        from zc.zk.testing import VirtualClock

        @pytest.fixture(scope="session")
        def zk_server_options():
            return {"clock": VirtualClock(), "min_session_timeout": 3.0}
        """
    )
    inner.makepyfile(
        """
        def test_time(zk_server, zk_client):
            assert zk_client.session_timeout == 10
            zk_server.clock.advance(20)
            assert zk_server.sessions == []
        """
    )

    inner.runpytest_inprocess().assert_outcomes(passed=1)


def test_the_fixtures_are_listed_with_what_they_are(inner: pytest.Pytester) -> None:
    result = inner.runpytest_inprocess("--fixtures")

    result.stdout.fnmatch_lines(["zk_client -- *", "    Give a `zc.zk.Client`*"])


def test_another_server_is_used_when_it_is_named(
    inner: pytest.Pytester, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"{other.address}/some/where")
    inner.makepyfile(test_it=TESTS, test_faults=FAULTS)

    result = inner.runpytest_inprocess("-rs")

    result.assert_outcomes(passed=5, skipped=5)
    result.stdout.fnmatch_lines(
        [
            "*SKIPPED*zk_faults needs the embedded server, and ZK_TEST_CONNECTION names another",
            "*SKIPPED*Server.stop needs the embedded server, and ZK_TEST_CONNECTION names another",
        ]
    )
    with Client(other.address) as client:
        assert client.get_children("/some/where") == []


def test_the_same_tests_run_on_a_real_server(
    inner: pytest.Pytester, real_server: RealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = names(real_server)
    monkeypatch.setenv(VARIABLE, real_server.address)
    inner.makepyfile(TESTS)

    inner.runpytest_inprocess().assert_outcomes(passed=5)

    assert names(real_server) == before


@pytest.mark.parametrize(
    ("connection_string", "text"),
    [
        ("127.0.0.1:x", "ZK_TEST_CONNECTION: *127.0.0.1:x*"),
        ("", None),
    ],
)
def test_a_bad_connection_string_is_told_in_one_line(
    connection_string: str,
    text: str | None,
    inner: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, connection_string)
    inner.makepyfile("def test_it(zk_client): pass")

    result = inner.runpytest_inprocess()

    if text is None:  # as if it were not set
        result.assert_outcomes(passed=1)
    else:
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines([text])
        assert "Traceback" not in result.stdout.str()


def test_another_server_has_no_secret_names() -> None:
    other = OtherServer("127.0.0.1:1/a/")

    assert repr(other) == "<ZK_TEST_CONNECTION 127.0.0.1:1/a>"
    assert not hasattr(other, "__fspath__")
