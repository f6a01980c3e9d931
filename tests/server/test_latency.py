from zc.zk.server.latency import Latency


def test_nothing_took_no_time() -> None:
    latency = Latency()

    assert (latency.shortest, latency.average, latency.longest, latency.last) == (0, 0.0, 0, 0)


def test_the_shortest_the_mean_the_longest_and_the_last_are_told() -> None:
    latency = Latency()

    latency.add(0.0035)
    latency.add(0.0061, 2)
    latency.add(0.0042)

    assert (latency.shortest, latency.longest, latency.last) == (3, 6, 4)
    assert latency.average == 4.975


def test_what_is_forgotten_does_not_count() -> None:
    latency = Latency()
    latency.add(9.0)
    latency.reset()

    latency.add(0.002)

    assert (latency.shortest, latency.average, latency.longest) == (2, 2.0, 2)
