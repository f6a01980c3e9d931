"""Who may do what: identities, and ACLs as they are stored and checked (protocol.md, 13)."""

import base64
import hashlib
import ipaddress
import re
from collections.abc import Callable, Collection, Sequence

from zc.zk.errors import AuthFailedError, InvalidACLError
from zc.zk.security import ACL, ANYONE_ID_UNSAFE, OPEN_ACL_UNSAFE, Id
from zc.zk.server.subject import is_subject

OPEN: tuple[ACL, ...] = tuple(OPEN_ACL_UNSAFE)
SUPER = Id("super", "")
_SASL_SUPER = Id("sasl", "super")  # who is called that is everybody to `sasl`, and nobody to others
_AUTHENTICATED = frozenset(
    {"digest", "sasl", "x509"}
)  # the schemes whose identities `auth` stands for
_is_number = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII).fullmatch
_is_ipv4 = re.compile(r"([+-]?[0-9]{1,10}\.){3}[+-]?[0-9]{1,10}", re.ASCII).fullmatch
_MOST_BYTE = 255
_ENTRY_BYTES = 100  # of an entry of an ACL, besides its text
# A Kerberos principal has a realm behind an @; without any, the whole is a user's name.
_is_principal = re.compile(r"[^@]*|[^/@]*(/[^/@]*)?@[^/@]*").fullmatch
BUILT_IN = frozenset({"world", "auth", "digest", "ip"})  # the schemes that every server knows


def allows(acl: Sequence[ACL], permission: int, identities: Collection[Id]) -> bool:
    """Say whether one of `identities` has one of the bits of `permission`."""
    if acl is OPEN:
        return True
    for entry in acl:
        if entry.perms & permission and _matches(entry.id, identities):
            return True
    return any(identity.scheme == "super" for identity in identities)


def _matches(wanted: Id, identities: Collection[Id]) -> bool:
    if wanted == ANYONE_ID_UNSAFE:
        return True
    if wanted.scheme in ("digest", "x509"):
        return wanted in identities
    if wanted.scheme == "ip":
        return any(
            _is_within(identity.id, wanted.id) for identity in identities if identity.scheme == "ip"
        )
    if wanted.scheme == "sasl":
        return wanted in identities or _SASL_SUPER in identities
    return False


def settled(
    acl: Sequence[ACL],
    identities: Collection[Id],
    *,
    ipv6: bool = True,
    schemes: Collection[str] = BUILT_IN,
) -> tuple[ACL, ...]:
    """Return the list as it is stored: nothing twice, and for `auth` the identities it means.

    Raises `InvalidACLError` for an empty list, a scheme that is none of `schemes`, or an id that its
    scheme does not know.
    """
    entries: list[ACL] = []
    for entry in dict.fromkeys(acl):
        if entry.id.scheme not in schemes:
            raise InvalidACLError
        entries += _settle(entry, identities, ipv6)
    if not entries:
        raise InvalidACLError
    return OPEN if tuple(entries) == OPEN else tuple(entries)


def _settle(entry: ACL, identities: Collection[Id], ipv6: bool) -> list[ACL]:
    scheme, name = entry.id
    if scheme == "auth":
        entries = [ACL(entry.perms, each) for each in identities if each.scheme in _AUTHENTICATED]
    elif scheme == "ip":
        entries = [entry] if _is_address_range(name, ipv6) else []
    else:
        entries = [entry] if _KNOWS[scheme](name) else []
    if not entries:
        raise InvalidACLError
    return entries


def _is_name_and_hash(name: str) -> bool:
    # Java's split drops empty parts at the end, so "user:hash:" has two.
    return len(name.rstrip(":").split(":")) == 2  # noqa: PLR2004 (user and hash)


# Which ids the schemes know; `auth` and `ip` have rules of their own.
_KNOWS: dict[str, Callable[[str], object]] = {
    "world": "anyone".__eq__,
    "digest": _is_name_and_hash,
    "sasl": _is_principal,
    "x509": is_subject,
}


def size_of(acl: Sequence[ACL]) -> int:
    """Return about how many bytes of memory an ACL takes; the open one is shared."""
    if acl is OPEN:
        return 0
    return sum(_ENTRY_BYTES + len(entry.id.scheme) + len(entry.id.id) for entry in acl)


def masked(acl: Sequence[ACL]) -> list[ACL]:
    """Return the list as those see it who may not change it: without the hashes of passwords."""
    return [
        ACL(entry.perms, Id("digest", f"{entry.id.id.partition(':')[0]}:x"))
        if entry.id.scheme == "digest"
        else entry
        for entry in acl
    ]


def identities_for(scheme: str, credential: bytes | None, super_digest: str | None) -> list[Id]:
    """Return the identities that an auth packet adds to its connection.

    Raises `AuthFailedError` for a scheme without packets and for a null credential.
    """
    if credential is None:
        raise AuthFailedError
    if scheme == "ip":
        return []  # every connection has its own already
    if scheme != "digest":
        raise AuthFailedError
    text = credential.decode(errors="replace")
    # SHA-1 is the protocol's choice, not ours.
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).digest()
    identity = Id("digest", f"{text.partition(':')[0]}:{base64.b64encode(digest).decode()}")
    return [SUPER, identity] if identity.id == super_digest else [identity]


def address_identity(address: str) -> Id:
    """Return the identity that a connection from `address` has from the start."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return Id("ip", address)
    if isinstance(known, ipaddress.IPv4Address):
        return Id("ip", str(known))
    if known.ipv4_mapped is not None:
        return Id("ip", str(known.ipv4_mapped))
    groups = known.exploded.split(":")
    return Id("ip", ":".join(f"{int(group, 16):x}" for group in groups))


def _packed(address: str, ipv6: bool = True) -> bytes | None:
    if _is_ipv4(address):
        parts = [int(part) for part in address.split(".")]
        return bytes(parts) if all(0 <= part <= _MOST_BYTE for part in parts) else None
    if ipv6 and ":" in address:
        try:
            return ipaddress.IPv6Address(address).packed
        except ValueError:
            return None
    return None


def _is_address_range(text: str, ipv6: bool) -> bool:
    address, slash, bits = text.partition("/")
    packed = _packed(address, ipv6)
    if packed is None:
        return False
    return not slash or (_is_number(bits) is not None and 0 <= int(bits) <= len(packed) * 8)


def _is_within(address: str, expression: str) -> bool:
    wanted, slash, text = expression.partition("/")
    own, range_ = _packed(address), _packed(wanted)
    if own is None or range_ is None or len(own) != len(range_):
        return False
    free = len(own) * 8 - (int(text) if slash else len(own) * 8)
    return int.from_bytes(own) >> free == int.from_bytes(range_) >> free
