"""The options of `zk server`, and what they ask of it."""

import argparse
import math
import ssl
from pathlib import Path

from zc.zk.cli.parser import Parser
from zc.zk.codes import DEFAULT_PORT
from zc.zk.errors import ZooKeeperError
from zc.zk.server.settings import Settings
from zc.zk.server.tls import ServerTLS, TLSError
from zc.zk.server.words import WORDS

_MOST_PORT = 65_535
_VERSIONS = {"3.8": (3, 8), "3.9": (3, 9)}
_PROVABLE = ("digest", "sasl", "x509", "ip")


class UsersError(ZooKeeperError):
    """The users of a server cannot be read."""


def add_options(parser: Parser) -> None:
    """Add those that say where it is and how it behaves."""
    defaults = Settings()
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
        "--no-sync",
        action="store_true",
        help="do not wait for the disk: what was acknowledged outlives the server, however it "
        "ends, but not a loss of power",
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


def settings(arguments: argparse.Namespace) -> Settings:
    """Return the settings that the options make; raises `UsersError` for a bad file of users."""
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


def tls_context(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    """Return what the port speaks TLS with, None for plain; raises `TLSError` for bad files."""
    certificate, key, client_ca = arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca
    if certificate is None:
        if key is not None or client_ca is not None:
            raise TLSError("TLS needs a certificate: --tls-cert")
        return None
    return ServerTLS(certificate, key, client_ca).context()


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
