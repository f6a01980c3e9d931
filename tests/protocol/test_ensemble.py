import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zc.zk.errors import ArgumentError, ArgumentTypeError
from zc.zk.protocol.ensemble import Endpoint, Ensemble, EvenJitter, parse, parse_endpoint

THREE = (Endpoint("a", 1), Endpoint("b", 2), Endpoint("c", 3))


def never_mind() -> float:
    return 0.5


# The connection string


@pytest.mark.parametrize(
    ("text", "endpoints", "chroot"),
    [
        ("a", [Endpoint("a", 2181)], ""),
        ("a:", [Endpoint("a", 2181)], ""),
        ("a:1", [Endpoint("a", 1)], ""),
        ("a:1,b:2", [Endpoint("a", 1), Endpoint("b", 2)], ""),
        (" a:1 , , b:2 ", [Endpoint("a", 1), Endpoint("b", 2)], ""),
        ("a:1/app", [Endpoint("a", 1)], "/app"),
        ("a,b/app/x", [Endpoint("a", 2181), Endpoint("b", 2181)], "/app/x"),
        ("a:1/", [Endpoint("a", 1)], ""),
        ("[::1]:5", [Endpoint("::1", 5)], ""),
        ("[::1]", [Endpoint("::1", 2181)], ""),
        ("::1", [Endpoint("::1", 2181)], ""),
        ("[fe80::1%eth0]:5,a/x", [Endpoint("fe80::1%eth0", 5), Endpoint("a", 2181)], "/x"),
    ],
)
def test_a_connection_string_names_servers_and_a_chroot(
    text: str, endpoints: list[Endpoint], chroot: str
) -> None:
    assert parse(text) == (tuple(endpoints), chroot)


def test_servers_may_come_as_a_list() -> None:
    assert parse(["a:1", "b:2"]) == ((Endpoint("a", 1), Endpoint("b", 2)), "")


@pytest.mark.parametrize(
    "text",
    [
        "a:1:2",
        "a:x",
        "a:0",
        "a:65536",
        "a:-1",
        "a:\u0661",
        "a:" + "9" * 5000,
        ":5",
        "a b:1",
        "[::1",
        "[::1]5",
        "[]:5",
        "[a]:5",
        "[1.2.3.4]:5",
    ],
)
def test_what_is_no_address_is_named_in_the_error(text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse(text)

    assert str(caught.value) == f"not a server address, host:port is needed: {text!r}"


@pytest.mark.parametrize("text", ["", " ", ",", "/app"])
def test_a_string_without_servers_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^no server is named in {re.escape(repr(text))}$"):
        parse(text)


@pytest.mark.parametrize("chroot", ["/app/", "//", "/../x", "/a\0"])
def test_a_chroot_must_be_a_path(chroot: str) -> None:
    with pytest.raises(ArgumentError, match=r"^not a path"):
        parse("a:1" + chroot)


@pytest.mark.parametrize("hosts", [None, 5, b"a:1", [b"a"], [1]])
def test_servers_that_are_no_text_are_a_type_error(hosts: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^servers must be given as a string or a list"):
        parse(hosts)


@given(
    st.sampled_from(["a", "host.example", "127.0.0.1", "::1", "fe80::2%eth0"]),
    st.integers(1, 65535),
)
def test_an_endpoint_is_read_as_it_is_shown(host: str, port: int) -> None:
    endpoint = Endpoint(host, port)

    assert parse_endpoint(str(endpoint)) == endpoint


# The order of trying


def test_the_order_given_is_kept_where_that_is_wanted() -> None:
    ensemble = Ensemble(THREE, random.Random(5).random, shuffled=False)

    assert ensemble.order == THREE
    ensemble.replace(THREE[::-1], None)
    assert ensemble.order == THREE[::-1]


def test_the_servers_are_shuffled_once_by_the_chance_given() -> None:
    orders = {tuple(rounds(Ensemble(THREE, random.Random(seed).random), 3)) for seed in range(40)}

    assert len(orders) == 6


def rounds(ensemble: Ensemble, count: int) -> list[Endpoint]:
    tried = []
    for _ in range(count):
        tried.append(ensemble.order[0])
        ensemble.failed(tried[-1], "refused")
    return tried


def test_the_servers_are_tried_in_turn() -> None:
    ensemble = Ensemble(THREE, random.Random(1).random)

    tried = rounds(ensemble, 7)

    assert set(tried[:3]) == set(THREE)
    assert tried[3:6] == tried[:3]
    assert tried[6] == tried[0]


def test_a_server_that_accepted_us_is_tried_first_when_it_goes() -> None:
    ensemble = Ensemble(THREE, random.Random(1).random)
    ensemble.failed(ensemble.order[0], "refused")
    accepted = ensemble.order[1]

    ensemble.succeeded(accepted)

    assert ensemble.order[0] == accepted


def test_the_last_failure_of_each_server_is_kept_until_one_accepts() -> None:
    ensemble = Ensemble(THREE, never_mind)
    for reason in ("refused", "refused", "refused", "timed out"):
        ensemble.failed(ensemble.order[0], reason)

    before = {str(endpoint): why for endpoint, why in ensemble.failures.items()}
    ensemble.succeeded(THREE[0])

    assert before == {"a:1": "timed out", "b:2": "refused", "c:3": "refused"}
    assert ensemble.failures == {}


def test_the_one_behind_the_server_that_failed_is_next_whichever_that_was() -> None:
    ensemble = Ensemble(THREE, never_mind)

    ensemble.failed(THREE[1], "refused")

    assert ensemble.order == (THREE[2], THREE[0], THREE[1])


def test_a_server_that_is_named_twice_is_one_server() -> None:
    ensemble = Ensemble((*THREE, THREE[0]), never_mind)

    assert sorted(map(str, rounds(ensemble, 3))) == ["a:1", "b:2", "c:3"]


def test_a_server_that_is_being_tried_is_told_with_its_last_failure_if_it_has_one() -> None:
    ensemble = Ensemble(THREE, never_mind)
    ensemble.failed(THREE[0], "refused")

    for server in THREE[:2]:
        ensemble.trying(server)

    assert ensemble.failures == {THREE[0]: "refused", THREE[1]: "no answer so far"}


# The pause between


def pauses(chance: Callable[[], float], outage: float, *, failed: int) -> float:
    ensemble = Ensemble(THREE, chance)
    for _ in range(failed):
        ensemble.failed(ensemble.order[0], "refused")
    return ensemble.pause(outage)


@pytest.mark.parametrize("outage", [0, 0.1, 1, 10, 1e6])
@pytest.mark.parametrize("failed", range(7))
def test_the_pause_never_grows_beyond_two_seconds(outage: float, failed: int) -> None:
    assert pauses(lambda: 1.0, outage, failed=failed) < 2.0


@pytest.mark.parametrize("failed", range(7))
def test_the_pause_may_be_nothing_at_all(failed: int) -> None:
    assert pauses(lambda: 0.0, 10, failed=failed) == 0


def test_the_clients_of_a_server_that_died_are_spread_over_a_while() -> None:
    assert pauses(lambda: 1.0, 0, failed=0) == pytest.approx(0.3)


def test_the_other_servers_are_tried_quickly() -> None:
    assert pauses(lambda: 1.0, 60, failed=2) <= 0.1


@pytest.mark.parametrize("outage", [1.0, 2.0, 3.0])
def test_a_pause_is_never_more_than_half_the_outage_so_far(outage: float) -> None:
    assert pauses(lambda: 1.0, outage, failed=3) == pytest.approx(outage / 2)


@pytest.mark.parametrize("seed", range(5))
def test_refused_connections_are_at_most_40_attempts_in_10_seconds(seed: int) -> None:
    ensemble = Ensemble(THREE[:1], random.Random(seed).random)
    now, attempts = 0.0, 0

    while now < 10:
        attempts += 1
        ensemble.failed(THREE[0], "refused")
        now += ensemble.pause(now)

    assert attempts <= 40


def test_a_scheme_is_no_part_of_a_connection_string() -> None:
    with pytest.raises(ValueError, match=r"has no scheme.*'zookeeper://a:1'"):
        parse("zookeeper://a:1")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("addresses", [2, 3])
def test_so_are_those_of_a_server_with_several_addresses(seed: int, addresses: int) -> None:
    ensemble = Ensemble(THREE[:1], random.Random(seed).random)
    now, attempts = 0.0, 0

    while now < 10:
        attempts += addresses
        ensemble.failed(THREE[0], "refused", addresses)
        now += ensemble.pause(now)

    assert attempts <= 40


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("localhost", False),
        ("a", False),
    ],
)
def test_an_endpoint_knows_whether_it_is_an_address(host: str, expected: bool) -> None:
    assert Endpoint(host, 1).is_address is expected


