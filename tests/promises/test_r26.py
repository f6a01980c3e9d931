"""R26: nothing is left of clients that were stopped, or never got through: no thread, no descriptor, no memory."""

from collections.abc import Callable

import pytest

from tests.frames import request
from tests.ports import free_port
from tests.promises.programs import run_program
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.wire import Opcode

MEASURE = """
    import gc, os, sys, threading, time
    from zc.zk import Client, FailedConnect, OperationTimeoutError, ZooKeeper

    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    def memory():
        gc.collect()
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def settled(before):
        # A callback thread that waits for more to do ends soon after `stop`.
        until = time.monotonic() + 2
        while threading.active_count() > before and time.monotonic() < until:
            time.sleep(0.01)
        return threading.active_count()

    def measure(warm_up, rounds, one):
        for _ in range(warm_up):
            one()
        threads, files, megabytes = settled(1), descriptors(), memory()
        for _ in range(rounds):
            one()
        print(settled(threads) - threads, descriptors() - files, memory() - megabytes)
"""


def growth(program: str, *arguments: str) -> tuple[int, int, float]:
    """Give how many threads, descriptors and MB more there are at the end of a program than before."""
    printed = run_program(MEASURE + program, *arguments, seconds=60.0)
    threads, files, megabytes = printed.split()
    return int(threads), int(files), float(megabytes)


def assert_nothing(grown: tuple[int, int, float]) -> None:
    threads, files, megabytes = grown
    assert (threads, files) == (0, 0)
    assert megabytes <= 1.0


def test_r26_a_hundred_starts_and_stops_leave_nothing(network: FaultProxy, home: str) -> None:
    assert_nothing(
        growth(
            """
    def one():
        client = Client(sys.argv[1], timeout=4.0)
        client.start()
        client.add_listener(lambda state: None)
        client.exists("/", lambda event: None)
        client.DataWatch("/", lambda data, stat: None)
        client.stop()

    measure(20, 100, one)
    """,
            network.address + home,
        )
    )


def test_r26_a_hundred_starts_and_stops_of_one_client_leave_nothing(
    network: FaultProxy, home: str
) -> None:
    assert_nothing(
        growth(
            """
    client = Client(sys.argv[1], timeout=4.0)

    def one():
        client.start()
        client.exists("/", print)
        client.stop()

    measure(20, 100, one)
    """,
            network.address + home,
        )
    )


def test_r26_a_hundred_registries_leave_nothing(network: FaultProxy, home: str) -> None:
    assert_nothing(
        growth(
            """
    def one():
        with ZooKeeper(sys.argv[1], session_timeout=4.0) as registry:
            registry.register("/", "h:1")
            registry.children("/")(lambda children: None)
            registry.properties("/")

    measure(20, 100, one)
    """,
            network.address + home,
        )
    )


def test_r26_thirty_failed_starts_leave_nothing(network: FaultProxy) -> None:
    network.black_hole()
    assert_nothing(
        growth(
            """
    def one():
        for address in sys.argv[1:]:
            try:
                Client(address, timeout=4.0).start(timeout=0.03)
            except FailedConnect:
                continue
            raise SystemExit("it started")

    measure(5, 30, one)
    """,
            network.address,
            f"127.0.0.1:{free_port()}",
            "no-such-host.invalid:2181",
        )
    )


def test_r26_reconnects_leave_nothing(network: FaultProxy, home: str) -> None:
    network.cut_on(request(Opcode.SYNC), times=None)

    assert_nothing(
        growth(
            """
    client = Client(sys.argv[1], timeout=4.0, operation_timeout=0.1)
    client.start()
    client.DataWatch("/", lambda data, stat: None)

    def one():
        try:
            client.sync("/")
        except OperationTimeoutError:
            pass
        while not client.connected:
            time.sleep(0.005)

    measure(3, 10, one)
    client.stop()
    """,
            network.address + home,
        )
    )


THOUSAND = """
    import logging
    from zc.zk import AuthFailedError

    logging.getLogger("ZooKeeper").addHandler(logging.NullHandler())  # a refusal is told there, too
    works, closed, silent, hangs_up, *_ = sys.argv[1:]

    def succeed():
        client = Client(works, timeout=4.0)
        client.start()
        client.exists("/", lambda event: None)
        client.stop()

    def fail(address, **options):
        try:
            Client(address, timeout=4.0, **options).start(timeout=0.02)
        except FailedConnect:
            return
        raise SystemExit("it started")

    def be_refused():
        client = Client(works, timeout=4.0, auth_data=[("no such scheme", "a:b")])
        try:
            client.start()
        except AuthFailedError:
            return
        client.stop()

    def take_up_a_session_that_is_none():
        # Servers refuse it; a new one is begun then.
        client = Client(works, timeout=4.0, client_id=(12345, bytes(16)))
        client.start()
        client.stop()

    failures = [
        lambda: fail(closed),
        lambda: fail(silent),
        lambda: fail(hangs_up),
        be_refused,
        take_up_a_session_that_is_none,
    ]
    rounds = 0

    def one():
        global rounds
        succeed()
        failures[rounds % len(failures)]()
        rounds += 1

    measure(50, 500, one)
"""


