"""R27: a client belongs to the process that made it; a child can neither use it nor hurt it."""

from collections.abc import Callable

import pytest

from tests.promises.programs import FACE, run_program, through
from tests.realserver import RealServer
from zc.zk import ArgumentError, Client

Run = Callable[[str], None]
PROGRAM = (
    FACE
    + """
    import atexit, contextlib, gc, os, sys, threading, time, traceback, warnings
    from tests.promises.forked import calls_of, locks_of
    from zc.zk import AsyncResult, ForkedClientError

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
        **dict(calls_of(client=client, registry=registry, registered=registered)),
        "with": lambda: client.__enter__(),
        "within": lambda: client.within(1.0).get("/mine"),
        "create_async": lambda: client.create_async("/a"),
        "delete recursive": lambda: client.delete("/mine", recursive=True),
        "set_hosts": lambda: client.set_hosts(address),
        "transaction": lambda: transaction().commit(),
        "commit_async": lambda: transaction().commit_async(),
        "children(callback)": lambda: children(print),
        "properties(callback)": lambda: properties(print),
        "properties.set": lambda: properties.set(a=2),
        "properties.update": lambda: properties.update(a=2),
    }
    if isinstance(pending, AsyncResult):
        CALLS["rawlink"] = lambda: pending.rawlink(print)
        CALLS["unlink"] = lambda: pending.unlink(print)

    def transaction():
        begun = client.transaction()
        begun.delete("/mine")
        return begun

    def call_all():
        for name, call in CALLS.items():
            expect_forked(name, call)
"""
)


@pytest.fixture
def address(real_server: RealServer, home: str) -> str:
    return real_server.address + home


@pytest.fixture
def run(address: str, face_of_promise: str) -> Run:
    """Give a function that runs a program with the clients of one face."""

    def run(program: str) -> None:
        run_program(through(face_of_promise, program), address)

    return run


def test_r27_every_method_fails_at_once_in_a_child(run: Run) -> None:
    run(
        PROGRAM
        + """
    assert in_child(call_all) == 0
    check_parent()
    registry.close()
    """
    )


@pytest.mark.threads  # a loop has no locks
def test_r27_a_child_made_while_the_locks_are_held_fails_at_once_too(run: Run) -> None:
    run(
        PROGRAM
        + """
    held, over = threading.Event(), threading.Event()

    def hold():
        with contextlib.ExitStack() as stack:
            for lock in locks_of(client, registry):
                stack.enter_context(lock)
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
    """
    )


def test_r27_the_state_can_be_read_in_a_child(run: Run) -> None:
    run(
        PROGRAM
        + """
    assert in_child(lambda: (repr(client), client.state, repr(registry), children.data)) == 0
    registry.close()
    """
    )


def test_r27_the_end_of_a_child_does_not_touch_the_session(run: Run) -> None:
    run(
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
    """
    )


def test_r27_garbage_in_a_child_does_not_touch_the_session(run: Run) -> None:
    run(
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
    """
    )


def test_r27_a_child_can_have_a_client_of_its_own(run: Run) -> None:
    run(
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
    """
    )


def test_r27_a_call_that_waits_in_the_parent_is_answered_though_the_process_forks(run: Run) -> None:
    run(
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
    """
    )


def test_r27_closing_in_a_child_does_not_touch_the_session(run: Run) -> None:
    run(
        PROGRAM
        + """
    def close():
        begun = time.monotonic()
        with registry:
            client.stop()
            client.close()
        registry.close()
        assert registry.handle is None
        assert time.monotonic() - begun < 0.2

    assert in_child(close) == 0
    check_parent()
    with registry:
        if not os.fork():
            sys.exit()  # by way of the end of this context
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        check_parent()
    """
    )


def test_r27_what_to_do_after_a_fork_must_be_known(address: str) -> None:
    with pytest.raises(ArgumentError, match=r'"error" or "new session", not .new.'):
        Client(address, after_fork="new")  # type: ignore[arg-type]


