"""Properties: JSON in a node's data, and the plans that change them without losing anybody's change."""

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import simplejson

from zc.zk.errors import (
    ArgumentError,
    ArgumentTypeError,
    BadVersionError,
    ConnectionLoss,
)
from zc.zk.operations import GetData, SetData
from zc.zk.plans import Plan
from zc.zk.records import Stat
from zc.zk.retry import widened

Data = dict[str, Any]  # Any: JSON
STRING_VALUE = "string_value"
_INFINITY = float("inf")
_SPACE = " \t\n\r\v\f"  # and nothing else: to `str.strip`, control characters are space as well
log = logging.getLogger("zc.zk")


def decode(data: bytes, path: str = "") -> Data:
    """Return the properties that a node's data hold: those of a JSON object, else the text as `string_value`.

    Nothing that data can hold raises: they come from others. Text that is not UTF-8 survives being read and written.
    """
    text = data.decode(errors="surrogateescape")
    stripped = text.strip(_SPACE)
    if not stripped:
        return {}
    if stripped.startswith("{") and stripped.endswith("}"):
        try:
            decoded = simplejson.loads(
                stripped, parse_constant=_refuse_constant, parse_float=_finite
            )
        except (ValueError, RecursionError) as error:
            # Not the data: they may be secret, and are anybody's.
            log.exception("bad JSON in %s: %s", path or "a node", type(error).__name__)
        else:
            if isinstance(decoded, dict):
                return decoded
    return {STRING_VALUE: text}


def _finite(text: str) -> float:
    number = float(text)
    if number in (_INFINITY, -_INFINITY):
        return _refuse_constant(text)  # a number that could not be written again
    return number


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def encode(properties: Mapping[str, Any]) -> bytes:
    """Return the data that hold some properties; a lone `string_value` is stored as it is.

    Raises `ArgumentTypeError` (a TypeError) or `ArgumentError` (a ValueError) for what JSON has no form for.
    """
    if len(properties) == 1 and isinstance(properties.get(STRING_VALUE), str):
        text: str = properties[STRING_VALUE]
        with contextlib.suppress(UnicodeEncodeError):  # half of a surrogate pair: JSON has a form
            return text.encode(errors="surrogateescape")
    for name in properties:
        if not isinstance(name, str):
            msg = f"a property's name must be a string, not {name!r}"
            raise ArgumentTypeError(msg)
    try:
        return simplejson.dumps(
            properties, separators=(",", ":"), allow_nan=False, encoding=None
        ).encode()
    except TypeError as error:
        raise ArgumentTypeError(f"properties must be JSON: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"properties must be JSON: {error}") from error


def merged(data: Mapping[str, Any] | None, properties: Data) -> Data:
    """Return the properties given as a mapping, by name, or both; raises `ArgumentTypeError` where it is no mapping."""
    if data is not None and not isinstance(data, Mapping):
        raise ArgumentTypeError(f"properties must be given as a mapping, not {type(data).__name__}")
    return {**(data or {}), **properties}


def change(path: str, apply: Callable[[Data], Mapping[str, Any]]) -> Plan[tuple[bytes, Stat]]:
    """Replace a node's properties by what `apply` makes of them, and return the data and status written.

    Compared and set: when somebody else writes in between, `apply` is called again with what they wrote. When the
    reply is lost, the node tells whether the change was made.
    """
    return (yield from widened(_changing(path, apply)))


def _changing(path: str, apply: Callable[[Data], Mapping[str, Any]]) -> Plan[tuple[bytes, Stat]]:
    made: tuple[bytes, int] | None = None
    while True:
        data, stat = yield from GetData(path)
        if made == (data, stat.version):
            return data, stat
        new = encode(apply(decode(data, path)))
        try:
            return new, (yield from SetData(path, new, stat.version))
        except BadVersionError:
            continue
        except ConnectionLoss as error:
            if not error.maybe_applied:
                raise
            made = new, stat.version + 1
