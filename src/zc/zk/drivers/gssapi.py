"""SASL GSSAPI (RFC 4752): authenticate by Kerberos, through the package `gssapi` of the extra `sasl`."""

import itertools
from dataclasses import dataclass, field
from typing import Any, ClassVar

from zc.zk.errors import ArgumentError, ArgumentTypeError, AuthFailedError, UsageError
from zc.zk.protocol.sasl import Exchange, Mechanism

_NO_LAYER = 1  # the bit for "no security layer" in what a server offers
_OFFER_BYTES = 4
_ANSWER = bytes((_NO_LAYER, 0, 0, 0))  # and no authorization id: we are who the ticket says
_caches = itertools.count(1)
# Minor codes of MIT Kerberos for what may be better at the next attempt, as unsigned numbers.
_PASSING = {
    2**32 - 1765328228,  # no KDC can be reached
    2**32 - 1765328230,  # nor found
    2**32 - 1765328352,  # the ticket has expired: whoever renews it is late
}


@dataclass(frozen=True, slots=True)
class GSSAPI(Mechanism):
    """SASL GSSAPI: Kerberos, with the credentials of the default cache, or of a client keytab.

    `principal` chooses among several credentials. The server's principal is `service/host`, with `host` as the server
    is called in the connection string unless it is given; DNS is never asked for another name of it. `realm` is the
    server's, where it is not the default realm. Credentials are taken anew for each connection: to renew them while
    the client runs is to renew the cache, and what comes from a `keytab` renews itself.

    Raises `UsageError` where the package `gssapi` is missing.
    """

    name: ClassVar[str] = "GSSAPI"
    may_block: ClassVar[bool] = True  # a ticket may have to be fetched
    principal: str | None = None
    service: str = "zookeeper"
    host: str | None = None
    realm: str | None = None
    keytab: str | None = None
    # Not by the object's id: a later one may get the same, and must not find another's tickets.
    _cache: str = field(
        default_factory=lambda: f"MEMORY:zc.zk-{next(_caches)}",
        init=False,
        repr=False,
        compare=False,
    )

    def __post_init__(self) -> None:
        for what in ("principal", "service", "host", "realm", "keytab"):
            value = getattr(self, what)
            if what == "service" or value is not None:
                _check(what, value)
        load()

    def start(self, host: str, nonce: str) -> "GSSAPIExchange":
        gssapi = load()
        try:
            return GSSAPIExchange(gssapi, self._context(gssapi, host))
        except gssapi.exceptions.GSSError as error:
            raise _failure(error) from None

    def target(self, host: str) -> str:
        """Return the principal of a server."""
        realm = f"@{self.realm}" if self.realm else ""
        return f"{self.service}/{(self.host or host).lower()}{realm}"

    def _context(self, gssapi: Any, host: str) -> Any:  # Any: the package has no types
        # A name of the type "host-based service" would be looked up in DNS, and back again, as krb5.conf has it.
        kind = gssapi.NameType.kerberos_principal
        ours = None if self.principal is None else gssapi.Name(self.principal, kind)
        store = None
        if self.keytab is not None:
            # A cache of its own, in memory: the user's may hold somebody else.
            store = {"client_keytab": self.keytab, "ccache": self._cache}
        credentials = gssapi.Credentials(name=ours, usage="initiate", store=store)
        flags = gssapi.RequirementFlag
        return gssapi.SecurityContext(
            name=gssapi.Name(self.target(host), kind),
            creds=credentials,
            flags=[flags.mutual_authentication, flags.integrity],
            usage="initiate",
        )


class GSSAPIExchange(Exchange):
    """RFC 4752 with one server: tokens until the context stands, then the agreement on no security layer."""

    def __init__(self, gssapi: Any, context: Any) -> None:  # Any: the package has no types
        self._gssapi = gssapi
        self._context = context
        self._has_agreed = False

    def step(self, challenge: bytes | None) -> bytes | None:
        if self._has_agreed:
            if challenge:
                raise AuthFailedError(reason="the server goes on after the end")
            return None
        if challenge is None:
            raise AuthFailedError(reason="the server ended it early")
        try:
            if not self._context.complete:
                token: bytes | None = self._context.step(challenge or None)
                return token or b""
            return self._agree(challenge)
        except self._gssapi.exceptions.GSSError as error:
            raise _failure(error) from None

    def _agree(self, challenge: bytes) -> bytes:
        offer = self._context.unwrap(challenge).message
        if len(offer) != _OFFER_BYTES or not offer[0] & _NO_LAYER:
            raise AuthFailedError(reason="the server wants a security layer")
        self._has_agreed = True
        answer: bytes = self._context.wrap(_ANSWER, encrypt=False).message
        return answer


def load() -> Any:  # Any: the package has no types
    """Return the package, where it is needed; raises `UsageError` where it is missing."""
    try:
        import gssapi  # noqa: PLC0415 (an optional package)
    except ImportError as error:
        raise UsageError(
            f"SASL GSSAPI needs the package gssapi, install zc.zk[sasl]: {error}"
        ) from error
    return gssapi


def _check(what: str, value: object) -> None:
    if not isinstance(value, str):
        raise ArgumentTypeError(f"a {what} must be a string, not {type(value).__name__}")
    if not value or "\0" in value:
        raise ArgumentError(f"a {what} must not be empty or hold NUL: {value!r}")


def _failure(error: Any) -> Exception:  # Any: the package has no types
    texts = error.get_all_statuses(error.min_code, is_maj=False) if error.min_code else []
    reason = " ".join(
        "; ".join(texts or error.get_all_statuses(error.maj_code, is_maj=True)).split()
    )
    return OSError(reason) if error.min_code in _PASSING else AuthFailedError(reason=reason)
