"""R29: a program with live clients ends in time and in silence, and one that is interrupted can go on."""

import signal
from time import monotonic

import pytest

from tests.ports import free_port
from tests.promises.programs import LONGEST_EXIT, assert_ends, line, program, sleeps, tell
from tests.proxy import FaultProxy
from tests.waiting import stretched, wait_until

BEGIN = """
    import sys, threading, time
    from zc.zk import Client, ZooKeeper, OperationTimeoutError, ZooKeeperError
    address = sys.argv[1]

    def wait_for_word():
        print("ready")
        sys.stdin.readline()
"""
CLIENT = """
    client = Client(address, timeout=4.0)
    client.start()
"""
LIVE: dict[str, str] = {
    "connected": CLIENT,
    "never stopped by a thread either": CLIENT
    + """
    def ask():
        while True:
            try:
                client.exists("/")
            except ZooKeeperError:
                return
    threading.Thread(target=ask, daemon=True).start()
    """,
    "with watches and live objects": CLIENT
    + """
    client.ensure_path("/watched")
    client.get("/watched", print)
    client.DataWatch("/watched", lambda data, stat: None)
    zk = ZooKeeper(client)
    children = zk.children("/watched")
    children(lambda c: None)
    zk.register("/watched", "h:1")
    """,
    "with a callback that runs and never ends": CLIENT
    + """
    running = threading.Event()
    def block(data, stat):
        if threading.current_thread() is threading.main_thread():
            return
        running.set()
        time.sleep(1000)
    client.create("/blocked")
    client.DataWatch("/blocked", block)
    client.set("/blocked", b"changed")
    running.wait()
    """,
    "with a callback that asks": CLIENT
    + """
    running = threading.Event()
    def ask(data, stat):
        if threading.current_thread() is threading.main_thread():
            return
        while True:
            running.set()
            try:
                client.exists("/")
            except ZooKeeperError:
                return
    client.create("/asked")
    client.DataWatch("/asked", ask)
    client.set("/asked", b"changed")
    running.wait()
    """,
    "with a listener that is told, and prints nothing": CLIENT
    + """
    client.add_listener(lambda state: client.state)
    """,
    "with a thousand in flight": CLIENT
    + """
    results = [client.exists_async("/") for _ in range(1000)]
    """,
    "with a callback of a result": CLIENT
    + """
    for _ in range(100):
        client.exists_async("/").rawlink(lambda result: time.sleep(0.01))
    """,
    "several clients": """
    clients = [Client(address, timeout=4.0) for _ in range(5)]
    for each in clients:
        each.start()
    """,
    "dropped by everybody": """
    def start():
        client = Client(address, timeout=4.0)
        client.start()
    start()
    """,
    "in a reference cycle with a __del__": CLIENT
    + """
    class Holder:
        def __del__(self):
            self.client.connected
    holder = Holder()
    holder.client = client
    holder.itself = holder
    """,
    "a registry": """
    zk = ZooKeeper(address, session_timeout=4.0)
    """,
}


@pytest.mark.parametrize("name", LIVE)
def test_r29_a_program_with_a_live_client_ends_in_time_and_prints_nothing(
    network: FaultProxy, home: str, name: str
) -> None:
    with program(BEGIN + LIVE[name] + "\n    wait_for_word()", network.address + home) as process:
        assert line(process) == "ready"

        assert_ends(process)


@pytest.mark.parametrize("name", LIVE)
def test_r29_a_program_whose_server_is_silent_ends_in_time_and_prints_nothing(
    network: FaultProxy, home: str, name: str
) -> None:
    with program(BEGIN + LIVE[name] + "\n    wait_for_word()", network.address + home) as process:
        assert line(process) == "ready"
        network.black_hole()

        assert_ends(process)


