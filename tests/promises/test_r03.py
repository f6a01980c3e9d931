"""R3: what a live object shows never goes back, nor behind what we wrote ourselves."""

import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Self

import pytest

from tests.promises.outsider import Outsider
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import Children, Properties, ZooKeeper

pytestmark = pytest.mark.slow

CUTS = 10
ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]


class Writer:
    """Somebody else who changes things all the time."""

    def __init__(self, change: Callable[[int], None]) -> None:
        self._change = change
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.written = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._is_over.is_set():
            self._change(self.written + 1)
            self.written += 1


def cut_again_and_again(proxy: FaultProxy, zk: ZooKeeper, writer: Writer) -> None:
    for number in range(CUTS):
        before = writer.written
        wait_until(lambda before=before: writer.written > before + 5, 10)  # type: ignore[misc]
        proxy.cut(rst=number % 2 == 0)
        wait_until(lambda: not zk.client.connected, 5)
        wait_until(lambda: zk.client.connected, 5)


def test_r3_properties_never_go_back(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {"n": 0})
    shown: list[tuple[int, int]] = []
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:

        @zk.properties("/node")
        def show(properties: Properties) -> None:
            assert properties.meta_data is not None
            shown.append((properties.meta_data.mzxid, properties["n"]))

        with Writer(lambda number: outsider.set("/node", n=number)) as writer:
            cut_again_and_again(proxy, zk, writer)
        wait_until(lambda: shown[-1][1] == writer.written, 5)

    assert len(shown) > CUTS
    assert all(older[0] < newer[0] and older[1] < newer[1] for older, newer in pairwise(shown))


def test_r3_children_never_go_back(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    shown: list[set[str]] = []
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:

        @zk.children("/")
        def show(children: Children) -> None:
            shown.append(set(children))

        with Writer(lambda number: outsider.create(f"/{number}")) as writer:
            cut_again_and_again(proxy, zk, writer)
        wait_until(lambda: len(shown[-1]) == writer.written, 5)

    assert len(shown) > CUTS
    assert all(older < newer for older, newer in pairwise(shown))


def test_r3_a_state_older_than_what_we_wrote_is_never_shown(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    Outsider(real_server.port, chroot).create("/node", {"n": 0})
    written = 0
    too_old: list[tuple[int, int]] = []
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        properties = zk.properties("/node")

        @properties
        def show(properties: Properties) -> None:
            at_least = written
            if properties["n"] < at_least:
                too_old.append((properties["n"], at_least))

        for number in range(1, 200):
            properties.set(n=number)
            written = number
            assert properties["n"] == number
            if number % 20 == 0:
                proxy.cut(rst=number % 40 == 0)

        assert too_old == []


def test_r3_a_node_that_was_made_anew_while_we_were_away_is_shown_and_not_the_old_one(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {"life": 1})
    outsider.set("/node", life=1, version="high")
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        properties = zk.properties("/node")
        lives: list[object] = []
        properties(lambda shown: lives.append(shown["life"]))
        proxy.refuse()
        proxy.cut()
        outsider.delete("/node")
        outsider.create("/node", {"life": 2})
        proxy.accept()

        wait_until(lambda: properties.get("life") == 2, 5)
        wait_until(lambda: lives == [1, 2], 1)
