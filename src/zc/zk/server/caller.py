"""The connection that a request came from, as far as what carries it out knows one."""

from collections.abc import Collection
from typing import Protocol

from zc.zk.errors import NoAuthError
from zc.zk.security import Id
from zc.zk.server.acl import allows
from zc.zk.server.sasl import Exchange
from zc.zk.server.sessions import Session
from zc.zk.server.tree import Node
from zc.zk.server.watches import Watcher


class Caller(Watcher, Protocol):
    """Whoever sent the request: it has a session, identities, and may leave watches.

    `exchange` is its login by SASL, once it began one.
    """

    exchange: Exchange | None

    @property
    def session(self) -> Session:
        """The session that the connection is attached to."""

    def add_identities(self, identities: Collection[Id]) -> None:
        """Let the connection speak for more."""


def permit(node: Node, permission: int, caller: Caller) -> None:
    """Raise `NoAuthError` unless one of the caller's identities has a bit of `permission`."""
    if not allows(node.acl, permission, caller.identities):
        raise NoAuthError
