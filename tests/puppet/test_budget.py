from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puppet.budget import CALM, FULL, LATE, LONGEST, LOWEST_FPS, ROOM, STEPS, Budget, words

RATES = st.sampled_from([Fraction(30), Fraction(25), Fraction(60), Fraction(30000, 1001), Fraction(12), Fraction(5)])
SECONDS = 1800
ORDER = list(STEPS)


class Machine:
    """Two threads, of which each takes so long for a picture; what does not fit into a second is lost."""

    def __init__(self, rate):
        self.rate, self.budget, self.now_s, self.worked_s = float(rate), Budget(rate), 0.0, (0.0, 0.0)
        self.budget.note(0.0, self.worked_s)
        self.history = [1]

    def second(self, *costs_s):
        """One more, with costs that may depend on which frames are painted."""
        self.now_s += 1.0
        pictures = self.rate / float(self.budget.every)
        self.worked_s = tuple(
            before + min(cost_s * pictures, 1.0) for before, cost_s in zip(self.worked_s, costs_s, strict=True)
        )
        before = self.budget.every
        assert self.budget.note(self.now_s, self.worked_s) == (self.budget.every != before)
        self.history.append(self.budget.every)

    @property
    def changes(self):
        """In steps: 1 is to fewer pictures."""
        steps = [ORDER.index(every) for every in self.history]
        return [after - before for before, after in pairwise(steps) if after != before]


@given(RATES, st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)), max_size=120))
def test_it_is_never_more_than_was_asked_for_and_never_too_little_to_speak(rate, costs):
    machine = Machine(rate)
    for cost in costs:
        machine.second(*cost)
    assert min(machine.history) == 1 and set(machine.changes) <= {-1, 1}
    assert all(every == 1 or rate / every >= LOWEST_FPS for every in machine.history)


@given(RATES, st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_steady_load_finds_its_place_and_stays_there(rate, perception_s, painting_s):
    machine = Machine(rate)
    for _ in range(60):
        machine.second(perception_s, painting_s)
    assert set(machine.changes) <= {1} and len(set(machine.history[20:])) == 1
    slowest_s, every = max(perception_s, painting_s), machine.history[-1]
    more, fewer = ([*ORDER, 99][ORDER.index(every) + step] for step in (-1, 1))
    assert slowest_s * float(rate / every) <= FULL + 1e-6 or rate / fewer < LOWEST_FPS
    assert every == 1 or slowest_s * float(rate / more) > FULL - 1e-6


@given(st.floats(0.02, 0.2), st.floats(1.0, 4.0))
def test_a_load_that_looks_light_until_more_is_painted_swings_less_and_less(cost_s, heavier):
    machine = Machine(Fraction(30))
    for _ in range(SECONDS):
        machine.second(0.0, cost_s * (heavier if machine.budget.every == 1 else 1.0))
    assert machine.changes.count(-1) <= SECONDS / LONGEST + 5


@given(st.lists(st.tuples(st.floats(0, 0.2), st.integers(1, 12)), max_size=40))
def test_each_step_holds_for_a_while_whatever_the_load(loads):
    machine, since = Machine(Fraction(30)), 99
    for cost_s in [cost_s for cost_s, seconds in loads for _ in range(seconds)]:
        machine.second(cost_s, 0.0)
        before, after = machine.history[-2:]
        assert after == before or since >= (LATE if after > before else CALM) - 1
        since = 0 if after != before else since + 1


@pytest.mark.parametrize("thread", [0, 1])
def test_it_comes_back_when_there_is_room(thread):
    machine = Machine(Fraction(30))
    busy, easy = (tuple(cost_s if each == thread else 0.0 for each in (0, 1)) for cost_s in (0.08, ROOM / 31))
    for _ in range(10):
        machine.second(*busy)
    assert machine.history[-1] == 3
    for _ in range(3 * CALM):
        machine.second(*easy)
    assert machine.history[-1] == 1


def test_a_busy_second_now_and_then_changes_nothing():
    machine = Machine(Fraction(30))
    for i in range(60):
        machine.second(0.01, 1.0 if i % 2 else 0.01)
    assert machine.changes == []


def test_a_pause_says_nothing():
    budget = Budget(Fraction(30))
    for i in range(50):
        assert not budget.note(10.0 * i, (10.0 * i, 0.0))
    assert budget.every == 1


def test_the_words_name_the_frames():
    assert words(ORDER[0]) == "" and words(Fraction(2)) == "every second frame: the machine is busy"
    assert all(words(every) for every in ORDER[1:])
