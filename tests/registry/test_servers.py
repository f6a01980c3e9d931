import itertools
import logging
import random
from collections.abc import Callable

import pytest

from tests.playbook import OTHERS, US, Playbook, Tree, failing
from zc.zk.codes import MAX_REQUEST_BYTES, CreateFlag
from zc.zk.errors import (
    ConnectionClosedError,
    ConnectionLoss,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    QuotaExceededError,
    RequestTooLargeError,
    SessionExpiredError,
    ZooKeeperError,
)
from zc.zk.operations import Create, Delete, Exists, GetData, Multi, SetData
from zc.zk.plans import Pause, Plan, Wait, Whoami
from zc.zk.registry.servers import Registration, claim
from zc.zk.security import ACL, READ_ACL_UNSAFE

NODE = "/s/a:1"
ACL_OF_OURS: tuple[ACL, ...] = tuple(READ_ACL_UNSAFE)
NEXT = 0x52  # the session after ours
SECONDS = 12.0


# claim


def claiming(tree: Tree | None = None) -> Playbook[None]:
    return Playbook(tree or Tree("/s"), claim(NODE, b"x", ACL_OF_OURS, SECONDS))


def owner(play: Playbook[None]) -> int | None:
    node = play.tree.nodes.get(NODE)
    return None if node is None else node.owner


def test_a_name_that_is_free_is_taken_in_one_request() -> None:
    play = claiming()

    play.run()

    node = play.tree.nodes[NODE]
    assert (node.owner, node.data, node.acl) == (US, b"x", ACL_OF_OURS)
    assert len(play.steps) == 1


def test_a_name_without_its_parent_is_an_error() -> None:
    with pytest.raises(NoNodeError):
        claiming(Tree()).run()


def test_a_create_whose_reply_was_lost_counts_when_the_node_is_ours() -> None:
    play = claiming()
    play.after.append((Create, failing(ConnectionLoss(NODE, maybe_applied=True))))

    play.run()

    assert owner(play) == US
    assert len(play.asked(Create)) == 1


def test_a_create_that_never_arrived_is_made_again() -> None:
    play = claiming()
    play.before.append((Create, failing(ConnectionLoss(NODE, maybe_applied=True))))

    play.run()

    assert owner(play) == US
    assert len(play.asked(Create)) == 2


def test_a_node_that_this_session_made_before_is_an_error() -> None:
    play = claiming()
    play.tree.create(NODE, owner=US)

    with pytest.raises(NodeExistsError) as caught:
        play.run()

    assert caught.value.owner == US


def test_a_node_that_our_earlier_session_left_is_taken_over() -> None:
    play = claiming()
    play.tree.create(NODE, b"old", owner=0x50)
    play.earlier = {0x50}

    play.run()

    assert (owner(play), play.tree.nodes[NODE].data) == (US, b"x")


def test_a_predecessor_is_waited_for() -> None:
    play = claiming()
    play.tree.create(NODE, owner=OTHERS)
    play.waits.append(lambda: play.tree.end_session(OTHERS))

    play.run()

    assert owner(play) == US
    assert [step.seconds for step in play.asked(Wait)] == [SECONDS]


def test_a_predecessor_that_stays_is_named_in_the_error() -> None:
    play = claiming()
    play.tree.create(NODE, owner=OTHERS)

    with pytest.raises(NodeExistsError) as caught:
        play.run()

    assert str(caught.value) == "node exists: /s/a:1 (owned by session 0x99)"


def test_a_node_of_no_session_is_not_waited_for() -> None:
    play = claiming()
    play.tree.create(NODE)

    with pytest.raises(NodeExistsError) as caught:
        play.run()

    assert caught.value.owner is None
    assert play.asked(Wait) == []


def test_a_node_that_goes_before_we_look_is_no_obstacle() -> None:
    play = claiming()
    play.tree.create(NODE, owner=OTHERS)
    play.before.append((Exists, lambda: play.tree.end_session(OTHERS)))

    play.run()

    assert owner(play) == US


