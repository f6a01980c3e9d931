"""How watches are set, armed again, asked for and removed on the wire: section 3 of the list of features.

What a user sees of it is in tests/calls/test_standing_watches.py in more detail.
"""

import struct

import pytest

import zc.zk
from tests import wire
from tests.frames import Kind
from tests.proxy import FaultProxy
from tests.rows.frames import armed, only_reply, only_request, path_and_number, requests
from tests.servers import AnyServer
from tests.waiting import remains, wait_until
from zc.zk import AddWatchMode, Client, WatchedEvent, WatcherType
from zc.zk.codes import OpCode, Xid

SOON = 20.0
A_MOMENT = 0.05
PERSISTENT, RECURSIVE = AddWatchMode.PERSISTENT, AddWatchMode.PERSISTENT_RECURSIVE
NO_WATCHER, MARSHALLING_ERROR = -121, -5


class Told:
    """A watch that remembers its events."""

    def __init__(self) -> None:
        self.events: list[WatchedEvent] = []

    def __call__(self, event: WatchedEvent) -> None:
        self.events.append(event)

    @property
    def seen(self) -> list[tuple[str, str | None]]:
        return [(event.type, event.path) for event in self.events]

    def becomes(self, *expected: tuple[str, str]) -> None:
        wait_until(lambda: len(self.events) >= len(expected), SOON, "events")
        assert remains(lambda: self.seen == list(expected), A_MOMENT)


def lose_connection(client: Client, proxy: FaultProxy) -> None:
    """Break it, and let no other be made."""
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: client.state == "SUSPENDED", SOON)
    proxy.forget_frames()


def reconnect(client: Client, proxy: FaultProxy) -> None:
    proxy.accept()
    wait_until(lambda: client.connected, SOON)


# --- setWatches


@pytest.mark.slow
def test_set_watches_arms_one_shot_watches_again_and_tells_what_they_missed(
    proxied: Client, other: Client, proxy: FaultProxy, chroot: str
) -> None:
    data, exists, children, created = Told(), Told(), Told(), Told()
    proxied.create("/a")
    proxied.create("/missed")
    proxied.get("/a", data)
    proxied.exists("/new", exists)
    proxied.get_children("/a", children)
    proxied.get("/missed", created)
    zxid = proxied.last_zxid
    lose_connection(proxied, proxy)
    other.set("/missed", b"1")

    reconnect(proxied, proxy)

    request = only_request(proxy, OpCode.SET_WATCHES)
    assert request.xid == Xid.SET_WATCHES
    seen, (datas, exist, child) = armed(request.body)
    assert seen == zxid
    assert sorted(datas) == [f"{chroot}/a", f"{chroot}/missed"]
    assert (exist, child) == ([f"{chroot}/new"], [f"{chroot}/a"])
    reply = only_reply(proxy, OpCode.SET_WATCHES)
    assert (reply.err, reply.body) == (0, b"")
    assert requests(proxy, OpCode.SET_WATCHES2) == []
    created.becomes(("CHANGED", "/missed"))
    other.set("/a", b"1")
    other.create("/a/b")
    other.create("/new")
    data.becomes(("CHANGED", "/a"))
    children.becomes(("CHILD", "/a"))
    exists.becomes(("CREATED", "/new"))


