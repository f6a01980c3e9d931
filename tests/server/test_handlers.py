from zc.zk.operations import OPERATIONS
from zc.zk.server.handlers import HANDLERS, Kind


def test_every_operation_of_the_codec_is_answered() -> None:
    assert {opcode: row.operation for opcode, row in HANDLERS.items()} == OPERATIONS


def test_an_operation_takes_a_zxid_unless_it_reads_or_is_about_the_connection() -> None:
    reading = {row.operation for row in HANDLERS.values() if row.kind is Kind.READ}

    assert all(
        operation.is_read or operation.__name__ in ("Ping", "SetWatches") for operation in reading
    )


def test_authentication_alone_is_about_the_connection() -> None:
    rows = [row for row in HANDLERS.values() if row.kind is Kind.CONNECTION]

    assert [row.operation.__name__ for row in rows] == ["Auth"]
