"""Registrations: desired state of the kind "keep this ephemeral node present, and ours".

One plan drives a registration from what is found to what is wanted, over and over: after a lost connection or session,
after somebody deleted the node, after we asked for other data or withdrew it. Whose a node is is told by its owner.
"""

import logging
from collections.abc import Callable

from zc.zk.codes import CreateFlag, EventType, KeeperState
from zc.zk.errors import (
    BadVersionError,
    ConnectionClosedError,
    ConnectionLoss,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    RolledBackError,
    RuntimeInconsistency,
    SessionExpiredError,
    ZooKeeperError,
)
from zc.zk.operations import Create, Delete, Exists, GetData, Multi, SetData
from zc.zk.plans import Change, Pause, Plan, Wait, Whoami
from zc.zk.protocol.requests import encode
from zc.zk.records import Stat, WatchedEvent
from zc.zk.retry import Backoff, widened
from zc.zk.security import ACL

# After a refusal, such as a missing parent, there is nothing to watch for; who else was refused has a pace of his own.
_BACKOFF = Backoff(0.5, 2, 2.0, jitter=0)
# What a replacement ends with when the node is not what it was, or when the other half of it failed.
_OVERTAKEN = (NoNodeError, BadVersionError, RolledBackError, RuntimeInconsistency)
_DELETED = "the node was deleted"
log = logging.getLogger("zc.zk")


def claim(path: str, data: bytes, acl: tuple[ACL, ...], patience: float) -> Plan[None]:
    """Create an ephemeral node that must not be there yet.

    A node that our own earlier session left is taken over. One of another session, most often of a predecessor that
    crashed, is waited for, up to `patience` seconds; then, or when it is of no session, `NodeExistsError` names the
    owner. Of any other error, `maybe_applied` says whether it may have left a node of ours.
    """
    yield from widened(_claiming(path, data, acl, patience))


def _claiming(path: str, data: bytes, acl: tuple[ACL, ...], patience: float) -> Plan[None]:
    lost_reply = False
    while True:
        try:
            yield from Create(path, data, acl, CreateFlag.EPHEMERAL)
            return
        except ConnectionLoss as error:
            if not error.maybe_applied:
                raise
            lost_reply = True  # the node itself will tell whether it was made
        except ConnectionClosedError:
            raise
        except SessionExpiredError:
            continue  # it was never sent: the next session makes it
        except NodeExistsError:
            pass
        if (yield from _is_ours(path, patience, lost_reply=lost_reply)):
            return


def _is_ours(path: str, patience: float, *, lost_reply: bool) -> Plan[bool]:
    gone = Change()
    stat = yield from Exists(path, gone)
    if stat is None:
        return False
    ids = yield from Whoami()
    owner = stat.owner_session_id
    if gone.event is not None:
        return False  # what we saw is over
    if owner == ids.current and lost_reply:
        return True
    if owner in ids.earlier:
        yield from _remove(path, stat)
    elif owner is None or owner == ids.current or not (yield from Wait(gone, patience)):
        gone.fire(WatchedEvent(EventType.NONE, KeeperState.CONNECTED, path))  # spent: nobody waits
        raise NodeExistsError(path, owner)
    return False


def _remove(path: str, stat: Stat) -> Plan[None]:
    try:
        yield from Delete(path, stat.version)
    except (NoNodeError, BadVersionError, ConnectionLoss):
        return  # whatever it is now is looked at anew


def _no_chance() -> float:
    return 0.0