@pytest.mark.slow
def test_set_watches_comes_before_connected_is_told_and_all_that_waits(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxied.get("/", Told())
    lose_connection(proxied, proxy)
    waiting = proxied.create_async("/late")

    reconnect(proxied, proxy)

    assert waiting.get(SOON) == "/late"
    opcodes = [frame.opcode for frame in proxy.frames if frame.kind is Kind.REQUEST]
    assert opcodes[:2] == [OpCode.SET_WATCHES, OpCode.CREATE]


@pytest.mark.slow
def test_set_watches_goes_in_pieces_of_at_most_128_kib(
    proxied: Client, other: Client, proxy: FaultProxy, chroot: str
) -> None:
    """More than servers take in one frame; kazoo gave setWatches up."""
    told = Told()
    paths = [f"/{number:0200d}" for number in range(6000)]
    for result in [proxied.exists_async(path, told) for path in paths]:
        result.get(SOON)
    lose_connection(proxied, proxy)
    other.create(paths[-1])

    reconnect(proxied, proxy)

    frames = requests(proxy, OpCode.SET_WATCHES)
    assert len(frames) > 8
    assert max(len(frame.payload) for frame in frames) <= 128 * 1024 + 100
    bodies = [armed(wire.parse_request(frame.payload).body) for frame in frames]
    assert len({zxid for zxid, _ in bodies}) == 1
    assert sorted(path for _, lists in bodies for each in lists for path in each) == [
        f"{chroot}{path}" for path in paths
    ]
    wait_until(lambda: told.seen == [("CREATED", paths[-1])], SOON)


# --- setWatches2


@pytest.mark.slow
def test_set_watches2_arms_watches_that_stand_together_with_the_others(
    proxied: Client, other: Client, proxy: FaultProxy, chroot: str
) -> None:
    once, standing, recursive = Told(), Told(), Told()
    proxied.create("/once")
    proxied.get("/once", once)
    proxied.add_watch("/standing", standing, PERSISTENT)
    proxied.add_watch("/all", recursive, RECURSIVE)
    zxid = proxied.last_zxid
    lose_connection(proxied, proxy)
    other.set("/once", b"1")

    reconnect(proxied, proxy)

    request = only_request(proxy, OpCode.SET_WATCHES2)
    assert request.xid == Xid.SET_WATCHES
    seen, lists = armed(request.body)
    assert seen == zxid
    assert lists == [[f"{chroot}/once"], [], [], [f"{chroot}/standing"], [f"{chroot}/all"]]
    reply = only_reply(proxy, OpCode.SET_WATCHES2)
    assert (reply.err, reply.body) == (0, b"")
    assert requests(proxy, OpCode.SET_WATCHES) == []
    once.becomes(("CHANGED", "/once"))
    other.ensure_path("/all/below")
    other.create("/standing")
    standing.becomes(("NONE", "/standing"), ("CREATED", "/standing"))
    recursive.becomes(("NONE", "/all"), ("CREATED", "/all"), ("CREATED", "/all/below"))


# --- checkWatches


def test_check_watches_asks_whether_the_server_keeps_kinds_of_watches_apart(
    proxied: Client, other: Client, proxy: FaultProxy, server: AnyServer, chroot: str
) -> None:
    """There is no public call: what is asked is whether one-shot watches may be sent where another stands."""
    standing, once = Told(), Told()
    proxied.create("/a")

    proxied.add_watch("/a", standing)
    proxied.get("/a", once)

    asked = only_request(proxy, OpCode.CHECK_WATCHES)
    assert asked.xid == Xid.SET_WATCHES
    assert path_and_number(asked.body) == ("/", WatcherType.PERSISTENT)
    coexist = server.version >= (3, 9)
    assert only_reply(proxy, OpCode.CHECK_WATCHES).err == (
        NO_WATCHER if coexist else MARSHALLING_ERROR
    )
    read = only_request(proxy, OpCode.GET_DATA)
    assert read.body == wire.path_watch_body(f"{chroot}/a", watch=coexist)
    other.set("/a", b"1")
    other.set("/a", b"2")
    once.becomes(("CHANGED", "/a"))
    standing.becomes(("CHANGED", "/a"), ("CHANGED", "/a"))


@pytest.mark.slow
def test_check_watches_is_asked_once_for_each_connection_and_only_where_something_stands(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxied.create("/a")
    proxied.get("/a", Told())
    assert requests(proxy, OpCode.CHECK_WATCHES) == []
    for path in ("/a", "/b", "/c"):
        proxied.add_watch(path, Told())
    assert len(requests(proxy, OpCode.CHECK_WATCHES)) == 1
    lose_connection(proxied, proxy)

    reconnect(proxied, proxy)

    assert len(requests(proxy, OpCode.CHECK_WATCHES)) == 1


# --- addWatch


@pytest.mark.parametrize("mode", list(AddWatchMode))
def test_add_watch_sends_path_and_mode_and_is_answered_by_a_header(
    proxied: Client, other: Client, proxy: FaultProxy, chroot: str, mode: AddWatchMode
) -> None:
    told = Told()

    proxied.add_watch("/a", told, mode)

    assert path_and_number(only_request(proxy, OpCode.ADD_WATCH).body) == (f"{chroot}/a", mode)
    reply = only_reply(proxy, OpCode.ADD_WATCH)
    assert reply.err == 0
    other.create("/a")
    other.create("/a/b")
    other.set("/a/b", b"1")
    other.set("/a", b"1")
    if mode is PERSISTENT:
        told.becomes(("CREATED", "/a"), ("CHILD", "/a"), ("CHANGED", "/a"))
    else:
        told.becomes(("CREATED", "/a"), ("CREATED", "/a/b"), ("CHANGED", "/a/b"), ("CHANGED", "/a"))


def test_add_watch_without_waiting_and_persistent_unless_told_otherwise(
    proxied: Client, proxy: FaultProxy, chroot: str
) -> None:
    proxied.add_watch_async("/a", Told()).get(SOON)

    assert path_and_number(only_request(proxy, OpCode.ADD_WATCH).body) == (
        f"{chroot}/a",
        PERSISTENT,
    )


# --- removeWatches, and the events of it


@pytest.mark.parametrize(
    ("kind", "told_of"),
    [
        (WatcherType.DATA, ["DATA_WATCH_REMOVED", None]),
        (WatcherType.CHILDREN, [None, "CHILD_WATCH_REMOVED"]),
        (WatcherType.ANY, ["DATA_WATCH_REMOVED", "CHILD_WATCH_REMOVED"]),
    ],
)
def test_remove_watches_takes_them_from_the_server_and_tells_them_so(
    proxied: Client,
    other: Client,
    proxy: FaultProxy,
    chroot: str,
    kind: WatcherType,
    told_of: list[str | None],
) -> None:
    data, children = Told(), Told()
    proxied.create("/a")
    proxied.get("/a", data)
    proxied.get_children("/a", children)

    proxied.remove_watches("/a", kind)

    assert path_and_number(only_request(proxy, OpCode.REMOVE_WATCHES).body) == (f"{chroot}/a", kind)
    assert only_reply(proxy, OpCode.REMOVE_WATCHES).err == 0
    other.set("/a", b"1")
    other.create("/a/b")
    for told, removed, change in zip((data, children), told_of, ("CHANGED", "CHILD"), strict=True):
        told.becomes((removed or change, "/a"))
    events = [frame for frame in proxy.frames if frame.kind is Kind.EVENT]
    assert len(events) == told_of.count(None)  # the server had no others left


def test_remove_watches_of_what_is_not_there_is_an_error_that_needs_no_server(
    proxied: Client, proxy: FaultProxy
) -> None:
    for remove in (
        proxied.remove_watches,
        lambda *a: proxied.remove_watches_async(*a).get(SOON),
    ):
        with pytest.raises(zc.zk.NoWatcherError, match=r"^no such watch: /a$"):
            remove("/a", WatcherType.ANY)

    assert requests(proxy, OpCode.REMOVE_WATCHES) == []


def test_watch_removed_events_have_a_type_for_each_kind(client: Client) -> None:
    data, children, standing = Told(), Told(), Told()
    client.create("/a")
    client.get("/a", data)
    client.get_children("/a", children)
    client.add_watch("/a", standing)

    client.remove_watches("/a")

    data.becomes(("DATA_WATCH_REMOVED", "/a"))
    children.becomes(("CHILD_WATCH_REMOVED", "/a"))
    standing.becomes(("PERSISTENT_WATCH_REMOVED", "/a"))


# --- removal for each mode


@pytest.mark.parametrize("mode", list(AddWatchMode))
def test_per_mode_removal_takes_one_mode_and_leaves_the_other(
    proxied: Client,
    other: Client,
    proxy: FaultProxy,
    server: AnyServer,
    chroot: str,
    mode: AddWatchMode,
) -> None:
    """Servers before 3.9 know neither types 4 and 5 nor two modes of one path: there it takes other requests."""
    tolds = {PERSISTENT: Told(), RECURSIVE: Told()}
    for each, told in tolds.items():
        proxied.add_watch("/a", told, each)
    removed = tolds.pop(mode)
    (left,) = tolds.values()
    kind = WatcherType.PERSISTENT if mode is PERSISTENT else WatcherType.PERSISTENT_RECURSIVE

    proxied.remove_watches("/a", kind)

    if server.version >= (3, 9):
        asked = only_request(proxy, OpCode.REMOVE_WATCHES)
        assert path_and_number(asked.body) == (f"{chroot}/a", kind)
        assert only_reply(proxy, OpCode.REMOVE_WATCHES).err == 0
    other.create("/a")
    other.create("/a/b")
    other.set("/a", b"1")
    removed.becomes(("PERSISTENT_WATCH_REMOVED", "/a"))
    below = ("CREATED", "/a/b") if mode is PERSISTENT else ("CHILD", "/a")
    left.becomes(("CREATED", "/a"), below, ("CHANGED", "/a"))


# --- zxids of events


def test_watch_event_zxid_is_that_of_the_change_where_the_server_tells(
    proxied: Client, other: Client, proxy: FaultProxy, server: AnyServer
) -> None:
    once, standing = Told(), Told()
    proxied.create("/a")
    proxied.create("/b")
    proxied.get("/a", once)
    proxied.add_watch("/b", standing)

    expected = [other.set(path, b"1").mzxid for path in ("/a", "/b")]

    once.becomes(("CHANGED", "/a"))
    standing.becomes(("CHANGED", "/b"))
    seen = [once.events[0].zxid, standing.events[0].zxid]
    assert seen == (expected if server.version >= (3, 9) else [-1, -1])
    headers = [frame.payload for frame in proxy.frames if frame.kind is Kind.EVENT]
    assert [struct.unpack_from(">q", payload, 4)[0] for payload in headers] == seen
