from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from export.head_factors import Z_DIM
from export.head_pool import SHARD_IDENTITIES
from export.render_clip import (
    DRIVER_SEED,
    PORTRAIT_PX,
    PORTRAIT_SEED,
    RATE,
    SECONDS,
    WIDTH,
    latent,
    lens_at,
    over_backdrop,
    pose_at,
    render_clip,
    render_portrait,
    write_clip,
)
from export.render_heads import HeadRenderer
from export.shape_model import load_shape_model, procedural_shape_model
from puppet.pose_space import BUILTIN
from puppet.tracker import Tracker

EXAMPLES = Path(__file__).parents[2] / "puppet" / "examples"
TIMES = np.arange(0, SECONDS, 1 / RATE)


@pytest.fixture(scope="module")
def renderer() -> HeadRenderer:
    return HeadRenderer(procedural_shape_model(), 64)


def test_the_driver_starts_at_rest_moves_everything_and_stays_in_range() -> None:
    p = np.stack([pose_at(t) for t in TIMES])
    assert np.array_equal(p[:12], np.zeros_like(p[:12]))
    assert ((p >= BUILTIN.lower) & (p <= BUILTIN.upper)).all()
    moved = {name for name, span in zip(BUILTIN.names, np.ptp(p, axis=0), strict=True) if span > 0.4}
    assert moved == set(BUILTIN.names) - {"frown", "mouth_shift"}
    # Nothing jumps: a blink takes more than three frames down.
    speed = np.abs(np.diff(p, axis=0)) / (BUILTIN.upper - BUILTIN.lower)
    assert speed.max() < 0.5


def test_people_are_reproducible_and_differ() -> None:
    assert np.array_equal(latent(4), latent(4))
    assert not np.array_equal(latent(4), latent(5))
    assert latent(4).shape == (Z_DIM,)


def test_nobody_is_in_the_training_pool() -> None:
    pool = np.random.default_rng([0, 20220200046 % 2**31]).standard_normal((SHARD_IDENTITIES, Z_DIM)).astype(np.float32)
    assert not (pool == latent(0)).all(1).any()


def test_the_same_clip_is_rendered_twice(renderer: HeadRenderer, tmp_path: Path) -> None:
    frames = list(render_clip(renderer, 1, rate=3))
    assert np.array_equal(frames, list(render_clip(renderer, 1, rate=3)))
    write_clip(tmp_path / "clip.mp4", iter(frames), rate=3)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        read = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
        assert clip.streams.video[0].average_rate == 3
    assert len(read) == 3 * SECONDS and read[0].shape == (48, 64, 3)
    assert np.abs(np.array(read, int) - frames).mean() < 6
    assert np.abs(read[0].astype(int) - read[6]).max() > 40


def test_the_portrait_stands_before_a_wall(renderer: HeadRenderer) -> None:
    portrait = render_portrait(renderer, 1)
    assert portrait.shape == (64, 64, 3)
    assert np.ptp(portrait[:4].astype(int), axis=(0, 1)).max() < 30
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[..., :3] = 128
    assert np.abs(over_backdrop(clear, (100, 150, 200))[4, 4].astype(int) - (106, 159, 212)).max() <= 2


def test_the_driver_never_leaves_the_picture() -> None:
    for t in TIMES:
        lens = lens_at(t)
        assert abs(lens.x) + lens.zoom / 2 < 0.5 and 0.55 < lens.zoom < 0.7


def test_the_shipped_examples_are_small_and_show_a_face() -> None:
    assert sum(path.stat().st_size for path in EXAMPLES.iterdir()) < 400_000
    with av.open(str(EXAMPLES / "driver.mp4")) as clip:
        assert (clip.streams.video[0].frames, clip.streams.video[0].average_rate) == (RATE * SECONDS, RATE)
    tracker = Tracker(still=True)
    assert tracker.find(cv2.imread(str(EXAMPLES / "portrait.png"))[..., ::-1].copy()) is not None
    tracker.close()


def test_the_shipped_examples_are_what_the_renderer_paints(data_folder: Path) -> None:
    shape = load_shape_model(data_folder / "ict_facekit")
    shipped = cv2.imread(str(EXAMPLES / "portrait.png"))[..., ::-1]
    painted = render_portrait(HeadRenderer(shape, PORTRAIT_PX), PORTRAIT_SEED)
    assert np.abs(painted.astype(int) - shipped).mean() < 0.5
    with av.open(str(EXAMPLES / "driver.mp4")) as clip:
        filmed = next(clip.decode(video=0)).to_ndarray(format="rgb24")
    first = next(render_clip(HeadRenderer(shape, WIDTH), DRIVER_SEED))
    face = slice(120, 360), slice(200, 440)
    assert np.abs(first[face].astype(int) - filmed[face]).mean() < 3