def test_a_node_that_becomes_anothers_while_we_look_is_not_removed() -> None:
    play = claiming()
    play.tree.create(NODE, owner=0x50)
    play.earlier = {0x50}

    def replace() -> None:
        play.tree.end_session(0x50)
        play.tree.create(NODE, owner=OTHERS)

    play.before.append((Whoami, replace))

    with pytest.raises(NodeExistsError):
        play.run()

    assert owner(play) == OTHERS


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reply_that_was_lost_while_the_old_node_was_removed_does_not_matter(when: str) -> None:
    play = claiming()
    play.tree.create(NODE, owner=0x50)
    play.earlier = {0x50}
    deeds = play.before if when == "before" else play.after
    deeds.append((Delete, failing(ConnectionLoss(NODE, maybe_applied=True))))

    play.run()

    assert owner(play) == US


def test_a_create_that_was_never_sent_is_made_in_the_next_session() -> None:
    play = claiming()
    play.before.append((Create, failing(SessionExpiredError(NODE))))

    play.run()

    assert owner(play) == US


@pytest.mark.parametrize("lost_reply", [False, True])
def test_an_error_that_ends_a_claim_says_whether_it_may_have_left_a_node(lost_reply: bool) -> None:
    play = claiming()
    if lost_reply:
        play.after.append((Create, failing(ConnectionLoss(NODE, maybe_applied=True))))
        play.before = [(Exists, failing(ConnectionClosedError(NODE)))]
    else:
        play.before.append((Create, failing(ConnectionClosedError(NODE))))

    with pytest.raises(ConnectionClosedError) as caught:
        play.run()

    assert caught.value.maybe_applied is lost_reply


# Registration


class Kept:
    """A registration that is kept, and how often it was settled."""

    def __init__(self, spread: Callable[[], float] = lambda: 0.0) -> None:
        self.settled = 0
        self.tree = Tree("/s")
        self.registration = Registration(NODE, b"x", ACL_OF_OURS, spread, self._settle)
        plan: Plan[None] = self.registration.keep()
        self.play = Playbook(self.tree, plan)

    def _settle(self) -> None:
        self.settled += 1

    @property
    def node(self) -> tuple[int, bytes] | None:
        node = self.tree.nodes.get(NODE)
        return None if node is None else (node.owner, node.data)

    def start(self) -> "Kept":
        """Keep the node, which was claimed before."""
        self.tree.create(NODE, b"x", owner=US)
        self.play.go_on()
        return self

    def go_on(self) -> None:
        self.play.go_on()

    def lose_session(self, *, node_stays: bool = False) -> None:
        """Let our session end, and the next one begin."""
        ended = self.play.session_id
        self.play.new_session(ended + 1)
        if not node_stays:
            self.tree.end_session(ended)


def test_a_node_that_is_there_is_held_and_waited_on() -> None:
    kept = Kept().start()

    assert (kept.registration.is_held, kept.registration.is_settled) == (True, True)
    assert kept.settled == 1
    assert len(kept.play.asked(GetData)) == 1


def test_a_node_that_somebody_deletes_comes_back() -> None:
    kept = Kept().start()

    kept.tree.delete(NODE)
    kept.go_on()

    assert kept.node == (US, b"x")
    assert kept.tree.nodes[NODE].acl == ACL_OF_OURS


@pytest.mark.parametrize("node_stays", [False, True])
def test_a_node_comes_back_in_a_new_session(node_stays: bool) -> None:
    kept = Kept().start()

    kept.lose_session(node_stays=node_stays)
    kept.go_on()

    assert kept.node == (NEXT, b"x")
    assert kept.registration.is_settled


def test_a_node_comes_back_with_what_somebody_wrote_to_it() -> None:
    kept = Kept().start()
    kept.tree.write(NODE, b"theirs")
    kept.go_on()

    kept.lose_session()
    kept.go_on()

    assert kept.node == (NEXT, b"theirs")
    assert kept.registration.data == b"theirs"


