from collections.abc import Callable
from typing import Any

import pytest

from tests.playbook import OTHERS, US, Playbook, Tree, failing
from zc.zk.codes import CreateFlag
from zc.zk.errors import (
    BadVersionError,
    ConnectionLoss,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    OperationTimeoutError,
    OutcomeUnknown,
    SessionExpiredError,
)
from zc.zk.operations import (
    Create,
    Create2,
    Delete,
    Exists,
    GetChildren,
    GetData,
    Operation,
    SetACL,
    SetData,
    Sync,
)
from zc.zk.recipes.outcomes import protected, surely
from zc.zk.security import OPEN_ACL_UNSAFE

GUID = "11111111-2222-3333-4444-555555555555"
EPHEMERAL = CreateFlag.EPHEMERAL
OURS = Create("/a", b"x", flags=EPHEMERAL)
SETTING = SetData("/a", b"x", 0)


def lose(zxid: int = 0, session_id: int = US) -> Callable[[], object]:
    """Give the deed of losing the connection, with what was known then."""
    error = ConnectionLoss("/a", maybe_applied=True)
    error.session_id, error.zxid = session_id, zxid
    return failing(error)


def play(tree: Tree, operation: Operation[Any], *, guid: str = "") -> Playbook[Any]:
    return Playbook(tree, surely(operation, is_protected=bool(guid)))


def protected_create(flags: CreateFlag = CreateFlag.PERSISTENT) -> Create:
    return Create(protected("/p/a", GUID), b"x", flags=flags)


def test_a_write_that_is_answered_takes_one_request() -> None:
    asking = play(Tree(), OURS)

    assert asking.run() == "/a"
    assert asking.steps == [OURS]


# Ephemeral nodes


@pytest.mark.parametrize("kind", [Create, Create2])
def test_an_ephemeral_node_of_ours_that_is_new_was_created(kind: type[Create | Create2]) -> None:
    tree = Tree()
    asking = play(tree, kind("/a", b"x", flags=EPHEMERAL))
    asking.after.append((kind, lose()))

    created = asking.run()

    assert created == ("/a" if kind is Create else ("/a", tree.nodes["/a"].stat))
    assert asking.steps[1:3] == [Sync("/a"), Exists("/a")]
    assert len(asking.asked(kind)) == 1


def test_an_ephemeral_node_that_is_not_there_is_created() -> None:
    tree = Tree()
    asking = play(tree, OURS)
    asking.before.append((Create, lose()))

    assert asking.run() == "/a"
    assert tree.nodes["/a"].owner == US


def test_an_ephemeral_node_of_another_session_exists() -> None:
    tree = Tree()
    tree.create("/a", owner=OTHERS)
    asking = play(tree, OURS)
    asking.before.append((Create, lose()))

    with pytest.raises(NodeExistsError) as caught:
        asking.run()

    assert caught.value.owner == OTHERS
    assert not caught.value.maybe_applied


def test_an_ephemeral_node_that_we_had_before_exists() -> None:
    tree = Tree()
    tree.create("/a", owner=US)
    asking = play(tree, OURS)
    asking.before.append((Create, lose(zxid=tree.zxid)))

    with pytest.raises(NodeExistsError):
        asking.run()


def test_a_connection_may_be_lost_again_and_again() -> None:
    tree = Tree()
    asking = play(tree, OURS)
    asking.before += [(Create, lose()), (Create, lose())]
    asking.after += [(Create, lose())]

    assert asking.run() == "/a"
    assert len(asking.asked(Create)) == 3


def test_an_ephemeral_node_is_not_created_for_another_session() -> None:
    tree = Tree()
    asking = play(tree, OURS)
    asking.before += [(Create, lose()), (Exists, lambda: asking.new_session(0x52))]

    with pytest.raises(SessionExpiredError) as caught:
        asking.run()

    assert caught.value.maybe_applied
    assert "/a" not in tree.nodes


# Protected nodes


