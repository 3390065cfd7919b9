import tracemalloc

import cv2
import numpy as np
import pytest

from puppet.compositor import Compositor
from puppet.watermark import Watermark

RNG = np.random.default_rng(5)


def over_grey(colour, alpha):
    """Colours 0-255 and opacities 0-1 as bytes over mid grey."""
    rgb = 127.5 * (alpha[..., None] * (2 * colour / 255 - 1) + 1)
    return np.round(np.dstack([rgb, 255 * alpha])).astype(np.uint8)


def composed(portrait, backdrop):
    out = np.full_like(backdrop, 77)
    Compositor(backdrop, len(portrait), portrait.shape[2]).compose(portrait, out)
    return out


def test_the_formula_holds_at_every_pixel():
    colour = RNG.uniform(0, 255, (32, 32, 3))
    alpha = RNG.uniform(0, 1, (32, 32))
    backdrop = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    wanted = alpha[..., None] * colour + (1 - alpha[..., None]) * backdrop
    np.testing.assert_allclose(composed(over_grey(colour, alpha), backdrop), wanted, atol=2.5)


def test_the_portrait_is_enlarged_to_the_height_in_the_middle_and_fades_out_at_its_sides():
    portrait = over_grey(np.full((100, 100, 3), 240.0), np.ones((100, 100)))
    out = composed(portrait, np.full((100, 150, 3), (0, 0, 200), np.uint8))
    assert (np.abs(out[:, 31:119].astype(int) - 240) <= 1).all()
    assert (np.abs(out[:, :26].astype(int) - (0, 0, 200)) <= 1).all()
    assert (np.abs(out[:, 124:].astype(int) - (0, 0, 200)) <= 1).all()
    left, right = (out[50, columns, 0].astype(int) for columns in (slice(25, 32), slice(124, 117, -1)))
    assert (np.diff(left) > 20).all() and np.abs(left - right).max() <= 3  # the mark is not symmetric


def test_a_portrait_that_fills_the_canvas_does_not_fade():
    portrait = over_grey(np.full((16, 16, 3), 240.0), np.ones((16, 16)))
    assert (np.abs(composed(portrait, np.zeros((64, 64, 3), np.uint8)).astype(int) - 240) <= 1).all()


def test_a_picture_higher_than_wide_shows_the_middle():
    colour = np.zeros((16, 16, 3))
    colour[:, 8:] = 255
    out = composed(over_grey(colour, np.ones((16, 16))), np.zeros((64, 32, 3), np.uint8))
    assert (out[:, :10] < 20).all() and (out[:, 22:] > 235).all()


def test_no_colour_bleeds_over_the_edge():
    alpha = np.zeros((16, 16))
    alpha[4:12, 4:12] = 1
    hidden = np.full((16, 16, 3), 255.0)
    hidden[4:12, 4:12] = (200, 30, 30)
    plain = cv2.resize(alpha, (160, 160), interpolation=cv2.INTER_CUBIC).clip(0, 1)[..., None]
    out = composed(over_grey(hidden, alpha), np.full((160, 160, 3), (30, 30, 200), np.uint8))
    np.testing.assert_allclose(out, plain * (200, 30, 30) + (1 - plain) * (30, 30, 200), atol=25)  # cubic ringing
    assert out[..., 1].max() <= 60


def test_three_channels_are_opaque():
    portrait = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    backdrop, marked = np.full((32, 32, 3), 90, np.uint8), portrait.copy()
    Watermark(backdrop).put(marked)
    np.testing.assert_array_equal(composed(portrait, backdrop), marked)


@pytest.mark.parametrize("size_wh", [(1280, 720), (720, 1280)])
def test_composing_allocates_no_pictures(size_wh):
    backdrop = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    compositor, out = Compositor(backdrop, 128, 4), np.empty_like(backdrop)
    portrait = RNG.integers(0, 256, (128, 128, 4), dtype=np.uint8)
    compositor.compose(portrait, out)
    tracemalloc.start()
    for _ in range(5):
        compositor.compose(portrait, out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 10
