"""Every check finds what it is there for, and lets pass what is allowed. No broker is needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "clients")]

from churn import ghosts, ownership  # noqa: E402
from churn.checks import CHECKS, violations  # noqa: E402
from churn.ghosts import Past  # noqa: E402
from churn.history import Event, Ghost, History, MemberHistory, Sample, Silence  # noqa: E402
from churn.member import RESET  # noqa: E402
from churn.processor import Waits  # noqa: E402
from churn.statics import differences, told  # noqa: E402

SESSION = 6000.0


@pytest.fixture(autouse=True)
def exact_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times here are small whole numbers."""
    monkeypatch.setattr(ownership, "GRAIN_MS", 0)


def assigned(t: float, gen: int, member: str, owned: list[int], added: list[int] | None = None) -> Event:
    return {"t": t, "e": "assigned", "gen": gen, "member": member, "owned": owned,
            "added": owned if added is None else added}


def gone(t: float, event: str, parts: list[int], owned: tuple[int, ...] = ()) -> Event:
    return {"t": t, "e": event, "parts": parts, "owned": list(owned)}


def read(t: float, p: int, first: int, last: int) -> Event:
    return {"t": t, "e": "read", "p": p, "from": first, "to": last, "n": last - first + 1}


def commit(t: float, p: int, offset: int) -> list[Event]:
    return [{"t": t, "e": kind, "o": {str(p): offset}} for kind in ("commit", "committed")]


def history(*members: list[Event], **rest: Any) -> History:
    """Members m1, m2, ... with these events; one of two partitions was produced to."""
    named = [MemberHistory(f"m{i}", events) for i, events in enumerate(members, 1)]
    return History(2, SESSION, named, **rest)


def good() -> History:
    """m1 reads and leaves, m2 goes on."""
    first = [assigned(0, 1, "a", [0, 1]), read(1, 0, 0, 9), *commit(2, 0, 10), gone(3, "revoked", [0, 1])]
    second = [assigned(4, 2, "b", [0, 1]), read(5, 0, 10, 19), *commit(6, 0, 20)]
    samples = [Sample(1, {0: -1, 1: -1}), Sample(3, {0: 10, 1: -1}), Sample(7, {0: 20, 1: -1})]
    return history(first, second, samples=samples, produced={0: 20})


def found(h: History) -> set[str]:
    """The names of the checks that found something."""
    return {text.split(":")[0] for text in violations(h)}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert violations(good()) == []


def test_one_owner() -> None:
    h = good()
    h.members[1].events[0]["gen"] = 1
    assert found(h) == {"one_owner"}


def test_no_overlap() -> None:
    h = good()
    h.members[0].events.append(h.members[0].events.pop() | {"t": 4.5})
    assert found(h) == {"no_overlap"}


@pytest.mark.parametrize("silence", [Silence(3, 6500), Silence(3)])
def test_a_zombie_may_believe_what_it_likes(silence: Silence) -> None:
    h = good()
    h.members[0].events.pop()
    assert "no_overlap" in found(h)
    h.members[0].silences.append(silence)
    assert violations(h) == []


def test_a_short_pause_is_no_excuse() -> None:
    h = good()
    h.members[0].events.pop()
    h.members[0].silences.append(Silence(3, 3000))
    assert found(h) == {"no_overlap"}


def test_the_dead_own_nothing() -> None:
    h = good()
    h.members[0].events.pop()
    h.members[0].killed = 3.5
    assert violations(h) == []


def test_no_eviction() -> None:
    h = good()
    h.members[0].events[-1]["e"] = "lost"
    assert found(h) == {"no_eviction"}
    h.members[0].silences.append(Silence(2.5, 6500))
    assert violations(h) == []


def test_what_is_lost_by_leaving_is_no_eviction() -> None:
    h = good()
    h.members[0].events[-1]["e"] = "lost"
    h.members[0].asked = 2.5
    assert found(h) == {"no_eviction"}, "only some clients say so"
    h.loses_when_leaving = True
    h.members[0].asked = 3.5
    assert found(h) == {"no_eviction"}
    h.members[0].asked = 2.5
    assert violations(h) == []


def test_another_member_id_is_an_eviction() -> None:
    h = good()
    h.members[1].events += [gone(7, "revoked", [0, 1]), assigned(8, 3, "c", [0, 1])]
    assert found(h) == {"no_eviction"}
    h.outages.append(Silence(7.5, 7.6))
    assert violations(h) == []


def test_generations_grow() -> None:
    h = good()
    h.members[1].events += [gone(7, "revoked", [0, 1]), assigned(8, 1, "b", [])]
    assert found(h) == {"generations_grow"}


def test_a_record_that_nobody_read() -> None:
    h = good()
    h.produced[0] = 21
    assert found(h) == {"all_read"}
    h = good()
    h.produced[1] = 1
    assert found(h) == {"all_read"}


