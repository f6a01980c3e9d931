"""K28 to K32: transactions, reconfiguration, calls that do not wait, and calling again, on real servers.

More of K28 is in tests/test_transactions.py, of K29 in tests/calls/test_reconfig.py (on an ensemble), of K30 in
tests/drivers/test_results.py, of K32 in tests/drivers/test_retrying.py.
"""

import inspect
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import zc.zk
from tests import wire
from tests.frames import reply_to
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.sessions import lose_session
from tests.waiting import remains, stretched, wait_until
from zc.zk import (
    AsyncResult,
    Client,
    ForceRetryError,
    Retry,
    RetryFailedError,
    RetryInterruptedError,
    RolledBackError,
    RuntimeInconsistency,
    Stat,
    Transaction,
)
from zc.zk import retry as retrying

SOON = 20.0
A_MOMENT = 0.05
ANSWER = (b"set", Stat(*range(11)))


# --- K28


def test_k28_a_transaction_does_all_that_was_added(client: Client) -> None:
    client.create("/a")
    transaction = client.transaction()
    assert isinstance(transaction, Transaction)
    assert transaction.committed is False
    transaction.create("/b", b"value", None, True, False)
    transaction.create("/b-", b"value", acl=zc.zk.READ_ACL_UNSAFE, sequence=True)
    transaction.set_data("/a", b"new", version=0)
    transaction.check("/a", version=1)
    transaction.create("/c")
    transaction.delete("/c", version=0)

    results = transaction.commit()

    assert transaction.committed is True
    path, sequential, stat, *rest = results
    assert (path, sequential, rest) == ("/b", "/b-0000000002", [True, "/c", True])
    assert isinstance(stat, Stat)
    assert stat.version == 1
    assert client.get("/a") == (b"new", client.exists("/a"))
    assert client.get_ephemerals() == ["/b"]
    assert client.get_acls(sequential)[0] == zc.zk.READ_ACL_UNSAFE


def test_k28_one_that_fails_does_nothing_and_says_why(client: Client) -> None:
    client.create("/a")
    transaction = client.transaction()
    transaction.check("/a", version=3)
    transaction.create("/b", b"a value")
    after = client.transaction()
    after.create("/b")
    after.create("/a")
    after.set_data("/a", b"")

    results, more = transaction.commit(), after.commit_async().get(SOON)

    assert [type(each) for each in results] == [zc.zk.BadVersionError, RuntimeInconsistency]
    assert [type(each) for each in more] == [
        RolledBackError,
        zc.zk.NodeExistsError,
        RuntimeInconsistency,
    ]
    assert client.get_children("/") == ["a"]


def test_k28_a_context_commits_when_no_exception_leaves_it(client: Client) -> None:
    with client.transaction() as transaction:
        transaction.create("/a")
    given_up = client.transaction()
    with pytest.raises(TypeError), given_up:
        given_up.create("/b", 5)  # type: ignore[arg-type]  # it raises

    assert (transaction.committed, given_up.committed) == (True, False)
    assert client.get_children("/") == ["a"]


def test_k28_it_is_committed_once(client: Client) -> None:
    transaction = client.transaction()
    transaction.create("/a")
    transaction.commit()

    for call in (transaction.commit, transaction.commit_async, lambda: transaction.create("/b")):
        with pytest.raises(ValueError, match="committed already"):
            call()


@pytest.mark.parametrize(
    ("add", "kind"),
    [
        (lambda t: t.create(5), TypeError),
        (lambda t: t.create("/a", "text"), TypeError),
        (lambda t: t.create("/a", acl=5), TypeError),
        (lambda t: t.create("a"), ValueError),
        (lambda t: t.delete(5), TypeError),
        (lambda t: t.delete("/a", "1"), TypeError),
        (lambda t: t.set_data("/a", "text"), TypeError),
        (lambda t: t.set_data("/a", b"", None), TypeError),
        (lambda t: t.check(5, 1), TypeError),
        (lambda t: t.check("/a", "1"), TypeError),
    ],
)
def test_k28_what_cannot_be_is_refused_when_it_is_added(
    client: Client, add: Callable[[Transaction], object], kind: type[Exception]
) -> None:
    transaction = client.transaction()

    with pytest.raises(kind):
        add(transaction)

    assert transaction.commit() == []


# --- K29


def test_k29_reconfiguring_has_the_documented_parameters(client: Client) -> None:
    for name in ("reconfig", "reconfig_async"):
        names = inspect.signature(getattr(Client, name)).parameters
        assert list(names) == ["self", "joining", "leaving", "new_members", "from_config"]
        assert names["from_config"].default == -1