ANEW = (
    FACE
    + """
    import contextlib, os, sys, threading, time, traceback, warnings
    from tests.promises.forked import locks_of
    from zc.zk import ForkedClientError, State, UsageError, make_digest_acl

    warnings.simplefilter("ignore", DeprecationWarning)
    address = sys.argv[1]
    acl = [make_digest_acl("me", "secret", all=True)]
    client = Client(
        address,
        timeout=4.0,
        after_fork="new session",
        auth_data=[("digest", "me:secret")],
        default_acl=acl,
    )
    client.start()
    client.add_auth("digest", "you:secret")
    client.create("/mine", b"{}", ephemeral=True)
    fired, states = [], []
    client.get("/mine", lambda event: fired.append(event.type))
    client.add_listener(states.append)
    session = client.client_id

    def in_child(work):
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def our_threads():
        others = {"MainThread", "test loop"}
        return [each.name for each in threading.enumerate() if each.name not in others]

    def until_is(look, wanted):  # listeners and watches are told by other threads
        until = time.monotonic() + 5
        while look() != wanted and time.monotonic() < until:
            time.sleep(0.01)
        assert look() == wanted

    def check_parent():
        assert client.client_id == session
        assert client.exists("/mine").ephemeralOwner == session[0]
        assert states == []
        assert fired == []
"""
)


def test_r27_a_client_that_is_asked_to_opens_a_session_of_its_own_in_a_child(run: Run) -> None:
    run(
        ANEW
        + """
    within = client.within(5.0)

    def work():
        assert client.client_id is None and client.state is State.LOST
        assert our_threads() == []
        begun = time.monotonic()
        assert within.get("/mine")[0] == b"{}"  # by the first identity
        assert time.monotonic() - begun < 2
        assert client.client_id != session
        until_is(lambda: states, [State.CONNECTED])
        assert client.get_acls("/mine")[0] == acl
        client.create("/child", ephemeral=True)
        assert client.get_acls("/child")[0] == acl
        client.set("/mine", b"{}")  # the parent's watch is not ours
        client.delete("/child")

        def work_deeper():
            own = client.client_id
            assert client.exists("/mine")
            assert client.client_id != own

        assert in_child(work_deeper) == 0
        assert fired == []
        client.stop()
        assert client.client_id is None

    assert in_child(work) == 0
    until_is(lambda: fired, ["CHANGED"])  # the parent's watch is the parent's
    fired.clear()
    check_parent()
    client.stop()
    """
    )


def test_r27_a_child_that_needs_no_session_opens_none(run: Run) -> None:
    run(
        ANEW
        + """
    registry = ZooKeeper(client)

    def work():
        client.stop()
        assert our_threads() == []
        registry.close()
        assert our_threads() == []

    assert in_child(work) == 0
    check_parent()
    registry.close()
    client.stop()
    """
    )


def test_r27_a_client_that_was_stopped_is_stopped_in_a_child_too(run: Run) -> None:
    run(
        ANEW
        + """
    def work():
        try:
            client.get("/mine")
        except Exception as error:
            assert type(error).__name__ == "ConnectionClosedError", error
        else:
            raise AssertionError("answered")
        with client:
            assert client.exists("/") is not None

    client.stop()
    assert in_child(work) == 0
    """
    )


def test_r27_what_the_parent_registered_and_follows_stays_the_parents(run: Run) -> None:
    run(
        ANEW
        + """
    registry = ZooKeeper(client)
    registered = registry.register("/", "h:1")
    children = registry.children("/")
    held, over = threading.Event(), threading.Event()

    def work():
        assert sorted(client.get_children("/")) == ["h:1", "mine"]
        try:
            registered.withdraw()
        except UsageError as error:
            assert "h:1" in str(error)
        else:
            raise AssertionError("withdrawn")
        try:
            children(print)
        except ForkedClientError:
            pass
        own = registry.register("/", "h:2")
        assert sorted(registry.children("/")) == ["h:1", "h:2", "mine"]
        registry.close()
        assert sorted(client.get_children("/")) == ["h:1", "mine"]

    def hold():
        with contextlib.ExitStack() as stack:
            for lock in locks_of(client, registry):
                stack.enter_context(lock)
            held.set()
            over.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    result = in_child(work)
    over.set()
    holder.join()
    assert result == 0
    check_parent()
    assert registered.is_held and client.exists("/h:1").ephemeralOwner == session[0]
    registry.close()
    client.stop()
    """
    )


def test_r27_many_children_that_are_made_while_the_client_works_have_their_own(run: Run) -> None:
    run(
        ANEW
        + """
    over, errors = threading.Event(), []

    def work():
        while not over.is_set():
            try:
                assert client.exists("/mine")
            except Exception as error:
                errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for _ in range(10):
        assert in_child(lambda: client.exists("/mine")) == 0
    over.set()
    for worker in workers:
        worker.join(10)
    assert not errors, errors
    check_parent()
    client.stop()
    """
    )
