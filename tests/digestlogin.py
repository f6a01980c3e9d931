"""Answer a server's DIGEST-MD5 challenge (RFC 2831), without any of the code under test."""

import hashlib
import re
from collections.abc import Mapping

REALM = "zk-sasl-md5"
URI = f"zookeeper/{REALM}"


def digest_answer(
    name: str, password: str, challenge: bytes, changes: Mapping[str, str | None] | None = None
) -> bytes:
    """Answer a challenge; `changes` replace directives after the response was made, None leaves one out.

    An `authzid` among them is part of the response.
    """
    nonce = re.findall(rb'nonce="([^"]*)"', challenge)[0]
    count, own = b"00000001", b"of the client"
    secret = _hashed(_encoded(name), REALM.encode(), _encoded(password))
    other = (changes or {}).get("authzid")
    spoken_for = [other.strip('"').encode()] if other else []
    a1 = _hashed(secret, nonce, own, *spoken_for).hex().encode()
    a2 = _hashed(b"AUTHENTICATE", URI.encode()).hex().encode()
    response = _hashed(a1, nonce, count, own, b"auth", a2).hex()
    directives: dict[str, str | None] = {
        "charset": "utf-8",
        "username": f'"{name}"',
        "realm": f'"{REALM}"',
        "nonce": f'"{nonce.decode()}"',
        "nc": count.decode(),
        "cnonce": f'"{own.decode()}"',
        "digest-uri": f'"{URI}"',
        "maxbuf": "65536",
        "response": response,
        "qop": "auth",
        **(changes or {}),
    }
    return ",".join(f"{key}={value}" for key, value in directives.items() if value).encode()


def _encoded(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _hashed(*parts: bytes) -> bytes:
    return hashlib.md5(b":".join(parts), usedforsecurity=False).digest()
