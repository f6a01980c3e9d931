import pytest

from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, WatcherType
from zc.zk.errors import ProtocolError
from zc.zk.jute import Reader, Writer


@pytest.mark.parametrize(
    ("mode", "kind"),
    [(AddWatchMode.PERSISTENT, "persistent"), (AddWatchMode.PERSISTENT_RECURSIVE, "recursive")],
)
def test_a_watch_that_stays_is_armed_as_its_mode_says(mode: AddWatchMode, kind: str) -> None:
    assert ops.AddWatch("/a", ops.Watch(), mode).arms(0) == kind


@pytest.mark.parametrize(
    ("cls", "number", "reason"),
    [
        (ops.AddWatch, 2, "2 is no AddWatchMode"),
        (ops.RemoveWatches, 0, "0 is no WatcherType"),
        (ops.CheckWatches, 6, "6 is no WatcherType"),
    ],
)
def test_a_mode_that_does_not_exist_is_a_protocol_error(
    cls: type[ops.Operation[None]], number: int, reason: str
) -> None:
    out = Writer()
    out.string("/a")
    out.int(number)

    with pytest.raises(ProtocolError, match=f"^{reason}$"):
        cls.read_request(Reader(out.getvalue()))


def test_which_watches_to_remove_is_said_by_a_number() -> None:
    out = Writer("/app")

    ops.RemoveWatches("/a", WatcherType.PERSISTENT_RECURSIVE).write(out)

    assert out.getvalue() == bytes.fromhex("00000006 2f6170702f61 00000005")


@pytest.mark.parametrize("cls", [ops.SetWatches, ops.SetWatches2])
def test_a_null_list_of_watches_is_a_protocol_error(cls: type[ops.Operation[None]]) -> None:
    with pytest.raises(ProtocolError, match=r"^a list of watches must not be null$"):
        cls.read_request(Reader(bytes(8) + bytes.fromhex("ffffffff") * 5))
