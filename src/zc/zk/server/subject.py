"""The names of certificates' subjects, in the form of RFC 2253 as Java writes it (protocol.md, 13.1)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_LONG_FORM = 0x80
_VERSION = 0xA0  # the one field of a certificate that may be missing
_STRINGS = (0x0C, 0x13, 0x14, 0x16, 0x1B, 0x1C, 0x1E)  # UTF8, Printable, T61, IA5, and so on
# The only ones that RFC 2253 has words for; all others are written by number.
_WORDS = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}
# Java reads a few more than it writes.
_READABLE = frozenset(_WORDS.values()) | {
    *("S", "T", "IP", "DNQUALIFIER", "DNQ", "SURNAME", "GIVENNAME", "INITIALS", "GENERATION"),
    *("EMAIL", "EMAILADDRESS", "SERIALNUMBER"),
}
_SPECIAL = re.compile(r'([,=+<>#;"\\])')
_ASSERTION = re.compile(
    r'\s*(?:([A-Za-z]+)|(?:OID\.)?\d+(?:\.\d+)+)\s*=\s*(?:"(?:[^"\\]|\\.)*"|(?:[^,;+"\\<>]|\\.)*)\s*',
    re.DOTALL,
)


class _Element(NamedTuple):
    """One element of DER."""

    tag: int
    content: bytes
    whole: bytes


def subject_of(certificate: bytes) -> str:
    """Return whom a certificate in DER form, known to be sound, was issued to."""
    (outer,) = _elements(certificate)
    to_be_signed = next(_elements(outer.content))
    fields = [each for each in _elements(to_be_signed.content) if each.tag != _VERSION]
    # serial number, algorithm, issuer, validity, subject
    names = [_relative_name(each) for each in _elements(fields[4].content)]
    return ",".join(reversed(names))


def is_subject(name: str) -> bool:
    """Say whether `name` has the form of a subject; none at all is one, too."""
    position = 0
    while position < len(name):
        match = _ASSERTION.match(name, position)
        if match is None or (match[1] is not None and match[1].upper() not in _READABLE):
            return False
        position = match.end()
        if position < len(name):
            if name[position] not in ",;+" or position + 1 == len(name):
                return False
            position += 1
    return True


def _relative_name(element: _Element) -> str:
    parts = []
    for assertion in _elements(element.content):
        kind, value = _elements(assertion.content)
        parts.append(_assertion(_dotted(kind.content), value))
    return "+".join(parts)


def _assertion(number: str, value: _Element) -> str:
    word = _WORDS.get(number)
    if word is None or value.tag not in _STRINGS:
        return f"{word or number}=#{value.whole.hex()}"
    text = _SPECIAL.sub(r"\\\1", value.content.decode(errors="replace")).replace("\0", r"\00")
    inner = text.strip(" \r")
    before, _, after = text.partition(inner) if inner else (text, "", "")
    return f"{word}={_escaped(before)}{inner}{_escaped(after)}"


def _escaped(blanks: str) -> str:
    return "".join(f"\\{each}" for each in blanks)


def _elements(data: bytes) -> Iterator[_Element]:
    position = 0
    while position < len(data):
        begin = position
        tag, length = data[position], data[position + 1]
        position += 2
        if length & _LONG_FORM:
            size = length & ~_LONG_FORM
            length = int.from_bytes(data[position : position + size])
            position += size
        end = position + length
        yield _Element(tag, data[position:end], data[begin:end])
        position = end


def _dotted(content: bytes) -> str:
    numbers, number = [], 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))
