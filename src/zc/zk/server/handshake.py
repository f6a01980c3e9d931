"""What a connect request is answered by (protocol.md, 2.2, from its third step)."""

from struct import Struct
from typing import NamedTuple

from zc.zk.codes import ErrorCode
from zc.zk.jute import INT, Writer
from zc.zk.records import REPLY_HEADER, ConnectRequest, ConnectResponse
from zc.zk.server.sessions import Session
from zc.zk.server.store import Store

# What a server that takes no writes, and has no sessions of its own, answers instead of a response.
_REFUSAL = Struct(">iiqi")  # length, and the reply header: xid, zxid, error
_NOT_READ_ONLY = ErrorCode.NOT_READ_ONLY


class Greeting(NamedTuple):
    """The session that the connection is attached to from now on, if any, and what it is sent."""

    session: Session | None
    frame: bytes


def greet(store: Store, request: ConnectRequest, now: float) -> Greeting:
    """Find or begin the session that is asked for; without one, the connection is to end."""
    if store.is_read_only and not request.read_only:
        return Greeting(None, b"")  # who does not ask for a server that reads only wants none
    if request.last_zxid_seen > store.zxid:
        return Greeting(None, b"")  # the client is to try a server that is further on
    timeout = store.settings.negotiated_timeout(request.timeout)
    if request.session_id == 0:
        if store.is_read_only and not store.settings.local_sessions:
            return Greeting(None, _REFUSAL.pack(REPLY_HEADER.size, 0, store.zxid, _NOT_READ_ONLY))
        session: Session | None = _begin(store, timeout, now)
    elif store.is_read_only and store.sessions.find(request.session_id) is not None:
        return Greeting(None, b"")  # the session lives on elsewhere
    else:
        session = _take_over(store, request, timeout, now)
    # Clients before 3.4 expect no such byte.
    is_read_only = None if request.read_only is None else store.is_read_only
    if session is None:
        return Greeting(None, _frame(ConnectResponse(0, 0, bytes(16), is_read_only)))
    response = ConnectResponse(timeout, session.id, session.password, is_read_only)
    return Greeting(session, _frame(response))


def _begin(store: Store, timeout: int, now: float) -> Session:
    if store.is_read_only:
        return store.begin_local_session(timeout, now)
    draft = store.begin(now)
    session = draft.begin_session(timeout)
    draft.commit()
    return session


def _take_over(store: Store, request: ConnectRequest, timeout: int, now: float) -> Session | None:
    session = store.served_sessions.find(request.session_id)
    if session is None:
        return None
    if session.link is not None:
        session.link.close()  # before the password is looked at, as Apache does
    if not session.accepts(request.password):
        return None
    store.served_sessions.renegotiate(session, timeout, now)
    return session


def _frame(response: ConnectResponse) -> bytes:
    out = Writer()
    response.write(out)
    body = out.getvalue()
    return INT.pack(len(body)) + body
