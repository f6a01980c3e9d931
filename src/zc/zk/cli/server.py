"""`zk server`: the embedded server as a process."""

import argparse
import contextlib
import logging
import resource
import secrets
import signal
import socket
import time
from collections.abc import Iterator
from types import FrameType

from zc.zk.cli import control, server_options
from zc.zk.cli.parser import Parser
from zc.zk.errors import ArgumentError, ZooKeeperError
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
    control.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; raises `ZooKeeperError` when that cannot begin."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    _allow_open_files()
    if arguments.control:
        return _run_controlled(arguments)
    if arguments.virtual_clock:
        raise ArgumentError("--virtual-clock needs --control")
    with contextlib.ExitStack() as stack:
        settings = server_options.settings(arguments)
        context = server_options.tls_context(arguments)
        listener = stack.enter_context(_listen(arguments.host, arguments.port))
        now = time.monotonic()
        core = Core(settings, now, time.time() - now, secrets.token_bytes)
        folder = flush = None
        if arguments.data_dir is not None:
            folder = Folder.open(arguments.data_dir, core.store, now, sync=not arguments.no_sync)
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
        _tell(arguments.host, port)
        network.run()
    return 0


def _run_controlled(arguments: argparse.Namespace) -> int:
    # Here, since it is slow to import, and a server is to be ready soon.
    from zc.zk.testing import Server, VirtualClock  # noqa: PLC0415
    from zc.zk.testing.commands import Commands  # noqa: PLC0415

    if arguments.no_sync:
        raise ArgumentError("--no-sync does not go with --control")
    server = Server(
        arguments.port,
        arguments.host,
        arguments.data_dir,
        settings=server_options.settings(arguments),
        tls=server_options.tls_context(arguments),
        clock=VirtualClock() if arguments.virtual_clock else None,
    )
    try:
        server.start()
    except OSError as error:
        raise _listen_error(arguments.host, arguments.port, error) from error
    with server:
        _tell(arguments.host, server.port)
        control.obey_lines(Commands(server))
    return 0


def _allow_open_files() -> None:
    # Each connection is one. Shells often allow a thousand, but let whoever wants more have them.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # the system may have a lower bound of its own
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _tell(host: str, port: int) -> None:
    print(f"ZooKeeper server on {_endpoint(host, port)}", flush=True)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        raise _listen_error(host, port, error) from error


def _listen_error(host: str, port: int, error: OSError) -> ListenError:
    reason = (error.strerror or str(error)).lower()
    return ListenError(f"cannot listen on {_endpoint(host, port)}: {reason}")


def _endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.contextmanager
def _stopped_by_signals(network: Network) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        network.stop()

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    # A signal that comes just before the loop goes to sleep runs no handler until the loop wakes.
    waker = signal.set_wakeup_fd(network.waker, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(waker)
        for number, handler in before.items():
            signal.signal(number, handler)
