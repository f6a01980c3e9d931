from functools import partial
from hashlib import new

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zc.zk.errors import ArgumentError, ArgumentTypeError, AuthFailedError, ZooKeeperError
from zc.zk.protocol.sasl import DIGEST_URI, DigestMD5, Exchange, key, parse_challenge, proof

md5 = partial(new, "md5", usedforsecurity=False)
PASSWORD = "secret"
NONCE = "OA6MG9tEQGm2hh"
CNONCE = "OA6MHXh6VqTrRk"
CHALLENGE = f'realm="zk-sasl-md5",nonce="{NONCE}",charset=utf-8,algorithm=md5-sess'.encode()


def begun(user: str = "bob", password: str = PASSWORD) -> Exchange:
    """Give an exchange after its empty first token."""
    exchange = DigestMD5(user, password).start("host", CNONCE)
    assert exchange.step(b"") == b""
    return exchange


def server_proof(user: str = "bob", password: str = PASSWORD, realm: str = "zk-sasl-md5") -> bytes:
    """Give what a server that knows the password says in the end."""
    secret = key(user, realm, password, NONCE, CNONCE)
    return f"rspauth={proof(secret, NONCE, CNONCE, f':{DIGEST_URI}')}".encode()


def test_the_computation_is_the_one_of_rfc_2831() -> None:
    # Section 4, the example with IMAP.
    secret = key("chris", "elwood.innosoft.com", "secret", NONCE, CNONCE)

    ours = proof(secret, NONCE, CNONCE, "AUTHENTICATE:imap/elwood.innosoft.com")
    theirs = proof(secret, NONCE, CNONCE, ":imap/elwood.innosoft.com")

    assert ours == "d388dad90d4bbd760a152321f2143af7"
    assert theirs == "ea40f60335c427b5527b84dbabcdfffd"


def test_the_response_has_all_that_servers_ask_for() -> None:
    response = begun().step(CHALLENGE)

    secret = key("bob", "zk-sasl-md5", "secret", NONCE, CNONCE)
    expected = proof(secret, NONCE, CNONCE, "AUTHENTICATE:zookeeper/zk-sasl-md5")
    assert (
        response
        == (
            'charset=utf-8,username="bob",realm="zk-sasl-md5",nonce="OA6MG9tEQGm2hh",nc=00000001,'
            'cnonce="OA6MHXh6VqTrRk",digest-uri="zookeeper/zk-sasl-md5",maxbuf=65536,'
            f"response={expected},qop=auth"
        ).encode()
    )


def test_the_password_is_not_in_the_response() -> None:
    response = begun(password="correct-horse").step(CHALLENGE)

    assert response is not None
    assert b"correct-horse" not in response


def test_a_server_that_proves_itself_is_accepted() -> None:
    exchange = begun()
    exchange.step(CHALLENGE)

    assert exchange.step(server_proof()) is None


@pytest.mark.parametrize(
    "last",
    [
        b"rspauth=00000000000000000000000000000000",
        b"rspauth=",
        b'rspauth=""',
        b"",
        b"rspauth",
        b'nonce="x"',
        b"rspauth=\xff",
        server_proof() + b"," + server_proof(),
        server_proof(password="another"),
        server_proof().upper(),
        server_proof()[:-1],
        'rspauth="é"'.encode(),
    ],
)
def test_a_server_that_does_not_prove_itself_is_refused(last: bytes) -> None:
    exchange = begun()
    exchange.step(CHALLENGE)

    with pytest.raises(AuthFailedError):
        exchange.step(last)


def test_the_reason_says_that_the_proof_was_wrong() -> None:
    exchange = begun()
    exchange.step(CHALLENGE)

    with pytest.raises(AuthFailedError) as caught:
        exchange.step(server_proof(password="another"))

    assert caught.value.reason == "the server did not prove that it knows the password"


@pytest.mark.parametrize("after", [0, 1])
def test_a_null_token_in_the_middle_is_refused(after: int) -> None:
    exchange = begun()
    if after:
        exchange.step(CHALLENGE)

    with pytest.raises(AuthFailedError) as caught:
        exchange.step(None)

    assert caught.value.reason == "the server ended it early"


def test_a_server_that_goes_on_after_the_end_is_refused() -> None:
    exchange = begun()
    exchange.step(CHALLENGE)
    exchange.step(server_proof())

    with pytest.raises(AuthFailedError) as caught:
        exchange.step(b"more")

    assert caught.value.reason == "the server goes on after the end"


# What servers offer