def test_a_protected_name_begins_with_whose_creation_it_is() -> None:
    assert protected("/p/a", GUID) == f"/p/_c_{GUID}-a"
    assert protected("/a", GUID) == f"/_c_{GUID}-a"
    assert protected("/p/", GUID) == f"/p/_c_{GUID}-"


def test_a_protected_node_that_is_there_was_created() -> None:
    tree = Tree("/p", "/p/other")
    asking = play(tree, protected_create(), guid=GUID)
    asking.after.append((Create, lose()))

    assert asking.run() == f"/p/_c_{GUID}-a"
    assert len(asking.asked(Create)) == 1


def test_a_protected_sequential_node_is_found_by_its_beginning() -> None:
    tree = Tree("/p")
    asking = play(tree, protected_create(CreateFlag.SEQUENTIAL), guid=GUID)
    made = f"/p/_c_{GUID}-a0000000007"
    asking.before += [(Create, lose()), (GetChildren, lambda: tree.create(made))]

    assert asking.run() == made


def test_a_protected_node_that_is_not_there_is_created() -> None:
    tree = Tree("/p", "/p/a")
    asking = play(tree, protected_create(), guid=GUID)
    asking.before.append((Create, lose()))

    assert asking.run() == f"/p/_c_{GUID}-a"


def test_a_protected_node_whose_parent_went_is_refused() -> None:
    tree = Tree("/p")
    asking = play(tree, protected_create(), guid=GUID)
    asking.before += [(Create, lose()), (GetChildren, lambda: tree.delete("/p"))]

    with pytest.raises(NoNodeError):
        asking.run()


def test_the_status_of_a_protected_node_is_found_as_well() -> None:
    tree = Tree("/p")
    asking = play(tree, Create2(protected("/p/a", GUID)), guid=GUID)
    asking.after.append((Create2, lose()))

    path, stat = asking.run()

    assert stat == tree.nodes[path].stat


def test_the_status_of_a_protected_node_that_somebody_deleted_is_unknown() -> None:
    tree = Tree("/p")
    operation = Create2(protected("/p/a", GUID))
    asking = play(tree, operation, guid=GUID)
    asking.after.append((Create2, lose()))
    asking.before.append((Exists, lambda: tree.delete(operation.path)))

    with pytest.raises(OutcomeUnknown):
        asking.run()


# Deletions


def test_a_node_that_is_gone_was_deleted() -> None:
    asking = play(Tree("/a"), Delete("/a"))
    asking.after.append((Delete, lose(zxid=1)))

    assert asking.run() is True
    assert len(asking.asked(Delete)) == 1


def test_a_node_that_is_still_there_is_deleted() -> None:
    tree = Tree("/a")
    asking = play(tree, Delete("/a"))
    asking.before.append((Delete, lose(zxid=tree.zxid)))

    asking.run()

    assert "/a" not in tree.nodes


def test_a_node_that_is_still_there_in_another_version_is_not_deleted() -> None:
    tree = Tree("/a")
    tree.write("/a", b"x")
    asking = play(tree, Delete("/a", 0))
    asking.before.append((Delete, lose(zxid=tree.zxid)))

    with pytest.raises(BadVersionError):
        asking.run()


def test_a_node_that_somebody_created_meanwhile_is_left_alone() -> None:
    tree = Tree("/a")
    asking = play(tree, Delete("/a"))
    asking.after.append((Delete, lose(zxid=tree.zxid)))
    asking.before.append((Exists, lambda: tree.create("/a")))

    with pytest.raises(ConnectionLoss, match="it may be another one") as caught:
        asking.run()

    assert caught.value.maybe_applied
    assert "/a" in tree.nodes


# Writes of data


def test_data_that_was_not_written_is_written() -> None:
    tree = Tree("/a")
    asking = play(tree, SETTING)
    asking.before.append((SetData, lose(zxid=tree.zxid)))

    assert asking.run() == tree.nodes["/a"].stat
    assert tree.nodes["/a"].version == 1