def test_a_node_that_another_session_holds_is_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = Kept().start()
    kept.lose_session()
    kept.tree.create(NODE, b"theirs", owner=OTHERS)
    kept.go_on()
    meanwhile = kept.node, kept.registration.is_held, kept.registration.is_settled

    kept.tree.end_session(OTHERS)
    kept.go_on()

    assert meanwhile == ((OTHERS, b"theirs"), False, False)
    assert kept.node == (NEXT, b"x")
    assert caplog.messages == [
        "registration of /s/a:1: held by session 0x99, waiting until it goes"
    ]


def test_other_data_are_written() -> None:
    kept = Kept().start()

    kept.registration.want(b"y")
    before = kept.registration.is_settled
    kept.go_on()

    assert not before
    assert kept.node == (US, b"y")
    assert (kept.registration.data, kept.registration.is_settled) == (b"y", True)


def test_the_same_data_need_not_be_written() -> None:
    kept = Kept().start()

    kept.registration.want(b"x")
    kept.go_on()

    assert kept.play.asked(SetData) == []
    assert kept.registration.is_settled


def test_a_node_that_may_not_be_written_is_made_anew_with_the_other_data() -> None:
    kept = Kept().start()
    kept.play.before.append((SetData, failing(NoAuthError(NODE))))

    kept.registration.want(b"y")
    kept.go_on()

    assert kept.node == (US, b"y")
    assert kept.tree.nodes[NODE].acl == ACL_OF_OURS
    assert kept.registration.is_settled
    # In one request: nobody finds it missing.
    assert kept.play.asked(Multi) == [
        Multi((Delete(NODE, 0), Create(NODE, b"y", ACL_OF_OURS, CreateFlag.EPHEMERAL)))
    ]
    assert not kept.play.asked(Delete)


@pytest.mark.parametrize("others", ["write", "delete", "take"])
def test_a_node_that_changes_before_it_is_made_anew_is_looked_at_again(others: str) -> None:
    kept = Kept().start()

    def interfere() -> None:
        if others == "write":
            kept.tree.write(NODE, b"theirs")
        else:
            kept.tree.delete(NODE)
        if others == "take":
            kept.tree.create(NODE, b"theirs", OTHERS)
            kept.tree.write(NODE, b"theirs")

    kept.play.before += [
        (SetData, failing(NoAuthError(NODE))),
        (Multi, interfere),
        (SetData, failing(NoAuthError(NODE))),
    ]

    kept.registration.want(b"y")
    kept.go_on()

    assert kept.node == ((OTHERS, b"theirs") if others == "take" else (US, b"y"))


