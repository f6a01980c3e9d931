from zc.zk.protocol.search import Search


def test_the_first_look_is_soon() -> None:
    search = Search()

    search.begin(100.0)

    assert not search.is_due(100.09)
    assert search.is_due(100.1)


def test_each_look_is_due_once() -> None:
    search = Search()
    search.begin(0.0)

    assert [search.is_due(1.0), search.is_due(1.0)] == [True, False]


def test_pauses_double_up_to_two_seconds() -> None:
    search, now, pauses = Search(), 0.0, []
    search.begin(now)

    for _ in range(8):
        now = search.at
        search.was_in_vain(now)
        pauses.append(round(search.at - now, 6))

    assert pauses == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 2.0]


def test_nobody_looks_after_the_end() -> None:
    search = Search()
    search.begin(0.0)

    search.end()

    assert not search.is_due(1e9)