@pytest.mark.parametrize("name", ["connected", "with watches and live objects", "several clients"])
def test_r29_a_program_whose_client_is_suspended_ends_in_time_and_prints_nothing(
    network: FaultProxy, home: str, name: str
) -> None:
    waits = """
    wait_for_word()
    from zc.zk import State
    everyone = [client] if "client" in globals() else clients
    while not all(each.state is State.SUSPENDED for each in everyone):
        time.sleep(0.001)
    wait_for_word()
    """
    with program(BEGIN + LIVE[name] + waits, network.address + home) as process:
        assert line(process) == "ready"
        network.refuse()
        network.cut()
        tell(process)
        assert line(process) == "ready"

        assert_ends(process)


@pytest.mark.parametrize("fault", ["refused", "silent", "unknown name"])
def test_r29_a_program_whose_client_still_looks_for_a_server_ends_in_time_and_prints_nothing(
    network: FaultProxy, fault: str
) -> None:
    network.black_hole()
    address = {
        "refused": f"127.0.0.1:{free_port()}",
        "silent": network.address,
        "unknown name": "no-such-host.invalid:2181",
    }[fault]
    starts = """
    client = Client(address, timeout=4.0)
    client.start_async()
    waiting = threading.Thread(target=lambda: client.exists_async("/").exception(), daemon=True)
    wait_for_word()
    """
    with program(BEGIN + starts, address) as process:
        assert line(process) == "ready"

        assert_ends(process)


def test_r29_the_session_of_a_program_that_ends_is_ended_with_it(
    network: FaultProxy, home: str, observer: object
) -> None:
    creates = CLIENT + '\n    client.create("/mine", ephemeral=True)\n    wait_for_word()'
    with program(BEGIN + creates, network.address + home) as process:
        assert line(process) == "ready"
        assert observer.exists("/mine")  # type: ignore[attr-defined]

        assert_ends(process)

        assert observer.exists("/mine") is None  # type: ignore[attr-defined]


