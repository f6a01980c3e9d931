"""Reading a tree and writing one, against the embedded server and a real one."""

import pytest

from tests.cli.trees import ANYONE, client_of, fill, silent, tree_of
from tests.realserver import RealServer
from tests.servers import AnyServer
from zc.zk.cli.carrying import HiddenACLError, Outcome, TakenError, TreeReader, TreeWriter
from zc.zk.cli.treelines import Entry
from zc.zk.client import Client
from zc.zk.errors import NoNodeError
from zc.zk.security import ACL, make_digest_acl
from zc.zk.testing import Server


def writer(client: Client) -> TreeWriter:
    return TreeWriter(client, silent, is_known=False)


def test_a_tree_is_read_with_parents_first_and_without_ephemeral_nodes(
    server: AnyServer, chroot: str
) -> None:
    with client_of(server.address + chroot) as client:
        client.create("/b/a", b"1", makepath=True)
        client.create("/a", b"2", [ACL(1, ANYONE)])
        client.create("/a-e", b"", ephemeral=True)
        reader = TreeReader(client, "/", silent)

        entries = list(reader.entries())

    assert [(each.path, each.data) for each in entries] == [
        ("/", b""),
        ("/a", b"2"),
        ("/b", b""),
        ("/b/a", b"1"),
    ]
    assert entries[1].acl == (ACL(1, ANYONE),)
    assert reader.ephemerals == 1


def test_a_part_of_a_tree_begins_at_its_own_top(server: AnyServer, chroot: str) -> None:
    with client_of(server.address + chroot) as client:
        client.create("/b/a/c", b"1", makepath=True)

        entries = list(TreeReader(client, "/b/a", silent).entries())

        with pytest.raises(NoNodeError):
            list(TreeReader(client, "/none", silent).entries())
    assert [each.path for each in entries] == ["/", "/c"]


def paths_of(address: str) -> list[str]:
    with client_of(address) as client:
        client.create("/here")
        return [each.path for each in TreeReader(client, "/", silent).entries()]


def test_the_system_nodes_are_left_out(own_real_server: RealServer) -> None:
    # Servers of their own: what other tests leave on a shared one may not be for us to read.
    with Server() as embedded:
        found = [paths_of(own_real_server.address), paths_of(embedded.address)]

    assert found == [["/", "/here"]] * 2


def test_an_acl_that_is_shown_in_part_is_refused(server: AnyServer, chroot: str) -> None:
    acl = [make_digest_acl("bob", "secret", all=True), ACL(1, ANYONE)]
    with client_of(server.address + chroot) as client:
        client.create("/n", b"", acl)

        with pytest.raises(HiddenACLError, match="the ACL of /n is shown only to those"):
            list(TreeReader(client, "/", silent).entries())

        client.add_auth("digest", "bob:secret")
        assert list(TreeReader(client, "/", silent).entries())[1].acl == tuple(acl)


def test_what_was_written_is_what_was_read(server: AnyServer, chroot: str) -> None:
    fill(f"{server.address}{chroot}/from")
    entries = tree_of(f"{server.address}{chroot}/from")

    with client_of(f"{server.address}{chroot}/to") as client:
        outcome = writer(client).write(entries)

    assert tree_of(f"{server.address}{chroot}/to") == entries
    assert outcome == Outcome(len(entries), 0, 0)


def test_nodes_that_are_there_are_refused_and_nothing_is_written(
    server: AnyServer, chroot: str
) -> None:
    with client_of(server.address + chroot) as client:
        client.create("/b", b"old")
        client.create("/c", b"old")
        before = tree_of(server.address + chroot)
        entries = [Entry("/", b""), Entry("/a", b""), Entry("/b", b"old"), Entry("/c", b"new")]

        with pytest.raises(TakenError) as caught:
            writer(client).write(entries)

    assert str(caught.value) == "2 nodes are there already, /b is the first: use --overwrite"
    assert tree_of(server.address + chroot) == before


def test_a_top_with_something_in_it_is_refused_only_where_it_would_change(
    server: AnyServer, chroot: str
) -> None:
    with client_of(server.address + chroot) as client:
        writer(client).write([Entry("/", b"top")])
        writer(client).write([Entry("/", b"top"), Entry("/a", b"")])

        with pytest.raises(TakenError, match=r"^/ is there already: use --overwrite$"):
            writer(client).write([Entry("/", b"other"), Entry("/b", b"")])

    assert [each.path for each in tree_of(server.address + chroot)] == ["/", "/a"]


def test_overwriting_changes_what_differs_and_leaves_the_rest(
    server: AnyServer, chroot: str
) -> None:
    with client_of(server.address + chroot) as client:
        for path in ("/same", "/data", "/acl", "/more"):
            client.create(path, b"old")
        same = client.exists("/same")
        entries = [
            Entry("/", b""),
            Entry("/acl", b"old", (ACL(1 | 16, ANYONE),)),
            Entry("/data", b"new"),
            Entry("/fresh", b"new"),
            Entry("/same", b"old"),
        ]

        planned = writer(client).write(entries, overwrite=True, dry_run=True)
        before = client.exists("/fresh")
        outcome = writer(client).write(entries, overwrite=True)

        assert client.exists("/same") == same
    assert before is None
    assert planned == outcome == Outcome(1, 2, 2)
    after = tree_of(server.address + chroot)
    assert after == sorted([*entries, Entry("/more", b"old")])


def test_a_dry_run_makes_no_chroot(server: AnyServer, chroot: str) -> None:
    with client_of(f"{server.address}{chroot}/none") as client:
        outcome = writer(client).write([Entry("/", b""), Entry("/a", b"")], dry_run=True)

    assert outcome == Outcome(2, 0, 0)
    assert [each.path for each in tree_of(server.address + chroot)] == ["/"]


def test_containers_and_times_to_live_are_made(server: AnyServer, chroot: str) -> None:
    entries = [
        Entry("/", b""),
        Entry("/c", b"", container=True),
        Entry("/c/n", b""),
        Entry("/t", b"", ttl=3_600_000),
    ]

    with client_of(server.address + chroot) as client:
        writer(client).write(entries)

        assert client.exists("/t") is not None
        client.delete("/c/n")


def test_a_locked_parent_is_its_owners_alone_from_the_start(server: AnyServer, chroot: str) -> None:
    own = make_digest_acl("bob", "secret", all=True)
    entries = [Entry("/", b""), Entry("/p", b"", (own,)), Entry("/p/c", b"", (own,))]
    with client_of(server.address + chroot) as client:
        client.add_auth("digest", "bob:secret")

        TreeWriter(client, silent, is_known=True).write(entries)

        assert sorted(TreeReader(client, "/", silent).entries()) == entries
    with client_of(server.address + chroot) as stranger:
        acl = ACL(1, ANYONE)
        with pytest.raises(Exception, match="/p"):
            stranger.set_acls("/p", [acl])
