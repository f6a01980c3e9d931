import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import wire
from zc.zk.errors import ProtocolError
from zc.zk.jute import INT, LONG, Reader, Writer

INTS = st.integers(-(2**31), 2**31 - 1)
LONGS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def written(write: Callable[[Writer], None], root: str = "") -> bytes:
    out = Writer(root)
    write(out)
    return out.getvalue()


@given(INTS)
def test_an_int_is_four_big_endian_bytes(value: int) -> None:
    data = written(lambda out: out.int(value))

    assert data == struct.pack(">i", value)
    assert Reader(data).int() == value


@given(LONGS)
def test_a_long_is_eight_big_endian_bytes(value: int) -> None:
    data = written(lambda out: out.long(value))

    assert data == struct.pack(">q", value)
    assert Reader(data).long() == value


@given(st.none() | st.binary())
def test_a_buffer_is_read_as_it_was_written_and_null_is_not_empty(value: bytes | None) -> None:
    data = written(lambda out: out.buffer(value))

    assert data == wire.buffer(value)
    assert Reader(data).buffer() == value


@given(st.none() | TEXTS)
def test_a_string_is_a_buffer_of_utf_8(value: str | None) -> None:
    data = written(lambda out: out.string(value))

    assert data == wire.string(value)
    assert Reader(data).string() == value


@pytest.mark.parametrize(("data", "value"), [(b"\0", False), (b"\1", True), (b"\xff", True)])
def test_any_byte_but_zero_is_true(data: bytes, value: bool) -> None:
    assert Reader(data).boolean() is value


@pytest.mark.parametrize("value", [False, True])
def test_a_boolean_is_one_byte(value: bool) -> None:
    assert written(lambda out: out.boolean(value)) == bytes([value])


@given(st.lists(TEXTS))
def test_a_vector_is_its_count_and_its_elements(values: list[str]) -> None:
    data = written(lambda out: out.vector(values, out.string))
    source = Reader(data)

    assert data == wire.strings(values)
    assert source.vector(source.text, 4) == values


def test_a_null_vector_reads_as_an_empty_one() -> None:
    source = Reader(INT.pack(-1))

    assert source.vector(source.text, 4) == []


@given(INTS, LONGS)
def test_a_run_of_fixed_fields_is_taken_at_once(number: int, long: int) -> None:
    source = Reader(INT.pack(number) + LONG.pack(long))

    assert source.unpack(struct.Struct(">iq")) == (number, long)
    assert source.remaining == 0


def test_raw_bytes_are_written_as_they_are() -> None:
    assert written(lambda out: out.raw(b"abc")) == b"abc"


def test_a_path_gets_the_chroot_on_the_way_out_and_loses_it_on_the_way_in() -> None:
    data = written(lambda out: out.path("/a"), root="/é")

    assert data == wire.string("/é/a")
    assert Reader(data, root="/é").path() == "/a"


def test_a_path_without_a_chroot_is_a_string() -> None:
    assert written(lambda out: out.path("/a")) == wire.string("/a")


READS: list[Callable[[Reader], object]] = [
    Reader.boolean,
    Reader.int,
    Reader.long,
    Reader.buffer,
    Reader.string,
    Reader.text,
    Reader.path,
    lambda source: source.vector(source.text, 4),
]


@given(st.sampled_from(READS), st.binary(max_size=40))
def test_whatever_the_bytes_a_field_is_read_or_a_protocol_error(
    read: Callable[[Reader], object], data: bytes
) -> None:
    source = Reader(data)

    try:
        read(source)
    except ProtocolError:
        return

    assert 0 < source.position <= len(data)


@pytest.mark.parametrize("read", READS)
def test_nothing_is_read_beyond_the_end(read: Callable[[Reader], object]) -> None:
    behind = bytes(8) + b"secret"

    with pytest.raises(ProtocolError):
        read(Reader(behind, 8, 8))


@pytest.mark.parametrize(
    ("data", "read", "text"),
    [
        (INT.pack(5) + b"four", Reader.buffer, "a field of 5 bytes where 4 are left"),
        (INT.pack(-2), Reader.buffer, "a field of -2 bytes where 0 are left"),
        (INT.pack(-1), Reader.text, "null where a string must be"),
        (INT.pack(-5), READS[-1], "a list of -5 where 0 bytes are left"),
        (INT.pack(3) + bytes(11), READS[-1], "a list of 3 where 11 bytes are left"),
        (b"ab", Reader.finish, "2 bytes after the end of a record"),
    ],
)
def test_the_error_says_what_does_not_fit(
    data: bytes, read: Callable[[Reader], object], text: str
) -> None:
    with pytest.raises(ProtocolError, match=f"^{text}$"):
        read(Reader(data))


def test_text_that_is_not_utf_8_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match=r"^text that is not UTF-8: "):
        Reader(wire.buffer(b"\xc3\x28")).string()


def test_a_huge_count_is_refused_before_anything_is_kept() -> None:
    calls: list[None] = []

    with pytest.raises(ProtocolError):
        Reader(INT.pack(2**31 - 1) + bytes(64)).vector(lambda: calls.append(None), 4)

    assert calls == []


def test_finish_is_content_when_everything_was_taken() -> None:
    source = Reader(INT.pack(1))
    source.int()

    source.finish()

    assert source.remaining == 0
