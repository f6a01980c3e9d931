"""R27: a client belongs to the process that made it; a child can neither use it nor hurt it."""

import pytest

from tests.promises.programs import run_program
from tests.realserver import RealServer

PROGRAM = """
    import atexit, gc, os, sys, threading, time, traceback, warnings
    from zc.zk import Client, ForkedClientError, ZooKeeper

    warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 and later warn of what this is about
    address = sys.argv[1]
    registry = ZooKeeper(address, session_timeout=4.0)
    client = registry.client
    client.create("/mine", b"{}", ephemeral=True)
    properties, children = registry.properties("/mine"), registry.children("/")
    seen = []
    children(lambda it: seen.append(sorted(it)))
    registered = registry.register("/", "h:1")
    pending = client.get_async("/mine")
    pending.get()
    session = client.client_id

    def in_child(work, ending=os._exit):
        sys.stdout.flush()
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        try:
            work()
        except BaseException:
            traceback.print_exc()
            ending(1)
        ending(0)

    def check_parent():
        assert client.connected and client.client_id == session
        client.set("/mine", b'{"a": 1}')
        while properties.data != {"a": 1}:
            time.sleep(0.001)
        client.create("/more")
        while "more" not in children or "more" not in seen[-1]:
            time.sleep(0.001)
        client.delete("/more")
        assert registered.is_held and client.exists("/h:1").ephemeralOwner == session[0]
        assert client.client_id == session
        client.set("/mine", b"{}")
        while properties.data != {}:
            time.sleep(0.001)

    def expect_forked(name, call):
        begun = time.monotonic()
        try:
            result = call()
        except ForkedClientError as error:
            assert str(os.getpid()) in str(error), error
        else:
            raise AssertionError(f"{name} gave {result!r}")
        assert time.monotonic() - begun < 0.2, name

    CALLS = {
        "start": client.start,
        "start_async": client.start_async,
        "wait_for_start": client.wait_for_start,
        "stop": client.stop,
        "close": client.close,
        "restart": client.restart,
        "with": lambda: client.__enter__(),
        "add_listener": lambda: client.add_listener(print),
        "remove_listener": lambda: client.remove_listener(print),
        "add_auth": lambda: client.add_auth("digest", "me:secret"),
        "add_auth_async": lambda: client.add_auth_async("digest", "me:secret"),
        "create": lambda: client.create("/a"),
        "create makepath": lambda: client.create("/a/b", makepath=True),
        "create_async": lambda: client.create_async("/a"),
        "ensure_path": lambda: client.ensure_path("/a"),
        "delete": lambda: client.delete("/mine"),
        "delete recursive": lambda: client.delete("/mine", recursive=True),
        "delete_async": lambda: client.delete_async("/mine"),
        "exists": lambda: client.exists("/mine"),
        "exists_async": lambda: client.exists_async("/mine"),
        "get": lambda: client.get("/mine"),
        "get_async": lambda: client.get_async("/mine"),
        "get_children": lambda: client.get_children("/"),
        "get_children_async": lambda: client.get_children_async("/"),
        "set": lambda: client.set("/mine", b""),
        "set_async": lambda: client.set_async("/mine", b""),
        "get_acls": lambda: client.get_acls("/mine"),
        "get_acls_async": lambda: client.get_acls_async("/mine"),
        "set_acls": lambda: client.set_acls("/mine", []),
        "set_acls_async": lambda: client.set_acls_async("/mine", []),
        "sync": lambda: client.sync("/"),
        "sync_async": lambda: client.sync_async("/"),
        "DataWatch": lambda: client.DataWatch("/mine", print),
        "ChildrenWatch": lambda: client.ChildrenWatch("/", print),
        "rawlink": lambda: pending.rawlink(print),
        "unlink": lambda: pending.unlink(print),
        "registry.children": lambda: registry.children("/"),
        "registry.properties": lambda: registry.properties("/mine"),
        "registry.get_properties": lambda: registry.get_properties("/mine"),
        "registry.print_tree": registry.print_tree,
        "registry.register": lambda: registry.register("/", "h:2"),
        "registry.delete": lambda: registry.delete("/h:1"),
        "registry.exists": lambda: registry.exists("/mine"),
        "registry.create": lambda: registry.create("/b"),
        "registry.get": lambda: registry.get("/mine"),
        "registry.get_children": lambda: registry.get_children("/"),
        "registry.set": lambda: registry.set("/mine", b""),
        "children(callback)": lambda: children(print),
        "properties(callback)": lambda: properties(print),
        "properties.set": lambda: properties.set(a=2),
        "properties.update": lambda: properties.update(a=2),
        "registered.update": lambda: registered.update(a=2),
        "registered.withdraw": registered.withdraw,
        "registry.close": registry.close,
    }
"""


