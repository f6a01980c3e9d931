"""Reaching one of several servers without holding up the loop."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.aio.looping import run, turns
from tests.drivers.conftest import OnLoop
from tests.keys import Identity, Keys
from tests.ports import LOOPBACK, free_port, port_of_nobody
from tests.waiting import stretched
from zc.zk import TLS
from zc.zk.drivers.aio.dialling import dial
from zc.zk.drivers.dialling import Reached
from zc.zk.drivers.tls import Security, secured
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.race import STAGGER
from zc.zk.testing import Server, ServerTLS

LONG = 20.0
SHORT = 0.4


@dataclass
class Patient:
    """A judge who goes on until a test says no, and remembers what it is told."""

    goes_on: bool = True
    tried: list[Endpoint] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def go_on(self) -> bool:
        return self.goes_on

    def trying(self, server: Endpoint) -> None:
        self.tried.append(server)

    def unreachable(self, server: Endpoint, reason: str, attempts: int) -> float:
        self.failures.append(reason)
        return 0.05


@pytest.fixture
def dead() -> Iterator[Endpoint]:
    """A host that takes no connection: its backlog is full."""
    with port_of_nobody() as port:
        yield Endpoint(LOOPBACK, port)


def of(server: Server, host: str = LOOPBACK) -> Endpoint:
    return Endpoint(host, server.port)


def nobody() -> Endpoint:
    return Endpoint(LOOPBACK, free_port())


async def reached(
    *servers: Endpoint,
    timeout: float = LONG,
    security: Security | None = None,
    judge: Patient | None = None,
) -> Reached | None:
    """Dial, and close what was reached."""
    found = await dial(servers, timeout, security, judge or Patient())
    if found is not None:
        found.connection.close()
    return found


def test_a_server_is_reached(embedded: Server, on_loop: OnLoop) -> None:
    found = on_loop(reached(of(embedded)))

    assert found.server == of(embedded)
    assert found.channel is None


def test_a_server_is_reached_by_its_name(embedded: Server, on_loop: OnLoop) -> None:
    assert on_loop(reached(of(embedded, "localhost"))).server.host == "localhost"


def test_a_server_that_refuses_is_reported(on_loop: OnLoop) -> None:
    judge, refusing = Patient(), nobody()

    assert on_loop(reached(refusing, judge=judge)) is None
    assert judge.tried == [refusing]
    assert judge.failures == ["connection refused"]


def test_while_one_is_silent_the_others_are_tried(
    embedded: Server, dead: Endpoint, on_loop: OnLoop
) -> None:
    judge, refusing = Patient(), nobody()

    found = on_loop(reached(dead, refusing, of(embedded), judge=judge))

    assert found.server == of(embedded)
    assert judge.tried == [dead, refusing, of(embedded)]
    assert judge.failures == ["connection refused"]


def test_a_dead_host_holds_up_the_next_for_a_moment_only(
    embedded: Server, dead: Endpoint, on_loop: OnLoop
) -> None:
    began = time.monotonic()

    found = on_loop(reached(dead, of(embedded)))

    assert found.server == of(embedded)
    assert STAGGER <= time.monotonic() - began < stretched(STAGGER + 1.0)


def test_none_is_reached_where_none_is_there(dead: Endpoint, on_loop: OnLoop) -> None:
    judge = Patient()

    assert on_loop(reached(dead, nobody(), timeout=SHORT, judge=judge)) is None
    assert set(judge.failures) == {"connection refused", f"no answer within {SHORT} s"}


def test_a_name_that_nobody_has_is_a_failure(on_loop: OnLoop) -> None:
    judge = Patient()

    assert on_loop(reached(Endpoint("nobody.invalid", 1), judge=judge)) is None
    assert len(judge.failures) == 1


def test_the_judge_ends_it_soon(dead: Endpoint, on_loop: OnLoop) -> None:
    async def main() -> None:
        judge = Patient()
        dialling = asyncio.create_task(reached(dead, judge=judge))
        await turns(5)
        judge.goes_on = False
        assert await dialling is None

    began = time.monotonic()
    on_loop(main())
    assert time.monotonic() - began < stretched(2.0)


@pytest.mark.parametrize("count", range(5))
def test_a_cancelled_attempt_leaves_no_socket(
    dead: Endpoint, embedded: Server, on_loop: OnLoop, count: int
) -> None:
    async def main() -> None:
        for servers in ([dead], [of(embedded)], [of(embedded, "localhost")]):
            dialling = asyncio.create_task(reached(*servers))
            await turns(count)
            dialling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await dialling

    on_loop(main())


def test_a_loop_that_takes_no_more_sockets_has_none_of_ours_left(dead: Endpoint) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        add_writer, sockets = loop.add_writer, set[object]()

        def add_one(connection: socket.socket, *call: object) -> None:
            sockets.add(connection)
            if len(sockets) > 1:
                raise OSError("no more")
            add_writer(connection, *call)

        loop.add_writer = add_one
        before = len(loop._selector.get_map())  # noqa: SLF001 (the standard loop's)
        with port_of_nobody() as other, pytest.raises(OSError, match="no more"):
            await dial([dead, Endpoint(LOOPBACK, other)], LONG, None, Patient())
        assert len(loop._selector.get_map()) == before  # noqa: SLF001

    run(main(), asyncio.SelectorEventLoop)  # others do not tell


def test_the_loop_turns_meanwhile(dead: Endpoint, on_loop: OnLoop) -> None:
    async def main() -> int:
        dialling = asyncio.create_task(reached(dead, timeout=SHORT))
        turned = 0
        while not dialling.done():
            await asyncio.sleep(0.001)
            turned += 1
        return turned

    assert on_loop(main()) > 10


# --- over TLS


@pytest.fixture
def secure(keys: Keys) -> Iterator[Server]:
    with Server(tls=ServerTLS(keys.server.certificate, keys.server.key)) as server:
        yield server


def trusting(path: Path) -> Security:
    security = secured(TLS(ca=path))
    assert security is not None
    return security


def test_a_server_is_reached_over_tls(secure: Server, keys: Keys, on_loop: OnLoop) -> None:
    found = on_loop(reached(of(secure), security=trusting(keys.trusted)))

    assert found.channel is not None


@pytest.mark.parametrize(
    ("choose", "reason"),
    [
        (lambda keys: keys.wrong_host, "is not for"),
        (lambda keys: keys.expired, "has expired"),
        (lambda keys: keys.untrusted_server, "not trusted"),
    ],
)
def test_a_bad_certificate_is_a_failure_that_says_why(
    keys: Keys, on_loop: OnLoop, choose: Callable[[Keys], Identity], reason: str
) -> None:
    identity, judge = choose(keys), Patient()
    tls = ServerTLS(identity.certificate, identity.key)
    with Server(tls=tls) as server:
        security = trusting(keys.trusted)

        assert on_loop(reached(of(server), security=security, judge=judge)) is None

    assert reason in judge.failures[0]


def test_a_server_without_tls_is_a_failure_that_says_so(keys: Keys, on_loop: OnLoop) -> None:
    judge = Patient()
    with socket.create_server((LOOPBACK, 0)) as listener:
        endpoint = Endpoint(LOOPBACK, listener.getsockname()[1])

        async def main() -> Reached | None:
            loop = asyncio.get_running_loop()
            listener.setblocking(False)
            dialling = asyncio.create_task(
                reached(endpoint, security=trusting(keys.trusted), judge=judge)
            )
            peer, _ = await loop.sock_accept(listener)
            with peer:
                await loop.sock_sendall(peer, b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return await dialling

        assert on_loop(main()) is None
    assert judge.failures == ["the server does not speak TLS on this port"]


def test_a_handshake_that_does_not_end_is_a_failure_in_time(keys: Keys, on_loop: OnLoop) -> None:
    judge = Patient()
    with socket.create_server((LOOPBACK, 0)) as silent:
        endpoint = Endpoint(LOOPBACK, silent.getsockname()[1])
        security = trusting(keys.trusted)

        found = on_loop(reached(endpoint, timeout=SHORT, security=security, judge=judge))

    assert found is None
    assert judge.failures == [f"no TLS handshake within {SHORT} s"]
