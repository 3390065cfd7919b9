"""An avatar that moves by itself: every wanted motion, from rest to rest."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engines import open_engine
from puppet.avatar import Avatar
from puppet.bundle import load_bundle
from puppet.pose_space import BUILTIN, PoseSpace
from puppet.rehearsal import SCRIPT, poses, rehearse


@pytest.mark.parametrize("fps", [30.0, 24.0, 60.0])
def test_the_track_takes_three_seconds_and_can_be_looped(fps: float) -> None:
    track = list(poses(BUILTIN, fps))
    assert len(track) == 3 * fps
    np.testing.assert_array_equal(track[0].p, BUILTIN.rest)
    np.testing.assert_allclose(track[-1].p, BUILTIN.rest, atol=0.02)
    assert all(np.array_equal(pose.neutral, BUILTIN.rest) and pose.presence == 1.0 for pose in track)
    assert track[-1].moment.time_s == pytest.approx(3.0 - 1 / fps)


def test_it_looks_to_both_sides_nods_blinks_speaks_and_smiles() -> None:
    p = np.stack([pose.p for pose in poses(BUILTIN, 30.0)])
    assert (p >= BUILTIN.lower).all() and (p <= BUILTIN.upper).all()
    for name, low, high in (("yaw", -19.5, 19.5), ("pitch", -7.5, 11.5), ("jaw_open", 0.0, 0.65)):
        entry = p[:, BUILTIN.index(name)]
        assert entry.min() <= low and entry.max() >= high
    for name in ("blink_left", "blink_right", "smile_left", "smile_right"):
        assert p[:, BUILTIN.index(name)].max() >= 0.85
    assert np.abs(np.diff(p[:, BUILTIN.index("yaw")])).max() < 6  # nothing jumps
    assert not p[:, [BUILTIN.index(name) for name in BUILTIN.names if name not in SCRIPT]].any()


def test_a_pose_space_without_these_names_stays_still() -> None:
    one = np.ones(1, np.float32)
    space = PoseSpace(("tail",), -one, one, 0 * one)
    assert not any(pose.p.any() for pose in poses(space, 10.0))


def test_the_pictures_are_the_avatars_own(bundle_folder: Path) -> None:
    bundle = load_bundle(bundle_folder)
    rng = np.random.default_rng(0)
    crop = np.full((64, 64, 3), 90, np.uint8)
    avatar = Avatar(
        rng.normal(0, 1, (bundle.num_ws, bundle.w_dim)).astype(np.float32), bundle.pose_space.rest, crop, crop, "0", "0"
    )
    with closing(open_engine(bundle.synthesis_path, precision="f32")) as engine:
        pictures = [picture.rgb.copy() for picture in rehearse(bundle, engine, avatar, 96, 10.0)]
    assert len(pictures) == 30 and pictures[0].shape == (96, 96, 3)
    assert max(np.abs(picture.astype(int) - pictures[0]).max() for picture in pictures) > 10
