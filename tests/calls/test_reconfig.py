"""Changing who belongs to an ensemble, K29, on a real one."""

from collections.abc import Callable

import pytest

import zc.zk
from tests.ensemble import SUPER_USER, Ensemble
from tests.realserver import RealServer
from tests.waiting import wait_until
from zc.zk import Client, WatchedEvent

SOON = 20.0
NOWHERE = "server.{0}=127.0.0.1:1:{0}:participant;127.0.0.1:1{0}"


@pytest.mark.slow
def test_k29_an_ensemble_is_changed_and_its_errors_are_told(
    own_ensemble: Callable[..., Ensemble],
) -> None:
    ensemble = own_ensemble()
    leaving = ensemble.followers[0]
    addresses = ",".join(each.address for each in ensemble.members if each is not leaving)
    with Client(f"{addresses}/chroot") as client:
        with pytest.raises(zc.zk.NoAuthError):
            client.reconfig(None, str(leaving.number), None)
        client.add_auth("digest", SUPER_USER)
        told: list[WatchedEvent] = []
        before, _ = client.get_config(told.append)

        with pytest.raises(zc.zk.BadVersionError):
            client.reconfig(None, str(leaving.number), None, from_config=5)
        with pytest.raises(zc.zk.BadArgumentsError):
            client.reconfig("nonsense", None, None)
        with pytest.raises(zc.zk.NewConfigNoQuorumError):
            client.reconfig([NOWHERE.format(number) for number in range(6, 10)], None, None)
        assert told == []

        smaller, stat = client.reconfig(None, [str(leaving.number)], None)
        wait_until(lambda: [event.path for event in told] == ["/zookeeper/config"], SOON)
        larger, _ = client.reconfig_async(leaving.line, None, None).get(SOON)
        members = [each.line for each in ensemble.members if each is not leaving]
        named, _ = client.reconfig(None, None, members)

        assert leaving.line.encode() in before
        assert leaving.line.encode() not in smaller
        assert leaving.line.encode() in larger
        assert leaving.line.encode() not in named
        assert client.get_config()[0] == named
        assert stat.data_length == len(smaller)


@pytest.mark.slow
def test_k29_a_server_that_is_alone_cannot_be_reconfigured() -> None:
    with (
        RealServer(
            settings={"reconfigEnabled": "true"}, java_options=("-Dzookeeper.skipACL=yes",)
        ) as server,
        Client(server.address) as client,
    ):
        with pytest.raises(zc.zk.UnimplementedError):
            client.reconfig(NOWHERE.format(4), None, None)

        assert client.connected