class Registration:
    """A server's node, and what is wanted of it.

    `is_held` is whether the node was last seen to be there and ours, `holder` which session of ours held it. `settled`
    is called whenever what is wanted is there, and when nothing more is done about it because the client was closed,
    `restored` whenever the node was made again.
    `want` and `withdraw` are called under the driver's lock.
    """

    def __init__(
        self,
        path: str,
        data: bytes,
        acl: tuple[ACL, ...],
        spread: Callable[[], float],
        settled: Callable[[], None],
        restored: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self.data = data
        self.acl = acl
        self.is_wanted = True
        self.is_held = True
        self.holder = 0
        self._may_exist = True  # also while the request that makes the node is out
        self._changed = Change()  # what the plan waits for
        self.settled = settled
        self._restored = restored
        self._why = "the node was gone"
        # Each wish is a tuple of its own, and `_met` the one that the node has: nobody clears what another thread set.
        self._wish = self._met = (data,)
        self._spread = spread
        self._complaint = ""
        self._pauses = _BACKOFF.pauses(_no_chance)

    def __repr__(self) -> str:
        standing = "held" if self.is_held else "not held" if self.is_wanted else "withdrawn"
        return f"<Registration {self.path} {standing}>"

    def require_sendable(self, data: bytes, root: str) -> None:
        """Raise `RequestTooLargeError` for data that the node could not be replaced with."""
        encode(self._replacement(data, 0), root)

    def want(self, data: bytes) -> None:
        """Give the node other data."""
        self._wish = (data,)
        self._look_again()

    def withdraw(self) -> None:
        """Have no node any more."""
        self.is_wanted = False
        self._look_again()

    def _look_again(self) -> None:
        self._changed.fire(WatchedEvent(EventType.NONE, KeeperState.CONNECTED, self.path))

    @property
    def is_settled(self) -> bool:
        """Whether what is wanted was there when the plan last looked."""
        if not self.is_wanted:
            return not self._may_exist
        return self.is_held and self._met is self._wish

    @property
    def wanted_data(self) -> bytes:
        """The data that the node has, or shall have."""
        wish = self._wish
        return self.data if self._met is wish else wish[0]

    def keep(self) -> Plan[None]:
        """Bring about what is wanted, for as long as the client is open; ends when the node is withdrawn and gone."""
        while self.is_wanted or self._may_exist:
            try:
                yield from self._look()
            except ConnectionClosedError:
                self.settled()
                raise
            except (ConnectionLoss, SessionExpiredError):
                continue  # what came of it is seen by looking again, as soon as a server is there
            except ZooKeeperError as error:
                self._complain(str(error))
                yield from Pause(next(self._pauses))
        self.settled()

    def _look(self) -> Plan[None]:
        self._changed = changed = Change()
        try:
            data, stat = yield from GetData(self.path, changed)
        except NoNodeError:
            self.is_held = self._may_exist = False
            yield from self._create()
            return
        ids = yield from Whoami()
        if changed.event is not None:
            return  # what we saw is over: by now the node may be another's, of the same version
        if stat.owner_session_id == ids.current:
            self._complaint = ""
            self._pauses = _BACKOFF.pauses(_no_chance)
            yield from self._hold(data, stat, changed)
        elif stat.owner_session_id in ids.earlier:
            yield from _remove(self.path, stat)
        else:
            self.is_held = self._may_exist = False
            if self.is_wanted:
                self._complain(f"held by session {stat.ephemeralOwner:#x}, waiting until it goes")
                yield from self._wait(changed)

    def _create(self) -> Plan[None]:
        if not self.is_wanted:
            return
        wish = self._wish
        data = self.data if self._met is wish else wish[0]
        self._may_exist = True
        try:
            yield from Create(self.path, data, self.acl, CreateFlag.EPHEMERAL)
        except NodeExistsError:
            return
        log.info("registered %s again: %s", self.path, self._why)
        self._why = _DELETED  # unless we are told something else
        self._restored()
        self.data = data
        self._met = wish

    def _hold(self, data: bytes, stat: Stat, changed: Change) -> Plan[None]:
        if not self.is_wanted:
            yield from _remove(self.path, stat)
            return
        wish = self._wish
        if self._met is not wish and wish[0] != data:
            yield from self._write(wish[0], stat)
            return
        self.data, self.is_held, self.holder = data, True, stat.ephemeralOwner
        self._met = wish
        self.settled()
        yield from self._wait(changed)

    def _write(self, data: bytes, stat: Stat) -> Plan[None]:
        try:
            yield from SetData(self.path, data, stat.version)
        except BadVersionError:
            return
        except NoAuthError:
            # Its ACL lets nobody write it, us neither: a node with other data must be another node. In one transaction,
            # so that nobody finds it missing; what came of it is seen by looking again.
            results = yield from self._replacement(data, stat.version)
            for result in results:
                if isinstance(result, ZooKeeperError) and not isinstance(result, _OVERTAKEN):
                    raise result from None

    def _replacement(self, data: bytes, version: int) -> Multi:
        create = Create(self.path, data, self.acl, CreateFlag.EPHEMERAL)
        return Multi((Delete(self.path, version), create))

    def _wait(self, changed: Change) -> Plan[None]:
        yield from Wait(changed)
        event = changed.event
        is_lost = event is not None and event.state is KeeperState.EXPIRED_SESSION
        self._why = "the session was lost" if is_lost else _DELETED
        if is_lost and self.is_wanted:
            # After a lost session all registrations come back, though not all at once.
            pause = self._spread()
            if pause > 0:
                yield from Pause(pause)

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            log.warning("registration of %s: %s", self.path, complaint)
