"""What a connect request is answered by (protocol.md, 2.2, from its third step)."""

from typing import NamedTuple

from zc.zk.jute import INT, Writer
from zc.zk.records import ConnectRequest, ConnectResponse
from zc.zk.server.sessions import Session
from zc.zk.server.store import Store


class Greeting(NamedTuple):
    """The session that the connection is attached to from now on, if any, and what it is sent."""

    session: Session | None
    frame: bytes


def greet(store: Store, request: ConnectRequest, now: float) -> Greeting:
    """Find or begin the session that is asked for; without one, the connection is to end."""
    if request.last_zxid_seen > store.zxid:
        return Greeting(None, b"")  # the client is to try a server that is further on
    timeout = store.settings.negotiated_timeout(request.timeout)
    if request.session_id == 0:
        draft = store.begin(now)
        session: Session | None = draft.begin_session(timeout)
        draft.commit()
    else:
        session = _take_over(store, request, timeout, now)
    is_read_only = None if request.read_only is None else False  # before 3.4 there is no such byte
    if session is None:
        return Greeting(None, _frame(ConnectResponse(0, 0, bytes(16), is_read_only)))
    response = ConnectResponse(timeout, session.id, session.password, is_read_only)
    return Greeting(session, _frame(response))


def _take_over(store: Store, request: ConnectRequest, timeout: int, now: float) -> Session | None:
    session = store.sessions.find(request.session_id)
    if session is None:
        return None
    if session.link is not None:
        session.link.close()  # before the password is looked at, as Apache does
    if not session.accepts(request.password):
        return None
    store.sessions.renegotiate(session, timeout, now)
    return session


def _frame(response: ConnectResponse) -> bytes:
    out = Writer()
    response.write(out)
    body = out.getvalue()
    return INT.pack(len(body)) + body
