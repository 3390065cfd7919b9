from pathlib import Path

import numpy as np
import pytest

from export.head_factors import IDENTITY_MODES, NAMES, entry, read_factors
from export.head_pool import POSES, SHARD_IDENTITIES, HeadPool
from export.pose_sampling import sample_poses
from export.render_heads import REGIONS, Z_DIM, HeadRenderer, Lens
from export.shape_model import load_shape_model, procedural_shape_model
from puppet.pose_space import BUILTIN

MEAN = np.zeros(Z_DIM, np.float32)
REST = BUILTIN.rest


def pose(**entries: float) -> np.ndarray:
    p = REST.copy()
    for name, value in entries.items():
        p[BUILTIN.index(name)] = value
    return p


@pytest.fixture(scope="module")
def egg() -> HeadRenderer:
    return HeadRenderer(procedural_shape_model(), 64)


@pytest.fixture(scope="module")
def real(data_folder: Path) -> HeadRenderer:
    return HeadRenderer(load_shape_model(data_folder / "ict_facekit"), 128)


def centroid(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(0)


def test_same_input_same_picture(egg: HeadRenderer) -> None:
    z = np.random.default_rng(1).standard_normal(Z_DIM).astype(np.float32)
    first = egg.paint(egg.person(z), pose(yaw=20))
    egg.paint(egg.person(MEAN), pose(roll=-10))
    again = egg.paint(egg.person(z), pose(yaw=20))
    np.testing.assert_array_equal(first.rgba, again.rgba)
    np.testing.assert_array_equal(first.regions, again.regions)


def test_matte_is_exact_and_colour_lies_over_grey(egg: HeadRenderer) -> None:
    picture = egg.paint(egg.person(MEAN), REST)
    alpha = picture.rgba[..., 3]
    assert set(np.unique(alpha)) <= {0, 64, 128, 191, 255}
    assert np.all(np.abs(picture.rgba[alpha == 0][:, :3].astype(int) - 128) <= 1)
    np.testing.assert_array_equal(picture.regions == 0, alpha == 0)


def test_a_latent_of_another_length_is_refused(egg: HeadRenderer) -> None:
    with pytest.raises(ValueError, match="expected z of shape"):
        egg.person(np.zeros(3, np.float32))


def test_identity_is_truncated_and_unused_entries_have_no_effect(egg: HeadRenderer) -> None:
    z = np.full(Z_DIM, 6, np.float32)
    assert np.all(read_factors(z).identity <= 2.0)
    changed = MEAN.copy()
    changed[IDENTITY_MODES + len(NAMES) :] = 3
    same = [egg.paint(egg.person(code), REST).rgba for code in (MEAN, changed)]
    np.testing.assert_array_equal(*same)


def test_the_lens_moves_and_scales_the_head(egg: HeadRenderer) -> None:
    person = egg.person(MEAN)
    hair = REGIONS.index("hair")
    middle = egg.paint(person, REST).regions == hair
    half = egg.paint(person, REST, Lens(0.2, -0.1, 0.5)).regions == hair
    assert 0.15 < half.sum() / middle.sum() < 0.4
    down, right = (centroid(half) - 31.5) / 64
    assert right == pytest.approx(0.2, abs=0.05)
    assert down < -0.1


def test_pose_moves_what_it_should(real: HeadRenderer) -> None:
    eyes, mouth = REGIONS.index("eyes"), REGIONS.index("mouth")
    person = real.person(MEAN)
    rest = real.paint(person, REST).regions

    turned = real.paint(person, pose(yaw=25)).regions
    assert centroid(turned == mouth)[1] < centroid(rest == mouth)[1] - 5  # the subject's right is on the left
    down = real.paint(person, pose(pitch=15)).regions
    assert centroid(down == mouth)[0] > centroid(rest == mouth)[0] + 2
    tilted = real.paint(person, pose(roll=20)).regions
    assert centroid(tilted == eyes)[1] > centroid(rest == eyes)[1] + 2
    assert (real.paint(person, pose(jaw_open=1)).regions == mouth).sum() > 1.5 * (rest == mouth).sum()

    open_eyes = real.paint(person, REST).rgba[40:64].astype(float)
    wink = real.paint(person, pose(blink_left=1)).rgba[40:64].astype(float)
    change = np.abs(wink - open_eyes).sum(-1)
    assert change[:, 64:].sum() > 5 * change[:, :64].sum()  # the subject's left is on the right


def test_lower_skin_tone_is_darker(real: HeadRenderer) -> None:
    tone = entry("skin_tone")
    level = []
    for value in (-1.5, 0.0, 1.5):
        z = MEAN.copy()
        z[tone] = value
        picture = real.paint(real.person(z), REST)
        level.append(picture.rgba[picture.regions == REGIONS.index("skin")][:, :3].mean())
    assert level[0] + 30 < level[1] < level[2] - 20


def test_sampled_poses_cover_their_ranges() -> None:
    p = sample_poses(np.random.default_rng(0), 4000)
    assert np.all(p >= BUILTIN.lower) and np.all(p <= BUILTIN.upper)
    blink, jaw = BUILTIN.index("blink_left"), BUILTIN.index("jaw_open")
    assert 0.10 < (p[:, blink] > 0.98).mean() < 0.2
    assert 0.3 < (p[:, jaw] > 0.1).mean() < 0.55
    assert np.all(np.ptp(p, axis=0) > 0.9 * (BUILTIN.upper - BUILTIN.lower))


def test_pool_is_read_while_it_grows(tmp_path: Path) -> None:
    def add(number: int) -> None:
        shard = tmp_path / f"shard_{number:05d}"
        shard.mkdir()
        shape = (SHARD_IDENTITIES, POSES)
        np.save(shard / "rgba.npy", np.full((*shape, 4, 4, 4), number, np.uint8))
        np.save(shard / "regions.npy", np.zeros((*shape, 4, 4), np.uint8))
        np.save(shard / "z.npy", np.full((SHARD_IDENTITIES, Z_DIM), number, np.float32))
        np.save(shard / "p.npy", np.zeros((*shape, BUILTIN.dim), np.float32))

    add(0)
    pool, rng = HeadPool(tmp_path), np.random.default_rng(0)
    with pytest.raises(ValueError, match="two shards or more"):
        pool.sample(rng, 2, 2)
    add(1)
    pool.refresh()
    assert len(pool) == SHARD_IDENTITIES
    batch = pool.sample(rng, 3, 2)
    assert batch.rgba.shape == (3, 2, 4, 4, 4) and np.all(batch.rgba == 1)
    assert np.all(pool.held_out().rgba == 0)
