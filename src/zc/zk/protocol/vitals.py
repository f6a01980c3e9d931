"""How a client is doing, as a value."""

from dataclasses import dataclass

from zc.zk.codes import KeeperState, State
from zc.zk.protocol.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """How a client is doing at one moment; what `Client.info` gives. Times are in seconds.

    `server` is the `host:port` as it was configured, `peer` the network address behind it; both are empty without a
    connection. `session_id` is 0 without a session; the password is not here, so this may be shown to anybody.
    `timeout` is what the server granted, `requested_timeout` what we asked for. The numbers of events are counted since
    the client was made. `supported` and `lacking` name operations and traits that not every server knows, as far as
    servers have shown whether they do.
    """

    server: str
    peer: str
    session_id: int
    timeout: float
    requested_timeout: float
    state: State
    client_state: KeeperState
    is_read_only: bool
    last_zxid: int
    connected_for: float | None
    connects: int
    reconnects: int
    expiries: int
    failed_attempts: int
    restores: int
    watch_events: int
    callback_failures: int
    waiting: int
    in_flight: int
    callbacks_waiting: int
    watches: int
    live_objects: int
    supported: frozenset[str]
    lacking: frozenset[str]

    @property
    def is_healthy(self) -> bool:
        """Whether a server answers, and callbacks do not pile up."""
        return self.state is State.CONNECTED and self.callbacks_waiting < _MANY


_MANY = 100  # callbacks that wait for a thread


def vitals(
    session: Session, now: float, peer: str, callbacks_waiting: int, callback_failures: int
) -> Vitals:
    """Look at a session, under the driver's lock."""
    chronicle = session.chronicle
    counts = chronicle.counts
    connected_at = chronicle.connected_at
    return Vitals(
        server=chronicle.server if connected_at is not None else "",
        peer=peer if connected_at is not None else "",
        session_id=session.identity.session_id,
        timeout=session.identity.timeout,
        requested_timeout=session.settings.timeout,
        state=session.state,
        client_state=session.keeper_state,
        is_read_only=session.keeper_state is KeeperState.CONNECTED_RO,
        last_zxid=session.trail.zxid,
        connected_for=None if connected_at is None else now - connected_at,
        connects=counts["connects",],
        reconnects=counts["reconnects",],
        expiries=counts["expiries",],
        failed_attempts=counts["failed_attempts",],
        restores=counts["restores",],
        watch_events=chronicle.watch_events,
        callback_failures=callback_failures,
        waiting=session.waiting,
        in_flight=session.in_flight,
        callbacks_waiting=callbacks_waiting,
        watches=len(session.trail.watches),
        live_objects=session.readings.live_objects,
        supported=frozenset(chronicle.supported),
        lacking=frozenset(chronicle.lacking),
    )
