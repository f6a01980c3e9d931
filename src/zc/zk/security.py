"""Who may do what with a node: ACLs, and the identities that they name."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from zc.zk.errors import ArgumentError, ArgumentTypeError


class Permissions:
    """The bits of an ACL entry."""

    READ = 1
    WRITE = 2
    CREATE = 4
    DELETE = 8
    ADMIN = 16
    ALL = 31


_NAMES = ("READ", "WRITE", "CREATE", "DELETE", "ADMIN")


class Id(NamedTuple):
    """An identity: a scheme (`world`, `auth`, `digest`, `ip`, ...) and a name that the scheme understands."""

    scheme: str
    id: str


class ACL(NamedTuple):
    """One entry of a node's access control list: what `id` may do."""

    perms: int
    id: Id

    @property
    def acl_list(self) -> list[str]:
        """The names of the permissions, `["ALL"]` for all of them."""
        if self.perms == Permissions.ALL:
            return ["ALL"]
        return [name for name in _NAMES if self.perms & getattr(Permissions, name)]

    def __repr__(self) -> str:
        # Errors show what is no proper entry, too.
        names = self.acl_list if isinstance(self.perms, int) else None
        return f"ACL(perms={self.perms!r}, acl_list={names}, id={self.id!r})"


ANYONE_ID_UNSAFE = Id("world", "anyone")
AUTH_IDS = Id("auth", "")


def world_permission(perms: int = Permissions.READ) -> ACL:
    """Return the entry that gives everybody `perms`, reading alone unless told otherwise."""
    return ACL(perms, ANYONE_ID_UNSAFE)


OPEN_ACL_UNSAFE = [world_permission(Permissions.ALL)]
CREATOR_ALL_ACL = [ACL(Permissions.ALL, AUTH_IDS)]
READ_ACL_UNSAFE = [world_permission(Permissions.READ)]


def make_digest_acl_credential(username: str, password: str) -> str:
    """Return the id of a digest identity: the name, and the base64 of the SHA-1 of name and password."""
    # SHA-1 is what servers compare with unless they are configured otherwise.
    digest = hashlib.sha1(f"{username}:{password}".encode(), usedforsecurity=False).digest()
    return f"{username}:{base64.b64encode(digest).decode()}"


def make_acl(
    scheme: str,
    credential: str,
    read: bool = False,
    write: bool = False,
    create: bool = False,
    delete: bool = False,
    admin: bool = False,
    all: bool = False,  # noqa: A002 (the documented name)
) -> ACL:
    """Return the entry that gives an identity these permissions; `all` is every one of them.

    The credential is what the scheme calls an identity: for `digest` what `make_digest_acl_credential` returns, for
    `ip` an address or network.
    """
    for what, text in (("scheme", scheme), ("credential", credential)):
        if not isinstance(text, str):
            raise ArgumentTypeError(f"a {what} must be a string, not {type(text).__name__}")
    given = (read, write, create, delete, admin)
    perms = sum(
        getattr(Permissions, name) for name, is_given in zip(_NAMES, given, strict=True) if is_given
    )
    return ACL(Permissions.ALL if all else perms, Id(scheme, credential))


def make_digest_acl(
    username: str,
    password: str,
    read: bool = False,
    write: bool = False,
    create: bool = False,
    delete: bool = False,
    admin: bool = False,
    all: bool = False,  # noqa: A002 (the documented name)
) -> ACL:
    """Return the entry for who shows this name and password by `add_auth("digest", ...)`, as `make_acl`."""
    credential = make_digest_acl_credential(username, password)
    return make_acl("digest", credential, read, write, create, delete, admin, all)


def make_sasl_acl(
    username: str,
    read: bool = False,
    write: bool = False,
    create: bool = False,
    delete: bool = False,
    admin: bool = False,
    all: bool = False,  # noqa: A002 (the same)
) -> ACL:
    """Return the entry for a SASL identity: a DIGEST-MD5 user, or a Kerberos principal such as `bob@REALM`.

    Whether host and realm are part of it is a setting of the server. Raises `ArgumentError` (a ValueError) for more
    than one `@`.
    """
    entry = make_acl("sasl", username, read, write, create, delete, admin, all)
    if not username or username.count("@") > 1:
        raise ArgumentError(f"not the name of a SASL identity: {username!r}")
    return entry


def make_x509_acl(
    subject: str,
    read: bool = False,
    write: bool = False,
    create: bool = False,
    delete: bool = False,
    admin: bool = False,
    all: bool = False,  # noqa: A002 (the same)
) -> ACL:
    """Return the entry for a TLS client certificate, by its subject in RFC 2253's order: `CN=bob,OU=x,O=y`."""
    return make_acl("x509", subject, read, write, create, delete, admin, all)


def checked_acl(acl: object) -> tuple[ACL, ...]:
    """Return an ACL argument as entries; a single entry stands for a list of one.

    Raises `ArgumentTypeError` (a TypeError) for whatever is neither.
    """
    entries: Sequence[object]
    if isinstance(acl, ACL):
        entries = (acl,)
    elif isinstance(acl, Iterable) and not isinstance(acl, (str, bytes, dict)):
        entries = tuple(acl)
    else:
        entries = (acl,)
    for entry in entries:
        if not _is_acl(entry):
            msg = f"an ACL must be a list of zc.zk.ACL entries, not {acl!r}"
            raise ArgumentTypeError(msg)
    return entries  # type: ignore[return-value]  # each entry was just checked


def _is_acl(entry: object) -> bool:
    return (
        isinstance(entry, ACL)
        and isinstance(entry.perms, int)
        and isinstance(entry.id, Id)
        and isinstance(entry.id.scheme, str)
        and isinstance(entry.id.id, str)
    )
