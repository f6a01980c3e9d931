from typing import Any

import pytest

from tests.samples import STAT
from zc.zk import operations as ops
from zc.zk.errors import (
    BadVersionError,
    MarshallingError,
    NoNodeError,
    ProtocolError,
    RolledBackError,
    RuntimeInconsistency,
    UnknownError,
)
from zc.zk.jute import Reader, Writer

STAT_BODY = "00" * 68
END = "ffffffff 01 ffffffff"
FAILING = ops.Multi((ops.Create("/mu/a"), ops.Check("/mu/x", 99), ops.Delete("/mu/x")))
# As recorded, protocol.md, section 22.
FAILED = (
    "ffffffff 00 00000000 00000000ffffffff 00 ffffff99 ffffff99ffffffff 00 fffffffe fffffffe" + END
)


def answers_in(batch: ops.Multi | ops.MultiRead, body: str, root: str = "") -> list[Any]:
    source = Reader(bytes.fromhex(body), root=root)
    answers = batch.read(source)
    source.finish()
    return answers


def test_a_failed_multi_says_what_became_of_each_operation() -> None:
    answers = answers_in(FAILING, FAILED)

    assert [type(each) for each in answers] == [
        RolledBackError,
        BadVersionError,
        RuntimeInconsistency,
    ]
    assert [each.path for each in answers] == ["/mu/a", "/mu/x", "/mu/x"]


def test_a_server_writes_a_failed_multi_as_it_was_recorded() -> None:
    out = Writer()

    FAILING.write_reply([RolledBackError(), BadVersionError(), RuntimeInconsistency()], out)

    assert out.getvalue() == bytes.fromhex(FAILED)


def test_each_read_succeeds_or_fails_on_its_own() -> None:
    batch = ops.MultiRead((ops.GetData("/demo"), ops.GetChildren("/none")))

    data, refusal = answers_in(
        batch,
        f"00000004 00 00000000 00000002 796f {STAT_BODY} ffffffff 00 ffffff9b ffffff9b {END}",
    )

    assert data[0] == b"yo"
    assert isinstance(refusal, NoNodeError)
    assert refusal.path == "/none"


def test_the_parent_is_missing_for_a_create_as_outside_of_a_multi() -> None:
    (refusal,) = answers_in(
        ops.Multi((ops.Create("/no/child"),)), f"ffffffff 00 ffffff9b ffffff9b {END}"
    )

    assert isinstance(refusal, NoNodeError)
    assert (refusal.path, refusal.child) == ("/no", "/no/child")


def test_an_unknown_error_number_stays_known_by_its_number() -> None:
    (refusal,) = answers_in(ops.Multi((ops.Delete("/a"),)), f"ffffffff 00 fffffc18 fffffc18 {END}")

    assert isinstance(refusal, UnknownError)
    assert refusal.number == -1000


@pytest.mark.parametrize("operation", [ops.Create2("/a"), ops.CreateContainer("/a")])
def test_servers_before_3_8_2_answer_without_a_status(operation: ops.Operation[Any]) -> None:
    answers = answers_in(ops.Multi((operation,)), f"00000001 00 00000000 00000002 2f61 {END}")

    assert answers == [("/a", None)]


@pytest.mark.parametrize("operation", [ops.CreateContainer("/a"), ops.CreateTTL("/a", ttl=1)])
def test_a_container_and_a_ttl_node_are_answered_as_create2(operation: ops.Operation[Any]) -> None:
    multi, out = ops.Multi((operation,)), Writer()
    multi.write_reply([("/a", STAT)], out)

    assert out.getvalue()[:4] == bytes.fromhex("0000000f")
    assert answers_in(multi, out.getvalue().hex()) == [("/a", STAT)]


def test_paths_get_and_lose_the_chroot() -> None:
    multi, out = ops.Multi((ops.Create("/a"),)), Writer("/r")

    multi.write(out)

    assert b"/r/a" in out.getvalue()
    answer = f"00000001 00 00000000 00000004 2f722f61 {END}"
    assert answers_in(multi, answer, root="/r") == ["/a"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (END, "0 results for 1 operations"),
        (f"00000002 00 00000000 00000002 00 00000000 {END}", "more results than the 1 operations"),
        (f"00000005 00 00000000 {STAT_BODY} {END}", "a result of kind 5 for operation 2"),
        (f"00000001 00 00000000 00000002 2f61 {END}", "a result of kind 1 for operation 2"),
    ],
)
def test_results_that_do_not_fit_are_a_protocol_error(body: str, reason: str) -> None:
    with pytest.raises(ProtocolError, match=f"^{reason}$"):
        answers_in(ops.Multi((ops.Delete("/a"),)), body)


@pytest.mark.parametrize("opcode", [3, 7, 12, 14, 4, 999])
def test_what_may_not_be_in_a_multi_is_a_protocol_error(opcode: int) -> None:
    body = opcode.to_bytes(4, "big") + bytes.fromhex("00 ffffffff")

    with pytest.raises(ProtocolError, match=f"^operation {opcode} in a Multi$"):
        ops.Multi.read_request(Reader(body))


def test_a_batch_that_is_refused_as_a_whole_raises() -> None:
    with pytest.raises(MarshallingError):
        FAILING.refused(MarshallingError.code)


def test_a_batch_may_be_empty() -> None:
    assert answers_in(ops.Multi(), END) == []


# A creation has one of two results, as its server likes


def test_a_server_may_answer_a_create2_without_its_status() -> None:
    batch, out = ops.Multi((ops.Create2("/a"),)), Writer()

    batch.write_reply([("/a", None)], out)

    assert out.getvalue() == bytes.fromhex(f"00000001 00 00000000 00000002 2f61 {END}")
    assert answers_in(batch, out.getvalue().hex()) == [("/a", None)]


def test_a_create_that_became_a_container_has_a_status_that_nobody_asked_for() -> None:
    batch, out = ops.Multi((ops.Create("/a"),)), Writer()

    batch.write_reply([("/a", STAT)], out)

    assert out.getvalue()[:4] == bytes.fromhex("0000000f")
    assert answers_in(batch, out.getvalue().hex()) == ["/a"]
