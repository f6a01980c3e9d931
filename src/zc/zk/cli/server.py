"""`zk server`: the embedded server as a process."""

import argparse
import contextlib
import logging
import math
import secrets
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from zc.zk.cli.parser import Parser
from zc.zk.codes import DEFAULT_PORT
from zc.zk.errors import ZooKeeperError
from zc.zk.server.core import Core
from zc.zk.server.folder import Folder
from zc.zk.server.net import Network, listen
from zc.zk.server.settings import Settings
from zc.zk.server.status import Place
from zc.zk.server.tls import ServerTLS, TLSError
from zc.zk.server.words import WORDS

_MOST_PORT = 65_535
_VERSIONS = {"3.8": (3, 8), "3.9": (3, 9)}
_PROVABLE = ("digest", "sasl", "x509", "ip")


class ListenError(ZooKeeperError):
    """The server cannot listen where it was told to."""


class UsersError(ZooKeeperError):
    """The users of a server cannot be read."""


# argparse has no public name for what holds the sub-commands.
def add_command(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to those that `zk` knows."""
    defaults = Settings()
    parser = commands.add_parser(
        "server",
        help="run a ZooKeeper server for development and tests",
        description="Run a ZooKeeper server for development and tests.",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        metavar="N",
        help="where to listen; 0 picks a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="H",
        help="which address to listen on (default: %(default)s, which only this machine reaches)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="D",
        help="a folder to keep the data in; without it they are in memory",
    )
    parser.add_argument(
        "--tick-time",
        type=_seconds,
        default=defaults.tick_time,
        metavar="S",
        help="seconds: sessions are at least two of these, and expire up to one late "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--emulate",
        choices=_VERSIONS,
        default="3.9",
        help="behave as this version where they differ (default: %(default)s)",
    )
    parser.add_argument(
        "--max-client-cnxns",
        type=_count,
        default=defaults.most_connections_per_host,
        metavar="N",
        help="connections that each address may have; 0 is any number (default: %(default)s)",
    )
    parser.add_argument(
        "--words",
        type=_words,
        default=defaults.words,
        metavar="LIST",
        help="the four-letter words that are answered, with commas between, or * for all "
        f"(default: {','.join(defaults.words)})",
    )
    _add_login_options(parser)
    _add_tls_options(parser)
    parser.set_defaults(run=run)


def _add_login_options(parser: Parser) -> None:
    parser.add_argument(
        "--sasl-users",
        type=Path,
        metavar="FILE",
        help="who can log in by SASL DIGEST-MD5: a line NAME:PASSWORD for each",
    )
    parser.add_argument(
        "--super-user",
        metavar="NAME",
        help="the one of them who may do everything",
    )
    parser.add_argument(
        "--require",
        type=_schemes,
        default=(),
        metavar="SCHEMES",
        help=f"let in who has an identity of one of these alone: {', '.join(_PROVABLE)}",
    )


def _add_tls_options(parser: Parser) -> None:
    parser.add_argument(
        "--tls-cert",
        type=Path,
        metavar="FILE",
        help="speak TLS and nothing else; the certificate, with the chain behind it, in PEM form",
    )
    parser.add_argument(
        "--tls-key",
        type=Path,
        metavar="FILE",
        help="the certificate's private key, where it stands in another file",
    )
    parser.add_argument(
        "--tls-client-ca",
        type=Path,
        metavar="FILE",
        help="let in those alone who show a certificate of one of these authorities",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; raises `ZooKeeperError` when that cannot begin."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    with contextlib.ExitStack() as stack:
        settings = _settings(arguments)
        context = _context(arguments)
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


def _settings(arguments: argparse.Namespace) -> Settings:
    users = None if arguments.sasl_users is None else _read_users(arguments.sasl_users)
    if arguments.super_user is not None and arguments.super_user not in (users or ()):
        raise UsersError(f"no such user to be the super user: {arguments.super_user}")
    return Settings(
        tick_time=arguments.tick_time,
        version=_VERSIONS[arguments.emulate],
        most_connections_per_host=arguments.max_client_cnxns,
        words=arguments.words,
        sasl_users=users,
        super_user=arguments.super_user,
        required_schemes=arguments.require,
        knows_certificates=arguments.tls_cert is not None,
    )


def _context(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    certificate, key, client_ca = arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca
    if certificate is None:
        if key is not None or client_ca is not None:
            raise TLSError("TLS needs a certificate: --tls-cert")
        return None
    return ServerTLS(certificate, key, client_ca).context()


def _read_users(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsersError(f"cannot read the users in {path}: it is not in UTF-8") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsersError(f"cannot read the users in {path}: {reason}") from error
    users: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, colon, password = line.partition(":")
        if not line.strip():
            continue
        if not colon or not name:
            # Not the line itself: it may be a password.
            raise UsersError(f"line {number} of {path} is not NAME:PASSWORD")
        users[name] = password
    return users


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


def _port(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number")
    port = int(text)
    if not 0 <= port <= _MOST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_MOST_PORT}")
    return port


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time in seconds") from error
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a time in seconds")
    return seconds


def _words(text: str) -> tuple[str, ...]:
    words = tuple(text.split(","))
    for each in words:
        if each != "*" and each.encode() not in WORDS:
            raise argparse.ArgumentTypeError(f"{each!r} is no four-letter word")
    return words


def _schemes(text: str) -> tuple[str, ...]:
    schemes = tuple(text.split(","))
    for each in schemes:
        if each not in _PROVABLE:
            raise argparse.ArgumentTypeError(f"{each!r} is none of {', '.join(_PROVABLE)}")
    return schemes
