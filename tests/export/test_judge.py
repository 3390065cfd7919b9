from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.judge import ENOUGH_SPAN, MEASURES, MOST_LAG, Track, compare, rigid_rotation, rotation_angles, watch
from export.render_clip import latent, over_backdrop
from export.render_heads import HeadRenderer
from export.shape_model import CAMERA_FROM_HEAD, head_rotation, load_shape_model
from puppet.pose_space import BUILTIN

FRAMES = 90
angles = st.floats(-60, 60)


def wave(frames: int = FRAMES) -> np.ndarray:
    """Values of all measures that move more than enough, each in its own rhythm."""
    t = np.linspace(0, 2 * np.pi, frames)[:, None]
    return np.array(ENOUGH_SPAN) * (1 + np.sin(t * np.arange(1, 6) + np.arange(5)))


@given(angles, angles, angles)
def test_angles_survive_the_way_through_a_face(yaw: float, pitch: float, roll: float) -> None:
    p = BUILTIN.rest.copy()
    p[:3] = yaw, pitch, roll
    rotation = CAMERA_FROM_HEAD @ head_rotation(p) @ CAMERA_FROM_HEAD.T
    first = np.random.default_rng(0).normal(0, 100, (478, 3)).astype(np.float32)
    now = (0.5 * first @ rotation.T + np.float32([300, 200, 10])).astype(np.float32)
    assert rotation_angles(rigid_rotation(first, now)) == pytest.approx((yaw, pitch, roll), abs=0.05)


def test_a_clip_agrees_with_itself() -> None:
    verdict = compare(Track(wave()), Track(wave()))
    assert verdict.lag == 0 and verdict.found_driver == verdict.found_output == 1
    assert tuple(verdict.measures) == MEASURES
    for measure in verdict.measures.values():
        assert measure.counts
        assert measure.correlation == pytest.approx(1)
        assert measure.gain == pytest.approx(1)
        assert measure.error == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("lag", [1, 4, MOST_LAG])
def test_a_late_output_is_found_out(lag: int) -> None:
    long = wave(FRAMES + lag)
    verdict = compare(Track(long[lag:]), Track(long[:FRAMES]))
    assert verdict.lag == lag
    assert verdict.measures["mouth"].correlation == pytest.approx(1)


def test_half_the_motion_is_half_the_gain_and_a_constant_offset_of_an_angle_is_no_error() -> None:
    output = wave()
    output[:, 0] = output[:, 0] / 2 + 30
    yaw = compare(Track(wave()), Track(output)).measures["yaw"]
    assert yaw.gain == pytest.approx(0.5) and yaw.correlation == pytest.approx(1)
    assert 0 < yaw.error < ENOUGH_SPAN[0]


def test_a_still_driver_counts_for_nothing() -> None:
    still = wave() * 0.01
    assert not any(measure.counts for measure in compare(Track(still), Track(wave())).measures.values())


def test_frames_without_a_face_are_counted_and_left_out() -> None:
    output = wave()
    output[10:19] = np.nan
    driver = wave()
    driver[15:33] = np.nan
    verdict = compare(Track(driver), Track(output))
    assert verdict.found_driver == pytest.approx(0.8)
    assert verdict.found_output == pytest.approx(67 / 72)
    assert verdict.measures["eye"].correlation == pytest.approx(1)


def test_without_faces_there_is_no_measure() -> None:
    nothing = Track(np.full((FRAMES, 5), np.nan))
    assert compare(nothing, Track(wave())).measures == {}
    assert compare(Track(wave()), nothing).found_output == 0


def test_the_judge_reads_rendered_truth(data_folder: Path) -> None:
    renderer = HeadRenderer(load_shape_model(data_folder / "ict_facekit"), 256)
    person = renderer.person(latent(23))
    t = np.linspace(0, 2 * np.pi, 24)
    truth = np.zeros((24, BUILTIN.dim), np.float32)
    truth[:, 0], truth[:, 1], truth[:, 2] = 20 * np.sin(t), 8 * np.sin(2 * t), 10 * np.cos(t) - 10
    truth[:, BUILTIN.index("jaw_open")] = 0.35 - 0.35 * np.cos(3 * t)
    frames = [over_backdrop(renderer.paint(person, p).rgba, (170, 180, 190)) for p in truth]
    seen = watch(frames)
    assert seen.found.all()
    for i, name in enumerate(MEASURES[:3]):
        slope = np.polyfit(truth[:, i], seen.values[:, i], 1)[0]
        assert np.corrcoef(truth[:, i], seen.values[:, i])[0, 1] > 0.95, name
        assert 0.7 < slope < 1.3, name
    assert np.corrcoef(truth[:, BUILTIN.index("jaw_open")], seen.values[:, 3])[0, 1] > 0.9

    mirrored = compare(seen, watch(np.ascontiguousarray(frame[:, ::-1]) for frame in frames)).measures
    assert mirrored["yaw"].correlation < -0.9 and mirrored["roll"].correlation < -0.9
    assert mirrored["pitch"].correlation > 0.9 and mirrored["mouth"].gain == pytest.approx(1, abs=0.2)
