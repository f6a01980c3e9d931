from tests.simulation.truth import Node, Past, Truth
from zc.zk.server.changes import (
    BeginSession,
    CreateNode,
    DeleteNode,
    EndSession,
    ReplaceData,
    Transaction,
)


def committed(*transactions: tuple[object, ...]) -> Truth:
    """Give the truth of some transactions."""
    truth = Truth()
    for zxid, changes in enumerate(transactions, 1):
        truth.commit(Transaction(zxid, 0, changes))  # type: ignore[arg-type]
    return truth


def test_a_node_has_its_state_from_its_transaction_to_the_next() -> None:
    truth = committed(
        (CreateNode("/a", b"1", ()),),
        (CreateNode("/b", b"", ()),),
        (ReplaceData("/a", b"2"),),
    )

    past = truth.data_of("/a")

    assert past.when(Node(b"1", 0, 1, 1, 0), 0, 9) == (1, 2)
    assert past.when(Node(b"2", 1, 1, 3, 0), 0, 9) == (3, 9)
    assert past.when(Node(b"1", 0, 1, 1, 0), 3, 9) is None
    assert past.next_after(1) == 3


def test_an_ephemeral_node_that_outlives_its_session_is_noticed() -> None:
    truth = committed(
        (BeginSession(7, 4000, b""),), (CreateNode("/a", b"", (), 7),), (EndSession(7),)
    )

    assert truth.problems == ["/a outlived its session 0x7"]


def test_a_node_of_a_dead_session_is_noticed() -> None:
    truth = committed((CreateNode("/a", b"", (), 7),))

    assert truth.problems == ["/a was created by the dead session 0x7"]


def test_what_was_lost_is_true_no_more() -> None:
    truth = committed((CreateNode("/a", b"1", ()),), (ReplaceData("/a", b"2"),))

    truth.lose(1)

    assert truth.nodes["/a"].data == b"1"
    assert truth.data_of("/a").state_at(truth.count) == truth.nodes["/a"]
    assert truth.written == {b"1": [1], b"2": [2]}


def test_a_change_that_leaves_all_as_it_was_counts_for_watches() -> None:
    truth = committed(
        (CreateNode("/a", b"", ()),),
        (CreateNode("/a/b", b"", ()),),
        (DeleteNode("/a/b"), CreateNode("/a/b", b"", ())),
    )

    past = truth.names_of("/a")

    assert past.states[-1] == frozenset({"b"})
    assert past.next_after(2) == 3


def test_a_past_without_changes_has_no_next_one() -> None:
    assert Past().next_after(0) is None
