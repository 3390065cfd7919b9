import tracemalloc

import cv2
import numpy as np
import pytest

from puppet.backdrop import Behind, make_backdrop
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


def nothing(size_wh):
    """A transparent backdrop."""
    return make_backdrop("transparent", size_wh, Behind(np.zeros(3, np.uint8)))


@pytest.mark.parametrize("size_wh", [(64, 64), (96, 64), (48, 64)])
def test_before_a_transparent_backdrop_opacity_is_the_matte_and_any_backdrop_can_be_added(size_wh):
    portrait = over_grey(RNG.uniform(0, 255, (32, 32, 3)), RNG.uniform(0, 1, (32, 32)))
    backdrop = np.full((size_wh[1], size_wh[0], 3), (250, 90, 10), np.uint8)
    out = composed(portrait, nothing(size_wh))
    through = 1 - out[..., 3:].astype(float) / 255
    later = out[..., :3] + through * (backdrop.astype(float) - 128)
    # A mark more or less; noise rings over white and black.
    assert np.quantile(np.abs(later.clip(0, 255) - composed(portrait, backdrop)), 0.98) <= 3
    if size_wh == (64, 64):
        matte = cv2.resize(portrait[..., 3], size_wh, interpolation=cv2.INTER_CUBIC)
        np.testing.assert_array_equal(out[..., 3], matte)


def test_an_opaque_portrait_is_opaque_before_a_transparent_backdrop():
    portrait = np.full((32, 32, 3), 200, np.uint8)
    out = composed(portrait, nothing((96, 64)))
    assert (out[:, 24:72, 3] == 255).all() and (out[:, :16, 3] == 0).all()
    assert (np.abs(out[:, 24:72, :3].astype(int) - 200) <= 1).all()


@pytest.mark.parametrize("size_wh", [(1280, 720), (720, 1280)])
@pytest.mark.parametrize("wanted", ["#000000", "transparent"])
def test_composing_allocates_no_pictures(size_wh, wanted):
    backdrop = make_backdrop(wanted, size_wh, Behind(np.zeros(3, np.uint8)))
    compositor, out = Compositor(backdrop, 128, 4), np.empty_like(backdrop)
    portrait = RNG.integers(0, 256, (128, 128, 4), dtype=np.uint8)
    compositor.compose(portrait, out)
    tracemalloc.start()
    for _ in range(5):
        compositor.compose(portrait, out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 10
