"""`zk export`, `zk import` and `zk copy`: trees from one ZooKeeper to another."""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from zc.zk.cli import treelines
from zc.zk.cli.carrying import Told, TreeReader, TreeWriter
from zc.zk.client import Client
from zc.zk.errors import UsageError, ZooKeeperError
from zc.zk.security import OPEN_ACL_UNSAFE

_SECONDS_TO_CONNECT = 15.0


def _export(arguments: argparse.Namespace) -> int:
    with _connected(getattr(arguments, "from"), arguments.auth) as client:
        reader = TreeReader(client, arguments.path, _told(""))
        for line in treelines.write(reader.entries()):
            sys.stdout.buffer.write(f"{line}\n".encode())  # whatever the locale is
        sys.stdout.flush()
    _tell_of_ephemerals(reader)
    return 0


def _import(arguments: argparse.Namespace) -> int:
    name = arguments.file
    with _opened(name) as lines:
        try:
            entries = list(treelines.read(lines))
        except (UnicodeDecodeError, treelines.TreeLinesError) as error:
            shown = "standard input" if name == "-" else name
            raise treelines.TreeLinesError(f"cannot read {shown}: {error}") from error
    _write(arguments, entries)
    return 0


def _copy(arguments: argparse.Namespace) -> int:
    with _connected(getattr(arguments, "from"), arguments.auth) as client:
        reader = TreeReader(client, "/", _told(" read"))
        entries = list(reader.entries())
    _tell_of_ephemerals(reader)
    _write(arguments, entries)
    return 0


def _write(arguments: argparse.Namespace, entries: Sequence[treelines.Entry]) -> None:
    with _connected(arguments.to, arguments.auth) as client:
        writer = TreeWriter(
            client, _told(f" of {len(entries)} written"), is_known=bool(arguments.auth)
        )
        outcome = writer.write(entries, overwrite=arguments.overwrite, dry_run=arguments.dry_run)
    to_be = "would be " if arguments.dry_run else ""
    print(
        f"{outcome.created} nodes {to_be}created, {outcome.changed} changed, "
        f"{outcome.unchanged} as they were"
    )


@contextlib.contextmanager
def _connected(hosts: str, identities: Sequence[tuple[str, str]]) -> Iterator[Client]:
    try:
        client = Client(hosts, default_acl=OPEN_ACL_UNSAFE, auth_data=identities)
    except UsageError as error:
        raise _ConnectionStringError(f"{hosts}: {error}") from error
    client.start(_SECONDS_TO_CONNECT)
    try:
        yield client
    finally:
        client.stop()


class _ConnectionStringError(ZooKeeperError):
    """A connection string names no servers."""


@contextlib.contextmanager
def _opened(name: str) -> Iterator[Iterable[str]]:
    with contextlib.nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as file:
        yield (line.decode() for line in file)


def _told(what: str) -> Told:
    if not sys.stderr.isatty():
        return lambda _done: None

    def tell(done: int) -> None:
        sys.stderr.write(f"\r{done} nodes{what}\x1b[K\r")
        sys.stderr.flush()

    return tell


def _tell_of_ephemerals(reader: TreeReader) -> None:
    if reader.ephemerals:
        print(f"zk: {reader.ephemerals} ephemeral nodes are left out", file=sys.stderr)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "export": _export,
    "import": _import,
    "copy": _copy,
}
