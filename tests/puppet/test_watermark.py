import math
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from puppet.watermark import CELLS_WH, PLAIN, Watermark, draw_key, key_for
from puppet.watermark_detector import FALSE_ALARM, Evidence, cells, look

SIZES_WH = st.tuples(st.integers(16, 80), st.integers(16, 80))


def luma_of(rgb):
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)


def noise(seed, size_wh=(320, 180)):
    """A picture with as much detail at every scale."""
    rng = np.random.default_rng(seed)
    picture = np.full((size_wh[1], size_wh[0], 3), 128.0)
    for octave in range(1, 8):
        grid = rng.normal(0.0, 60 * 0.5**octave, (9 * 2**octave // 2, 16 * 2**octave // 2, 3))
        picture += cv2.resize(grid, size_wh, interpolation=cv2.INTER_CUBIC)
    return picture.clip(0, 255).astype(np.uint8)


def marked(rgb):
    rgb = rgb.copy()
    Watermark(rgb).put(rgb)
    return rgb


@given(SIZES_WH.flatmap(lambda wh: arrays(np.uint8, (wh[1], wh[0], 3))))
def test_no_byte_changes_by_more_than_one_and_none_wraps(rgb):
    change = marked(rgb).astype(int) - rgb
    assert np.abs(change).max() <= 1
    height, width = rgb.shape[:2]
    key = cv2.resize(key_for((width, height)), (width, height), interpolation=cv2.INTER_NEAREST)[..., None]
    assert ((change == 0) | (change == key)).all()


def test_plain_places_get_less_than_busy_ones():
    half = np.full((180, 320, 3), 120, np.uint8)
    half[:, 160:] = np.random.default_rng(0).integers(0, 256, (180, 160, 3))
    changed = (marked(half) != half).any(axis=2)
    assert changed[:, :150].mean() == pytest.approx(PLAIN, abs=0.02) and changed[:, 170:].mean() > 0.99


def test_the_key_is_the_same_for_ever_and_balanced():
    key = draw_key()
    assert key.shape == CELLS_WH[::-1] and set(np.unique(key)) == {-1, 1}
    assert abs(key.mean()) < 0.05
    assert np.packbits(key.ravel()[:64] > 0).tobytes().hex() == "7cecf23f8234ee00"


@pytest.mark.parametrize("size_wh", [(1280, 720), (640, 360), (512, 512), (720, 1280), (320, 180), (160, 90)])
def test_one_picture_of_any_size_is_recognised(size_wh):
    rgb = noise(1, size_wh)
    assert look(luma_of(marked(rgb))).found
    assert not look(luma_of(rgb)).found


@pytest.mark.parametrize("level", [0, 16, 128, 255])
def test_a_plain_picture_is_recognised_black_and_white_too(level):
    plain = np.full((180, 320, 3), level, np.uint8)
    assert look(luma_of(marked(plain))).found
    assert not look(luma_of(plain)).found


def test_it_is_recognised_mirrored_scaled_and_with_bars():
    rgb = marked(noise(2, (640, 360)))
    mirrored = look(luma_of(np.ascontiguousarray(rgb[:, ::-1])))
    assert mirrored.found and mirrored.mirrored and not look(luma_of(rgb)).mirrored
    assert look(luma_of(cv2.resize(rgb, (320, 180), interpolation=cv2.INTER_AREA))).found
    assert look(luma_of(cv2.resize(rgb, (960, 540), interpolation=cv2.INTER_CUBIC))).found
    boxed = np.zeros((640, 640, 3), np.uint8)
    boxed[140:500] = rgb
    assert look(luma_of(boxed)).found


def test_a_bar_is_not_seen_in_a_dark_picture():
    rgb = noise(3)
    rgb[:, :60] = 5
    rgb[:30] = 0
    assert look(luma_of(marked(rgb))).found


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 4.5))
def test_wrong_keys_agree_no_more_often_than_the_bound(seed, z):
    rng = np.random.default_rng(seed)
    y = cells(luma_of(marked(noise(seed, (128, 72)))), 0.5)
    y /= np.linalg.norm(y)
    wrong = rng.choice(np.float32([-1, 1]), (64, y.size))
    expected = 64 * np.exp(-(z**2) / 2)
    assert (wrong @ y.ravel() >= z).sum() <= expected + 5 * np.sqrt(expected) + 1


def test_every_trial_counts():
    assert [Evidence(z, 2, False).digits for z in (-1.0, 1.0, 6.0, 60.0)] == [0, 0, 7, 781]
    assert [Evidence(6.0, trials, False).found for trials in (2, 200)] == [True, False]
    assert 2 * math.exp(-(Evidence(0.0, 2, False).needed ** 2) / 2) == pytest.approx(FALSE_ALARM)


def test_marking_allocates_nothing():
    rgb = noise(4, (640, 360))
    watermark = Watermark(rgb)
    watermark.put(rgb)
    tracemalloc.start()
    watermark.put(rgb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4096
