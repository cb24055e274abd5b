"""How a group shares out its partitions, and what a change of hands repeats."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from origin.eventlog.base import Position
from origin.eventlog.handover import Holdings
from origin.eventlog.in_hand import InHand
from origin.eventlog.sharing import Member, decode_answer, decode_state, encode_answer, encode_state, owed, share_out

SIZES = {"t": 7, "u": 3}
PARTITIONS = [(topic, number) for topic, size in SIZES.items() for number in range(size)]
some = st.frozensets(st.sampled_from(PARTITIONS))
members = st.builds(
    lambda topics, held, busy, number: Member(topics, held, held & busy, number),
    st.sampled_from([frozenset({"t"}), frozenset({"t", "u"})]),
    some,
    some,
    st.integers(0, 3),
)
groups = st.dictionaries(st.sampled_from("abcde"), members, min_size=1)


@given(groups)
def test_every_partition_that_somebody_reads_has_one_owner_who_reads_its_topic(group):
    shares = share_out(group, SIZES)
    owned = [partition for share in shares.values() for partition in share]
    read = {topic for member in group.values() for topic in member.topics}
    assert sorted(owned) == sorted(partition for partition in PARTITIONS if partition[0] in read)
    assert all(topic in group[name].topics for name, share in shares.items() for topic, _ in share)


@given(st.sets(st.sampled_from("abcde"), min_size=1))
def test_a_group_at_rest_is_even(names):
    counts = [len(share) for share in share_out({name: Member(frozenset({"t"})) for name in names}, {"t": 7}).values()]
    assert max(counts) - min(counts) <= 1


@given(groups)
def test_nothing_moves_when_nobody_came_or_went(group):
    shares = share_out(group, SIZES)
    settled = {name: replace(member, held=frozenset(shares[name]), round=9) for name, member in group.items()}
    busy = {name: replace(member, busy=member.held) for name, member in settled.items()}
    assert share_out(busy, SIZES) == shares


@given(groups, st.sampled_from([frozenset({"t"}), frozenset({"t", "u"})]))
def test_what_is_worked_on_stays_when_somebody_joins(group, topics):
    shares = share_out(group, SIZES)
    settled = {
        name: replace(member, held=frozenset(shares[name]), busy=member.busy & shares[name], round=9)
        for name, member in group.items()
    }
    after = share_out({**settled, "new": Member(topics)}, SIZES)
    assert all(member.busy <= after[name] for name, member in settled.items())


@given(groups)
def test_an_even_group_owes_nothing_and_in_another_one_debts_are_what_others_lack(group):
    shares = share_out(group, SIZES)
    debts = owed(group, SIZES, shares)
    for topic, size in SIZES.items():
        counts = {
            name: sum(each == topic for each, _ in shares[name])
            for name, member in group.items()
            if topic in member.topics
        }
        if not counts:
            continue
        after = sorted(counts[name] - debts[name].get(topic, 0) for name in counts)
        least = size // len(counts)
        assert after[-1] <= least + 1
        assert sum(max(0, least - count) for count in after) <= sum(debts[name].get(topic, 0) for name in counts)
        if max(counts.values()) - min(counts.values()) <= 1:
            assert not any(debts[name].get(topic) for name in counts)


@given(groups)
def test_what_is_owed_is_worked_on_and_moves_once_it_is_not(group):
    shares = share_out(group, SIZES)
    debts = owed(group, SIZES, shares)
    for name, debt in debts.items():
        for topic, count in debt.items():
            assert count <= sum(each == topic for each, _ in shares[name] & group[name].busy)
    idle = {name: replace(member, held=frozenset(shares[name]), busy=frozenset()) for name, member in group.items()}
    assert not any(owed(idle, SIZES, share_out(idle, SIZES)).values())


@given(st.integers(0), st.dictionaries(st.sampled_from(["t", "u"]), st.integers(1)))
def test_what_a_member_is_told_is_understood(number, debts):
    assert decode_answer(encode_answer(number, debts)) == (number, debts)


def test_as_little_moves_as_an_even_share_allows():
    group = {
        "a": Member(frozenset({"t"}), frozenset(("t", n) for n in range(6)), round=1),
        "b": Member(frozenset({"t"})),
    }
    shares = share_out(group, {"t": 6})
    assert len(shares["a"]) == len(shares["b"]) == 3
    assert shares["a"] <= group["a"].held


def test_who_missed_a_sharing_claims_nothing_that_others_got_since():
    held = frozenset({("t", 0)})
    group = {"late": Member(frozenset({"t"}), held, held, 1), "owner": Member(frozenset({"t"}), held, held, 2)}
    assert ("t", 0) in share_out(group, {"t": 2})["owner"]


@given(members)
def test_what_a_member_says_of_itself_is_understood(member):
    assert decode_state(member.topics, encode_state(member.held, member.busy, member.round)) == member


def test_one_that_says_nothing_holds_nothing():
    assert decode_state(["t"], b"") == Member(frozenset({"t"}))


def test_reading_goes_on_where_it_was_in_a_partition_that_stays():
    holdings = Holdings({("t", 1): 40})
    assert holdings.take([("t", 0), ("t", 1)]) == frozenset()
    assert holdings.resume({}) == {("t", 1): 40}
    holdings.give(("t", 0), 6)
    assert holdings.busy() == {("t", 0)}
    assert holdings.take([("t", 0), ("t", 1)]) == {("t", 0)}
    assert holdings.resume({("t", 0): 3}) == {("t", 0): 6}
    assert not holdings.advances(("t", 0), 3)
    holdings.commit(("t", 0), 6)
    assert holdings.busy() == frozenset()


def test_a_partition_that_was_away_begins_again_at_the_committed_offset():
    holdings = Holdings({})
    holdings.take([("t", 0)])
    holdings.give(("t", 0), 6)
    assert holdings.take([]) == frozenset()
    assert holdings.take([("t", 0)]) == frozenset()
    assert holdings.resume({}) == {}
    assert holdings.busy() == frozenset()


def test_what_others_committed_meanwhile_is_not_read_again():
    holdings = Holdings({})
    holdings.take([("t", 0), ("t", 1)])
    holdings.give(("t", 0), 6)
    holdings.give(("t", 1), 6)
    assert holdings.take([("t", 0), ("t", 1)]) == {("t", 0), ("t", 1)}
    assert holdings.resume({("t", 0): 9, ("t", 1): 2}) == {("t", 0): 9, ("t", 1): 6}
    assert not holdings.advances(("t", 0), 6)
    assert holdings.busy() == {("t", 1)}


def test_where_it_cannot_be_told_how_far_the_group_is_work_goes_on_and_is_asked_again_before_the_next_commit():
    holdings = Holdings({})
    holdings.take([("t", 0)])
    holdings.give(("t", 0), 3)
    for offset in (0, 1, 2):
        holdings.in_hand.release(Position("t", 0, offset))
    holdings.learn(("t", 0), 0)
    assert holdings.in_hand.begin(Position("t", 0, 1))
    assert holdings.take([("t", 0)]) == {("t", 0)}
    assert holdings.resume({}) == {("t", 0): 3}
    assert holdings.busy() == {("t", 0)}
    assert not holdings.known(("t", 0))
    holdings.learn(("t", 0), 1)
    assert holdings.known(("t", 0))
    assert not holdings.in_hand.begin(Position("t", 0, 0))
    assert holdings.in_hand.finish(Position("t", 0, 1)) == Position("t", 0, 1)


def test_what_was_released_keeps_no_partition_and_what_was_begun_does():
    holdings = Holdings({})
    holdings.take([("t", 0), ("t", 1)])
    for number in (0, 1):
        holdings.give(("t", number), 2)
        for offset in (0, 1):
            holdings.in_hand.release(Position("t", number, offset))
    assert holdings.busy() == frozenset()
    assert holdings.in_hand.begin(Position("t", 1, 1))
    assert holdings.busy() == {("t", 1)}
    assert holdings.in_hand.finish(Position("t", 1, 1)) is None
    assert holdings.busy() == frozenset()


def test_a_partition_that_others_ought_to_have_goes_when_nothing_of_it_is_worked_on():
    holdings = Holdings({})
    holdings.take([("t", 0), ("t", 1)])
    holdings.give(("t", 0), 1)
    holdings.give(("t", 1), 1)
    holdings.owed = {"t": 1}
    assert not holdings.can_hand_over()
    holdings.commit(("t", 0), 1)
    assert holdings.can_hand_over()
    holdings.owed = {}
    assert not holdings.can_hand_over()


def test_what_is_in_hand_stays_so_with_its_partition_and_goes_with_it():
    holdings = Holdings({})
    holdings.take([("t", 0), ("t", 1), ("t", 2)])
    for number in (0, 1, 2):
        holdings.give(("t", number), 2)
        for offset in (0, 1):
            holdings.in_hand.release(Position("t", number, offset))
    assert holdings.take([("t", 0), ("t", 1)]) == {("t", 0), ("t", 1)}
    # Of one of them it cannot be told how far the group is; of the other, somebody else did the first.
    holdings.resume({("t", 0): 1})
    begun = [holdings.in_hand.begin(Position("t", number, offset)) for number in (0, 1, 2) for offset in (0, 1)]
    assert begun == [False, True, True, True, False, False]


def test_what_is_not_in_hand_is_neither_begun_nor_committed():
    in_hand = InHand()
    assert not in_hand.begin(Position("t", 0, 4))
    assert in_hand.finish(Position("t", 0, 4)) is None
    in_hand.release(Position("t", 0, 5))
    assert in_hand.finish(Position("t", 0, 4)) is None
    assert in_hand.finish(Position("t", 0, 5)) == Position("t", 0, 5)
    assert not in_hand.begin(Position("t", 0, 5))


@given(st.lists(st.integers(0, 20), unique=True, min_size=1).map(sorted), st.randoms(), st.booleans())
def test_a_commit_never_passes_a_record_that_is_not_done(offsets, chance, commits_fail):
    in_hand = InHand()
    for offset in offsets:
        in_hand.release(Position("t", 0, offset))
    order = list(offsets)
    chance.shuffle(order)
    still_open, committed = set(offsets), -1
    for offset in order:
        assert in_hand.begin(Position("t", 0, offset))
        ready = in_hand.finish(Position("t", 0, offset))
        still_open.discard(offset)
        if ready is not None and not (commits_fail and still_open):
            assert ready.offset > committed
            committed = ready.offset
            in_hand.commit(("t", 0), committed + 1)
        assert all(each > committed for each in still_open)
    assert committed == max(offsets)
    assert len(in_hand) == 0
