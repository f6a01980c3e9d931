"""Be the network between the members of an ensemble, and part them when a test says so.

Java sends the connections that a server opens to other servers through the SOCKS proxy it is told
of.  Each member gets a proxy of its own, so who talks to whom is known though all members agree on
one configuration.  The proxies live in another process: they come and go with their connections,
which are nothing that a test leaves behind.  That process ends with its standard input.
"""

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import partial

LOOPBACK = "127.0.0.1"

SOCKS = 5
NO_AUTHENTICATION = bytes([SOCKS, 0])
GRANTED = bytes([SOCKS, 0, 0, 1]) + bytes(6)
REFUSED = bytes([SOCKS, 5, 0, 1]) + bytes(6)
IPV4 = 1


class PeerNetwork:
    """The network between members, who are numbers; `ports` tells whose each port is."""

    def __init__(self, ports: Mapping[int, int]) -> None:
        command = [sys.executable, "-P", __file__, json.dumps(ports)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # ^C at the tests is theirs to handle
        )
        self._proxies: dict[str, int] = json.loads(self._answer())

    @property
    def processes(self) -> frozenset[int]:
        """The ids of the processes that run now."""
        is_running = self._process.returncode is None
        return frozenset([self._process.pid] if is_running else [])

    def proxy_port(self, member: int) -> int:
        """Give where a member connects to the others: a SOCKS proxy of its own."""
        return self._proxies[str(member)]

    def java_options(self, member: int) -> list[str]:
        """Give what makes a member connect to the others by this network."""
        return [
            f"-DsocksProxyHost={LOOPBACK}",
            f"-DsocksProxyPort={self.proxy_port(member)}",
            "-DsocksNonProxyHosts=",  # loopback is excepted unless this is empty
        ]

    def part(self, *groups: Iterable[int]) -> None:
        """Let nothing pass between members of different groups, and everything else.

        As in a cable pulled out: connections stay, and what is under way arrives after `heal`.
        """
        pairs = itertools.combinations([list(group) for group in groups], 2)
        parted = [pair for one, other in pairs for pair in itertools.product(one, other)]
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(parted) + "\n")
        self._process.stdin.flush()
        self._answer()

    def heal(self) -> None:
        """Let everything pass."""
        self.part()

    def close(self) -> None:
        """End the process, and with it all connections between members."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the network between members ended: {self._process.wait()}")
        return line


# The process


class Proxies:
    """The connections between members, each behind the gate between its two."""

    def __init__(self, ports: Mapping[int, int]) -> None:
        self._ports = ports
        self._gates = {
            frozenset(pair): asyncio.Event()
            for pair in itertools.combinations(set(ports.values()), 2)
        }
        self.part([])

    def part(self, pairs: Iterable[Iterable[int]]) -> None:
        parted = set(map(frozenset, pairs))
        for pair, gate in self._gates.items():
            if pair in parted:
                gate.clear()
            else:
                gate.set()

    async def listen(self) -> dict[int, int]:
        """Open a proxy for each member; give its port."""
        proxies = {}
        for member in set(self._ports.values()):
            server = await asyncio.start_server(partial(self._serve, member), LOOPBACK)
            proxies[member] = server.sockets[0].getsockname()[1]
        return proxies

    async def _serve(
        self, member: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # The peers are killed and paused as tests like: an end of any kind is the end.
        with contextlib.suppress(OSError, EOFError), contextlib.closing(writer):
            port = await greet(reader, writer)
            if (other := self._ports.get(port)) in (None, member):
                raise ValueError(f"member {member} asks for port {port}, which is no other's")
            gate = self._gates[frozenset([member, other])]
            await gate.wait()
            try:
                far_reader, far_writer = await asyncio.open_connection(LOOPBACK, port)
            except OSError:
                writer.write(REFUSED)
                return
            with contextlib.closing(far_writer):
                writer.write(GRANTED)
                await asyncio.gather(
                    carry(reader, far_writer, gate), carry(far_reader, writer, gate)
                )


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Receive a client as RFC 1928 has it; give the port that it asks for."""
    _, count = await reader.readexactly(2)
    await reader.readexactly(count)
    writer.write(NO_AUTHENTICATION)
    *_, kind = await reader.readexactly(4)
    length = 4 if kind == IPV4 else (await reader.readexactly(1))[0]
    await reader.readexactly(length)
    return int.from_bytes(await reader.readexactly(2))


async def carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
) -> None:
    """Pass on what comes, its end too, whenever the gate is open."""
    while content := await reader.read(65536):
        await gate.wait()
        writer.write(content)
        await writer.drain()
    await gate.wait()
    writer.write_eof()


async def run(ports: Mapping[int, int]) -> None:
    """Obey each line of standard input until there are no more."""
    proxies = Proxies(ports)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    answer(await proxies.listen())
    while line := await orders.readline():
        proxies.part(json.loads(line))
        answer("done")


def answer(content: object) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run({int(port): member for port, member in json.loads(sys.argv[1]).items()}))
