"""DIGEST-MD5 from the server's side (RFC 2831; protocol.md, 13.3)."""

import pytest

from tests.digestlogin import digest_answer
from zc.zk.errors import AuthFailedError
from zc.zk.server.sasl import Exchange, parse_response

USERS = {"alice": "secret of alice", "josé": "contraseña", "Юля": "пароль"}
CHALLENGE = b'realm="zk-sasl-md5",nonce="of the server",charset=utf-8,algorithm=md5-sess'


@pytest.fixture
def exchange() -> Exchange:
    exchange = Exchange(USERS, "of the server")
    assert exchange.step(b"") == CHALLENGE
    return exchange


@pytest.mark.parametrize("name", USERS)
def test_the_right_response_logs_in_and_is_answered_by_a_proof(
    name: str, exchange: Exchange
) -> None:
    proof = exchange.step(digest_answer(name, USERS[name], CHALLENGE))

    assert exchange.user == name
    assert len(proof) == len("rspauth=") + 32


def test_a_wrong_password_is_refused(exchange: Exchange) -> None:
    with pytest.raises(AuthFailedError):
        exchange.step(digest_answer("alice", "wrong", CHALLENGE))
    assert exchange.user is None


def test_an_unknown_user_is_refused_with_an_empty_password_too(exchange: Exchange) -> None:
    with pytest.raises(AuthFailedError):
        exchange.step(digest_answer("eve", "", CHALLENGE))


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": '"of another server"'},
        {"realm": '"elsewhere"'},
        {"realm": None},
        {"digest-uri": '"zookeeper/localhost"'},
        {"digest-uri": None},
        {"qop": "auth-int"},
        {"cnonce": None},
        {"cnonce": '""'},
        {"username": None},
        {"username": '"bob"'},
        {"authzid": '"bob"'},
        {"response": "0" * 32},
        {"response": None},
        {"charset": 'utf-8,username="alice"'},
        {"maxbuf": "65536,,,=x"},
    ],
    ids=repr,
)
def test_what_does_not_fit_is_refused(changes: dict[str, str | None], exchange: Exchange) -> None:
    with pytest.raises(AuthFailedError):
        exchange.step(digest_answer("alice", USERS["alice"], CHALLENGE, changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"qop": None},
        {"maxbuf": None},
        {"authzid": '"alice"'},
        {"qop": "auth , , ,maxbuf=1", "maxbuf": None},
        {"something": '"n\\\\e\\"w"'},
    ],
    ids=repr,
)
def test_what_can_be_left_out_or_added_is_taken(
    changes: dict[str, str | None], exchange: Exchange
) -> None:
    exchange.step(digest_answer("alice", USERS["alice"], CHALLENGE, changes))

    assert exchange.user == "alice"


def test_without_a_charset_names_are_in_iso_8859_1(exchange: Exchange) -> None:
    answer = digest_answer("josé", USERS["josé"], CHALLENGE, {"charset": None})

    exchange.step(answer.decode().encode("latin-1"))

    assert exchange.user == "josé"


def test_whatever_a_login_begins_with_is_answered_by_the_challenge() -> None:
    assert Exchange(USERS, "of the server").step(b"anything") == CHALLENGE


def test_a_login_can_be_tried_once(exchange: Exchange) -> None:
    with pytest.raises(AuthFailedError):
        exchange.step(b"")

    with pytest.raises(AuthFailedError):
        exchange.step(digest_answer("alice", USERS["alice"], CHALLENGE))


def test_bytes_that_are_no_text_are_refused(exchange: Exchange) -> None:
    with pytest.raises(AuthFailedError):
        exchange.step(b'charset=utf-8,username="\xff"')


def test_directives_are_told_apart_whatever_their_quotes_hold() -> None:
    text = b'a = "x, \\"y\\"=\\\\" ,, B=c , charset=utf-8'

    assert parse_response(text) == {"a": 'x, "y"=\\', "b": "c", "charset": "utf-8"}


@pytest.mark.parametrize(
    "token", [b"x", b'a="', b"a=1 b=2", b"=1", b"a=1" + b"," * 5000, b'a="\\"']
)
def test_a_response_that_cannot_be_read_is_refused(token: bytes) -> None:
    with pytest.raises(AuthFailedError):
        parse_response(token)
