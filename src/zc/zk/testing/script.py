"""Faults as lines of text: their name, their arguments, their conditions."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from zc.zk.errors import ArgumentError
from zc.zk.server import requestfaults, serverfaults
from zc.zk.server.conditions import Conditions
from zc.zk.server.effects import Effect


def read_script(text: str) -> list[tuple[Effect, Conditions]]:
    """Read a script of one fault a line; empty lines and those that begin with # say nothing.

    Raises `ArgumentError`, which names the line.
    """
    return list(_faults(text))


def read_fault(line: str) -> tuple[Effect, Conditions]:
    """Read one fault, such as `delay 0.5 operation=create path=/app/* lasting=10`.

    Raises `ArgumentError`.
    """
    name, *words = line.split() or [""]
    make = EFFECTS.get(name)
    if make is None:
        raise ArgumentError(f"no fault is called {name!r}, only {', '.join(sorted(EFFECTS))}")
    arguments = [word for word in words if "=" not in word]
    conditions = dict(word.split("=", 1) for word in words if "=" in word)
    try:
        effect = make(*arguments)
    except TypeError:  # an argument too many, or one too few
        raise ArgumentError(f"{name} has the wrong number of arguments") from None
    return effect, Conditions(**{key: _condition(key, each) for key, each in conditions.items()})


def number(text: str) -> int:
    """Read a whole number; raises `ArgumentError`."""
    try:
        return int(text, 0)
    except ValueError:
        raise ArgumentError(f"{text!r} is not a whole number") from None


def seconds(text: str) -> float:
    """Read a time; raises `ArgumentError`."""
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(f"{text!r} is not a time in seconds") from None


def _faults(text: str) -> Iterator[tuple[Effect, Conditions]]:
    for line_number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                fault = read_fault(line)
            except ArgumentError as error:
                raise ArgumentError(f"line {line_number}: {error}") from error
            yield fault


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ArgumentError(f"{text!r} is not hexadecimal") from None


def _wipe(text: str) -> bool:
    if text != "wipe":
        raise ArgumentError(f"{text!r} is not the word wipe")
    return True


def _with(make: Callable[[Any], Effect], read: Callable[[str], Any]) -> Callable[..., Effect]:
    # Any: each argument has a type of its own
    return lambda *words: make(*(read(word) for word in words))


EFFECTS: Mapping[str, Callable[..., Effect]] = {
    "drop_before": requestfaults.DropBefore,
    "drop_after": requestfaults.DropAfter,
    "mute": requestfaults.Mute,
    "delay": _with(requestfaults.Delay, seconds),
    "stall": requestfaults.Stall,
    "wrong_xid": _with(requestfaults.WrongXid, number),
    "truncate": requestfaults.Truncate,
    "garbage": _with(requestfaults.Garbage, _bytes),
    "oversize": _with(requestfaults.Oversize, number),
    "error": _with(requestfaults.Error, number),
    "expire": serverfaults.Expire,
    "drop_connections": serverfaults.DropConnections,
    "half_open": serverfaults.HalfOpen,
    "refuse": serverfaults.Refuse,
    "read_only": serverfaults.ReadOnly,
    "restart": _with(serverfaults.Restart, _wipe),
    "go_back": _with(serverfaults.GoBack, number),
}
_CONDITIONS: Mapping[str, Callable[[str], Any]] = {  # Any: as above
    "operation": str,
    "path": str,
    "session": number,
    "times": number,
    "skip": number,
    "after": seconds,
    "after_writes": number,
    "at_zxid": number,
    "lasting": seconds,
}


def _condition(key: str, text: str) -> Any:
    read = _CONDITIONS.get(key)
    if read is None:
        raise ArgumentError(f"no condition is called {key!r}, only {', '.join(_CONDITIONS)}")
    return read(text)
