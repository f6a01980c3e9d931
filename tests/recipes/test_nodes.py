import pytest

from tests.playbook import US, Playbook, Tree, failing
from zc.zk import paths
from zc.zk.codes import CreateFlag
from zc.zk.errors import ConnectionLoss, NodeExistsError, NoNodeError, OperationTimeoutError
from zc.zk.operations import Create, Create2, Delete, Exists, GetChildren
from zc.zk.plans import Plan
from zc.zk.recipes.nodes import create_with_parents, delete_recursively, ensure_path
from zc.zk.security import ACL, CREATOR_ALL_ACL, OPEN_ACL_UNSAFE

OPEN: list[ACL] = OPEN_ACL_UNSAFE


def ensuring(path: str) -> Plan[bool]:
    return ensure_path(path, OPEN)


# ensure_path


def test_a_chroot_that_is_missing_is_made_from_its_top() -> None:
    tops = [paths.ServerPath("/x"), paths.ServerPath("/x/y")]
    plan = ensure_path("/a", OPEN, "/x/y/z")
    asked: list[str] = []

    step = next(plan)
    assert step == Exists("/a")
    step = plan.send(None)
    for _ in range(3):
        assert isinstance(step, Create)
        asked.append(step.path)
        step = plan.throw(NoNodeError("/"))
    for _ in range(3):
        assert isinstance(step, Create)
        asked.append(step.path)
        step = plan.send(step.path)
    assert isinstance(step, Create)
    with pytest.raises(StopIteration):
        plan.send(step.path)

    assert asked == ["/a", "/", tops[1], tops[0], tops[1], "/"]
    assert [type(path) for path in asked[2:5]] == [paths.ServerPath] * 3


@pytest.mark.parametrize("root", ["", "/x"])
def test_where_not_even_the_servers_root_is_there_it_is_an_error(root: str) -> None:
    plan = ensure_path("/", OPEN, root)
    next(plan)
    plan.send(None)

    with pytest.raises(NoNodeError):  # noqa: PT012 (as many as there are nodes above)
        for _ in range(3):
            plan.throw(NoNodeError("/"))


def test_a_path_that_is_there_takes_one_question() -> None:
    play = Playbook(Tree("/a"), ensuring("/a"))

    assert play.run()
    assert play.steps == [Exists("/a")]


@pytest.mark.parametrize("existing", [[], ["/a"], ["/a", "/a/b"], ["/a", "/a/b", "/a/b/c"]])
def test_a_path_is_made_as_far_as_it_is_missing(existing: list[str]) -> None:
    tree = Tree(*existing)

    assert Playbook(tree, ensuring("/a/b/c")).run()
    assert list(tree.nodes) == ["/", "/a", "/a/b", "/a/b/c"]


def test_what_is_made_has_no_data_and_the_acl_that_was_given() -> None:
    tree = Tree()

    Playbook(tree, ensure_path("/a/b", CREATOR_ALL_ACL)).run()

    assert {node.acl for path, node in tree.nodes.items() if path != "/"} == {
        tuple(CREATOR_ALL_ACL)
    }
    assert tree.nodes["/a/b"].data == b""


def test_somebody_else_may_make_the_path_at_the_same_time() -> None:
    tree = Tree()
    play = Playbook(tree, ensuring("/a"))
    play.before.append((Create, lambda: tree.create("/a")))

    assert play.run()


def test_somebody_else_may_delete_the_parent_at_the_same_time() -> None:
    tree = Tree("/a")
    play = Playbook(tree, ensuring("/a/b"))
    play.before.append((Create, lambda: tree.delete("/a")))

    assert play.run()
    assert "/a/b" in tree.nodes


def test_a_chroot_that_cannot_be_made_is_an_error() -> None:
    tree = Tree()
    del tree.nodes["/"]
    play = Playbook(tree, ensuring("/"))
    play.before.append((Create, failing(NoNodeError("/"))))

    with pytest.raises(NoNodeError):
        play.run()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_path_whose_making_was_cut_off_is_made_all_the_same(when: str) -> None:
    tree = Tree()
    play = Playbook(tree, ensuring("/a/b"))
    deeds = play.before if when == "before" else play.after
    deeds.append((Create, failing(ConnectionLoss(maybe_applied=True))))

    assert play.run()
    assert "/a/b" in tree.nodes


@pytest.mark.parametrize(
    ("plan", "kind"), [(ensuring("/a"), Create), (delete_recursively("/b"), Delete)]
)
def test_what_shall_fail_fast_does(plan: Plan[bool], kind: type[Create | Delete]) -> None:
    play = Playbook(Tree("/b"), plan)
    play.before.append((kind, failing(ConnectionLoss())))

    with pytest.raises(ConnectionLoss) as caught:
        play.run()

    assert not caught.value.maybe_applied