@pytest.fixture
def address(real_server: RealServer, home: str) -> str:
    return real_server.address + home


def test_r27_every_method_fails_at_once_in_a_child(address: str) -> None:
    run_program(
        PROGRAM
        + """
    def call_all():
        for name, call in CALLS.items():
            expect_forked(name, call)

    assert in_child(call_all) == 0
    check_parent()
    registry.close()
    """,
        address,
    )


def test_r27_a_child_made_while_the_locks_are_held_fails_at_once_too(address: str) -> None:
    run_program(
        PROGRAM
        + """
    def call_all():
        for name, call in CALLS.items():
            expect_forked(name, call)

    held, over = threading.Event(), threading.Event()

    def hold():
        with client.driver.lock, client.driver.callbacks._condition, registry._registrar._lock:
            held.set()
            over.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    result = in_child(call_all)
    over.set()
    holder.join()
    assert result == 0
    check_parent()
    registry.close()
    """,
        address,
    )


def test_r27_the_state_can_be_read_in_a_child(address: str) -> None:
    run_program(
        PROGRAM
        + """
    assert in_child(lambda: (repr(client), client.state, repr(registry), children.data)) == 0
    registry.close()
    """,
        address,
    )


def test_r27_the_end_of_a_child_does_not_touch_the_session(address: str) -> None:
    run_program(
        PROGRAM
        + """
    for ending in (os._exit, sys.exit):
        for _ in range(3):
            try:
                assert in_child(lambda: None, ending) == 0
            except SystemExit as end:
                # The child goes on here: it ends as a program does, with its atexit functions.
                raise SystemExit(end.code)
            check_parent()
    registry.close()
    """,
        address,
    )


def test_r27_garbage_in_a_child_does_not_touch_the_session(address: str) -> None:
    run_program(
        PROGRAM
        + """
    def forget():
        global client, registry, properties, children, registered, pending, CALLS
        client = registry = properties = children = registered = pending = CALLS = None
        gc.collect()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        assert in_child(forget) == 0
    check_parent()
    registry.close()
    """,
        address,
    )


def test_r27_a_child_can_have_a_client_of_its_own(address: str) -> None:
    run_program(
        PROGRAM
        + """
    def work():
        with Client(address, timeout=4.0) as own:
            assert own.get("/mine")[0] == b"{}"
            assert own.client_id != session
            own.create("/made-by-child")

            def work_deeper():
                expect_forked("get", lambda: own.get("/mine"))
                expect_forked("get", lambda: client.get("/mine"))

            assert in_child(work_deeper) == 0
            assert own.exists("/made-by-child")

    assert in_child(work) == 0
    assert client.exists("/made-by-child")
    check_parent()
    registry.close()
    """,
        address,
    )


def test_r27_a_call_that_waits_in_the_parent_is_answered_though_the_process_forks(
    address: str,
) -> None:
    run_program(
        PROGRAM
        + """
    errors, over = [], threading.Event()

    def work():
        while not over.is_set():
            try:
                client.set("/mine", b"{}")
                client.get("/mine")
            except Exception as error:
                errors.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    for _ in range(10):
        assert in_child(lambda: expect_forked("get", lambda: client.get("/mine"))) == 0
    over.set()
    worker.join(10)
    assert not errors, errors
    assert client.client_id == session
    registry.close()
    """,
        address,
    )
