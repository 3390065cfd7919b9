"""Holes filled from what is around them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from puppet.hole_filling import filled

HOLE = np.s_[8:88, 40:120]


def planks(height: int = 96, width: int = 160) -> np.ndarray:
    """Stripes across, eight pixels wide."""
    bright = (np.arange(height) // 8 % 2)[:, None, None]
    return np.broadcast_to(60 + 120 * bright, (height, width, 3)).astype(np.uint8).copy()


def known(rgb: np.ndarray) -> np.ndarray:
    share = np.ones(rgb.shape[:2], np.float32)
    share[HOLE] = 0
    return share


def without(rgb: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Filled where there is no margin."""
    return filled(rgb, share, 1 - share, np.zeros_like(share))


def test_what_goes_up_to_a_hole_goes_on_in_it_and_is_smooth_further_in() -> None:
    rgb = planks()
    fill = without(rgb, known(rgb))
    left, middle, right = (np.abs(np.diff(fill[32:64, begin : begin + 8, 0].mean(1))).max() for begin in (41, 76, 111))
    assert left > 70 and right > 70 and middle < 20


@given(st.integers(0, 255), st.floats(0.2, 1))
def test_nothing_of_what_a_hole_holds_is_seen(level: int, edge: float) -> None:
    rgb = planks()
    share = known(rgb)
    share[:, 30:40] *= edge
    rgb[HOLE] = (level, 255 - level, 255 - level // 2)
    fill = filled(rgb, share, (share == 0).astype(np.float32), np.zeros_like(share))
    np.testing.assert_allclose(fill, fill[..., :1].repeat(3, 2), atol=1e-3)  # all else is grey
    np.testing.assert_array_equal(fill[:, :22], rgb[:, :22])


def test_a_margin_is_a_hole_only_where_it_may_show_hair() -> None:
    rgb = np.full((192, 320, 3), 120, np.uint8)
    share, hider = np.ones((2, *rgb.shape[:2]), np.float32)
    share[40:150, 100:200] = 0
    hider[:] = 0
    hider[46:144, 106:194] = 1
    rgb[hider > 0] = 30
    rgb[60:70, 196:199], rgb[90:100, 196:199] = 60, 220
    fill = filled(rgb, share, hider, 1 - hider)
    assert np.abs(fill[61:69, 196:199] - 120).max() < 10 and fill[91:99, 196:199].min() > 210


def test_strands_beside_a_hole_go_and_the_same_further_away_stay() -> None:
    rgb = np.full((192, 320, 3), 90, np.uint8)
    rgb[::2] += 4
    share = np.ones(rgb.shape[:2], np.float32)
    share[40:150, 100:200] = 0
    rgb[share == 0] = 200
    rgb[60:140, 205:207] = rgb[60:140, 300:302] = 180
    rgb[60:140, 210:212] = 20
    rgb[60:140, 225:] += 60
    fill = without(rgb, share)
    assert fill[60:140, 200:210].max() < 130 and fill[70:130, 300:302].min() > 230
    assert fill[70:130, 210:212].max() < 30  # unlike what hides the hole
    np.testing.assert_allclose(fill[65:135, 228:290], rgb[65:135, 228:290], atol=1)


def test_a_picture_of_which_all_is_known_or_nothing() -> None:
    rgb = planks()
    np.testing.assert_array_equal(without(rgb, np.ones(rgb.shape[:2], np.float32)), rgb)
    nothing = without(rgb, np.zeros(rgb.shape[:2], np.float32))
    np.testing.assert_allclose(nothing, np.broadcast_to(rgb.mean(), rgb.shape), atol=10)
