"""The options of `zk export`, `zk import` and `zk copy`."""

import argparse

from zc.zk import paths
from zc.zk.cli.parser import Parser
from zc.zk.errors import UsageError

_ABOUT_TREES = (
    "Nodes come with their data and ACLs. Ephemeral nodes are left out, for they belong to sessions, and so "
    "is /zookeeper. Containers and nodes with a time to live are told from others only by servers before "
    "3.5.3, and the numbers of sequential nodes begin anew."
)


# argparse has no public name for what holds the sub-commands.
def add_commands(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the commands to those that `zk` knows."""
    parser = _add(commands, "export", "write a tree as lines of JSON")
    _add_connection(parser, "FROM")
    parser.add_argument(
        "path", nargs="?", type=_path, default="/", metavar="PATH", help="the tree's top"
    )
    _add_auth(parser)
    parser = _add(commands, "import", "write what `zk export` wrote into a ZooKeeper")
    _add_connection(parser, "TO")
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="- is standard input")
    _add_auth(parser)
    _add_writing(parser)
    parser = _add(commands, "copy", "copy a tree from one ZooKeeper to another")
    _add_connection(parser, "FROM")
    _add_connection(parser, "TO")
    _add_auth(parser)
    _add_writing(parser)


def _add(
    commands: "argparse._SubParsersAction[Parser]",
    name: str,
    text: str,
) -> Parser:
    parser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}. {_ABOUT_TREES}"
    )
    parser.set_defaults(run=_run, command=name)
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


def _run(arguments: argparse.Namespace) -> int:
    # Here, since the client is slow to import, and no server that is to be ready soon needs it.
    from zc.zk.cli import transfer  # noqa: PLC0415

    return transfer.COMMANDS[arguments.command](arguments)


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
