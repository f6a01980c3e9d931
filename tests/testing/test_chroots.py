"""Nodes made and removed with no client."""

from zc.zk import Client
from zc.zk.testing import Server
from zc.zk.testing.chroots import create_chroot, delete_chroot


def test_a_chroot_comes_and_goes_with_all_below_it() -> None:
    with Server() as server, Client(server.address) as client:
        create_chroot(server, "/t")
        client.create("/t/a/b", makepath=True)
        client.create("/t/e", ephemeral=True)
        client.create("/t-other")

        delete_chroot(server, "/t")

        assert sorted(client.get_children("/")) == ["t-other", "zookeeper"]
        delete_chroot(server, "/t")


def test_a_server_that_never_ran_has_none() -> None:
    create_chroot(Server(), "/t")
    delete_chroot(Server(), "/t")