def test_k29_a_server_that_does_not_allow_it_says_so(client: Client) -> None:
    member = "server.4=127.0.0.1:1:2;127.0.0.1:3"
    calls: list[Callable[..., Any]] = [
        client.reconfig,
        lambda *change, **options: client.reconfig_async(*change, **options).get(SOON),
    ]
    for reconfig in calls:
        for change in ((member, None, None), (None, "4,5", None), (None, None, member)):
            with pytest.raises(zc.zk.ReconfigDisabledError):
                reconfig(*change, from_config=0x100000000)
        for refused in ((5, None, None), (None, None, None), (member, None, member)):
            with pytest.raises((TypeError, ValueError)):
                reconfig(*refused)


# --- K30


def test_k30_every_call_has_a_twin_that_does_not_wait() -> None:
    named = """
        create ensure_path exists get get_children set delete get_acls set_acls sync add_auth reconfig
        add_watch remove_watches multi_read get_ephemerals get_all_children_number who_am_i get_config
    """
    for name in named.split():
        call, twin = getattr(Client, name), getattr(Client, f"{name}_async")
        assert inspect.signature(call).parameters == inspect.signature(twin).parameters, name
    assert inspect.signature(Transaction.commit_async).parameters.keys() == {"self"}
    # What takes no time of the server's has none.
    assert not hasattr(Client, "transaction_async")


TWINS: list[tuple[str, Callable[[Client], AsyncResult[Any]], Callable[[Any], bool]]] = [
    ("create", lambda c: c.create_async("/n"), lambda value: value == "/n"),
    ("ensure_path", lambda c: c.ensure_path_async("/a/b/c"), lambda value: value is True),
    ("exists", lambda c: c.exists_async("/a"), lambda value: isinstance(value, Stat)),
    ("get", lambda c: c.get_async("/a"), lambda value: value[0] == b"1"),
    ("get_children", lambda c: c.get_children_async("/a"), lambda value: value == []),
    ("set", lambda c: c.set_async("/a", b"2"), lambda value: value.version == 1),
    ("delete", lambda c: c.delete_async("/a"), lambda value: value is True),
    ("get_acls", lambda c: c.get_acls_async("/a"), lambda value: len(value[0]) == 1),
    (
        "set_acls",
        lambda c: c.set_acls_async("/a", zc.zk.OPEN_ACL_UNSAFE),
        lambda value: value.acl_version == 1,
    ),
    ("sync", lambda c: c.sync_async("/a"), lambda value: value == "/a"),
    ("add_auth", lambda c: c.add_auth_async("digest", "a:b"), lambda value: value is None),
    ("who_am_i", lambda c: c.who_am_i_async(), lambda value: len(value) >= 1),
    (
        "multi_read",
        lambda c: c.multi_read_async([("get", "/a")]),
        lambda value: value[0][0] == b"1",
    ),
    ("get_ephemerals", lambda c: c.get_ephemerals_async(), lambda value: value == []),
    (
        "get_all_children_number",
        lambda c: c.get_all_children_number_async("/"),
        lambda value: value == 1,
    ),
    ("get_config", lambda c: c.get_config_async(), lambda value: type(value[0]) is bytes),
]


@pytest.mark.parametrize(("name", "ask", "is_right"), TWINS, ids=[name for name, *_ in TWINS])
def test_k30_a_twin_gives_a_result_to_wait_for(
    client: Client,
    name: str,
    ask: Callable[[Client], AsyncResult[Any]],
    is_right: Callable[[Any], bool],
) -> None:
    client.create("/a", b"1")

    result = ask(client)

    assert isinstance(result, AsyncResult)
    assert is_right(result.get(timeout=stretched(SOON)))


def test_k30_a_result_that_is_there_tells_its_value(client: Client) -> None:
    client.create("/a", b"1")

    result = client.get_async("/a")
    assert result.wait(stretched(SOON)) is True

    assert result.ready
    assert result.ready() is True
    assert result.successful() is True
    assert result.exception is None
    assert result.value is not None
    assert result.value[0] == b"1"
    assert result.get() == result.get(block=False) == result.get_nowait() == result.result()