@pytest.mark.parametrize(
    "extra",
    [
        b"",
        b',qop="auth"',
        b",qop=auth",
        b',qop="auth-conf,auth-int,auth"',
        b',qop="auth-int, auth"',
        b",stale=true,maxbuf=1,unknown=word",
        b',cipher="rc4,des"',
        b", ,,",
    ],
)
def test_offers_that_allow_plain_authentication_are_taken(extra: bytes) -> None:
    offer = parse_challenge(CHALLENGE + extra)

    assert (offer.realm, offer.nonce, offer.is_unicode) == ("zk-sasl-md5", NONCE, True)


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        (CHALLENGE + b',qop="auth-int"', "the server wants a security layer"),
        (CHALLENGE + b',qop="auth-conf,auth-int"', "the server wants a security layer"),
        (CHALLENGE + b',qop=""', "the server wants a security layer"),
        (
            CHALLENGE.replace(b"md5-sess", b"md5"),
            "the server wants another algorithm than md5-sess",
        ),
        (
            CHALLENGE.replace(b"md5-sess", b"none"),
            "the server wants another algorithm than md5-sess",
        ),
        (
            CHALLENGE.replace(b",algorithm=md5-sess", b""),
            "the server's challenge has algorithm 0 times",
        ),
        (CHALLENGE + b",algorithm=md5-sess", "the server's challenge has algorithm 2 times"),
        (CHALLENGE + b',nonce="x"', "the server's challenge has nonce 2 times"),
        (b"charset=utf-8,algorithm=md5-sess", "the server's challenge has nonce 0 times"),
        (b'nonce="",algorithm=md5-sess', "the server's nonce is empty"),
        (CHALLENGE + b",charset=utf-8", "the server wants another character set than utf-8"),
        (
            CHALLENGE.replace(b"utf-8", b"koi8-r"),
            "the server wants another character set than utf-8",
        ),
        (b"", "the server's challenge has algorithm 0 times"),
        (b"\xff" + CHALLENGE, "the server's challenge is not in UTF-8"),
        (CHALLENGE + b',realm="', "the server's challenge is malformed"),
        (CHALLENGE + b"=", "the server's challenge is malformed"),
        (CHALLENGE + b",\x00", "the server's challenge is malformed"),
        (CHALLENGE + b",word", "the server's challenge is malformed"),
        (CHALLENGE + b'x="y"', "the server's challenge is malformed"),
        (CHALLENGE + b"," * 2048, "the server's challenge is 2123 bytes"),
    ],
)
def test_other_offers_are_refused_with_the_reason(challenge: bytes, reason: str) -> None:
    with pytest.raises(AuthFailedError) as caught:
        begun().step(challenge)

    assert caught.value.reason == reason


def test_of_several_realms_the_first_is_taken() -> None:
    offer = parse_challenge(b'realm="one",realm="two",nonce="n",algorithm=md5-sess')

    assert offer.realm == "one"


def test_quoted_text_is_read_and_written_with_its_escapes() -> None:
    exchange = begun(user='b"o\\b')

    response = exchange.step(rb'realm="a\"b\\c",nonce="n\,",algorithm=md5-sess')

    assert response is not None
    assert rb'username="b\"o\\b"' in response
    assert rb'realm="a\"b\\c"' in response
    assert rb'nonce="n,"' in response


def test_a_user_name_cannot_add_directives() -> None:
    response = begun(user='x",username="root').step(CHALLENGE)

    assert response is not None
    assert rb'username="x\",username=\"root"' in response


# Names that are not ASCII


@pytest.mark.parametrize(
    ("user", "encoding"), [("bob", "ascii"), ("zoë", "latin-1"), ("зоя", "utf-8"), ("€", "utf-8")]
)
def test_names_are_hashed_in_latin_1_where_that_is_possible(user: str, encoding: str) -> None:
    inner = md5(f"{user}:r:pw".encode(encoding)).digest()

    expected = md5(inner + b":n:c").hexdigest()

    assert key(user, "r", "pw", "n", "c") == expected


def test_names_are_sent_in_utf_8() -> None:
    response = begun(user="zoë").step(CHALLENGE)

    assert response is not None
    assert 'username="zoë"'.encode() in response


def test_a_server_that_takes_no_utf_8_is_sent_none() -> None:
    challenge = CHALLENGE.replace(b",charset=utf-8", b"")

    response = begun().step(challenge)
    with pytest.raises(AuthFailedError) as caught:
        begun(password="geheïm").step(challenge)

    assert response is not None
    assert b"charset" not in response
    assert caught.value.reason == "the server takes no names in UTF-8"


# Whatever comes


@given(st.binary(max_size=200))
def test_whatever_a_server_says_is_an_answer_or_a_typed_error(challenge: bytes) -> None:
    for text in (challenge, CHALLENGE + b"," + challenge):
        try:
            begun().step(text)
        except AuthFailedError as error:
            assert error.reason  # noqa: PT017 (both outcomes are right)


@given(st.text(alphabet='ab"\\,= é€'), st.text(alphabet='ab"\\,= é€'))
def test_what_is_written_can_be_read(realm: str, nonce: str) -> None:
    def quote(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    challenge = f"realm={quote(realm)},nonce={quote('n' + nonce)},algorithm=md5-sess"

    offer = parse_challenge(challenge.encode())

    assert (offer.realm, offer.nonce) == (realm, "n" + nonce)


# The value


def test_the_password_is_in_no_repr() -> None:
    mechanism = DigestMD5("bob", "correct-horse")

    assert repr(mechanism) == "DigestMD5(user='bob')"
    assert "correct-horse" not in repr(mechanism.start("h", "n"))


@pytest.mark.parametrize(
    ("user", "password"), [(None, "pw"), (b"bob", "pw"), ("bob", None), ("bob", b"correct-horse")]
)
def test_what_is_no_string_is_a_type_error(user: object, password: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^a (user|password) must be a string, not \w+$"):
        DigestMD5(user, password)  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize(
    ("user", "password"), [("", "pw"), ("a\0", "pw"), ("a", "\0"), ("a", "\ud800"), ("\udfff", "")]
)
def test_what_cannot_be_sent_is_an_error_that_does_not_show_it(user: str, password: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        DigestMD5(user, password)

    assert isinstance(caught.value, ZooKeeperError)
    assert caught.value.__context__ is None
    assert "\ud800" not in str(caught.value)
