"""Reaches one of several servers, as `dialling` does, without holding up the event loop."""

import asyncio
import socket
from collections.abc import Mapping, Sequence

from zc.zk.drivers.aio.future import ring
from zc.zk.drivers.dialling import Course, Judge, Reached
from zc.zk.drivers.tls import Security
from zc.zk.protocol.ensemble import Endpoint


async def dial(
    servers: Sequence[Endpoint], timeout: float, security: Security | None, judge: Judge
) -> Reached | None:
    """Return the first of the servers that could be reached, None when there is none or the judge says so."""
    course = Course(servers, timeout, security, judge)
    reached = None
    try:
        while reached is None and course.goes_on():
            reached = course.advance(await _ready(course.wanted, course.pause))
    finally:
        course.close()
    return reached


async def _ready(
    wanted: Mapping[socket.socket, tuple[bool, bool]], seconds: float
) -> set[socket.socket]:
    """Return the sockets that are ready for reading or writing, as they want, or have failed."""
    loop = asyncio.get_running_loop()
    ready: set[socket.socket] = set()
    some = loop.create_future()

    def note(connection: socket.socket) -> None:
        ready.add(connection)
        ring(some)

    timer = loop.call_later(seconds, ring, some)
    try:
        for connection, (reads, writes) in wanted.items():
            if reads:
                loop.add_reader(connection, note, connection)
            if writes:
                loop.add_writer(connection, note, connection)
        await some
    finally:
        timer.cancel()
        for connection, (reads, writes) in wanted.items():
            if reads:
                loop.remove_reader(connection)
            if writes:
                loop.remove_writer(connection)
    return ready