def test_a_record_that_was_passed_over() -> None:
    h = good()
    h.members[1].events[1] = read(5, 0, 11, 19)
    assert found(h) == {"all_read", "starts_at_commit"}


def test_a_hole_while_one_owns() -> None:
    h = good()
    h.members[1].events[1:2] = [read(5, 0, 10, 14), read(5, 0, 16, 19)]
    assert found(h) == {"all_read", "no_gap"}


def test_reading_twice_while_one_owns() -> None:
    h = good()
    h.members[1].events.insert(2, read(5, 0, 10, 19))
    assert found(h) == {"no_gap"}


def test_a_commit_that_moves_back() -> None:
    h = good()
    h.samples.append(Sample(8, {0: 10, 1: -1}))
    assert found(h) == {"commits_stay"}


def test_an_acknowledged_commit_that_is_not_there() -> None:
    h = good()
    h.samples[1:] = [Sample(3, {0: -1, 1: -1})]
    assert found(h) == {"commits_stay"}


def test_a_commit_that_nobody_made() -> None:
    h = good()
    h.samples.append(Sample(8, {0: 20, 1: 7}))
    assert found(h) == {"commits_stay"}


def test_a_start_before_the_commit() -> None:
    h = good()
    h.members[1].events[1] = read(5, 0, 0, 19)
    assert found(h) == {"starts_at_commit"}


def test_one_that_was_silent_and_goes_on_where_it_was_itself() -> None:
    h = good()
    again = [assigned(7000, 3, "c", [0, 1]), read(7001, 0, 10, 29)]
    h.members[0].events += again
    h.members[0].silences.append(Silence(4.5, 6900))
    h.members[1].killed = 6500
    h.produced[0] = 30
    assert found(h) == {"starts_at_commit"}
    h.keeps_positions = True
    assert violations(h) == []
    again[1] |= read(7001, 0, 9, 29)
    assert found(h) == {"starts_at_commit"}
    again[1] |= read(7001, 0, 10, 29)
    h.members[0].silences.clear()
    assert "starts_at_commit" in found(h)


def test_a_commit_of_the_meantime_is_a_good_start() -> None:
    """The old owner may commit until the new one asks for the offset."""
    h = good()
    attempt, answer = commit(3.5, 0, 12)
    h.members[0].events += [attempt, answer | {"t": 4.5}]
    assert violations(h) == []
    h.members[1].events[1] = read(5, 0, 12, 19)
    h.members[0].events.insert(2, read(1, 0, 10, 11))
    assert violations(h) == []


def late(gen: int) -> History:
    """m1 is silent for a session, m2 has its partitions by then in generation 2; m1 tells of `gen`."""
    first = [assigned(0, 1, "a", [0]), gone(1, "revoked", [0]), assigned(7000, gen, "a", [0]),
             gone(7001, "revoked", [0]), assigned(7002, 3, "a", [])]
    return history(first, [assigned(6000, 2, "b", [0, 1])])


def test_what_is_told_late_is_excused_after_a_silence() -> None:
    h = late(1)
    assert found(h) == {"no_overlap"}
    h.members[0].silences.append(Silence(500, 6999))
    assert violations(h) == []


def test_a_partition_that_is_given_twice_is_found_after_a_silence_too() -> None:
    h = late(3)
    h.members[0].silences.append(Silence(500, 6999))
    assert found(h) == {"no_overlap"}
    h = late(2)
    h.members[0].silences.append(Silence(500, 6999))
    assert found(h) == {"no_overlap", "one_owner"}


def test_what_is_told_late_may_be_given_up_before_its_heir_tells() -> None:
    h = late(1)
    h.members[1].events[0]["t"] = 7000.5
    assert found(h) == {"no_overlap"}
    h.members[0].silences.append(Silence(500, 6999))
    assert violations(h) == []
    h.members[0].events[3]["t"] = h.members[0].events[4]["t"] = 14_000
    assert found(h) == {"no_overlap"}


def test_only_the_first_word_after_a_silence_is_late() -> None:
    h = late(1)
    h.members[0].silences.append(Silence(500, 6999))
    h.members[0].events.insert(2, assigned(6999.5, 1, "a", []))
    assert found(h) == {"no_overlap"}


def test_a_silence_of_before_is_no_excuse_for_what_is_owned_now() -> None:
    h = good()
    h.members[0].events.pop()
    h.members[0].silences.append(Silence(-9000, -1))
    assert found(h) == {"no_overlap"}


def test_what_a_loss_does_not_name_is_lost() -> None:
    h = good()
    h.members[0].events[-1] = gone(3, "lost", [0])
    assert found(h) == {"no_eviction"}


def test_a_commit_of_one_that_was_replaced() -> None:
    h = good()
    h.members[0].events += commit(4.5, 0, 15)
    assert found(h) == {"fenced_out"}
    h.members[0].events[-1] |= {"e": "refused"}
    assert violations(h) == []