def test_the_data_that_was_asked_for_may_be_by_another() -> None:
    tree = Tree("/a")
    asking = play(tree, SETTING)
    asking.after.append((SetData, lose(zxid=tree.zxid)))

    with pytest.raises(OutcomeUnknown, match="version 1 now, by whomever"):
        asking.run()

    assert len(asking.asked(SetData)) == 1


def test_other_data_at_the_next_version_was_written_instead_of_ours() -> None:
    tree = Tree("/a")
    asking = play(tree, SETTING)
    asking.before += [(SetData, lose(zxid=tree.zxid)), (GetData, lambda: tree.write("/a", b"y"))]

    with pytest.raises(BadVersionError) as caught:
        asking.run()

    assert not caught.value.maybe_applied
    assert tree.nodes["/a"].data == b"y"


def test_data_two_versions_on_tell_nothing() -> None:
    tree = Tree("/a")
    asking = play(tree, SETTING)
    asking.after.append((SetData, lose(zxid=tree.zxid)))
    asking.before.append((GetData, lambda: tree.write("/a", b"y")))

    with pytest.raises(OutcomeUnknown):
        asking.run()


def test_a_node_that_was_created_again_tells_nothing() -> None:
    tree = Tree("/a")
    known = tree.zxid
    asking = play(tree, SETTING)
    asking.before += [
        (SetData, lose(zxid=known)),
        (Sync, lambda: tree.delete("/a")),
        (GetData, lambda: tree.create("/a")),
    ]

    with pytest.raises(OutcomeUnknown):
        asking.run()

    assert tree.nodes["/a"].version == 0


@pytest.mark.parametrize("deed", ["delete", "forbid"])
def test_a_node_that_cannot_be_read_tells_nothing(deed: str) -> None:
    tree = Tree("/a")
    asking = play(tree, SETTING)
    asking.after.append((SetData, lose(zxid=tree.zxid)))
    deeds: dict[str, Callable[[], object]] = {
        "delete": lambda: tree.delete("/a"),
        "forbid": failing(NoAuthError("/a")),
    }
    asking.before.append((GetData, deeds[deed]))

    with pytest.raises(OutcomeUnknown):
        asking.run()


# What no node tells


@pytest.mark.parametrize(
    "operation",
    [
        Create("/a"),
        Create("/a", flags=CreateFlag.SEQUENTIAL),
        Create("/a", flags=CreateFlag.SEQUENTIAL | EPHEMERAL),
        SetData("/a", b"x"),
        SetACL("/a", tuple(OPEN_ACL_UNSAFE)),
    ],
)
def test_what_no_node_tells_is_unknown(operation: Operation[Any]) -> None:
    asking = play(Tree(), operation)
    asking.before.append((type(operation), lose()))

    with pytest.raises(OutcomeUnknown):
        asking.run()

    assert asking.steps == [operation]


@pytest.mark.parametrize("operation", [OURS, Delete("/a"), SETTING])
def test_what_was_not_cut_off_alone_is_unknown(operation: Operation[Any]) -> None:
    asking = play(Tree(), operation)
    asking.before.append((type(operation), lose(session_id=0)))

    with pytest.raises(OutcomeUnknown):
        asking.run()

    assert asking.steps == [operation]


def test_what_is_not_found_out_in_time_is_unknown() -> None:
    asking = play(Tree(), OURS)
    asking.before += [(Create, lose()), (Sync, failing(OperationTimeoutError("/a")))]

    with pytest.raises(OperationTimeoutError) as caught:
        asking.run()

    assert caught.value.maybe_applied


def test_what_was_not_applied_and_not_asked_for_again_in_time_was_not_applied() -> None:
    asking = play(Tree(), OURS)
    asking.before += [(Create, lose()), (Create, failing(OperationTimeoutError("/a")))]

    with pytest.raises(OperationTimeoutError) as caught:
        asking.run()

    assert not caught.value.maybe_applied