def test_a_path_made_in_part_may_have_been_applied() -> None:
    play = Playbook(Tree(), ensuring("/a/b"))
    play.after.append((Create, lambda: None))
    play.before += [
        (Create, lambda: None),
        (Create, lambda: None),
        (Create, failing(OperationTimeoutError())),
    ]

    with pytest.raises(OperationTimeoutError) as caught:
        play.run()

    assert caught.value.maybe_applied


# create_with_parents


def test_a_node_whose_parent_is_there_takes_one_request() -> None:
    tree = Tree("/a")
    play = Playbook(tree, create_with_parents(Create2("/a/b", b"x")))

    path, stat = play.run()

    assert (path, stat) == ("/a/b", tree.nodes["/a/b"].stat)
    assert play.steps == [Create2("/a/b", b"x")]


def test_a_node_is_made_with_those_above_it() -> None:
    tree = Tree()

    Playbook(tree, create_with_parents(Create2("/a/b/c", b"x", tuple(CREATOR_ALL_ACL)))).run()

    assert [node.data for node in tree.nodes.values()] == [b"", b"", b"", b"x"]
    assert tree.nodes["/a"].acl == tuple(CREATOR_ALL_ACL)


def test_a_node_that_is_there_is_an_error() -> None:
    with pytest.raises(NodeExistsError):
        Playbook(Tree("/a"), create_with_parents(Create2("/a"))).run()


def test_a_node_made_in_part_may_have_been_applied() -> None:
    play = Playbook(Tree(), create_with_parents(Create2("/a/b")))
    play.before += [(Create2, lambda: None), (Create2, failing(OperationTimeoutError()))]

    with pytest.raises(OperationTimeoutError) as caught:
        play.run()

    assert caught.value.maybe_applied


def test_an_ephemeral_node_below_others_that_was_cut_off_is_found() -> None:
    tree = Tree("/a")
    operation = Create2("/a/b", flags=CreateFlag.EPHEMERAL)
    play = Playbook(tree, create_with_parents(operation))
    lost = ConnectionLoss("/a/b", maybe_applied=True)
    lost.session_id, lost.zxid = US, tree.zxid
    play.after.append((Create2, failing(lost)))

    assert play.run() == ("/a/b", tree.nodes["/a/b"].stat)
    assert len(play.asked(Create2)) == 1


# delete_recursively


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_branch_whose_deletion_was_cut_off_is_deleted_all_the_same(when: str) -> None:
    tree = Tree("/a", "/a/b")
    play = Playbook(tree, delete_recursively("/a"))
    deeds = play.before if when == "before" else play.after
    deeds.append((Delete, failing(ConnectionLoss(maybe_applied=True))))

    assert play.run()
    assert list(tree.nodes) == ["/"]


def test_a_branch_deleted_in_part_may_have_been_applied() -> None:
    play = Playbook(Tree("/a", "/a/b"), delete_recursively("/a"))
    play.before += [(Delete, lambda: None), (Delete, failing(OperationTimeoutError()))]

    with pytest.raises(OperationTimeoutError) as caught:
        play.run()

    assert caught.value.maybe_applied


def test_a_branch_is_deleted_and_nothing_else() -> None:
    tree = Tree("/a", "/a/b", "/a/b/c", "/a/d", "/ab")

    assert Playbook(tree, delete_recursively("/a")).run()
    assert list(tree.nodes) == ["/", "/ab"]


def test_a_branch_that_is_not_there_is_deleted_already() -> None:
    assert Playbook(Tree(), delete_recursively("/a")).run()


def test_what_others_create_meanwhile_is_deleted_too() -> None:
    tree = Tree("/a")
    play = Playbook(tree, delete_recursively("/a"))
    play.before.append((Delete, lambda: tree.create("/a/late")))

    assert play.run()
    assert list(tree.nodes) == ["/"]


@pytest.mark.parametrize("step", [GetChildren, Delete])
def test_what_others_delete_meanwhile_is_no_error(step: type[GetChildren | Delete]) -> None:
    tree = Tree("/a")
    play = Playbook(tree, delete_recursively("/a"))
    play.before.append((step, lambda: tree.delete("/a")))

    assert play.run()


def test_the_root_keeps_its_name_when_its_children_are_deleted() -> None:
    play = Playbook(Tree("/a"), delete_recursively("/"))
    play.before.append((Delete, lambda: None))

    play.go_on()

    assert play.asked(Delete)[0] == Delete("/a")


def test_a_path_may_be_deeper_than_the_stack_of_calls() -> None:
    path = "/a" * 2000
    tree = Tree()

    assert Playbook(tree, ensuring(path)).run()
    assert path in tree.nodes
    assert Playbook(tree, delete_recursively("/a")).run()
    assert list(tree.nodes) == ["/"]
