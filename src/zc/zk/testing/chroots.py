"""A node for one test alone, made and removed with no client."""

from zc.zk.server.acl import OPEN
from zc.zk.server.changes import CreateNode, DeleteNode
from zc.zk.server.faulty import FaultyCore
from zc.zk.testing import Server


def create_chroot(server: Server, path: str) -> None:
    """Create a node below the root."""

    def create(core: FaultyCore | None, now: float) -> None:
        if core is not None:
            draft = core.store.begin(now)
            draft.make(CreateNode(path, b"", OPEN))
            draft.commit()

    server.ask_faulty(create)


def delete_chroot(server: Server, path: str) -> None:
    """Delete a node and all below it, if it is still there; watches on them fire."""

    def delete(core: FaultyCore | None, now: float) -> None:
        if core is None:
            return
        below = path + "/"
        paths = [each for each in core.store.tree.nodes if each == path or each.startswith(below)]
        if paths:
            draft = core.store.begin(now)
            for each in sorted(paths, reverse=True):  # children before their parents
                draft.make(DeleteNode(each))
            draft.commit()

    server.ask_faulty(delete)
