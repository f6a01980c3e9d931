from typing import Any

import pytest

from tests.playbook import OTHERS, US, Playbook, Tree, failing
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag
from zc.zk.errors import (
    BadVersionError,
    ConnectionLoss,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    ZooKeeperError,
)
from zc.zk.plans import Change, Pause, Plan, Wait, Whoami


def asking(operation: ops.Operation[Any]) -> Plan[object]:
    return (yield from operation)


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (ops.Create("/a"), NodeExistsError),
        (ops.Create("/b/c"), NoNodeError),
        (ops.Delete("/b"), NoNodeError),
        (ops.Delete("/a"), NotEmptyError),
        (ops.Delete("/a/x", 7), BadVersionError),
        (ops.SetData("/a", b"", 7), BadVersionError),
        (ops.GetData("/b"), NoNodeError),
        (ops.GetChildren("/b"), NoNodeError),
    ],
)
def test_the_tree_refuses_what_a_server_does(
    operation: ops.Operation[Any], error: type[ZooKeeperError]
) -> None:
    with pytest.raises(error):
        Playbook(Tree("/a", "/a/x"), asking(operation)).run()


def test_the_tree_keeps_what_it_is_told() -> None:
    tree = Tree("/a")

    Playbook(tree, asking(ops.Create("/a/x", b"1", flags=CreateFlag.EPHEMERAL))).run()
    Playbook(tree, asking(ops.SetData("/a/x", b"2", 0))).run()
    data, stat = Playbook(tree, iter(ops.GetData("/a/x"))).run()

    assert data == b"2"
    assert (stat.version, stat.ephemeralOwner) == (1, US)
    assert Playbook(tree, iter(ops.GetChildren("/a"))).run() == ["x"]
    assert Playbook(tree, iter(ops.Exists("/b"))).run() is None


def test_a_watch_is_told_of_the_next_change_alone() -> None:
    tree, change = Tree("/a"), Change()
    Playbook(tree, iter(ops.GetData("/a", change))).run()

    tree.write("/a", b"1")
    tree.delete("/a")

    assert change.event is not None
    assert change.event.type == "CHANGED"


def test_a_plan_that_waits_in_vain_is_told_so() -> None:
    assert Playbook(Tree(), iter(Wait(Change(), 5.0))).run() is False


def test_a_plan_that_waits_for_ever_stays_where_it_is() -> None:
    change = Change()
    play = Playbook(Tree(), iter(Wait(change))).go_on()
    before = play.has_ended

    change.restart()

    assert not before
    assert play.run() is True


def test_a_deed_may_cut_an_operation_off_before_or_after_it_is_done() -> None:
    before, after = Tree(), Tree()
    for tree in (before, after):
        play = Playbook(tree, asking(ops.Create("/a")))
        deeds = play.before if tree is before else play.after
        deeds.append((ops.Create, failing(ConnectionLoss())))

        with pytest.raises(ConnectionLoss):
            play.run()

    assert ("/a" in before.nodes, "/a" in after.nodes) == (False, True)


def test_a_session_that_ends_takes_its_nodes_along() -> None:
    tree = Tree()
    tree.create("/a", owner=OTHERS)
    tree.create("/b")

    tree.end_session(OTHERS)

    assert set(tree.nodes) == {"/", "/b"}


def test_a_new_session_is_told_to_who_asks() -> None:
    play = Playbook(Tree(), iter(Whoami()))
    play.new_session(0x52)

    ids = play.run()

    assert (ids.current, ids.earlier) == (0x52, frozenset({US}))


def test_pauses_are_noted_and_not_made() -> None:
    play = Playbook(Tree(), iter(Pause(3.0)))

    play.run()

    assert play.pauses == [3.0]
