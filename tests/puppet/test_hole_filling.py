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


def test_what_goes_up_to_a_hole_goes_on_in_it_and_is_smooth_further_in() -> None:
    rgb = planks()
    fill = filled(rgb, known(rgb))
    left, middle, right = (np.abs(np.diff(fill[32:64, begin : begin + 8, 0].mean(1))).max() for begin in (41, 76, 111))
    assert left > 70 and right > 70 and middle < 20


@given(st.integers(0, 255), st.floats(0.2, 1))
def test_nothing_of_what_a_hole_holds_is_seen(level: int, edge: float) -> None:
    rgb = planks()
    share = known(rgb)
    share[:, 30:40] *= edge
    one = filled(rgb, share)
    rgb[HOLE] = level
    np.testing.assert_array_equal(filled(rgb, share), one)
    np.testing.assert_array_equal(one[:, :22], rgb[:, :22])


def test_strands_beside_a_hole_go_and_the_same_further_away_stay() -> None:
    rgb = np.full((192, 320, 3), 90, np.uint8)
    rgb[::2] += 4
    share = np.ones(rgb.shape[:2], np.float32)
    share[40:150, 100:200] = 0
    rgb[60:140, 205:207] = rgb[60:140, 300:302] = 180
    rgb[60:140, 225:] += 60
    fill = filled(rgb, share)
    assert fill[60:140, 200:210].max() < 130 and fill[70:130, 300:302].min() > 230
    np.testing.assert_allclose(fill[65:135, 228:290], rgb[65:135, 228:290], atol=1)


def test_a_picture_of_which_all_is_known_or_nothing() -> None:
    rgb = planks()
    np.testing.assert_array_equal(filled(rgb, np.ones(rgb.shape[:2], np.float32)), rgb)
    nothing = filled(rgb, np.zeros(rgb.shape[:2], np.float32))
    np.testing.assert_allclose(nothing, np.broadcast_to(rgb.mean(), rgb.shape), atol=10)
