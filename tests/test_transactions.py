"""Transactions: what is refused before anything is sent, and what a server makes of the rest."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

import zc.zk
import zc.zk.aio
from tests.frames import reply_to
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from zc.zk import (
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    ArgumentError,
    ArgumentTypeError,
    BadVersionError,
    Client,
    InvalidACLError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
    Stat,
    Transaction,
    ZooKeeper,
)
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag, OpCode
from zc.zk.errors import UnknownError
from zc.zk.transactions import Contents

SOON = 20.0
ACL = tuple(OPEN_ACL_UNSAFE)
STAT = Stat(4, 5, 1500, 2500, 3, 4, 5, 0, 6, 7, 12)


def contents(*, raising: bool = False) -> Contents:
    return Contents(OPEN_ACL_UNSAFE, raising=raising)


def ended(content: Contents, answers: list[Any]) -> Any:
    """Give what becomes of a transaction that the server answers so."""
    plan = content.commitment()
    assert next(plan) == ops.Multi(tuple(content.operations))
    try:
        plan.send(answers)
    except StopIteration as end:
        return end.value
    raise AssertionError("the plan has not ended")


# --- what is added


def test_what_is_added_is_asked_for_in_its_order() -> None:
    content = contents()

    content.create("/a", b"x", CREATOR_ALL_ACL, ephemeral=True, sequence=True)
    content.create("/b", include_data=True)
    content.create("/c", container=True)
    content.create("/d-", sequence=True, ttl=5)
    content.set_data("/a", None, 3)
    content.check("/a", 4)
    content.delete("/a", 5)

    assert content.operations == [
        ops.Create("/a", b"x", tuple(CREATOR_ALL_ACL), CreateFlag(3)),
        ops.Create2("/b", b"", ACL),
        ops.CreateContainer("/c", b"", ACL),
        ops.CreateTTL("/d-", b"", ACL, CreateFlag.SEQUENTIAL_TTL, 5),
        ops.SetData("/a", None, 3),
        ops.Check("/a", 4),
        ops.Delete("/a", 5),
    ]


BAD: list[tuple[Callable[[Any], object], type[Exception], str]] = [
    (lambda t: t.create("a"), ArgumentError, "create: not a path"),
    (lambda t: t.create("/a", "text"), ArgumentTypeError, "create: node data"),
    (lambda t: t.create("/a", acl=5), ArgumentTypeError, "create: an ACL"),
    (lambda t: t.create("/a", container=True, ttl=5), ArgumentError, "create: a node cannot"),
    (lambda t: t.create("/a", ttl=2**40), ArgumentError, "create: a TTL"),
    (lambda t: t.delete(5), ArgumentTypeError, "delete: a path"),
    (lambda t: t.delete("/a", 2**31), ArgumentError, "delete: a version"),
    (lambda t: t.set_data("/a", 5), ArgumentTypeError, "set_data: node data"),
    (lambda t: t.check("/a", None), ArgumentTypeError, "check: a version"),
]


@pytest.mark.parametrize(("add", "kind", "text"), BAD)
def test_k28_what_cannot_be_is_refused_when_it_is_added_by_number(
    add: Callable[[Contents], object], kind: type[Exception], text: str
) -> None:
    content = contents()
    content.delete("/first")

    with pytest.raises(kind, match=f"^operation 2 of the transaction, {text}"):
        add(content)

    assert content.operations == [ops.Delete("/first")]


# --- what becomes of it


def test_the_status_of_a_created_node_is_told_where_it_was_asked_for() -> None:
    content = contents()
    content.create("/a")
    content.create("/b", container=True)
    content.create("/c", container=True, include_data=True)
    content.create("/d", ttl=5)
    content.create("/e", include_data=True)
    content.set_data("/a", b"")

    results = ended(
        content,
        ["/a", ("/b", STAT), ("/c", STAT), ("/d", None), ("/e", None), STAT],
    )

    assert results == ["/a", "/b", ("/c", STAT), "/d", ("/e", None), STAT]
    assert content.written(results) == ["/a", "/b", "/c", "/d", "/e", "/a"]


def test_a_transaction_that_failed_has_written_nothing() -> None:
    content = contents()
    content.create("/a")
    content.check("/b", 1)

    results = ended(content, [RolledBackError("/a"), BadVersionError("/b")])

    assert content.written(results) == []


@pytest.mark.parametrize("cause", [NodeExistsError("/b"), UnknownError(-999, "/b")])
def test_a_raising_transaction_raises_what_undid_it(cause: Exception) -> None:
    content = contents(raising=True)
    for path in ("/a", "/b", "/c"):
        content.create(path)

    with pytest.raises(type(cause)) as failed:
        ended(content, [RolledBackError("/a"), cause, RuntimeInconsistency("/c")])

    assert failed.value is cause


# --- on a server


@pytest.fixture
def client(server: AnyServer, chroot: str) -> Iterator[Client]:
    with Client(server.address + chroot) as client:
        yield client


def test_k28_a_transaction_does_everything_under_one_zxid(client: Client) -> None:
    client.create("/old")
    transaction = client.transaction()
    transaction.create("/a", b"1")
    transaction.create("/a/n-", sequence=True)
    transaction.create("/a/n-", sequence=True, ephemeral=True)
    transaction.set_data("/a", b"2")
    transaction.check("/a", 1)
    transaction.delete("/old")

    results = transaction.commit()

    stat = client.exists("/a")
    assert stat is not None
    # The status is that of the moment.
    assert results[:3] == ["/a", "/a/n-0000000000", "/a/n-0000000001"]
    assert (results[3].version, results[3].mzxid) == (1, stat.mzxid)
    assert results[4:] == [True, True]
    assert client.get("/a")[0] == b"2"
    assert stat.czxid == stat.mzxid == stat.pzxid
    assert sorted(client.get_children("/a")) == ["n-0000000000", "n-0000000001"]
    assert client.exists("/old") is None
    assert (transaction.committed, transaction.results) == (True, results)


def test_k28_a_transaction_of_which_one_fails_does_nothing(client: Client) -> None:
    client.create("/a")
    transaction = client.transaction()
    transaction.create("/b")
    transaction.check("/a", 99)
    transaction.delete("/a")

    results = transaction.commit()

    assert [type(each) for each in results] == [
        RolledBackError,
        BadVersionError,
        RuntimeInconsistency,
    ]
    assert [each.path for each in results] == ["/b", "/a", "/a"]
    assert client.get_children("/") == ["a"]


FAILING: list[tuple[Callable[[Transaction], object], type[zc.zk.ServerError], str]] = [
    (lambda t: t.create("/there"), NodeExistsError, "/there"),
    (lambda t: t.create("/missing/a"), NoNodeError, "/missing"),
    (lambda t: t.create("/a", acl=[]), InvalidACLError, "/a"),
    (lambda t: t.create("/ephemeral/a"), NoChildrenForEphemeralsError, "/ephemeral/a"),
    (lambda t: t.delete("/missing"), NoNodeError, "/missing"),
    (lambda t: t.delete("/there"), NotEmptyError, "/there"),
    (lambda t: t.delete("/there/child", 5), BadVersionError, "/there/child"),
    (lambda t: t.set_data("/missing", b""), NoNodeError, "/missing"),
    (lambda t: t.set_data("/there", b"", 5), BadVersionError, "/there"),
    (lambda t: t.set_data("/closed", b""), zc.zk.NoAuthError, "/closed"),
    (lambda t: t.check("/missing", 0), NoNodeError, "/missing"),
    (lambda t: t.check("/there", 5), BadVersionError, "/there"),
]


@pytest.mark.parametrize(("add", "kind", "path"), FAILING)
def test_k28_each_error_of_an_operation_is_its_result(
    client: Client, add: Callable[[Transaction], object], kind: type[zc.zk.ServerError], path: str
) -> None:
    client.create("/there/child", makepath=True)
    client.create("/closed", acl=READ_ACL_UNSAFE)
    client.create("/ephemeral", ephemeral=True)
    listing, raising = client.transaction(), client.transaction(raising=True)
    add(listing)
    add(raising)

    (result,) = listing.commit()
    with pytest.raises(kind) as failed:
        raising.commit()

    assert type(result) is kind
    assert result.path == path
    assert str(failed.value) == str(result)


def test_what_comes_later_sees_what_comes_before(client: Client) -> None:
    with client.transaction(raising=True) as transaction:
        transaction.create("/p")
        transaction.create("/p/q")
        transaction.delete("/p/q")
        transaction.delete("/p")

    assert client.get_children("/") == []


def test_k28_a_context_commits_at_its_end(client: Client) -> None:
    with client.transaction() as transaction:
        transaction.create("/a-", sequence=True)
        assert client.get_children("/") == []

    assert transaction.results == ["/a-0000000000"]
    assert client.get_children("/") == ["a-0000000000"]


def test_k28_a_context_that_raises_commits_nothing(client: Client) -> None:
    transaction = client.transaction()
    paths: list[str] = []

    with pytest.raises(IndexError), transaction:
        transaction.create(paths.pop())

    assert not transaction.committed
    assert transaction.results is None
    assert client.get_children("/") == []


def test_a_context_in_which_it_was_committed_is_left_in_peace(client: Client) -> None:
    with client.transaction() as transaction:
        transaction.create("/a")
        transaction.commit()

    assert client.exists("/a")


def test_k28_a_transaction_is_committed_once(client: Client) -> None:
    transaction = client.transaction()
    transaction.create("/a")
    transaction.commit()

    again: list[Callable[[], object]] = [
        transaction.commit,
        transaction.commit_async,
        lambda: transaction.create("/b"),
        lambda: transaction.delete("/b"),
        lambda: transaction.set_data("/b", b""),
        lambda: transaction.check("/b", 0),
    ]
    for call in again:
        with pytest.raises(ValueError, match=r"^the transaction was committed already") as failed:
            call()
        assert isinstance(failed.value, zc.zk.UsageError)


def test_k28_a_transaction_can_be_committed_without_waiting(client: Client) -> None:
    good, bad, raising = (
        client.transaction(),
        client.transaction(),
        client.transaction(raising=True),
    )
    good.create("/a")
    bad.create("/a")
    raising.create("/a")

    results = [each.commit_async() for each in (good, bad, raising)]

    assert results[0].get(SOON) == ["/a"]
    assert [type(each) for each in results[1].get(SOON)] == [NodeExistsError]
    with pytest.raises(NodeExistsError):
        results[2].get(SOON)


def test_an_empty_transaction_has_no_results(client: Client) -> None:
    assert client.transaction().commit() == []
    assert client.transaction().commit_async().get(SOON) == []


def test_a_transaction_beyond_a_mebibyte_is_refused(client: Client) -> None:
    for commit in (Transaction.commit, Transaction.commit_async):
        transaction = client.transaction()
        transaction.create("/a", bytes(2**19))
        transaction.create("/b", bytes(2**19))

        with pytest.raises(zc.zk.RequestTooLargeError, match=r"servers accept 1048575: Multi$"):
            commit(transaction)

    assert client.connected
    assert client.get_children("/") == []


def test_a_transaction_may_have_a_thousand_operations(client: Client) -> None:
    transaction = client.transaction()
    for number in range(1000):
        transaction.create(f"/{number:04}", str(number).encode())

    results = transaction.commit()

    assert results == [f"/{number:04}" for number in range(1000)]
    assert len(client.get_children("/")) == 1000
    assert client.get("/0999")[0] == b"999"


def test_a_transaction_makes_containers_and_nodes_with_a_ttl(client: Client) -> None:
    transaction = client.transaction()
    transaction.create("/container", container=True)
    transaction.create("/ttl-", ttl=60_000, sequence=True)
    transaction.create("/container2", container=True, include_data=True)

    results = transaction.commit()

    assert results[:2] == ["/container", "/ttl-0000000001"]
    assert results[2] == ("/container2", client.exists("/container2"))


def test_the_status_of_what_was_created_is_given_where_the_server_tells(client: Client) -> None:
    transaction = client.transaction()
    transaction.create("/a", include_data=True)

    ((path, stat),) = transaction.commit()

    assert path == "/a"
    assert stat in (None, client.exists("/a"))


def test_the_default_acl_is_that_of_the_client(server: AnyServer, chroot: str) -> None:
    with Client(server.address + chroot, default_acl=READ_ACL_UNSAFE) as client:
        with client.transaction(raising=True) as transaction:
            transaction.create("/a")
            transaction.create("/b", acl=OPEN_ACL_UNSAFE)

        assert client.get_acls("/a")[0] == READ_ACL_UNSAFE
        assert client.get_acls("/b")[0] == OPEN_ACL_UNSAFE


def test_our_live_objects_show_what_a_transaction_wrote(client: Client) -> None:
    zk = ZooKeeper(client)
    client.create("/service", b"{}")
    children, properties = zk.children("/service"), zk.properties("/service")

    with client.transaction() as transaction:
        transaction.create("/service/a")
        transaction.set_data("/service", b'{"n": 1}')

    assert list(children) == ["a"]
    assert dict(properties) == {"n": 1}
    zk.close()


def test_paths_are_relative_to_the_chroot(server: AnyServer, chroot: str, client: Client) -> None:
    with client.transaction() as transaction:
        transaction.create("/a")
        transaction.create("/b", container=True, include_data=True)
        transaction.create("/c", include_data=True)

    results = cast("list[Any]", transaction.results)
    assert [results[0], results[1][0], results[2][0]] == ["/a", "/b", "/c"]
    with Client(server.address) as root:
        assert sorted(root.get_children(chroot)) == ["a", "b", "c"]


@pytest.mark.slow
def test_a_commit_whose_reply_was_lost_may_have_been_applied(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with Client(proxy.address + chroot) as client:
        client.create("/before")
        proxy.cut_on(reply_to(OpCode.MULTI))
        transaction = client.transaction()
        transaction.create("/a")
        transaction.create("/b")

        with pytest.raises(zc.zk.ConnectionLoss) as failed:
            transaction.commit()

        assert failed.value.maybe_applied
        assert sorted(client.get_children("/")) == ["a", "b", "before"]
        assert transaction.results is None
        with pytest.raises(ValueError, match="committed already"):
            transaction.commit()


@pytest.mark.slow
def test_a_commit_in_the_background_whose_reply_was_lost_may_have_been_applied(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with Client(proxy.address + chroot) as client:
        client.create("/before")
        proxy.cut_on(reply_to(OpCode.MULTI))
        transaction = client.transaction()
        transaction.create("/a")

        with pytest.raises(zc.zk.ConnectionLoss) as failed:
            transaction.commit_async().get(SOON)

        assert failed.value.maybe_applied


@pytest.mark.parametrize("make", [Client, zc.zk.aio.Client])
def test_a_transaction_shows_its_size_and_standing(make: Any) -> None:
    transaction = make("localhost").transaction()
    transaction.create("/a")

    assert repr(transaction) == "<Transaction of 1 operations open>"
    transaction.commitment()
    assert repr(transaction) == "<Transaction of 1 operations committed>"
