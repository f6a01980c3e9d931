"""What a session gives to each new connection, so that it is as good as the last: identities, then watches.

It also takes what callers ask about these, for both outlive connections.
"""

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from zc.zk.codes import AddWatchMode
from zc.zk.errors import AuthFailedError, UnimplementedError
from zc.zk.operations import (
    AddWatch,
    Auth,
    ProbeModes,
    RemoveWatches,
    SetWatches,
    SetWatches2,
)
from zc.zk.protocol.connection import Connection
from zc.zk.protocol.removing import Adding, Removing
from zc.zk.protocol.requests import Request, encode
from zc.zk.protocol.states import Phase
from zc.zk.protocol.watches import KINDS, STANDARD

if TYPE_CHECKING:
    from zc.zk.protocol.session import Session


class Arming:
    """The identities of a session, and how far its present connection is armed."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._watches = session.trail.watches
        self._removing = Removing(session)
        self._identities: dict[Auth, list[Request]] = {}  # who waits, the last one always
        self._accepted: set[Auth] = set()  # by a server, or before there was one to ask
        self._awaited = 0  # answers, until the connection is as good as the last one
        self._modes_are_known = False  # of this connection's server
        self._probing_from = Phase.STOPPED
        self._is_old = False  # a server before 3.6, which lets no watch stand

    @property
    def identifying(self) -> Iterator[Request]:
        """Those who wait for an identity to be accepted, and some who did."""
        return chain(*self._identities.values())

    @property
    def identities(self) -> list[Auth]:
        """The identities to show, in their order; one that no server has accepted goes with the last who waits."""
        return [
            identity
            for identity, asked in self._identities.items()
            if identity in self._accepted or not all(each.ended for each in asked)
        ]

    @property
    def schemes(self) -> list[str]:
        """The schemes of all identities."""
        return [identity.scheme for identity in self._identities]

    # --- a new connection

    def begin(self, connection: Connection) -> None:
        """Show who we are, and arm the watches; then comes what callers wait for."""
        self._awaited = 1
        self._identities = {identity: self._identities[identity] for identity in self.identities}
        for identity, requests in self._identities.items():
            self._awaited += 1
            connection.send(_Identification(self, identity, requests, is_awaited=True))
        self._watches.reconnected()
        self._modes_are_known = False
        if self._watches.standing and not self._is_old:
            self._probe(connection)
        else:
            self._session.enter(Phase.REARMING)
            self._rearm(connection)

    def _probe(self, connection: Connection) -> None:
        # What stands and what fires once get into each other's way before 3.9. Until we know, requests wait in line.
        self._probing_from = self._session.phase
        self._session.enter(Phase.PROBING)
        connection.send(_Probe(self))

    def probed(self, *, coexist: bool) -> None:
        """Note whether this server keeps modes of watches apart, and go on where we were."""
        session = self._session
        self._modes_are_known = True
        self._watches.modes_coexist = coexist
        if session.phase is not Phase.PROBING or session.connection is None:
            return
        if self._probing_from.takes_requests:
            session.enter(self._probing_from)
            self._send_waiting(session.connection)
            self._settle()
        else:
            session.enter(Phase.REARMING)
            self._rearm(session.connection)

    def _rearm(self, connection: Connection) -> None:
        trail = self._session.trail
        kinds = STANDARD if self._is_old else KINDS
        for operation in self._watches.rearming(trail.zxid, trail.root, kinds):
            self._awaited += 1
            connection.send(_Rearming(self, operation, trail.root))
        self._send_waiting(connection)
        self.answered()

    def _send_waiting(self, connection: Connection) -> None:
        session = self._session
        waiting, session.queue = session.queue, deque()
        while waiting:
            request = waiting.popleft()
            if request.ended or (isinstance(request, Adding) and request.asked.ended):
                continue
            if not request.operation.is_kept:
                connection.send(request)
            elif self._is_old:
                request.fail(UnimplementedError(request.path))
            elif self._modes_are_known:
                self._send_watch(connection, request)
            else:
                session.queue = deque((request, *waiting))
                self._probe(connection)
                return
        session.readings.go_on()

    def answered(self) -> None:
        """Note that a step of arming is done; after the last the connection is as good as the one before."""
        self._awaited -= 1
        self._settle()

    def _settle(self) -> None:
        if not self._awaited and self._session.phase is Phase.REARMING:
            self._session.armed()

    def failed(self, error: Exception, *, stands: bool) -> None:
        """Give the connection up; where the server does not know watches that stand, ask no other for them."""
        self._is_old = self._is_old or (stands and isinstance(error, UnimplementedError))
        self._session.fault = f"watches could not be armed again: {error}"

    # --- what callers ask for

    def keep(self, request: Request) -> None:
        """Take a request about an identity or a watch that stands."""
        session, operation = self._session, request.operation
        if isinstance(operation, Auth):
            self._identify(request, operation)
        elif session.phase.is_ending:
            request.fail(session.ended_error(request))
        elif isinstance(operation, RemoveWatches):
            self._removing.unwatch(request, operation)
        else:
            session.queue.append(request)
            if session.phase.takes_requests and session.connection is not None:
                self._send_waiting(session.connection)

    def _identify(self, request: Request, identity: Auth) -> None:
        # Identities belong to a connection: they are kept, and shown to every server from now on.
        line = self._identities.get(identity, [])
        self._identities[identity] = [*(each for each in line if not each.ended), request]
        connection = self._session.connection
        if self._session.phase.is_served and connection is not None:
            connection.send(_Identification(self, identity, [request]))
        elif self._session.phase.is_ending:
            self.accepted(identity)
            request.resolve(None)

    def accepted(self, identity: Auth) -> None:
        """Show an identity to every server from now on, whoever waits for that."""
        self._accepted.add(identity)

    def refused(self, identity: Auth) -> AuthFailedError:
        """Forget an identity that a server refused, and stop for good; return why."""
        self._identities.pop(identity, None)
        self._accepted.discard(identity)
        return self._session.stop_refused(identity.scheme, "the server refused it")

    def _send_watch(self, connection: Connection, request: Request) -> None:
        operation = request.operation
        if isinstance(request, Adding):
            request = request.asked  # it was sent before, over another connection
        if isinstance(operation, AddWatch):
            is_recursive = operation.mode is AddWatchMode.PERSISTENT_RECURSIVE
            if not is_recursive and self._watches.covers(operation.path):
                self._watches.add("persistent", operation.path, operation.watch)
                request.resolve(None)
                return
            self._watches.ask(operation.path, recursive=is_recursive)
            request = Adding(self._removing, request)
        connection.send(request)


class _Identification(Request):
    """Shows an identity to this connection's server, for itself or for a caller who waits."""

    __slots__ = ("_arming", "_asked", "_identity", "_is_awaited")

    def __init__(
        self, arming: Arming, identity: Auth, asked: list[Request], *, is_awaited: bool = False
    ) -> None:
        super().__init__(identity, asked[-1].body)
        self._arming = arming
        self._identity = identity
        self._asked = asked
        self._is_awaited = is_awaited

    def resolve(self, answer: object) -> None:
        self.ended = True
        self._arming.accepted(self._identity)
        for asked in self._asked:
            if not asked.ended:
                asked.resolve(answer)
        if self._is_awaited:
            self._arming.answered()

    def fail(self, error: Exception) -> None:
        self.ended = True
        is_final = isinstance(error, AuthFailedError)
        if is_final:
            error = self._arming.refused(self._identity)
        for asked in self._asked:
            if not asked.ended:
                asked.fail(error)
        if self._is_awaited and not is_final:
            self._arming.answered()


class _Probe(Request):
    __slots__ = ("_arming",)

    def __init__(self, arming: Arming) -> None:
        operation = ProbeModes()
        super().__init__(operation, encode(operation, ""))
        self._arming = arming

    def resolve(self, answer: Any) -> None:  # Any: a boolean, as the operation says
        self.ended = True
        self._arming.probed(coexist=answer)

    def fail(self, error: Exception) -> None:
        self.ended = True
        self._arming.failed(error, stands=True)


class _Rearming(Request):
    __slots__ = ("_arming",)

    def __init__(self, arming: Arming, operation: SetWatches | SetWatches2, root: str) -> None:
        super().__init__(operation, encode(operation, root))
        self._arming = arming

    def resolve(self, answer: object) -> None:
        self.ended = True
        self._arming.answered()

    def fail(self, error: Exception) -> None:
        self.ended = True
        self._arming.failed(error, stands=isinstance(self.operation, SetWatches2))
