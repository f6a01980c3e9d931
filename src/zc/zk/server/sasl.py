"""DIGEST-MD5 from the server's side: the challenge, and the judgement of the response (RFC 2831).

Written apart from the client's side, so that each is a witness of what the other does.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence

from zc.zk.errors import AuthFailedError

REALM = "zk-sasl-md5"
_URI = f"zookeeper/{REALM}"
_LONGEST_RESPONSE = 4096  # bytes (RFC 2831, 2.1.2)
_NONCE_COUNT = "00000001"  # a nonce is good for one response
_PAIR = re.compile(
    r'\s*([a-zA-Z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))\s*(?:,|$)',
    re.DOTALL | re.ASCII,
)
_EMPTY = re.compile(r"\s*,", re.ASCII)  # between two commas may be nothing


class Exchange:
    """One login. `users` are passwords by name, `nonce` is a fresh random text.

    `user` is who logged in, None until then.
    """

    def __init__(self, users: Mapping[str, str], nonce: str) -> None:
        self.user: str | None = None
        self._users = users
        self._nonce = nonce
        self._is_challenged = self._is_over = False

    def step(self, token: bytes) -> bytes:
        """Return the answer to the client's token.

        Raises `AuthFailedError` for anything but the right response, and after the end.
        """
        if self._is_over:
            raise AuthFailedError
        if not self._is_challenged:  # whatever the first token says, as Java's side has it
            self._is_challenged = True
            challenge = f'realm="{REALM}",nonce="{self._nonce}",charset=utf-8,algorithm=md5-sess'
            return challenge.encode()
        self._is_over = True
        return self._judge(token)

    def _judge(self, token: bytes) -> bytes:
        given = parse_response(token)
        user = given.get("username", "")
        if (  # not at nc, for the nonce is good for one response: Java's side does the same
            given.get("nonce") != self._nonce
            or given.get("realm", "") != REALM
            or given.get("qop", "auth") != "auth"
            or given.get("digest-uri", "").lower() != _URI
            # Nobody speaks for anybody else.
            or given.get("authzid", user) != user
            or not given.get("cnonce")
        ):
            raise AuthFailedError
        password = self._users.get(user)
        parts = [self._nonce, given["cnonce"], *([user] if "authzid" in given else [])]
        secret = _secret(user, password or "", parts)
        uri = given["digest-uri"]
        expected = _proof(secret, self._nonce, given["cnonce"], f"AUTHENTICATE:{uri}")
        shown = given.get("response", "").encode()
        if not hmac.compare_digest(shown, expected.encode()) or password is None:
            raise AuthFailedError
        self.user = user
        return b"rspauth=" + _proof(secret, self._nonce, given["cnonce"], f":{uri}").encode()


def parse_response(token: bytes) -> dict[str, str]:
    """Return the directives of a response by name; raises `AuthFailedError` for what is none."""
    if len(token) > _LONGEST_RESPONSE:
        raise AuthFailedError
    found: dict[str, str] = {}
    for name, value in _pairs(_text(token)):
        if name in found:
            raise AuthFailedError
        found[name] = value
    return found


def _text(token: bytes) -> str:
    text = token.decode("latin-1")  # which it is unless `charset` says otherwise (RFC 2831, 2.1.2)
    if all(name != "charset" for name, _ in _pairs(text)):
        return text
    try:
        return token.decode()
    except UnicodeDecodeError:
        raise AuthFailedError from None


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        empty = _EMPTY.match(text, position)
        if empty is not None:
            position = empty.end()
            continue
        pair = _PAIR.match(text, position)
        if pair is None:
            raise AuthFailedError
        position = pair.end()
        name, quoted, plain = pair.groups()
        value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        yield name.lower(), value


def _secret(user: str, password: str, parts: Sequence[str]) -> str:
    inner = _digest(b":".join(_encoded(each) for each in (user, REALM, password)))
    return _digest(b":".join((inner, *(part.encode() for part in parts)))).hex()


def _proof(secret: str, nonce: str, cnonce: str, purpose: str) -> str:
    end = _digest(purpose.encode()).hex()
    return _digest(f"{secret}:{nonce}:{_NONCE_COUNT}:{cnonce}:auth:{end}".encode()).hex()


def _encoded(text: str) -> bytes:
    # What fits into ISO 8859-1 is hashed as that, also under charset=utf-8 (RFC 2831, 2.1.2.1).
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _digest(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()  # the mechanism's choice, not ours