ENDINGS = {
    "sys.exit": ("sys.exit(3)", 3, ""),
    "an exception": ("raise SystemExit('it failed')", 1, "it failed\n"),
    "its last thread": ("threading.Thread(target=time.sleep, args=(0.2,)).start()", 0, ""),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_r29_each_way_to_end_is_as_good(network: FaultProxy, home: str, name: str) -> None:
    ending, code, complaint = ENDINGS[name]
    with program(BEGIN + LIVE["connected"] + f"\n    {ending}", network.address + home) as process:
        output, complaints = process.communicate(timeout=stretched(20))

    assert (process.returncode, output, complaints) == (code, "", complaint)


# What blocks when the server answers nothing.
WAITS: dict[str, str] = {
    "get": 'client.get("/")',
    "create": 'client.create("/made", makepath=True)',
    "an ensured path": 'client.ensure_path("/a/b/c")',
    "sync": 'client.sync("/")',
    "a result": 'client.get_async("/").get()',
    "a result with a bound": 'client.get_async("/").get(30)',
    "a data watch": 'client.DataWatch("/", lambda data, stat: None)',
    "a children watch": 'client.ChildrenWatch("/", lambda names: None)',
    "an identity": 'client.add_auth("digest", "u:p")',
    "a standing watch": 'client.add_watch("/", lambda event: None)',
    "a live object": 'ZooKeeper(client).children("/")',
    "properties": 'ZooKeeper(client).properties("/")',
    "a registration": 'ZooKeeper(client).register("/", "h:1")',
    "another client's start": "another.start()",
    "another client's start without end": "another.wait_for_start()",
    "a registry's connection": "ZooKeeper(address, session_timeout=4.0)",
}
INTERRUPTED = """
    import faulthandler
    client = Client(address, timeout=20.0, operation_timeout=60.0, connect_timeout=20.0)
    client.start()
    another = Client(address, timeout=20.0, connect_timeout=20.0)
    client.ensure_path("/")
    wait_for_word()
    try:
        print("waiting")
        %s
    except KeyboardInterrupt:
        print("interrupted")
    else:
        print("answered")
    sys.stdin.readline()
    assert client.exists("/") is not None
    client.create("/after")
    assert "after" in client.get_children("/")
    another.stop()
    client.stop()
    client.start()
    client.delete("/after")
    wait_for_word()
"""


@pytest.mark.parametrize("name", WAITS)
def test_r29_a_wait_that_is_interrupted_leaves_the_client_usable(
    network: FaultProxy, home: str, name: str
) -> None:
    with program(BEGIN + INTERRUPTED % WAITS[name], network.address + home) as process:
        assert line(process) == "ready"
        network.hold()
        tell(process)
        assert line(process) == "waiting"
        wait_until(lambda: sleeps(process.pid, "futex"), 5.0, "it waits")

        process.send_signal(signal.SIGINT)

        assert line(process) == "interrupted"
        network.heal()
        tell(process)
        assert line(process) == "ready"
        assert_ends(process)


def test_r29_interrupts_one_after_the_other_leave_the_client_usable(
    network: FaultProxy, home: str
) -> None:
    source = """
    client = Client(address, timeout=20.0)
    client.start()
    interrupts = 0
    print("ready")
    while interrupts < 20:
        try:
            print("asking")
            while True:
                client.exists("/")
                client.get_children("/")
        except KeyboardInterrupt:
            interrupts += 1
    for number in range(100):
        client.create(f"/{number}")
    print(len(client.get_children("/")))
    wait_for_word()
    """
    with program(BEGIN + source, network.address + home) as process:
        assert line(process) == "ready"
        for _ in range(20):
            assert line(process) == "asking"
            process.send_signal(signal.SIGINT)
        assert line(process) == "100"
        assert line(process) == "ready"

        assert_ends(process)


def test_r29_interrupts_at_any_moment_never_leave_a_client_that_waits_for_itself(
    network: FaultProxy, home: str
) -> None:
    source = """
    import os, random, signal
    client = Client(address, timeout=20.0)
    client.start()
    chance, interrupts, longest, is_over, may_shoot = random.Random(29), 0, 0.0, False, False

    def shoot():
        global is_over, may_shoot
        for _ in range(1000):
            time.sleep(chance.random() * 0.002)
            if may_shoot:
                may_shoot = False
                os.kill(os.getpid(), signal.SIGINT)
        is_over = True

    threading.Thread(target=shoot).start()
    while not is_over:
        began_at = time.monotonic()
        try:
            may_shoot = True
            for number in range(50):
                client.exists("/")
                client.get_children_async("/").get()
        except KeyboardInterrupt:
            interrupts += 1
        try:
            longest = max(longest, time.monotonic() - began_at)
        except KeyboardInterrupt:
            interrupts += 1
    print(interrupts, longest)
    for number in range(10):
        client.create(f"/{number}")
    wait_for_word()
    """
    with program(BEGIN + source, network.address + home) as process:
        interrupts, longest = line(process).split()
        assert line(process) == "ready"
        assert_ends(process)

    assert int(interrupts) > 100
    assert float(longest) <= stretched(2.0)  # a reconnect is the worst that may come


@pytest.mark.parametrize("name", ["get", "a live object", "another client's start"])
def test_r29_a_program_that_an_interrupt_ends_says_so_and_no_more(
    network: FaultProxy, home: str, name: str
) -> None:
    source = f"""
    client = Client(address, timeout=20.0, operation_timeout=60.0)
    client.start()
    another = Client(address, timeout=20.0, connect_timeout=20.0)
    wait_for_word()
    print("waiting")
    {WAITS[name]}
    """
    with program(BEGIN + source, network.address + home) as process:
        assert line(process) == "ready"
        network.hold()
        tell(process)
        assert line(process) == "waiting"
        wait_until(lambda: sleeps(process.pid, "futex"), 5.0, "it waits")

        began_at = monotonic()
        process.send_signal(signal.SIGINT)
        output, complaints = process.communicate(timeout=stretched(20))

    assert monotonic() - began_at <= stretched(LONGEST_EXIT)
    assert output == ""
    assert process.returncode == -signal.SIGINT
    assert complaints.startswith("Traceback")
    assert complaints.count("Traceback") == 1
    assert complaints.endswith("KeyboardInterrupt\n")
