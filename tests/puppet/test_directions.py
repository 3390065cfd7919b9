from dataclasses import replace

import numpy as np
import pytest

from puppet.breathing import Breathing
from puppet.directions import Directions
from puppet.groups import PerGroup
from puppet.pose_space import BUILTIN
from puppet.settings import BreathingSettings, DirectionsSettings
from puppet.values import Moment, PoseVector

NUM_WS, W_DIM, MOVED = 10, 6, 8
RNG = np.random.default_rng(3)
A = RNG.normal(size=(MOVED, W_DIM, BUILTIN.dim)).astype(np.float32)
CODE = RNG.normal(size=(NUM_WS, W_DIM)).astype(np.float32)
P_S = BUILTIN.rest.copy()
P_S[:3] = (5.0, -3.0, 2.0)
NOWHERE = Moment(0, 0.0, 0.0)


def pose(neutral=None, presence=1.0, **entries):
    return PoseVector(BUILTIN.pose(**entries), BUILTIN.rest if neutral is None else neutral, presence, NOWHERE)


def both(p, A=A, bias=None, p_s=P_S, **settings):
    """The moved code, and the pose that it has."""
    w = np.full((NUM_WS, W_DIM), np.nan, np.float32)
    directions = Directions(A, bias, BUILTIN, code=CODE, p_s=p_s, settings=DirectionsSettings(**settings))
    return w, directions.move(p, out=w)


def moved(p, A=A, bias=None, p_s=P_S, **settings):
    return both(p, A, bias, p_s, **settings)[0]


def at(p):
    """The code of a portrait pose."""
    w = CODE.copy()
    w[:MOVED] += A @ BUILTIN.scale(BUILTIN.soft_clip(p)).astype(np.float32)
    return w


def close(got, wanted):
    np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_without_directions_the_portrait_stands_still():
    w, p = both(pose(yaw=30.0, jaw_open=1.0), A=np.zeros_like(A))
    np.testing.assert_array_equal(w, CODE)
    np.testing.assert_allclose(p, BUILTIN.soft_clip(P_S), atol=1e-5)


def test_the_pose_is_told_as_far_as_directions_move_it():
    driver = pose(yaw=8.0, pitch=4.0, jaw_open=0.5)
    close(both(driver, motion="absolute")[1], BUILTIN.soft_clip(driver.p))
    deaf = A.copy()
    deaf[..., BUILTIN.index("yaw")] = 0
    wanted = BUILTIN.soft_clip(driver.p)
    wanted[BUILTIN.index("yaw")] = P_S[BUILTIN.index("yaw")]
    close(both(driver, A=deaf, motion="absolute")[1], wanted)


def test_relative_motion_starts_from_the_portraits_own_pose():
    wanted = P_S.copy()
    wanted[BUILTIN.index("yaw")] += 12.0
    wanted[BUILTIN.index("jaw_open")] += 0.5
    close(moved(pose(BUILTIN.pose(yaw=-4.0), yaw=8.0, jaw_open=0.5)), at(wanted))


def test_absolute_motion_copies_the_driver():
    driver = pose(yaw=8.0, pitch=4.0)
    close(moved(driver, motion="absolute"), at(driver.p))


@pytest.mark.parametrize("motion", ["relative", "absolute"])
def test_without_a_driver_the_portrait_rests(motion):
    close(moved(pose(presence=0.0, yaw=30.0), motion=motion), at(P_S))


def test_the_portrait_breathes_as_far_as_there_is_no_driver():
    later = Moment(60, 2.0, 0.0)
    breath = Breathing(BUILTIN, BreathingSettings()).at(2.0)
    for presence in (0.0, 0.5, 1.0):
        close(moved(replace(pose(presence=presence), moment=later)), at(P_S + (1.0 - presence) * breath))


def test_rows_beyond_the_moved_ones_never_change():
    np.testing.assert_array_equal(moved(pose(yaw=30.0))[MOVED:], CODE[MOVED:])


def test_gains_scale_their_group_only():
    wanted = P_S.copy()
    wanted[BUILTIN.index("yaw")] += 5.0
    wanted[BUILTIN.index("jaw_open")] += 0.4
    close(moved(pose(yaw=10.0, jaw_open=0.4), gains=PerGroup(head=0.5, mouth=1.0, eyes=1.0, brows=1.0)), at(wanted))


def test_a_closed_eye_closes_fully_however_narrow_the_open_one():
    wanted = P_S.copy()
    wanted[BUILTIN.index("blink_left")] = 1.0
    close(moved(pose(BUILTIN.pose(blink_left=0.4), blink_left=1.0)), at(wanted))


@pytest.mark.parametrize(
    ("presence", "gain", "driven", "wanted"),
    [(1.0, 1.0, 0.0, 0.0), (1.0, 1.0, 0.3, 0.3), (0.0, 1.0, 0.3, 0.4), (1.0, 0.5, 0.3, 0.35), (1.0, 0.0, 0.3, 0.4)],
)
def test_lips_that_close_shut_those_of_a_portrait_that_laughs(presence, gain, driven, wanted):
    laughing = BUILTIN.pose(jaw_open=0.4, smile_left=0.8, smile_right=0.8)
    jaw = BUILTIN.index("jaw_open")
    expected = laughing.copy()
    expected[jaw] = wanted
    gains = PerGroup(head=1.0, mouth=gain, eyes=1.0, brows=1.0)
    close(moved(pose(jaw_open=driven, presence=presence), p_s=laughing, gains=gains), at(expected))


def test_the_bias_is_added():
    bias = RNG.normal(size=(MOVED, W_DIM)).astype(np.float32)
    wanted = at(P_S)
    wanted[:MOVED] += bias
    close(moved(pose(), bias=bias), wanted)


def test_poses_beyond_the_range_are_bounded():
    far, farther = moved(pose(yaw=300.0)), moved(pose(yaw=3000.0))
    close(far, farther)


@pytest.mark.parametrize("motion", ["relative", "absolute"])
def test_an_offset_is_added_to_every_pose(motion):
    """Whoever drives, and also where nobody does; names that the space lacks do not count."""
    settings = DirectionsSettings(motion, offset=(("yaw", 5.0), ("nose", 1.0)))
    still = replace(settings.breathing, pitch_deg=0.0, jaw_open=0.0, brow_raise=0.0)
    space, code = BUILTIN, np.zeros((8, 4), np.float32)
    A = np.ones((8, 4, space.dim), np.float32)

    def moved(yaw, presence, offset):
        wanted = replace(settings, breathing=still, offset=offset)
        out = np.empty_like(code)
        directions = Directions(A, None, space, code=code, p_s=space.rest, settings=wanted)
        directions.move(PoseVector(space.pose(yaw=yaw), space.rest, presence, Moment(0, 0.0, 0.0)), out=out)
        return out

    np.testing.assert_allclose(moved(10.0, 1.0, settings.offset), moved(15.0, 1.0, ()), rtol=1e-5)
    np.testing.assert_allclose(moved(10.0, 0.0, settings.offset), moved(5.0, 1.0, ()), rtol=1e-5)
