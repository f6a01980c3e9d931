"""`zk export`, `zk import` and `zk copy`: trees from one ZooKeeper to another."""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from zc.zk import paths
from zc.zk.cli import treelines
from zc.zk.cli.carrying import Told, TreeReader, TreeWriter
from zc.zk.cli.parser import Parser
from zc.zk.client import Client
from zc.zk.errors import UsageError, ZooKeeperError
from zc.zk.security import OPEN_ACL_UNSAFE

_SECONDS_TO_CONNECT = 15.0
_ABOUT_TREES = (
    "Nodes come with their data and ACLs. Ephemeral nodes are left out, for they belong to sessions, and so "
    "is /zookeeper. Containers and nodes with a time to live are told from others only by servers before "
    "3.5.3, and the numbers of sequential nodes begin anew."
)


# argparse has no public name for what holds the sub-commands.
def add_commands(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the commands to those that `zk` knows."""
    parser = _add(commands, "export", "write a tree as lines of JSON", _export)
    _add_connection(parser, "FROM")
    parser.add_argument(
        "path", nargs="?", type=_path, default="/", metavar="PATH", help="the tree's top"
    )
    _add_auth(parser)
    parser = _add(commands, "import", "write what `zk export` wrote into a ZooKeeper", _import)
    _add_connection(parser, "TO")
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="- is standard input")
    _add_auth(parser)
    _add_writing(parser)
    parser = _add(commands, "copy", "copy a tree from one ZooKeeper to another", _copy)
    _add_connection(parser, "FROM")
    _add_connection(parser, "TO")
    _add_auth(parser)
    _add_writing(parser)


def _add(
    commands: "argparse._SubParsersAction[Parser]",
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
) -> Parser:
    parser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}. {_ABOUT_TREES}"
    )
    parser.set_defaults(run=run)
    return parser


def _add_connection(parser: Parser, name: str) -> None:
    parser.add_argument(
        name.lower(),
        metavar=name,
        help="the servers, and the top of the tree: host:port[,host:port...][/path]",
    )


def _add_auth(parser: Parser) -> None:
    parser.add_argument(
        "--auth",
        type=_auth,
        action="append",
        default=[],
        metavar="SCHEME:CREDENTIAL",
        help="an identity to show, as digest:user:password; may be given several times",
    )


def _add_writing(parser: Parser) -> None:
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="give nodes that are there the data and ACLs of the others; none is ever deleted",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and change nothing"
    )


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


def _path(text: str) -> str:
    try:
        return paths.validate(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _auth(text: str) -> tuple[str, str]:
    scheme, separator, credential = text.partition(":")
    if not (scheme and separator and credential):
        raise argparse.ArgumentTypeError("an identity is SCHEME:CREDENTIAL")
    return scheme, credential
