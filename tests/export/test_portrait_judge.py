from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.portrait_judge import Seen, face_sharpness, frames, numbers, psnr
from export.portrait_sweep import BLINKS, MOTIONS, PIVOT, label, requested_deg, sweep
from export.shape_model import CAMERA_FROM_HEAD, head_rotation
from puppet.alignment import resize
from puppet.avatar import Avatar
from puppet.parts import Parts
from puppet.pose_space import BUILTIN
from puppet.settings import CompositorSettings, Settings
from puppet.stills import read_still
from puppet.tracker import LOOK_PX, Tracker

BYTES = np.zeros((4, 4, 3), np.uint8)
FACE = np.random.default_rng(0).normal(0, 100, (478, 3)).astype(np.float32)


def avatar(*head: float) -> Avatar:
    """Nothing but a pose of its own."""
    p_s = BUILTIN.rest.copy()
    p_s[: len(head)] = head
    return Avatar(np.zeros((8, 4), np.float32), p_s, BYTES, BYTES, "", "")


def seen_by(avatar: Avatar, obedience: float = 1.0) -> list[Seen]:
    """What a portrait shows that follows every motion by this share."""
    return [Seen(motion, 0.5, *_face(avatar, motion, obedience)) for motion in MOTIONS]


def _face(avatar: Avatar, motion, obedience: float) -> tuple[np.ndarray, np.ndarray]:
    p = avatar.p_s.copy()
    for name, value in motion.items():
        p[BUILTIN.index(name)] += obedience * value
    points = FACE.copy()
    points[13], points[14] = (0, 0, 0), (0, 10 + 30 * p[BUILTIN.index("jaw_open")], 0)
    for eye, (upper, lower, inner, outer) in zip(BLINKS, ((386, 374, 362, 263), (159, 145, 33, 133)), strict=True):
        points[inner], points[outer], points[upper] = (0, 0, 0), (40, 0, 0), (20, 0, 0)
        points[lower] = (20, 14 - 12 * p[BUILTIN.index(eye)], 0)
    rotation = CAMERA_FROM_HEAD @ head_rotation(p) @ CAMERA_FROM_HEAD.T
    return (points @ rotation.T).astype(np.float32), p


def test_psnr_counts_what_has_weight() -> None:
    error = np.zeros((2, 2, 3), np.float32)
    error[0] = 25.5
    error[1] = 255
    weights = np.array([[1, 1], [0, 0]], np.float32)
    assert psnr(error, weights) == pytest.approx(20)
    assert psnr(error, 1 - weights) == pytest.approx(0)
    assert psnr(error, 0 * weights) is None


@given(*[st.floats(-15, 15)] * 3)
def test_an_obedient_portrait_has_no_error_whatever_its_own_pose(yaw: float, pitch: float, roll: float) -> None:
    portrait = avatar(yaw, pitch, roll)
    scores = numbers(BUILTIN, portrait, seen_by(portrait))
    assert scores["found"] == 1
    for name in ("yaw", "pitch", "roll"):
        assert scores[f"{name}_error"] == pytest.approx(0, abs=0.1)
        assert scores[f"{name}_gain"] == pytest.approx(1, abs=0.01)


def test_from_the_front_the_wanted_angles_are_those_of_the_motion() -> None:
    assert requested_deg(BUILTIN, avatar(), {"yaw": 15.0, "roll": -10.0}) == pytest.approx((15, 0, -10), abs=1e-3)


def test_half_the_motion_is_half_the_gain() -> None:
    scores = numbers(BUILTIN, avatar(), seen_by(avatar(), 0.5))
    assert scores["yaw_gain"] == pytest.approx(0.5, abs=0.02)
    assert scores["yaw_error"] > 3
    assert scores["mouth_read"] == pytest.approx(0.5) and scores["eye_read"] == pytest.approx(0.5)


def test_a_mouth_that_closes_again_has_wrong_steps() -> None:
    good = seen_by(avatar())
    scores = numbers(BUILTIN, avatar(), good)
    assert scores["mouth_steps"] == scores["eye_steps"] == 1
    assert scores["mouth_last"] == pytest.approx(4 * scores["mouth_first"], rel=1e-4)
    assert scores["eye_last"] == pytest.approx(scores["eye_first"] / 7, rel=1e-4)
    pivot = next(one for one in good if not one.motion)
    stuck = [Seen(one.motion, 0.5, pivot.points, pivot.p) if label(one.motion) == "blink +1" else one for one in good]
    assert numbers(BUILTIN, avatar(), stuck)["eye_steps"] == 0.75


def test_lost_faces_are_counted_and_still_compared() -> None:
    seen = seen_by(avatar())
    seen[3] = Seen(seen[3].motion, 0.1)
    scores = numbers(BUILTIN, avatar(), seen)
    assert scores["found"] == pytest.approx(1 - 1 / len(seen))
    assert scores["similarity_least"] == 0.1
    rows = frames(BUILTIN, avatar(), seen)
    assert rows[label(seen[3].motion)]["yaw"] is None and rows[PIVOT]["yaw"] == pytest.approx(0, abs=0.01)


def test_a_face_that_blurs_as_it_turns_is_less_sharp_than_the_pivot() -> None:
    seen = [replace(one, sharpness=0.2 if "yaw" in one.motion else 0.4) for one in seen_by(avatar())]
    scores = numbers(BUILTIN, avatar(), seen)
    assert scores["sharpness_least"] == 0.5 and 0.5 < scores["sharpness_mean"] < 1


def test_sharpness_is_that_of_the_face(portrait: Path) -> None:
    tracker = Tracker(still=True)
    rgb = resize(read_still(portrait), LOOK_PX)
    points = tracker.find(rgb).landmarks_px[:, :2]
    tracker.close()
    blurred = cv2.GaussianBlur(rgb, (0, 0), 3)
    assert 0 < face_sharpness(blurred, points) < 0.8 * face_sharpness(rgb, points)
    assert face_sharpness(np.full_like(rgb, 7), points) is None


def test_without_any_face_there_is_no_motion() -> None:
    scores = numbers(BUILTIN, avatar(), [Seen(motion, None) for motion in MOTIONS])
    assert scores["found"] == 0
    assert all(value is None for name, value in scores.items() if name != "found")


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_the_sweep_is_painted_by_the_portraits_own_engine(make_bundle, portrait: Path, tmp_path: Path, strength: float):
    settings = Settings(
        bundle=make_bundle(strength), data_dir=tmp_path, compositor=CompositorSettings(size_wh=(32, 32))
    )
    parts = Parts(settings)
    scene = parts.scene(settings, parts.avatar(portrait))
    space, shape = parts.bundle.pose_space, (parts.bundle.num_ws, parts.bundle.w_dim)
    painted = {label(motion): shot for motion, shot in sweep(space, scene, shape)}
    parts.close()
    assert len(painted) == len(MOTIONS)
    still = [np.array_equal(shot.rgb, painted[PIVOT].rgb) for shot in painted.values()]
    assert all(still) if strength == 0 else sum(still) < len(still) / 2
