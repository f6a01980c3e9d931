"""Addresses of servers, as the names of the nodes that they register."""

import ipaddress

from zc.zk import paths
from zc.zk.errors import ArgumentError, ArgumentTypeError

_MOST_PORT = 65535
_MOST_DIGITS = 5
Address = tuple[str, int] | tuple[str, int, int, int] | str


def parse_addr(text: str) -> tuple[str, int]:
    """Return the host and port of `HOST:PORT`; an IPv6 address stands in brackets, and is returned without them.

    Raises `ArgumentError` (a ValueError) for anything else.
    """
    if not isinstance(text, str):
        msg = f"an address must be a string, not {type(text).__name__}"
        raise ArgumentTypeError(msg)
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    if not colon or not port.isascii() or not port.isdigit() or (":" in host) is not bracketed:
        msg = f"not an address, HOST:PORT is needed: {text!r}"
        raise ArgumentError(msg)
    # Of a long row of digits, `int` makes a ValueError of its own.
    return host, _port(int(port) if len(port) <= _MOST_DIGITS else _MOST_PORT + 1, text)


def format_addr(address: Address) -> str:
    """Return the node name for an address: `(host, port)`, as a socket's `getsockname` has it, or `HOST:PORT`.

    Raises `ArgumentTypeError` or `ArgumentError`.
    """
    if isinstance(address, str):
        host, port = parse_addr(address)
    elif isinstance(address, (tuple, list)) and len(address) in (2, 4):
        host, port = address[:2]
    else:
        msg = f"an address must be a tuple of host and port, not {address!r}"
        raise ArgumentTypeError(msg)
    if not isinstance(host, str) or isinstance(port, bool) or not isinstance(port, int):
        msg = f"an address must be a host, a string, and a port, a number: {address!r}"
        raise ArgumentTypeError(msg)
    if not host:
        msg = f"the host is empty: {address!r}"
        raise ArgumentError(msg)
    _port(port, address)
    return paths.validate_name(f"[{host}]:{port}" if _is_ipv6(host) else f"{host}:{port}")


def _is_ipv6(host: str) -> bool:
    if ":" not in host:
        return False
    try:
        ipaddress.IPv6Address(host)
    except ValueError as error:
        msg = f"not a host: {host!r}"
        raise ArgumentError(msg) from error
    return True


def _port(port: int, address: object) -> int:
    if not 0 < port <= _MOST_PORT:
        msg = f"a port is a number from 1 to {_MOST_PORT}: {address!r}"
        raise ArgumentError(msg)
    return port