def test_k30_a_result_that_failed_tells_its_error_and_raises_it(client: Client) -> None:
    result = client.get_async("/missing")
    assert result.wait(stretched(SOON)) is True

    assert result.ready
    assert result.successful() is False
    assert (type(result.exception), result.value) == (zc.zk.NoNodeError, None)
    for ask in (result.get, result.get_nowait, result.result):
        with pytest.raises(zc.zk.NoNodeError):
            ask()


@pytest.mark.slow
def test_k30_a_result_that_is_still_to_come_is_waited_for_as_long_as_wanted(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxy.hold("to_client")
    result = proxied.get_async("/")

    assert not result.ready
    assert result.successful() is False
    assert (result.value, result.exception) == (None, None)
    assert result.wait(A_MOMENT) is False
    ask: list[Callable[[], object]] = [
        lambda: result.get(block=False),
        lambda: result.get(True, A_MOMENT),
        lambda: result.get(timeout=A_MOMENT),
        lambda: result.result(A_MOMENT),
        result.get_nowait,
    ]
    for each in ask:
        with pytest.raises(zc.zk.OperationTimeoutError):
            each()
    proxy.heal()

    assert result.get(timeout=stretched(SOON))[0] is not None


@pytest.mark.slow
def test_k30_callbacks_are_linked_and_unlinked(proxied: Client, proxy: FaultProxy) -> None:
    told: list[tuple[str, AsyncResult[Any], bytes]] = []
    unwanted: list[object] = []
    proxied.create("/a", b"1")
    proxy.hold("to_client")
    result = proxied.get_async("/a")

    result.rawlink(lambda done: told.append(("before", done, done.get(block=False)[0])))
    result.rawlink(unwanted.append)
    result.unlink(unwanted.append)
    proxy.heal()
    wait_until(lambda: len(told) == 1, SOON)
    result.rawlink(lambda done: told.append(("after", done, done.get()[0])))

    wait_until(lambda: len(told) == 2, SOON)
    assert told == [("before", result, b"1"), ("after", result, b"1")]
    assert unwanted == []


def test_k30_a_callback_may_wait_for_other_calls(client: Client) -> None:
    client.create("/a", b"1")
    told: list[Any] = []

    def callback(done: AsyncResult[Any]) -> None:
        try:
            done.get()
        except zc.zk.NoNodeError:
            told.append(client.get("/a")[0])
            told.append(client.create_async("/b").get())

    client.get_children_async("/missing").rawlink(callback)

    wait_until(lambda: told == [b"1", "/b"], SOON)


@pytest.mark.slow
def test_k30_an_outcome_may_be_set_for_those_who_wait(proxied: Client, proxy: FaultProxy) -> None:
    proxy.hold("to_client")
    answered, failed = proxied.get_async("/"), proxied.get_async("/")
    waiting: list[Any] = []
    thread = threading.Thread(target=lambda: waiting.append(answered.get()))
    thread.start()
    assert remains(lambda: not waiting, A_MOMENT)

    answered.set(ANSWER)
    failed.set_exception(zc.zk.NoNodeError("/"))

    thread.join(stretched(SOON))
    assert waiting == [ANSWER]
    with pytest.raises(zc.zk.NoNodeError):
        failed.get()
    proxy.heal()
    proxied.sync("/")
    assert answered.get() == ANSWER  # the reply came too late


# --- K31


def test_k31_what_succeeds_is_called_once_with_its_arguments(client: Client) -> None:
    path = client.retry(client.create, "/a", b"value", sequence=True)

    assert path == "/a0000000000"
    assert client.retry(client.get, path)[0] == b"value"
    assert client.get_children("/") == ["a0000000000"]


@pytest.mark.slow
def test_k31_a_whole_function_is_called_again_when_a_write_was_cut_off(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxied.create("/counter", b"0")
    proxy.cut_on(reply_to(wire.Opcode.SET_DATA))
    tries: list[bytes] = []

    def count() -> bytes:
        data, stat = proxied.get("/counter")
        tries.append(data)
        if len(tries) == 1:
            # As it is, a client asks the node what became of a write: only those who fail fast have this to bear.
            proxied.within(SOON, fail_fast=True).set("/counter", b"1", stat.version)
        return data

    assert proxied.retry(count) in (b"0", b"1")
    assert len(tries) == 2


def test_k31_an_error_that_would_come_again_is_raised_at_once(client: Client) -> None:
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        client.get("/missing")

    with pytest.raises(zc.zk.NoNodeError):
        client.retry(fail)
    assert calls == [1]


@pytest.mark.slow
def test_k31_single_commands_wait_for_a_connection_without_it(
    proxied: Client, proxy: FaultProxy
) -> None:
    """In kazoo a command fails when the connection is lost; here a read is asked again, within `operation_timeout`."""
    proxied.create("/a", b"1")
    proxy.cut_on(reply_to(wire.Opcode.GET_DATA))

    assert proxied.get("/a")[0] == b"1"

    proxy.cut_on(reply_to(wire.Opcode.GET_DATA))
    with pytest.raises(zc.zk.ConnectionLoss):
        proxied.within(SOON, fail_fast=True).get("/a")


# --- K32


def test_k32_the_parameters_are_the_documented_ones() -> None:
    """`max_jitter` is a fraction as in kazoo 2.11, not seconds as in 2.6."""
    parameters = inspect.signature(Retry).parameters

    assert {name: each.default for name, each in parameters.items()} == {
        "max_tries": 1,
        "delay": 0.1,
        "backoff": 2,
        "max_jitter": 0.4,
        "max_delay": 60.0,
        "ignore_expire": True,
        "sleep_func": time.sleep,
        "deadline": None,
        "interrupt": None,
    }


@pytest.mark.slow
def test_k32_a_command_that_lost_its_connection_is_called_again(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxied.create("/a", b"1")
    hasty = proxied.within(SOON, fail_fast=True)
    proxy.cut_on(reply_to(wire.Opcode.GET_DATA))

    assert Retry(max_tries=-1, delay=0.02)(hasty.get, "/a")[0] == b"1"


@pytest.mark.slow
def test_k32_there_are_as_many_tries_as_allowed_and_then_an_error(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: proxied.state == "SUSPENDED", SOON)
    hasty = proxied.within(SOON, fail_fast=True)
    pauses: list[float] = []
    retry = Retry(
        max_tries=4, delay=0.1, backoff=3, max_jitter=0, max_delay=1, sleep_func=pauses.append
    )

    with pytest.raises(RetryFailedError) as failed:
        retry(hasty.get, "/")

    assert pauses == pytest.approx([0.1, 0.3, 0.9, 1.0])
    assert isinstance(failed.value.__cause__, zc.zk.ConnectionLoss)
    with pytest.raises(RetryFailedError):
        Retry(-1, 1, deadline=0.5, sleep_func=pauses.append)(hasty.get, "/")


@pytest.mark.slow
@pytest.mark.parametrize("ignore_expire", [True, False])
def test_k32_an_expired_session_is_ignored_or_not(
    client: Client, server: AnyServer, ignore_expire: bool
) -> None:
    calls: list[int] = []

    def work() -> str:
        calls.append(1)
        if len(calls) == 1:
            lose_session(client, server)
            raise zc.zk.SessionExpiredError("/a")
        return client.create("/a")

    retry = Retry(max_tries=3, delay=0.01, ignore_expire=ignore_expire)
    if ignore_expire:
        assert retry(work) == "/a"
    else:
        with pytest.raises(zc.zk.SessionExpiredError):
            retry(work)
        assert client.exists("/a") is None


def test_k32_an_interrupt_ends_it_between_tries(client: Client) -> None:
    asked: list[float] = []

    def interrupt() -> bool:
        asked.append(time.monotonic())
        return len(asked) == 3

    def work() -> None:
        client.exists("/")
        raise ForceRetryError

    with pytest.raises(RetryInterruptedError):
        Retry(max_tries=-1, delay=5, interrupt=interrupt)(work)

    assert all(later - sooner >= 0.1 for sooner, later in itertools.pairwise(asked))


def test_k32_a_function_may_ask_to_be_called_again(client: Client) -> None:
    seen: list[Stat | None] = []

    def work() -> Stat:
        seen.append(client.exists("/a"))
        if seen[-1] is None:
            client.create("/a")
            raise ForceRetryError
        return seen[-1]

    assert Retry(delay=0.01)(work) == client.exists("/a")
    assert len(seen) == 2


def test_k32_a_retry_can_be_copied_and_reset(client: Client) -> None:
    retry = Retry(max_tries=2, delay=0.01)

    copy = retry.copy()
    copy.reset()

    assert copy is not retry
    assert vars(copy) == vars(retry)
    assert copy(client.exists, "/") == client.exists("/")


def test_k32_the_errors_have_the_documented_names() -> None:
    assert retrying.InterruptedError is RetryInterruptedError
    for error in (ForceRetryError, RetryFailedError, RetryInterruptedError):
        assert getattr(retrying, error.__name__) is error
        assert issubclass(error, zc.zk.ZooKeeperError)
