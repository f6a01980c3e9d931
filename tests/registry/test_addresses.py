import pytest
from hypothesis import given
from hypothesis import strategies as st

from zc.zk.errors import ArgumentError, ArgumentTypeError
from zc.zk.registry.addresses import Address, format_addr, parse_addr

HOSTS = st.sampled_from(["a", "host.example", "127.0.0.1", "::1", "fe80::1%eth0", "2001:db8::7"])


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("host:1", ("host", 1)),
        ("[::1]:8080", ("::1", 8080)),
        (":8080", ("", 8080)),
    ],
)
def test_an_address_is_read_as_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert parse_addr(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "host", "host:", "host:x", "host:1:2", "::1:8080", "[host]:1", "h:²", "h:-1", "h: 1"],
)
def test_what_is_no_address_is_named_in_the_error(text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_addr(text)

    assert str(caught.value) == f"not an address, HOST:PORT is needed: {text!r}"


@pytest.mark.parametrize("text", ["h:0", "h:65536", "h:1000080", "h:" + "9" * 5000])
def test_a_port_has_16_bits(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"^a port is a number from 1 to 65535: "):
        parse_addr(text)


@pytest.mark.parametrize("text", [None, 5, b"h:1", ("h", 1)])
def test_an_address_that_is_no_text_is_a_type_error(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^an address must be a string, not "):
        parse_addr(text)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (("127.0.0.1", 8080), "127.0.0.1:8080"),
        (("::1", 8080), "[::1]:8080"),
        (("::1", 8080, 0, 0), "[::1]:8080"),
        ("host:8080", "host:8080"),
        ("[::1]:8080", "[::1]:8080"),
    ],
)
def test_an_address_is_the_name_of_its_node(address: Address, name: str) -> None:
    assert format_addr(address) == name


@given(HOSTS, st.integers(1, 65535))
def test_a_name_is_read_as_it_was_made(host: str, port: int) -> None:
    assert parse_addr(format_addr((host, port))) == (host, port)


@pytest.mark.parametrize(
    "address",
    [
        ("", 1),
        ("a/b", 1),
        ("a\0", 1),
        ("a:b", 1),
        ("h", 0),
        ("h", 65536),
        ("h", -1),
        ":1",
        "[a:b]:1",
        "..:1/..",
        "host",
    ],
)
def test_an_address_that_cannot_be_a_name_is_a_value_error(address: Address) -> None:
    with pytest.raises(ArgumentError):
        format_addr(address)


@pytest.mark.parametrize(
    "address", [None, 5, ("h",), ("h", 1, 2), (1, 1), ("h", "1"), ("h", True), {"h": 1}]
)
def test_what_has_no_host_and_port_is_a_type_error(address: Address) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^an address must be "):
        format_addr(address)
