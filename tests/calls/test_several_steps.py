"""The *_async twins of calls that take several steps, and K30's list of them."""

import inspect

import pytest

import zc.zk
from tests.faces import only_threads
from tests.frames import reply_to
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import READ_ACL_UNSAFE, AsyncResult, Client, ForkedClientError, OperationTimeoutError
from zc.zk.calls import Calls
from zc.zk.codes import OpCode

SOON = 20.0
# What takes no time, or what has a twin by another name.
WITHOUT_TWIN = {"run", "run_async", "catch_up", "transaction", "add_auth"}


def test_k30_every_call_has_its_twin_with_the_same_parameters() -> None:
    calls = {
        name: call
        for name, call in vars(Calls).items()
        if inspect.isfunction(call) and not name.startswith("_")
    }
    names = {name for name in calls if not name.endswith("_async")} - WITHOUT_TWIN

    for name in names:
        twin = calls[f"{name}_async"]
        assert inspect.signature(twin).parameters == inspect.signature(calls[name]).parameters, name


def test_k30_a_path_is_ensured_without_waiting(client: Client) -> None:
    assert client.ensure_path_async("/a/b/c").get(SOON) is True
    assert client.ensure_path_async("/a/b/c").get(SOON) is True
    assert client.ensure_path_async("/d", READ_ACL_UNSAFE).get(SOON) is True

    assert client.get_children("/a/b") == ["c"]
    assert client.get_acls("/d")[0] == READ_ACL_UNSAFE


def test_k30_a_branch_is_deleted_without_waiting(client: Client) -> None:
    for path in ("/a/b/c", "/a/b/d", "/a/e"):
        client.ensure_path(path)

    assert client.delete_async("/a", recursive=True).get(SOON) is True
    assert client.delete_async("/a", recursive=True).get(SOON) is True

    assert client.exists("/a") is None


def test_k30_a_single_deletion_answers_as_the_blocking_one(client: Client) -> None:
    client.create("/a")

    assert client.delete_async("/a").get(SOON) is True
    with pytest.raises(zc.zk.NoNodeError):
        client.delete_async("/a").get(SOON)


def test_k30_makepath_needs_no_waiting(client: Client) -> None:
    assert client.create_async("/a/b/c", b"data", makepath=True).get(SOON) == "/a/b/c"
    path, stat = client.create_async("/a/d/e", makepath=True, include_data=True).get(SOON)

    assert client.get("/a/b/c")[0] == b"data"
    assert (path, stat) == ("/a/d/e", client.exists("/a/d/e"))
    with pytest.raises(zc.zk.NodeExistsError):
        client.create_async("/a/b/c", makepath=True).get(SOON)


def test_many_branches_are_made_at_once(client: Client) -> None:
    results = [client.create_async(f"/{n % 5}/{n}/x", makepath=True) for n in range(100)]

    assert [result.get(SOON) for result in results] == [f"/{n % 5}/{n}/x" for n in range(100)]


@only_threads
def test_a_link_is_told_of_the_end(client: Client) -> None:
    told: list[AsyncResult[bool]] = []

    result = client.ensure_path_async("/a/b")
    result.rawlink(told.append)

    wait_until(lambda: told == [result], SOON)
    assert result.value is True


@only_threads
def test_a_callback_may_wait_for_several_steps(client: Client) -> None:
    made: list[bool] = []
    client.exists("/a", lambda _: made.append(client.ensure_path_async("/b/c").get(SOON)))

    client.create("/a")

    wait_until(lambda: made == [True], SOON)


def test_several_steps_end_with_the_client(client: Client) -> None:
    client.stop()

    with pytest.raises(zc.zk.ConnectionClosedError):
        client.ensure_path_async("/a").get(SOON)


@pytest.mark.slow
def test_several_steps_share_one_deadline(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with Client(proxy.address + chroot, operation_timeout=0.2) as client:
        proxy.one_way("to_client")

        result = client.ensure_path_async("/a/b")

        with pytest.raises(OperationTimeoutError):
            result.get(SOON)


@pytest.mark.slow
def test_a_step_that_was_cut_off_is_looked_at_again(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with Client(proxy.address + chroot) as client:
        proxy.cut_on(reply_to(OpCode.CREATE))

        assert client.ensure_path_async("/a").get(SOON) is True

        assert client.exists("/a")
        assert len(proxy.attempts) == 2


def test_what_is_too_large_is_refused_in_the_caller(client: Client) -> None:
    with pytest.raises(zc.zk.RequestTooLargeError):
        client.create_async("/a", bytes(2**20), makepath=True)


def test_several_steps_are_refused_after_a_fork(client: Client) -> None:
    client.driver.is_forked = True
    try:
        with pytest.raises(ForkedClientError):
            client.ensure_path_async("/a")
    finally:
        client.driver.is_forked = False