def test_a_commit_of_one_that_was_refused_and_commits_as_another() -> None:
    h = good()
    h.members[0].events += [commit(4.2, 0, 14)[0], {"t": 4.3, "e": "refused", "o": {"0": 14}}, *commit(4.5, 0, 15)]
    assert found(h) == {"fenced_out"}
    h.commits_as_another = True
    assert violations(h) == []


def test_a_commit_of_one_that_was_replaced_is_told() -> None:
    h = good()
    h.members[0].events += [commit(4.5, 0, 15)[0]]
    h.samples.insert(2, Sample(5, {0: 15, 1: -1}))
    assert found(h) == {"fenced_out"}


def test_a_commit_for_what_was_told_late_is_not_asked() -> None:
    h = late(1)
    h.members[0].silences.append(Silence(500, 6999))
    h.members[0].events[3:3] = commit(7000.5, 0, 15)
    assert violations(h) == []
    h.members[0].events.insert(2, assigned(6999.5, 1, "a", []))
    assert found(h) == {"fenced_out", "no_overlap"}


def test_a_commit_in_the_name_of_one_that_was_replaced() -> None:
    h = good()
    h.ghosts.append(Ghost(5, "a", 1, 0, 10**12, 25))
    assert violations(h) == []
    h.ghosts.append(Ghost(6, "a", 1, 0, 10**12 + 1, 0))
    assert found(h) == {"ghosts_refused"}
    h.samples.append(Sample(8, {0: 10**12 + 1, 1: -1}))
    assert found(h) == {"ghosts_refused", "fenced_out", "commits_stay"}


def test_in_whose_name_nothing_may_be_committed() -> None:
    assert ghosts.replaced(good()) == [Past("a", 1, None, 0), Past("a", 1, None, 1)]


def test_an_offset_that_a_client_went_back_to() -> None:
    h = good()
    h.members[1].resets += RESET.findall("%4|1|FAIL|x\n%4|1|OFFSET|x: t [0]: offset reset to BEGINNING\n")
    assert found(h) == {"no_reset"}


def test_a_member_that_comes_back_under_its_name_is_the_same() -> None:
    first, second = [assigned(0, 1, "a", [0])], [assigned(4, 1, "b", [0])]
    h = history(first, second)
    h.members[0].killed = 3
    assert found(h) == {"one_owner"}
    h.members[0].instance = h.members[1].instance = "i1"
    assert violations(h) == []


def test_who_comes_back_has_what_it_had_and_nobody_is_told() -> None:
    last, back = assigned(0, 1, "a", [0, 1]), assigned(9, 1, "b", [0, 1])
    assert differences({0, 1}, last, back, []) == []
    assert differences({0}, last, back, []) == ["[0] became [0, 1]"]
    assert differences({0, 1}, last | {"gen": 2}, back, []) == ["generation 2 became 1"]
    assert differences({0, 1}, None, back | {"gen": 2}, []) == []
    other = MemberHistory("m2", [assigned(5, 2, "c", [2]), read(6, 2, 0, 0), gone(12, "lost", [2])])
    assert len(differences({0, 1}, last, back, told([other], 1, 10))) == 1


def test_who_waits_for_a_processor_for_half_a_session() -> None:
    waits = Waits(SESSION)
    assert not waits.add(0, {"1": 10**12})
    assert not any(waits.add(500 * i, {"1": 10**12, "2": 4 * 10**8 * i}) for i in range(1, 8))
    assert waits.add(4000, {"2": 35 * 10**8})
    assert not waits.add(12_000, {"2": 35 * 10**8})


def test_in_a_mixed_group_time_alone_tells_who_was_replaced() -> None:
    h = good()
    h.members[1].events[0]["gen"] = 1
    h.mixed = True
    assert violations(h) == []
    h.members[0].events += commit(4.5, 0, 15)
    assert found(h) == {"fenced_out"}
    assert ghosts.replaced(h) == []
    h.members[0].killed = 3.5
    assert ghosts.replaced(h) == [Past("a", 1, None, 0), Past("a", 1, None, 1)]


def test_in_a_mixed_group_a_member_may_lose_what_it_has_but_not_its_place() -> None:
    h = good()
    h.members[1].events += [gone(7, "lost", [0, 1]), assigned(8, 3, "b", [0, 1])]
    assert found(h) == {"no_eviction"}
    h.mixed = True
    assert violations(h) == []
    h.members[1].events[-1]["member"] = "c"
    assert found(h) == {"no_eviction"}
    h.members[1].events[-2:] = [{"t": 7, "e": "fatal", "why": "Unknown broker error"}]
    assert violations(h) == []
    h.mixed = False
    assert found(h) == {"no_eviction"}


def test_every_check_has_its_test() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{name}"' in tests for name in CHECKS)


def test_what_the_conductor_saw_is_a_violation() -> None:
    h = good()
    h.problems.append("no rest")
    assert found(h) == {"conductor"}
