"""How a connection comes to speak for identities, and what it may ask before (protocol.md, 13)."""

from collections.abc import Collection

from zc.zk import operations as ops
from zc.zk.errors import AuthFailedError, SessionClosedRequireSaslError
from zc.zk.security import Id
from zc.zk.server import acl as acls
from zc.zk.server.caller import Caller
from zc.zk.server.sasl import Exchange
from zc.zk.server.settings import Settings
from zc.zk.server.store import Store

_NONCE_BYTES = 20


def auth(store: Store, caller: Caller, request: ops.Auth) -> None:
    """Let the connection speak for one more identity."""
    caller.add_identities(
        acls.identities_for(request.scheme, request.credential, store.settings.super_digest)
    )


def sasl(store: Store, caller: Caller, request: ops.Sasl) -> bytes | None:
    """Take a step of a login; no token says that this server knows no SASL."""
    users = store.settings.sasl_users
    if users is None:
        return None
    if caller.exchange is None:
        caller.exchange = Exchange(users, store.random_bytes(_NONCE_BYTES).hex())
    try:
        token = caller.exchange.step(request.token)
    except AuthFailedError:
        if "sasl" in store.settings.required_schemes:
            raise SessionClosedRequireSaslError from None
        raise
    user = caller.exchange.user
    if user is not None:
        is_super = user == store.settings.super_user
        caller.add_identities([Id("sasl", user), *([acls.SUPER] if is_super else [])])
    return token


def certificate_identities(subject: str, settings: Settings) -> list[Id]:
    """Return the identities of who showed a good certificate."""
    is_super = subject == settings.super_subject
    return [*([Id("super", subject)] if is_super else []), Id("x509", subject)]


def is_welcome(identities: Collection[Id], settings: Settings) -> bool:
    """Say whether a connection with `identities` may ask for more than to log in."""
    required = settings.required_schemes
    return not required or any(identity.scheme in required for identity in identities)
