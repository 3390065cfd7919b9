"""A bundle's table of moving faces: a file from a stranger is read as it should be, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from puppet.bundle import FACE_MOTION, builtin_bundle_path
from puppet.errors import BundleError
from puppet.face_motion import FaceMotion, moved, read_face_motion
from puppet.face_topology import INNER_LIPS, opposite
from puppet.pose_space import BUILTIN, PoseSpace

SHIPPED = builtin_bundle_path() / FACE_MOTION


def test_the_shipped_table_moves_a_face_and_leaves_it_where_nothing_is_asked() -> None:
    motion, p = read_face_motion(SHIPPED, BUILTIN), np.zeros(BUILTIN.dim, np.float32)
    X = np.random.default_rng(0).normal(0.5, 0.1, (478, 3))
    X[list(INNER_LIPS), 1] = 0.5  # lips that do not pass through each other
    np.testing.assert_allclose(moved(X, motion, BUILTIN, p, p), X, atol=1e-6)
    p_d = p.copy()
    p_d[BUILTIN.index("jaw_open")] = 1
    chin = 152
    assert moved(X, motion, BUILTIN, p, p_d)[chin, 1] > X[chin, 1] + 0.02


@pytest.mark.parametrize(("jaw", "share"), [(0.4, 1.0), (0.3, 0.75), (0.2, 0.5), (0.0, 0.0), (-0.1, 0.0)])
def test_parted_lips_meet_when_the_jaw_shuts(jaw: float, share: float) -> None:
    """In proportion, however far they are apart, and whatever else the mouth does."""
    motion = read_face_motion(SHIPPED, BUILTIN)
    X = np.random.default_rng(0).normal(0.5, 0.1, (478, 3))
    upper, lower = np.transpose(opposite(INNER_LIPS))
    X[lower] = X[upper] + (0.0, 0.06, 0.01)
    p_s = BUILTIN.pose(jaw_open=0.4)
    for others in ({}, {"smile_left": 0.5, "pucker": -0.2}):
        still, shut = (moved(X, motion, BUILTIN, p_s, BUILTIN.pose(jaw_open=to, **others)) for to in (0.4, jaw))
        np.testing.assert_allclose(shut[lower] - shut[upper], share * (still[lower] - still[upper]), atol=1e-6)


def changed(path: Path, name: str, tensor: np.ndarray | None) -> Path:
    tensors = load_file(SHIPPED)
    if tensor is None:
        del tensors[name]
    else:
        tensors[name] = tensor
    save_file(tensors, path)
    return path


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("pivot", None),
        ("more", np.zeros(3, np.float32)),
        ("pivot", np.zeros(4, np.float32)),
        ("pivot", np.zeros(3, np.float64)),
        ("upper_teeth", np.zeros((128, 128, 4), np.float32)),
        ("lower_teeth", np.zeros((64, 64, 4), np.uint8)),
        ("drop", None),
        ("skin", np.array([1, 2, np.nan], np.float32)),
        ("pivot", np.full(3, np.inf, np.float32)),
        ("displacement", np.full((BUILTIN.dim, 478, 3), -6e4, np.float16)),
        ("displacement", np.zeros((BUILTIN.dim + 1, 478, 3), np.float16)),
    ],
)
def test_other_tensors_are_one_sentence(tmp_path: Path, name: str, tensor: np.ndarray | None) -> None:
    with pytest.raises(BundleError, match=r"should hold") as raised:
        read_face_motion(changed(tmp_path / "motion.safetensors", name, tensor), BUILTIN)
    assert "motion.safetensors" in str(raised.value) and "\n" not in str(raised.value)


def test_a_pose_space_without_angles_has_no_such_table() -> None:
    with pytest.raises(BundleError, match="has no blink_left, blink_right, pitch, roll, yaw"):
        read_face_motion(SHIPPED, PoseSpace(("jaw_open",), *(np.array([x], np.float32) for x in (0, 1, 0))))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, SHIPPED.stat().st_size), at=st.integers(0, 900), byte=st.integers(0, 255))
def test_any_damage_is_refused_or_harmless(tmp_path: Path, cut: int, at: int, byte: int) -> None:
    content = bytearray(SHIPPED.read_bytes()[: max(cut, at + 1) if cut % 2 else None])
    content[at] = byte
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(content)
    try:
        motion = read_face_motion(path, BUILTIN)
    except BundleError:
        return
    assert isinstance(motion, FaceMotion) and np.isfinite(motion.displacement).all()
