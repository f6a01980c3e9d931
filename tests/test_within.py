"""A client by another policy, which is the client itself in all else; each test is true of either face."""

import time
from typing import Any

import pytest

import zc.zk
from tests.faces import client_of
from tests.waiting import stretched, wait_until
from zc.zk import ConnectionLoss, OperationTimeoutError
from zc.zk.testing import Server
from zc.zk.within import Policy

SHORT = 0.1
SOON = 20.0


class Client:
    """What a policy stands before."""

    def __init__(self) -> None:
        self.patience = 10.0
        self.hosts = "a:1"

    def __repr__(self) -> str:
        return "<Client>"


def test_a_policy_has_its_own_time_and_all_else_of_the_client() -> None:
    client: Any = Client()
    policy: Any = Policy(client, 2, fail_fast=True)

    policy.hosts = "b:2"
    policy.patience = 3.0
    policy.fail_fast = False

    assert (policy.patience, policy.fail_fast) == (3.0, False)
    assert (client.patience, client.hosts, policy.hosts) == (10.0, "b:2", "b:2")
    assert not hasattr(client, "fail_fast")
    assert repr(policy) == "<<Client>, each call within 3 s>"
    with pytest.raises(AttributeError, match="nonsense"):
        policy.nonsense  # noqa: B018 (the look is the point)


def test_a_policy_may_wait_for_ever(face: str) -> None:
    with Server() as server, client_of(face, server.address, operation_timeout=1) as client:
        patient = client.within(None)

        assert patient.operation_timeout is None
        assert patient.get("/")[0] == b""
        assert client.operation_timeout == 1.0


def test_every_kind_of_call_keeps_to_the_policy(face: str) -> None:
    with Server() as server, client_of(face, server.address) as client:
        brief = client.within(SHORT)
        with server.faults.stall():
            begun = time.monotonic()
            with pytest.raises(OperationTimeoutError):
                brief.get("/")
            with pytest.raises(OperationTimeoutError):
                brief.get_async("/").get()
            with pytest.raises(OperationTimeoutError):
                brief.create("/a")
            with pytest.raises(OperationTimeoutError):
                brief.ensure_path("/a/b")
            with pytest.raises(OperationTimeoutError):
                brief.multi_read([("get", "/")])
            with pytest.raises(OperationTimeoutError):
                brief.DataWatch("/")
            with pytest.raises(OperationTimeoutError):
                brief.sync("/")
            assert time.monotonic() - begun < stretched(7 * (SHORT + 0.5))


def test_a_policy_that_fails_fast_does_so_alone(face: str) -> None:
    with Server() as server, client_of(face, server.address) as client:
        fast = client.within(None, fail_fast=True)
        assert fast.get("/")[0] == b""
        server.stop()
        wait_until(lambda: not client.connected, SOON)
        with pytest.raises(ConnectionLoss):
            fast.get("/")
        with pytest.raises(ConnectionLoss):
            fast.DataWatch("/")
        server.start()
        assert client.get("/")[0] == b""


def test_a_registry_may_stand_on_a_policy(face: str) -> None:
    with Server() as server, client_of(face, server.address) as client:
        brief = client.within(5)

        assert isinstance(brief, type(client))
        assert brief.within(1).operation_timeout == 1.0
        brief.default_acl = zc.zk.READ_ACL_UNSAFE
        assert client.default_acl == zc.zk.READ_ACL_UNSAFE
