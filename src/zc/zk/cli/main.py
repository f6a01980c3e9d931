"""The command `zk`: one sub-command each for what can be done from a shell."""

import sys
from collections.abc import Sequence

from zc.zk.cli import server, transfer_options
from zc.zk.cli.parser import Parser
from zc.zk.errors import ZooKeeperError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 if all went well, 1 if not, 2 for bad options."""
    parser = Parser(prog="zk", description="Work with ZooKeeper.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    server.add_command(commands)
    transfer_options.add_commands(commands)
    arguments = parser.parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except (OSError, ZooKeeperError) as error:
        print(f"zk: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
