"""What all faults have in common."""

import pytest

from tests.server.faultyworld import FaultyWorld
from zc.zk.server import requestfaults, serverfaults
from zc.zk.server.effects import Effect

KINDS = [
    value
    for module in (requestfaults, serverfaults)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, Effect) and value is not Effect
]


class Nothing(Effect):
    name = "nothing"


def test_a_fault_does_nothing_unless_it_says_what() -> None:
    world, nothing = FaultyWorld(), Nothing()
    peer = world.connect()

    nothing.strike(world.patient.victims(None)[0], b"", 5.0)
    nothing.end(world.patient, 5.0)

    assert nothing.begin(world.patient, None, 5.0) == 0
    assert nothing.hold_until(5.0) == 5.0
    assert peer.read() == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_is(kind: type[Effect]) -> None:
    assert kind.name.isidentifier()
    assert kind.__doc__
    assert not (kind.lasts and kind.is_for_requests)
    assert kind.holds or not kind.mutes
