import numpy as np
import pytest

from puppet.neutral import Neutral
from puppet.pose_space import BUILTIN


def pose(**values):
    p = BUILTIN.rest.copy()
    for name, value in values.items():
        p[BUILTIN.index(name)] = value
    return p


def learn(values, seconds, neutral=None, start_s=0.0):
    """Show poses at 30 a second; `values(i)` gives the entries that differ from rest."""
    neutral = neutral or Neutral(BUILTIN, 1.0)
    for i in range(round(seconds * 30)):
        learned = neutral.learn(pose(**values(i)), start_s + i / 30)
    return neutral, dict(zip(BUILTIN.names, learned.tolist(), strict=True))


def test_angles_take_the_median():
    _, learned = learn(lambda i: {"yaw": 30.0 if i % 5 == 0 else 8.0}, 3)
    assert learned["yaw"] == pytest.approx(8.0, abs=0.01)


def test_a_talking_mouth_is_neutral_when_it_is_closed():
    _, learned = learn(lambda i: {"jaw_open": 0.05 if i % 4 == 0 else 0.6}, 3)
    assert learned["jaw_open"] == pytest.approx(0.05, abs=0.01)


def test_later_motion_is_not_learned():
    neutral, _ = learn(lambda i: {"yaw": 2.0, "jaw_open": 0.1}, 3)
    _, learned = learn(lambda i: {"yaw": 25.0, "jaw_open": 0.0}, 3, neutral, 3.0)
    assert (learned["yaw"], learned["jaw_open"]) == (pytest.approx(2.0), pytest.approx(0.1))


@pytest.mark.parametrize("closed", [range(10, 25), range(30), range(90)], ids=["a blink", "the window", "all along"])
def test_a_blink_is_never_learned(closed):
    _, learned = learn(lambda i: {"blink_left": 1.0 if i in closed else 0.1}, 3)
    assert learned["blink_left"] <= 0.5


def test_an_eye_that_opens_wider_is_learned_and_a_later_blink_is_not():
    neutral, learned = learn(lambda i: {"blink_left": 0.4}, 1)
    assert learned["blink_left"] == pytest.approx(0.4, abs=0.01)
    _, learned = learn(lambda i: {"blink_left": 0.1}, 10, neutral, 1.0)
    assert learned["blink_left"] == pytest.approx(0.1, abs=0.02)
    _, learned = learn(lambda i: {"blink_left": 1.0}, 10, neutral, 11.0)
    assert learned["blink_left"] == pytest.approx(0.1, abs=0.02)


def test_the_estimate_never_jumps():
    neutral = Neutral(BUILTIN, 1.0)
    rng = np.random.default_rng(1)
    learned = np.stack([neutral.learn(rng.uniform(BUILTIN.lower, BUILTIN.upper).astype(np.float32), i / 30)
                        for i in range(60)])  # fmt: skip
    steps = np.abs(np.diff(learned, axis=0)) / (BUILTIN.upper - BUILTIN.lower)
    assert steps.max() < 0.2


def test_retaken_it_is_learned_anew_and_reached_without_a_jump():
    neutral, before = learn(lambda i: {"yaw": 8.0, "blink_left": 0.1}, 3)
    neutral.retake()
    _, first = learn(lambda i: {"yaw": -8.0, "blink_left": 0.3}, 1 / 30, neutral, 3.0)
    assert first["yaw"] == pytest.approx(before["yaw"], abs=1.0)
    _, after = learn(lambda i: {"yaw": -8.0, "blink_left": 0.3}, 3, neutral, 3.1)
    assert after["yaw"] == pytest.approx(-8.0, abs=0.05)
    assert after["blink_left"] == pytest.approx(0.3, abs=0.01)


def test_what_was_learned_is_kept_once_and_again_when_it_is_retaken():
    kept = []
    neutral = Neutral(BUILTIN, 1.0, keep=kept.append)
    learn(lambda i: {"yaw": 8.0}, 1, neutral)
    assert kept == []
    learn(lambda i: {"yaw": 20.0, "blink_left": -1.0}, 3, neutral, 1.1)
    assert [p[BUILTIN.index("yaw")] for p in kept] == [8.0]
    neutral.retake()
    learn(lambda i: {"yaw": -8.0}, 3, neutral, 4.1)
    assert [p[BUILTIN.index("yaw")] for p in kept] == [8.0, -8.0]


def test_a_glimpse_is_not_kept():
    kept = []
    neutral = Neutral(BUILTIN, 1.0, keep=kept.append)
    learn(lambda i: {"yaw": 8.0}, 0.2, neutral)
    learn(lambda i: {"yaw": 8.0}, 3, neutral, 5.0)
    assert kept == []


def test_a_known_neutral_counts_from_the_first_frame_on_and_only_eyes_are_learned():
    kept = []
    neutral = Neutral(BUILTIN, 1.0, known=pose(yaw=8.0, jaw_open=0.1, blink_left=0.4), keep=kept.append)
    _, first = learn(lambda i: {"yaw": -20.0, "jaw_open": 0.7, "blink_left": 0.1}, 1 / 30, neutral, 7.0)
    assert (first["yaw"], first["jaw_open"], first["blink_left"]) == pytest.approx((8.0, 0.1, 0.4), abs=0.01)
    _, later = learn(lambda i: {"yaw": -20.0, "jaw_open": 0.7, "blink_left": 0.1}, 10, neutral, 7.1)
    assert (later["yaw"], later["jaw_open"], later["blink_left"]) == pytest.approx((8.0, 0.1, 0.1), abs=0.02)
    neutral.retake()
    _, retaken = learn(lambda i: {"yaw": -20.0}, 3, neutral, 17.1)
    assert retaken["yaw"] == pytest.approx(-20.0, abs=0.1)
    assert len(kept) == 1


def test_a_known_blink_is_at_most_half_closed():
    _, learned = learn(lambda i: {"blink_left": 1.0}, 1, Neutral(BUILTIN, 1.0, known=pose(blink_left=1.0)))
    assert learned["blink_left"] <= 0.5
