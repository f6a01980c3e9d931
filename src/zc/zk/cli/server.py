"""`zk server`: the embedded server as a process."""

import argparse
import contextlib
import logging
import secrets
import signal
import socket
import time
from collections.abc import Iterator
from types import FrameType

from zc.zk.cli import server_options
from zc.zk.cli.parser import Parser
from zc.zk.errors import ZooKeeperError
from zc.zk.server.core import Core
from zc.zk.server.folder import Folder
from zc.zk.server.net import Network, listen
from zc.zk.server.status import Place


class ListenError(ZooKeeperError):
    """The server cannot listen where it was told to."""


# argparse has no public name for what holds the sub-commands.
def add_command(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to those that `zk` knows."""
    parser = commands.add_parser(
        "server",
        help="run a ZooKeeper server for development and tests",
        description="Run a ZooKeeper server for development and tests.",
    )
    server_options.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; raises `ZooKeeperError` when that cannot begin."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    with contextlib.ExitStack() as stack:
        settings = server_options.settings(arguments)
        context = server_options.tls_context(arguments)
        listener = stack.enter_context(_listen(arguments.host, arguments.port))
        now = time.monotonic()
        core = Core(settings, now, time.time() - now, secrets.token_bytes)
        folder = flush = None
        if arguments.data_dir is not None:
            folder = Folder.open(arguments.data_dir, core.store, now)
            stack.callback(folder.close)
            flush = folder.flush
        network = Network(core, listener, flush, context)
        stack.callback(network.close)
        stack.enter_context(_stopped_by_signals(network))
        port = listener.getsockname()[1]
        core.place = Place.of(
            port,
            is_secure=context is not None,
            data_dir=arguments.data_dir,
            folder=folder,
        )
        print(f"ZooKeeper server on {_endpoint(arguments.host, port)}", flush=True)
        network.run()
    return 0


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ListenError(f"cannot listen on {_endpoint(host, port)}: {reason}") from error


def _endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.contextmanager
def _stopped_by_signals(network: Network) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        network.stop()

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