@pytest.mark.parametrize("first", [0.0, 0.3, 0.999])
def test_the_pauses_of_one_process_lie_apart(first: float) -> None:
    jitter = EvenJitter(first)

    moments = sorted(jitter() for _ in range(50))

    assert all(0 <= each < 1 for each in moments)
    for begin in moments:
        assert sum(begin <= each < begin + 1 / 3 for each in moments) <= 18


def test_of_the_jitter_only_pauses_are_made() -> None:
    def never_mind() -> float:
        return 0.25

    plain = Ensemble(THREE, never_mind)
    jittered = Ensemble(THREE, never_mind, jitter=lambda: 1.0)

    assert jittered.order == plain.order
    assert jittered.pause(0) == pytest.approx(4 * plain.pause(0))


# Another list


@pytest.mark.parametrize(
    ("before", "after", "chance", "stays"),
    [
        ("a", "a,b", 0.49, True),
        ("a", "a,b", 0.5, False),
        ("a,b,c", "a,b,c,d,e", 0.59, True),
        ("a,b,c", "a,b,c,d,e", 0.6, False),
        ("a,b,c", "a,b", 0.99, True),
        ("a,b,c", "c,b,a", 0.99, True),
        ("a", "b,c", 0.0, False),
        ("a", "a,a", 0.99, True),
    ],
)
def test_of_a_longer_list_each_server_gets_its_share_of_clients(
    before: str, after: str, chance: float, stays: bool
) -> None:
    ensemble = Ensemble(parse(before)[0], lambda: chance)
    current = ensemble.order[0]

    assert ensemble.replace(parse(after)[0], current) is stays
    assert (ensemble.order[0] == current) is stays


def test_whoever_leaves_a_server_tries_all_others_before_it() -> None:
    ensemble = Ensemble(parse("a")[0], lambda: 0.9)
    left = ensemble.order[0]

    ensemble.replace(parse("a,b,c")[0], left)

    assert ensemble.order[-1] == left
    assert len(set(ensemble.order)) == 3


def test_a_server_that_is_not_listed_any_more_is_not_preferred() -> None:
    ensemble = Ensemble(parse("a,b")[0], lambda: 0.5)
    gone = Endpoint("a", 2181)
    ensemble.replace(parse("b,c")[0], gone)
    order = ensemble.order

    ensemble.prefer(gone)
    ensemble.failed(gone, "refused")
    ensemble.succeeded(gone)

    assert ensemble.order == order
    assert ensemble.failures == {}
