from zc.zk.drivers.deadline import Deadline
from zc.zk.protocol.ensemble import Endpoint

A = Endpoint("a", 1)


def test_it_goes_on_until_its_time_is_over() -> None:
    assert Deadline(60.0).go_on()
    assert not Deadline(0.0).go_on()


def test_the_last_failure_of_each_server_is_remembered() -> None:
    deadline = Deadline(60.0)

    deadline.trying(A)
    before = dict(deadline.failures)
    pause = deadline.unreachable(A, "refused", 1)
    deadline.trying(A)

    assert before == {A: "no answer so far"}
    assert deadline.failures == {A: "refused"}
    assert pause == 0
