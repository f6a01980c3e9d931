"""SASL mechanisms: how a client proves who it is without sending its password, and DIGEST-MD5, which is small.

A mechanism never waits for the server: it turns a challenge into the next token. DIGEST-MD5 is RFC 2831, which RFC 6331
made historic: it is there because ZooKeeper servers know no other mechanism for a name and a password.
"""

import hashlib
import hmac
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from zc.zk.errors import ArgumentError, ArgumentTypeError, AuthFailedError

DIGEST_URI = "zookeeper/zk-sasl-md5"  # fixed, whatever the server is called
_LONGEST_CHALLENGE = 2048  # bytes (RFC 2831, 2.1.1 and 2.1.3)
_MOST_BUFFER = 65536  # bytes: without a security layer it is only said
_FIRST_COUNT = "00000001"  # a nonce is used once
# A token of RFC 2616, or a quoted string; a list may have empty elements between its commas.
_DIRECTIVE = re.compile(
    r"""[ \t\r\n]*(?:
    (?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t\r\n]*=[ \t\r\n]*
    (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[!#$%&'*+.^_`|~0-9A-Za-z-]+))
    [ \t\r\n]*)?(?:,|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'(["\\])')


class Exchange(ABC):
    """One authentication on one connection."""

    @abstractmethod
    def step(self, challenge: bytes | None) -> bytes | None:
        """Return the token that answers a challenge, or None when both sides are satisfied.

        The first challenge is empty and the server did not send it; None stands for its null token. Raises
        `AuthFailedError` when asking again would not help, and OSError when it might.
        """


class Mechanism(ABC):
    """A way to authenticate, with what it needs; its `repr` shows no secret.

    `may_block` says that a step can take long, such as one that asks another server for a ticket.
    """

    __slots__ = ()
    name: ClassVar[str]
    may_block: ClassVar[bool] = False

    @abstractmethod
    def start(self, host: str, nonce: str) -> Exchange:
        """Begin with a server, named as it was configured; `nonce` is a fresh random text of letters and digits."""


@dataclass(frozen=True, slots=True)
class DigestMD5(Mechanism):
    """SASL DIGEST-MD5: a name and a password that the server has in its configuration.

    The password does not cross the network, and the server must prove that it knows it; but MD5 is weak, and what is
    said afterwards is neither encrypted nor signed. Use TLS, or Kerberos, on networks that others share.
    """

    name: ClassVar[str] = "DIGEST-MD5"
    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        for what, text in (("user", self.user), ("password", self.password)):
            if not isinstance(text, str):
                raise ArgumentTypeError(f"a {what} must be a string, not {type(text).__name__}")
            # An UnicodeEncodeError would hold the text.
            if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
                raise ArgumentError(f"a {what} must be encodable as UTF-8 and hold no NUL")
        if not self.user:
            raise ArgumentError("a user must have a name")

    def start(self, host: str, nonce: str) -> "DigestExchange":
        return DigestExchange(self, nonce)


class DigestExchange(Exchange):
    """RFC 2831 with one server: an empty token, our response, and the proof that the server knows the password."""

    def __init__(self, mechanism: DigestMD5, nonce: str) -> None:
        self._mechanism = mechanism
        self._nonce = nonce
        self._proof = ""  # that we expect of the server
        self._step: Callable[[bytes], bytes | None] = self._begin

    def step(self, challenge: bytes | None) -> bytes | None:
        if challenge is None:
            raise _refused("the server ended it early")
        return self._step(challenge)

    def _begin(self, _: bytes) -> bytes | None:
        self._step = self._respond
        return b""  # the server speaks first

    def _respond(self, challenge: bytes) -> bytes | None:
        offer = parse_challenge(challenge)
        user, password = self._mechanism.user, self._mechanism.password
        if not offer.is_unicode and not (user + password).isascii():
            raise _refused("the server takes no names in UTF-8")
        secret = key(user, offer.realm, password, offer.nonce, self._nonce)
        response = proof(secret, offer.nonce, self._nonce, f"AUTHENTICATE:{DIGEST_URI}")
        self._proof = proof(secret, offer.nonce, self._nonce, f":{DIGEST_URI}")
        self._step = self._verify
        directives = [
            *(["charset=utf-8"] if offer.is_unicode else []),
            f"username={_quote(user)}",
            f"realm={_quote(offer.realm)}",
            f"nonce={_quote(offer.nonce)}",
            f"nc={_FIRST_COUNT}",
            f"cnonce={_quote(self._nonce)}",
            f"digest-uri={_quote(DIGEST_URI)}",
            f"maxbuf={_MOST_BUFFER}",
            f"response={response}",
            "qop=auth",
        ]
        return ",".join(directives).encode()

    def _verify(self, challenge: bytes) -> bytes | None:
        self._step = self._end
        shown = _single(_directives(challenge), "rspauth").encode()
        if not hmac.compare_digest(shown, self._proof.encode()):
            raise _refused("the server did not prove that it knows the password")
        return None

    def _end(self, _: bytes) -> bytes | None:
        raise _refused("the server goes on after the end")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server's challenge asks for."""

    realm: str
    nonce: str
    is_unicode: bool


def parse_challenge(challenge: bytes) -> Offer:
    """Return what a server asks for; raises `AuthFailedError` for less protection than we want, or for nonsense."""
    directives = _directives(challenge)
    algorithm = _single(directives, "algorithm")
    if algorithm.lower() != "md5-sess":
        raise _refused("the server wants another algorithm than md5-sess")
    layers = ",".join(directives.get("qop", ["auth"])).lower().split(",")
    if "auth" not in map(str.strip, layers):
        raise _refused("the server wants a security layer")
    charset = directives.get("charset", [])
    if len(charset) > 1 or any(each.lower() != "utf-8" for each in charset):
        raise _refused("the server wants another character set than utf-8")
    nonce = _single(directives, "nonce")
    if not nonce:
        raise _refused("the server's nonce is empty")
    return Offer(directives.get("realm", [""])[0], nonce, bool(charset))


def _directives(challenge: bytes) -> Mapping[str, list[str]]:
    if len(challenge) > _LONGEST_CHALLENGE:
        raise _refused(f"the server's challenge is {len(challenge)} bytes")
    try:
        text = challenge.decode()
    except UnicodeDecodeError:
        raise _refused("the server's challenge is not in UTF-8") from None
    found: dict[str, list[str]] = {}
    position = 0
    while position < len(text):
        match = _DIRECTIVE.match(text, position)
        if match is None:
            raise _refused("the server's challenge is malformed")
        position = match.end()
        name, quoted, token = match.group("name", "quoted", "token")
        if name is not None:
            value = token if quoted is None else _ESCAPED.sub(r"\1", quoted)
            found.setdefault(name.lower(), []).append(value)
    return found


def _single(directives: Mapping[str, list[str]], name: str) -> str:
    values = directives.get(name, [])
    if len(values) != 1:
        raise _refused(f"the server's challenge has {name} {len(values)} times")
    return values[0]


def _quote(text: str) -> str:
    return '"' + _TO_ESCAPE.sub(r"\\\1", text) + '"'


def key(user: str, realm: str, password: str, nonce: str, cnonce: str) -> str:
    """Return what RFC 2831 (2.1.2.1) calls HEX(H(A1))."""
    secret = _md5(b":".join(map(_bytes, (user, realm, password)))).digest()
    return _md5(b":".join((secret, nonce.encode(), cnonce.encode()))).hexdigest()


def proof(secret: str, nonce: str, cnonce: str, purpose: str) -> str:
    """Return the response-value of RFC 2831 for a `key` and A2, the purpose."""
    inner = _md5(purpose.encode()).hexdigest()
    return _md5(f"{secret}:{nonce}:{_FIRST_COUNT}:{cnonce}:auth:{inner}".encode()).hexdigest()


def _bytes(text: str) -> bytes:
    # "If it is entirely in ISO 8859-1, it must be converted to ISO 8859-1 before being hashed" (RFC 2831, 2.1.2.1).
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _md5(data: bytes) -> "hashlib._Hash":
    return hashlib.md5(data, usedforsecurity=False)  # the mechanism is what it is; see `DigestMD5`


def _refused(reason: str) -> AuthFailedError:
    return AuthFailedError(reason=reason)
