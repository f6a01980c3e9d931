"""The driver for gevent: a process of its own, where nothing is patched."""

import pytest

from tests.promises.programs import run_program
from tests.servers import AnyServer
from zc.zk import ArgumentError, Client
from zc.zk.testing import Server

PROGRAM = """
    import sys, threading, time
    import gevent
    from zc.zk import (
        Client, ConnectionClosedError, FailedConnect, NoNodeError, OperationTimeoutError, State,
        UsageError, ZooKeeper,
    )

    address = sys.argv[1]
    beats = []

    def beat():
        while True:
            beats.append(1)
            gevent.sleep(0.001)

    gevent.spawn(beat)

    def soon(is_true):
        until = time.monotonic() + 10
        while not is_true():
            assert time.monotonic() < until
            gevent.sleep(0.001)
"""


def run(source: str, *arguments: str) -> None:
    run_program(PROGRAM + source, *arguments)


def test_what_callers_see_is_as_with_threads(server: AnyServer, chroot: str) -> None:
    run(
        """
    with Client(address, driver="gevent") as client:
        client.create("/a", b"0")
        assert client.get("/a")[0] == b"0"
        results = [client.get_async("/a") for _ in range(200)]
        assert [result.get()[0] for result in results] == [b"0"] * 200
        try:
            client.get("/b")
        except NoNodeError:
            pass
        events, states, linked, seen = [], [], [], []
        client.add_listener(states.append)
        client.get("/a", events.append)
        client.get_async("/a").rawlink(linked.append)
        client.DataWatch("/a", lambda data, stat: seen.append(data))
        client.set("/a", b"1")
        soon(lambda: events and linked and seen == [b"0", b"1"])
        client.ensure_path_async("/x/y/z").get()
        client.delete("/x", recursive=True)
        client.transaction().create("/t")
        assert client.retry(client.get, "/a")[0] == b"1"
        with client.transaction() as transaction:
            transaction.create("/t")
        assert sorted(client.get_children("/")) == ["a", "t"]
    assert states == [State.LOST]
    assert client.state is State.LOST
    """,
        server.address + chroot,
    )


def test_calls_block_their_greenlet_alone(server: AnyServer, chroot: str) -> None:
    run(
        """
    with Client(address, driver="gevent") as client:
        def work():
            for _ in range(100):
                client.sync("/")

        before = len(beats)
        workers = [gevent.spawn(work) for _ in range(20)]
        gevent.joinall(workers, timeout=30, raise_error=True)
        assert all(worker.successful() for worker in workers)
        assert len(beats) > before + 10
    """,
        server.address + chroot,
    )


def test_callbacks_run_in_greenlets_and_may_call_the_client(server: AnyServer, chroot: str) -> None:
    run(
        """
    main, threads, done = threading.get_ident(), set(), []

    with Client(address, driver="gevent") as client:
        client.create("/a")

        def watch(event):
            threads.add(threading.get_ident())
            gevent.sleep(0.05)
            done.append(client.get("/a")[0])

        for _ in range(5):
            client.get("/a", lambda event, watch=watch: watch(event))
        begun = time.monotonic()
        client.set("/a", b"1")
        soon(lambda: len(done) == 5)
        assert threads == {main} and done == [b"1"] * 5
    """,
        server.address + chroot,
    )


def test_registries_work(server: AnyServer, chroot: str) -> None:
    run(
        """
    client = Client(address, driver="gevent")
    registry = ZooKeeper(client)
    client.create("/service")
    seen = []
    children = registry.children("/service")
    children(lambda it: seen.append(sorted(it)))
    registered = registry.register("/service", "h:1", a=1)
    soon(lambda: seen and seen[-1] == ["h:1"])
    properties = registry.properties("/service/h:1")
    registered.update(a=2)
    soon(lambda: properties["a"] == 2)
    assert registry.connected.wait(1)
    registered.withdraw()
    soon(lambda: seen[-1] == [])
    registry.close()
    client.stop()
    """,
        server.address + chroot,
    )


def test_waiting_ends_in_time_and_blocks_nobody() -> None:
    run(
        """
    import socket
    silent = socket.create_server(("127.0.0.1", 0))
    client = Client(f"127.0.0.1:{silent.getsockname()[1]}", driver="gevent")
    begun = time.monotonic()
    try:
        client.start(0.3)
    except FailedConnect:
        pass
    assert time.monotonic() - begun < 2.5
    client.start_async()
    result = client.get_async("/a")
    assert not result.wait(0.1)
    try:
        client.within(0.2).get("/a")
    except OperationTimeoutError:
        pass
    ended = []

    def wait():
        try:
            client.get("/a")
        except ConnectionClosedError as error:
            ended.append(error)

    gevent.spawn(wait)
    gevent.sleep(0.05)
    client.stop()
    soon(lambda: ended)
    assert len(beats) > 100
    silent.close()
    """,
        "none",
    )


def test_another_thread_is_refused(embedded: Server) -> None:
    run(
        """
    with Client(address, driver="gevent") as client:
        client.create("/a")
        errors = []

        def other():
            for call in (client.get_async, client.get, client.exists):
                try:
                    call("/a")
                except UsageError as error:
                    errors.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        while thread.is_alive():
            gevent.sleep(0.001)
        message = "this client belongs to the gevent hub of another thread: use one for each"
        assert errors == [message] * 3, errors
        assert client.get("/a")
    """,
        embedded.address,
    )


def test_a_server_can_be_asked_about_itself(embedded: Server) -> None:
    run(
        """
    with Client(address, driver="gevent") as client:
        assert client.server_version() >= (3, 8)
    """,
        embedded.address,
    )


def test_a_large_write_is_sent(server: AnyServer, chroot: str) -> None:
    run(
        """
    with Client(address, driver="gevent") as client:
        client.create("/a")
        results = [client.set_async("/a", bytes(500_000)) for _ in range(40)]
        assert [result.get().version for result in results] == list(range(1, 41))
    """,
        server.address + chroot,
    )


def test_a_driver_must_be_known() -> None:
    with pytest.raises(ArgumentError, match=r'"threads" or "gevent", not .green.'):
        Client(driver="green")  # type: ignore[arg-type]
