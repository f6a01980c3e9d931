import pytest

from zc.zk.errors import NoAuthError
from zc.zk.security import ACL, OPEN_ACL_UNSAFE, Id, Permissions
from zc.zk.server.caller import permit
from zc.zk.server.core import Core
from zc.zk.server.link import Link
from zc.zk.server.settings import Settings
from zc.zk.server.tree import Node

BOB = Id("digest", "bob:secret")


@pytest.fixture
def caller() -> Link:
    return Core(Settings(), 0.0, 0.0, bytes).connect(("127.0.0.1", 40000), 0.0)


@pytest.fixture
def root(caller: Link) -> Node:
    core = Core(Settings(), 0.0, 0.0, bytes)
    return core.store.tree.nodes["/"]


def test_everybody_may_do_what_the_open_acl_allows(root: Node, caller: Link) -> None:
    root.acl = tuple(OPEN_ACL_UNSAFE)

    permit(root, Permissions.DELETE, caller)


def test_one_of_the_bits_asked_for_is_enough(root: Node, caller: Link) -> None:
    root.acl = (ACL(Permissions.READ, Id("world", "anyone")),)

    permit(root, Permissions.READ | Permissions.ADMIN, caller)


def test_a_caller_without_the_identity_is_refused(root: Node, caller: Link) -> None:
    root.acl = (ACL(Permissions.ALL, BOB),)

    with pytest.raises(NoAuthError):
        permit(root, Permissions.READ, caller)


def test_a_caller_may_do_what_an_added_identity_may(root: Node, caller: Link) -> None:
    root.acl = (ACL(Permissions.ALL, BOB),)

    caller.add_identities([BOB])

    permit(root, Permissions.READ, caller)