def test_a_replacement_that_is_refused_is_complained_of(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept().start()
    kept.play.before += [
        (SetData, failing(NoAuthError(NODE))),
        (Multi, failing(QuotaExceededError(NODE))),
    ]

    kept.registration.want(b"y")
    kept.go_on()

    assert "quota exceeded" in caplog.text
    assert kept.play.pauses


def test_a_replacement_whose_reply_was_lost_is_not_made_twice() -> None:
    kept = Kept().start()
    kept.play.before.append((SetData, failing(NoAuthError(NODE))))
    kept.play.after.append((Multi, failing(ConnectionLoss(NODE, maybe_applied=True))))

    kept.registration.want(b"y")
    kept.go_on()

    assert kept.node == (US, b"y")
    assert len(kept.play.asked(Multi)) == 1
    assert kept.registration.is_settled


def test_other_data_come_with_the_node_in_a_new_session() -> None:
    kept = Kept().start()
    kept.lose_session()

    kept.registration.want(b"y")
    kept.go_on()

    assert kept.node == (NEXT, b"y")


def test_somebody_may_write_at_the_same_time() -> None:
    kept = Kept().start()
    kept.play.before.append((SetData, lambda: kept.tree.write(NODE, b"theirs")))

    kept.registration.want(b"y")
    kept.go_on()

    assert kept.node == (US, b"y")


def test_what_is_wanted_while_it_is_written_is_written_too() -> None:
    kept = Kept().start()
    kept.play.before.append((SetData, lambda: kept.registration.want(b"z")))

    kept.registration.want(b"y")
    kept.go_on()

    assert kept.node == (US, b"z")
    assert kept.registration.is_settled


def test_what_is_wanted_while_the_node_is_created_is_written_too() -> None:
    kept = Kept().start()
    kept.play.before.append((Create, lambda: kept.registration.want(b"z")))

    kept.tree.delete(NODE)
    kept.go_on()

    assert kept.node == (US, b"z")
    assert kept.registration.is_settled


def test_a_withdrawn_node_goes_and_its_keeping_ends() -> None:
    kept = Kept().start()

    kept.registration.withdraw()
    kept.go_on()

    assert kept.node is None
    assert kept.play.has_ended
    assert kept.registration.is_settled
    assert kept.settled == 2


@pytest.mark.parametrize("node_stays", [False, True])
def test_a_node_that_was_withdrawn_stays_withdrawn_in_a_new_session(node_stays: bool) -> None:
    kept = Kept().start()
    kept.registration.withdraw()

    kept.lose_session(node_stays=node_stays)
    kept.go_on()

    assert kept.node is None
    assert kept.play.has_ended


def test_a_node_that_is_withdrawn_while_another_holds_the_name_is_left_to_it() -> None:
    kept = Kept().start()
    kept.lose_session()
    kept.tree.create(NODE, owner=OTHERS)
    kept.go_on()

    kept.registration.withdraw()
    kept.go_on()

    assert kept.node == (OTHERS, b"")
    assert kept.play.has_ended


@pytest.mark.parametrize("reply_is_lost", [False, True])
def test_a_node_that_is_withdrawn_while_it_is_created_goes(reply_is_lost: bool) -> None:
    kept = Kept().start()
    kept.play.before.append((Create, kept.registration.withdraw))
    if reply_is_lost:
        kept.play.after.append((Create, failing(ConnectionLoss(NODE, maybe_applied=True))))

    kept.tree.delete(NODE)
    kept.go_on()

    assert kept.node is None
    assert kept.play.has_ended


LOST: list[ZooKeeperError] = [
    ConnectionLoss(NODE, maybe_applied=True),
    SessionExpiredError(NODE),
]


@pytest.mark.parametrize("error", LOST)
@pytest.mark.parametrize("step", [GetData, Create])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_restoration_that_is_cut_off_goes_on(
    error: ZooKeeperError, step: type[GetData | Create], when: str
) -> None:
    kept = Kept().start()
    kept.lose_session()
    deeds = kept.play.before if when == "before" else kept.play.after
    times = 1 if (step, when) == (Create, "after") else 5
    deeds += [(step, failing(error))] * times

    kept.go_on()

    assert kept.node == (NEXT, b"x")
    assert deeds == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_write_that_is_cut_off_is_made_once(when: str) -> None:
    kept = Kept().start()
    deeds = kept.play.before if when == "before" else kept.play.after
    deeds.append((SetData, failing(ConnectionLoss(NODE, maybe_applied=True))))

    kept.registration.want(b"y")
    kept.go_on()

    assert kept.node == (US, b"y")
    assert kept.tree.nodes[NODE].version == 1


def test_a_session_may_be_lost_many_times() -> None:
    kept = Kept().start()

    for number in range(10):
        kept.lose_session(node_stays=number % 2 == 0)
        kept.go_on()

    assert kept.node == (US + 10, b"x")


def test_each_time_that_a_node_comes_back_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    kept = Kept().start()
    # Somebody deletes it right after it came back, before it was looked at.
    kept.play.after.append((Create, lambda: kept.tree.delete(NODE)))

    kept.lose_session()
    kept.go_on()

    assert caplog.messages == [
        "registered /s/a:1 again: the session was lost",
        "registered /s/a:1 again: the node was deleted",
    ]


def test_a_parent_that_is_missing_is_waited_for_with_growing_pauses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = Kept().start()
    kept.tree.delete(NODE)
    kept.tree.delete("/s")
    kept.play.waits.extend([lambda: None, lambda: None, lambda: kept.tree.create("/s")])

    kept.go_on()

    assert kept.node == (US, b"x")
    assert kept.play.pauses == [0.5, 1.0, 2.0]
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1


def test_a_node_that_becomes_anothers_while_we_look_at_it_is_not_removed() -> None:
    kept = Kept().start()
    kept.lose_session(node_stays=True)

    def replace() -> None:
        kept.tree.end_session(US)
        kept.tree.create(NODE, b"theirs", owner=OTHERS)

    kept.play.before.append((Whoami, replace))
    kept.go_on()

    assert kept.node == (OTHERS, b"theirs")


def test_many_nodes_do_not_come_back_all_at_once() -> None:
    kept = Kept(spread=lambda: 0.25).start()

    kept.lose_session()
    kept.go_on()

    assert kept.play.pauses == [0.25]
    assert kept.node == (NEXT, b"x")


def test_a_node_that_somebody_deletes_comes_back_at_once() -> None:
    kept = Kept(spread=lambda: 0.25).start()

    kept.tree.delete(NODE)
    kept.go_on()

    assert kept.play.pauses == []


def test_a_withdrawn_node_is_not_delayed_by_a_lost_session() -> None:
    kept = Kept(spread=lambda: 0.25).start()
    kept.registration.withdraw()

    kept.lose_session(node_stays=True)
    kept.go_on()

    assert kept.play.asked(Pause) == []


def test_the_keeping_ends_with_the_client() -> None:
    kept = Kept().start()
    kept.play.before.append((GetData, failing(ConnectionClosedError(NODE))))
    kept.tree.delete(NODE)

    with pytest.raises(ConnectionClosedError):
        kept.go_on()

    assert kept.settled == 2


def test_data_that_no_server_would_take_are_refused_before_anything_is_sent() -> None:
    registration = Kept().registration

    registration.require_sendable(b"small", "/root")

    with pytest.raises(RequestTooLargeError):
        registration.require_sendable(bytes(MAX_REQUEST_BYTES), "")


def test_a_registration_shows_how_it_stands() -> None:
    kept = Kept().start()
    shown = [repr(kept.registration)]

    kept.tree.delete(NODE)
    kept.play.before.append((Create, lambda: shown.append(repr(kept.registration))))
    kept.go_on()
    kept.registration.withdraw()
    kept.go_on()
    shown.append(repr(kept.registration))

    assert shown == [
        "<Registration /s/a:1 held>",
        "<Registration /s/a:1 not held>",
        "<Registration /s/a:1 withdrawn>",
    ]


@pytest.mark.parametrize("seed", range(200))
def test_whatever_happens_what_is_wanted_is_there_in_the_end(seed: int) -> None:
    chance = random.Random(seed)
    kept = Kept().start()
    numbers = itertools.count()
    wanted = [b"x"]

    def want() -> None:
        wanted.append(str(next(numbers)).encode())
        kept.registration.want(wanted[-1])

    def meddle() -> None:
        if kept.node is not None:
            kept.tree.delete(NODE)
        if chance.random() < 0.5:
            kept.tree.create(NODE, b"theirs", owner=OTHERS)

    deeds: list[Callable[[], object]] = [
        want,
        meddle,
        lambda: kept.tree.end_session(OTHERS),
        lambda: kept.lose_session(node_stays=chance.random() < 0.5),
        failing(ConnectionLoss(NODE, maybe_applied=True)),
        lambda: None,
    ]
    for _ in range(20):
        for moment in (kept.play.before, kept.play.after):
            step = chance.choice([GetData, Create, SetData, Delete])
            moment[:] = [(step, chance.choice(deeds))]
        with_error = chance.choice(deeds[:4])
        with_error()
        kept.go_on()
    kept.play.before.clear()
    kept.play.after.clear()
    kept.tree.end_session(OTHERS)
    for old in kept.play.earlier:
        kept.tree.end_session(old)
    kept.go_on()

    assert kept.node is not None
    assert kept.node[0] == kept.play.session_id
    assert kept.node[1] == wanted[-1]
    assert kept.registration.is_settled
