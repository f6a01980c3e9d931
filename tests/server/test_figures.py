from zc.zk.server.figures import Figures
from zc.zk.server.latency import Latency


def test_what_came_in_is_measured_once() -> None:
    figures, all_of_them = Figures(1.0), Latency()
    figures.asked_at = 2.0
    figures.count_request()
    figures.count_request()

    figures.measure(2.5, all_of_them)
    figures.measure(9.0, all_of_them)

    assert figures.received == 2
    for latency in (figures.latency, all_of_them):
        assert (latency.count, latency.longest, latency.average) == (2, 500, 500.0)


def test_a_reset_forgets_the_last_request() -> None:
    figures = Figures(1.0)
    figures.count_request()
    figures.opcode = figures.xid = figures.zxid = 4

    figures.reset()

    assert (figures.received, figures.sent) == (0, 0)
    assert [figures.opcode, figures.xid, figures.zxid] == [None, 0, -1]
