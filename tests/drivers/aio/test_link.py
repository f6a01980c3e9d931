"""One connection on the loop, in the clear and over TLS, with a socket at the other end."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.aio.looping import in_child, turns, until
from tests.drivers.conftest import OnLoop
from tests.keys import Keys
from tests.relay import reset
from zc.zk import TLS
from zc.zk.drivers.aio.link import Link
from zc.zk.drivers.tls import Channel, secured

LARGE = bytes(range(256)) * 32_768  # bytes: more than any buffer takes
MOST_AT_ONCE = 65_536
LARGEST_SLICE = 16_384
MUCH = bytes(range(250)) * 400  # bytes: several slices, and a rest


class Ear:
    """What a link tells."""

    def __init__(self, channel: Channel | None = None) -> None:
        self.data = b""
        self.ends: list[str] = []
        self.writables = 0
        self.sizes: list[int] = []
        self.link = Link(channel, self._received, self._ended, self._writable)

    def _received(self, link: Link, data: bytes) -> None:
        assert link is self.link
        self.data += data
        self.sizes.append(len(data))

    def _ended(self, link: Link, reason: str) -> None:
        assert link is self.link
        self.ends.append(reason)

    def _writable(self) -> None:
        self.writables += 1


async def read(peer: socket.socket, count: int = MOST_AT_ONCE) -> bytes:
    return await asyncio.get_running_loop().sock_recv(peer, count)


async def read_all(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = await read(peer)
        assert piece
        data += piece
    return data


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[Ear, socket.socket]]:
    """Give a link in the clear, and the peer's socket."""
    async with linked_by(Ear()) as pair:
        yield pair


@asynccontextmanager
async def linked_by(
    ear: Ear, near: socket.socket | None = None, peer: socket.socket | None = None
) -> AsyncIterator[tuple[Ear, socket.socket]]:
    if near is None or peer is None:
        near, peer = pair()
    with peer:
        await asyncio.get_running_loop().create_connection(lambda: ear.link, sock=near)
        try:
            yield ear, peer
        finally:
            ear.link.drop()
            await turns(5)


def pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
    near.setblocking(False)
    peer.setblocking(False)
    return near, peer


def test_bytes_go_both_ways(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):
            ear.link.write(b"question")
            assert await read(peer) == b"question"
            peer.send(b"answer")
            await until(lambda: ear.data == b"answer")
            assert ear.link.peer == "{}:{}".format(*peer.getsockname())

    on_loop(main())


def test_nothing_to_write_is_nothing_sent(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):
            ear.link.write(b"")
            ear.link.write(b"x")
            assert await read(peer) == b"x"

    on_loop(main())


def test_much_at_once_is_told_in_slices_and_others_get_their_turns_between(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):
            ear.link.data_received(MUCH)
            peer.send(b"and more")  # while nothing is read
            while len(ear.data) < len(MUCH):
                told = len(ear.sizes)
                await asyncio.sleep(0)
                assert len(ear.sizes) <= told + 1
            await until(lambda: ear.data == MUCH + b"and more")
            assert max(ear.sizes) == LARGEST_SLICE

    on_loop(main())


def test_what_came_before_the_end_is_told_before_it(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, _):
            ear.link.data_received(MUCH)
            ear.link.connection_lost(ConnectionResetError("reset"))
            assert ear.data == MUCH
            assert ear.ends == ["reset"]

    on_loop(main())


def test_a_drop_between_two_slices_is_the_last_of_them(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, _):
            ear.link.data_received(MUCH)
            ear.link.drop()
            await turns(20)
            assert ear.sizes == [LARGEST_SLICE]
            assert ear.ends == []

    on_loop(main())


def test_what_nobody_has_read_yet_is_known(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):
            assert not ear.link.has_unread()
            peer.send(b"answer")
            assert ear.link.has_unread()
            await until(lambda: ear.data == b"answer")
            assert not ear.link.has_unread()
            ear.link.data_received(MUCH)
            assert ear.link.has_unread()

    on_loop(main())


def test_the_end_of_the_stream_is_told_once(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):
            peer.send(b"last")
            peer.close()
            await until(lambda: ear.ends)
            await turns(5)
            assert ear.data == b"last"
            assert ear.ends == [""]

    on_loop(main())


def test_a_reset_is_told_with_its_reason(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):
            reset(peer)
            await until(lambda: ear.ends)
            assert ear.ends == ["connection reset by peer"]

    on_loop(main())


def test_what_came_before_a_reset_is_told_though_a_write_meets_the_reset_first(
    on_loop: OnLoop,
) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):
            peer.send(b"last words")
            reset(peer)
            ear.link.write(b"too late")
            await until(lambda: ear.ends)
            assert ear.data == b"last words"
            assert [ear.link.reason] == ear.ends

    on_loop(main())


def test_after_a_drop_nothing_is_told(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):
            ear.link.drop()
            ear.link.data_received(b"too late as well")
            ear.link.resume_writing()
            ear.link.drop()
            assert await read(peer) == b""
            await turns(5)
            assert (ear.data, ear.ends, ear.writables) == (b"", [], 0)

    on_loop(main())


def test_what_was_written_before_a_drop_arrives(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):
            ear.link.write(b"farewell")
            ear.link.drop()
            assert await read(peer) == b"farewell"
            assert await read(peer) == b""

    on_loop(main())


