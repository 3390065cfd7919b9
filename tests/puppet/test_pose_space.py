import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from puppet.pose_space import BUILTIN, SCALED_RANGE, PoseSpace

poses = arrays(np.float32, BUILTIN.dim, elements=st.floats(-200, 200, width=32))


@given(poses)
def test_soft_clip_stays_inside_and_keeps_order(p: np.ndarray) -> None:
    limited = BUILTIN.soft_clip(p)
    assert np.all(limited >= BUILTIN.lower - 1e-5) and np.all(limited <= BUILTIN.upper + 1e-5)
    assert np.all(BUILTIN.soft_clip(p + np.float32(0.01)) >= limited - 1e-5)


@given(poses)
def test_mirroring_twice_changes_nothing(p: np.ndarray) -> None:
    np.testing.assert_array_equal(BUILTIN.mirror(BUILTIN.mirror(p)), p)


@given(poses)
def test_unscale_undoes_scale(p: np.ndarray) -> None:
    np.testing.assert_allclose(BUILTIN.unscale(BUILTIN.scale(p)), p, atol=1e-3)


def test_rest_and_the_inner_range_pass_unchanged() -> None:
    np.testing.assert_array_equal(BUILTIN.soft_clip(BUILTIN.rest), BUILTIN.rest)
    inner = BUILTIN.unscale(np.full(BUILTIN.dim, 0.89 * SCALED_RANGE, np.float32))
    np.testing.assert_allclose(BUILTIN.soft_clip(inner), inner, rtol=1e-5)


def test_scaled_limits_are_plus_and_minus_a() -> None:
    np.testing.assert_allclose(BUILTIN.scale(BUILTIN.upper), SCALED_RANGE, rtol=1e-6)
    np.testing.assert_allclose(BUILTIN.scale(BUILTIN.lower), -SCALED_RANGE, rtol=1e-6)


def test_mirror_swaps_sides_and_negates_what_turns() -> None:
    p = np.arange(BUILTIN.dim, dtype=np.float32)
    mirrored = BUILTIN.mirror(p)
    assert mirrored[BUILTIN.index("blink_left")] == p[BUILTIN.index("blink_right")]
    assert mirrored[BUILTIN.index("roll")] == -p[BUILTIN.index("roll")]
    assert mirrored[BUILTIN.index("pitch")] == p[BUILTIN.index("pitch")]


def test_json_round_trip() -> None:
    again = PoseSpace.from_json(BUILTIN.to_json())
    assert again.names == BUILTIN.names
    np.testing.assert_array_equal(again.lower, BUILTIN.lower)


@pytest.mark.parametrize(
    "change", [{"names": []}, {"lower": [0.0]}, {"upper": None}, {"lower": BUILTIN.upper.tolist()}, {"rest": "x"}]
)
def test_damaged_json_is_refused(change: dict) -> None:
    with pytest.raises(ValueError, match="a pose space needs"):
        PoseSpace.from_json(BUILTIN.to_json() | change)


def test_missing_key_is_refused() -> None:
    values = BUILTIN.to_json()
    del values["upper"]
    with pytest.raises(ValueError, match="upper"):
        PoseSpace.from_json(values)


@pytest.mark.parametrize(
    ("names", "lower", "upper", "words"),
    [
        (["smile_left", "yaw"], -1, 1, "smile_right is missing"),
        (["blink_right", "yaw"], -1, 1, "blink_left is missing"),
        (["yaw", "yaw"], -1, 1, "different names"),
        (["yaw", "<b>pitch</b>"], -1, 1, "letters and digits"),
        (["yaw", "p" * 41], -1, 1, "letters and digits"),
        (["yaw", "pitch"], -3e38, 3e38, "within 1e\\+06"),
        (["yaw", "pitch"], 0, 1e-30, "ranges of 1e-06"),
    ],
)
def test_spaces_that_cannot_be_computed_with_are_refused(names, lower, upper, words) -> None:
    values = {"names": names, "lower": [lower] * 2, "upper": [upper] * 2, "rest": [lower] * 2}
    with pytest.raises(ValueError, match=words):
        PoseSpace.from_json(values)
