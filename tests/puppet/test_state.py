import logging

import pytest

from puppet import state as state_module
from puppet.state import ENDED, LIVE, PAUSED, STALLED, STARTING, Change, Condition, Journal, State

LOST = Condition(State.HOLDING, "no face is seen")


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""

    class Clock:
        now_s = 100.0

    monkeypatch.setattr(state_module, "perf_counter", lambda: Clock.now_s)
    return Clock


def test_changes_are_kept_and_counted():
    journal = Journal(stalls=False)
    assert journal.condition == STARTING
    for i, condition in enumerate([LIVE, LIVE, LOST, LOST, LOST, LIVE, PAUSED]):
        journal.note(condition, i / 10)
    journal.end()
    assert journal.condition == ENDED
    assert journal.changes == (
        Change(0.0, STARTING), Change(0.0, LIVE), Change(0.2, LOST), Change(0.5, LIVE), Change(0.6, PAUSED),
        Change(0.6, ENDED),
    )  # fmt: skip
    assert journal.pictures == {State.LIVE: 3, State.HOLDING: 3, State.RESTING: 0, State.SLATE: 1}


def test_what_lasts_is_logged_and_a_face_that_flickers_is_not(caplog):
    caplog.set_level(logging.INFO, "puppet")
    journal = Journal(stalls=False)
    for i in range(300):
        journal.note(LOST if i % 2 and 60 < i < 200 else LIVE, i / 30)
    assert caplog.messages == ["live"] and len(journal.changes) > 100
    for i in range(300, 340):
        journal.note(LOST, i / 30)
    journal.end()
    assert caplog.messages == ["live", "holding: no face is seen", "slate: ended"]


def test_a_stall_is_logged_when_it_is_over(clock, caplog):
    caplog.set_level(logging.INFO, "puppet")
    journal = Journal(stalls=True)
    journal.note(LIVE, 0.0)
    clock.now_s += 5.0
    journal.note(LIVE, 5.0)
    assert caplog.messages == ["live", "slate: no picture was painted for a second"]


def test_a_stall_is_seen_while_it_lasts_and_written_down_after_it(clock):
    journal = Journal(stalls=True)
    journal.note(LIVE, 0.0)
    clock.now_s += 0.9
    assert journal.condition == LIVE
    journal.note(LIVE, 0.9)
    clock.now_s += 5.0
    assert journal.condition == STALLED
    journal.note(LIVE, 5.9)
    assert journal.condition == LIVE
    assert journal.changes[2:] == (Change(1.9, STALLED), Change(5.9, LIVE))


def test_without_real_time_nothing_stalls_and_an_ended_run_does_not_either(clock):
    journal, ended = Journal(stalls=False), Journal(stalls=True)
    for each in (journal, ended):
        each.note(LIVE, 0.0)
    ended.end()
    clock.now_s += 60.0
    assert (journal.condition, ended.condition) == (LIVE, ENDED)


def test_only_the_newest_changes_are_kept():
    journal = Journal(stalls=False)
    for i in range(3000):
        journal.note(LOST if i % 2 else LIVE, i / 30)
    assert len(journal.changes) == state_module.KEPT
    assert journal.changes[-1].time_s == pytest.approx(2999 / 30)