def test_a_drop_does_not_wait_for_a_peer_that_does_not_read(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):
            ear.link.write(LARGE)
            await turns(3)
            ear.link.drop()
            await turns(5)
            arrived = 0
            with suppress(ConnectionResetError):
                while piece := await read(peer):
                    arrived += len(piece)
            assert arrived < len(LARGE)

    on_loop(main())


def test_a_peer_that_does_not_read_makes_the_link_full_and_one_that_does_writable(
    on_loop: OnLoop,
) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):
            ear.link.write(LARGE)
            await turns(3)
            assert ear.link.is_full
            assert ear.writables == 0

            assert await read_all(peer, len(LARGE)) == LARGE
            await until(lambda: ear.writables)
            assert not ear.link.is_full

    on_loop(main())


# --- over TLS


@asynccontextmanager
async def secured_link(keys: Keys) -> AsyncIterator[tuple[Ear, socket.socket, "_Far"]]:
    """Give a link over TLS, the peer's socket, and the peer's end of TLS in memory."""
    security = secured(TLS(ca=keys.trusted))
    assert security is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys.server.both)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    far = context.wrap_bio(incoming, outgoing, server_side=True)
    channel = security.begin("localhost")
    is_done = False
    data: bytes | None = None
    while not is_done:
        is_done = channel.shake_hands(data)
        incoming.write(channel.take())
        with suppress(ssl.SSLWantReadError):
            far.do_handshake()
        data = outgoing.read()
    near, peer = pair()
    ear = Ear(channel)
    async with linked_by(ear, near, peer):
        ear.link.data_received(data or b"")
        yield ear, peer, _Far(far, incoming, outgoing)


class _Far:
    """The peer's end of TLS, without a socket."""

    def __init__(
        self, end: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
    ) -> None:
        self._end, self._incoming, self._outgoing = end, incoming, outgoing
        self.has_ended = False

    def encrypt(self, data: bytes) -> bytes:
        self._end.write(data)
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> bytes:
        self._incoming.write(data)
        plain = b""
        with suppress(ssl.SSLWantReadError):
            while piece := self._end.read(MOST_AT_ONCE):
                plain += piece
            self.has_ended = True
        return plain

    def goodbye(self) -> bytes:
        with suppress(ssl.SSLWantReadError):
            self._end.unwrap()
        return self._outgoing.read()


def test_plain_bytes_go_both_ways_over_tls(on_loop: OnLoop, keys: Keys) -> None:
    async def main() -> None:
        async with secured_link(keys) as (ear, peer, far):
            ear.link.write(b"question")
            sent = await read(peer)
            assert b"question" not in sent
            assert far.decrypt(sent) == b"question"
            for byte in far.encrypt(b"answer"):
                peer.send(bytes([byte]))
            await until(lambda: ear.data == b"answer")

    on_loop(main())


def test_more_than_a_record_goes_over_tls(on_loop: OnLoop, keys: Keys) -> None:
    async def main() -> None:
        async with secured_link(keys) as (ear, peer, far):
            ear.link.write(LARGE)
            plain = b""
            while len(plain) < len(LARGE):
                piece = await read(peer)
                assert piece
                plain += far.decrypt(piece)
            assert plain == LARGE

    on_loop(main())


def test_a_goodbye_is_the_end_after_what_came_before_it(on_loop: OnLoop, keys: Keys) -> None:
    async def main() -> None:
        async with secured_link(keys) as (ear, peer, far):
            peer.send(far.encrypt(b"last") + far.goodbye())
            await until(lambda: ear.ends)
            assert ear.data == b"last"
            assert ear.ends == [""]

    on_loop(main())


def test_a_stream_without_a_goodbye_was_cut_off(on_loop: OnLoop, keys: Keys) -> None:
    async def main() -> None:
        async with secured_link(keys) as (ear, peer, far):
            peer.send(far.encrypt(b"last"))
            peer.close()
            await until(lambda: ear.ends)
            assert ear.data == b"last"
            assert ear.ends == ["the server hung up without ending the TLS stream"]

    on_loop(main())


def test_what_was_changed_on_the_way_is_the_end_with_its_reason(
    on_loop: OnLoop, keys: Keys
) -> None:
    async def main() -> None:
        async with secured_link(keys) as (ear, peer, far):
            good, bad = far.encrypt(b"good"), bytearray(far.encrypt(b"bad"))
            bad[-1] ^= 1
            peer.send(good + bytes(bad))
            await until(lambda: ear.ends)
            assert ear.data == b"good"
            assert ear.ends[0].startswith("TLS failed")

    on_loop(main())


def test_a_drop_says_goodbye_over_tls(on_loop: OnLoop, keys: Keys) -> None:
    async def main() -> None:
        async with secured_link(keys) as (ear, peer, far):
            ear.link.drop()
            sent = await read(peer)
            assert sent
            assert far.decrypt(sent) == b""
            assert far.has_ended

    on_loop(main())


def test_a_child_that_leaves_the_connection_can_do_nothing_to_it(on_loop: OnLoop) -> None:
    async def main() -> None:
        async with linked() as (ear, peer):

            def leave() -> str:
                ear.link.leave()
                ear.link.write(b"from the child")
                ear.link.drop()
                return "left"

            assert in_child(leave) == "left"
            peer.send(b"for the parent")
            await until(lambda: ear.data == b"for the parent")
            assert ear.ends == []
            ear.link.write(b"from the parent")
            assert await read(peer) == b"from the parent"

    on_loop(main())
