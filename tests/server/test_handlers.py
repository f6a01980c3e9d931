from zc.zk.operations import OPERATIONS, Check, Ping, RemoveWatches, SetWatches, SetWatches2
from zc.zk.server.handlers import HANDLERS, Kind


def test_every_operation_of_the_codec_is_answered_but_the_one_for_multis_alone() -> None:
    answered = {opcode: row.operation for opcode, row in HANDLERS.items()}

    assert answered == {opcode: each for opcode, each in OPERATIONS.items() if each is not Check}


def test_an_operation_takes_a_zxid_unless_it_reads_or_is_about_the_connection() -> None:
    reading = {row.operation for row in HANDLERS.values() if row.kind is Kind.READ}

    assert all(
        operation.is_read or operation in (Ping, RemoveWatches, SetWatches, SetWatches2)
        for operation in reading
    )


def test_authentication_alone_is_about_the_connection() -> None:
    rows = [row for row in HANDLERS.values() if row.kind is Kind.CONNECTION]

    assert [row.operation.__name__ for row in rows] == ["Auth", "Sasl"]