THOUSAND_ON_A_LOOP = """
    import asyncio, logging
    from zc.zk import AuthFailedError
    from zc.zk.aio import Client

    logging.getLogger("ZooKeeper").addHandler(logging.NullHandler())  # a refusal is told there, too
    works, closed, silent, hangs_up, *_ = sys.argv[1:]

    async def succeed():
        async with Client(works, timeout=4.0) as client:
            await client.exists("/", lambda event: None)

    async def fail(address, **options):
        try:
            await Client(address, timeout=4.0, **options).start(timeout=0.02)
        except FailedConnect:
            return
        raise SystemExit("it started")

    async def be_refused():
        client = Client(works, timeout=4.0, auth_data=[("no such scheme", "a:b")])
        try:
            await client.start()
        except AuthFailedError:
            return
        await client.stop()

    async def be_cancelled():
        task = asyncio.create_task(Client(silent, timeout=4.0).start())
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])

    failures = [
        lambda: fail(closed), lambda: fail(silent), lambda: fail(hangs_up), be_refused, be_cancelled
    ]
    rounds = 0

    async def both():
        global rounds
        await succeed()
        await failures[rounds % len(failures)]()
        rounds += 1
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            raise SystemExit(f"left behind: {left}")

    with asyncio.Runner() as runner:
        measure(50, 500, lambda: runner.run(both()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [THOUSAND, THOUSAND_ON_A_LOOP], ids=["threads", "asyncio"])
def test_r26_a_thousand_cycles_half_of_them_failing_leave_nothing(
    network: FaultProxy,
    home: str,
    proxy_to: Callable[[int], FaultProxy],
    real_server: RealServer,
    program: str,
) -> None:
    silent = proxy_to(real_server.port)
    silent.black_hole()
    hangs_up = proxy_to(real_server.port)
    hangs_up.turn_away()

    grown = growth(
        program,
        network.address + home,
        f"127.0.0.1:{free_port()}",
        silent.address,
        hangs_up.address,
    )

    assert_nothing(grown)


FAIL_SLOWLY = """
    def names():
        return sorted(each.name for each in threading.enumerate() if each.name != "MainThread")

    def fail(**options):
        try:
            Client(sys.argv[1], timeout=4.0, **options).start(timeout=0.2)
        except FailedConnect:
            return
        raise SystemExit("it started")
"""


def test_r26_a_start_that_fails_in_a_tls_handshake_leaves_nothing(network: FaultProxy) -> None:
    network.black_hole()

    run_program(
        MEASURE
        + FAIL_SLOWLY
        + """
    files = descriptors()
    for _ in range(5):
        fail(tls=True)
    assert settled(1) == 1, names()
    assert descriptors() <= files + 1, descriptors() - files
    """,
        network.address,
    )


def test_r26_a_start_that_fails_while_a_mechanism_ponders_leaves_that_alone(
    real_server: RealServer,
) -> None:
    run_program(
        MEASURE
        + FAIL_SLOWLY
        + """
    from zc.zk.protocol.sasl import Mechanism

    class Ponders(Mechanism):
        name, may_block = "PONDERS", True

        def start(self, host, nonce):
            over.wait(20)
            raise OSError("over")

    over = threading.Event()
    fail(sasl=Ponders())
    settled(2)
    assert names() == ["PONDERS 127.0.0.1"], names()
    assert all(each.daemon for each in threading.enumerate() if each.name != "MainThread")
    over.set()
    assert settled(1) == 1, names()
    """,
        real_server.address,
    )


def test_r26_a_start_that_fails_while_a_name_is_looked_up_leaves_that_alone() -> None:
    run_program(
        MEASURE
        + FAIL_SLOWLY
        + """
    import socket

    def hang(*_, **__):
        over.wait(20)
        raise socket.gaierror("over")

    over = threading.Event()
    socket.getaddrinfo = hang
    fail()
    settled(2)
    assert names() == ["resolve a-host"], names()
    assert all(each.daemon for each in threading.enumerate() if each.name != "MainThread")
    over.set()
    assert settled(1) == 1, names()
    """,
        "a-host:2181",
    )
