"""Drawing meshes with a depth test."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from puppet.mesh_raster import Window, draw

SIDE = 24

coordinates = st.floats(-0.5, 1.5, width=32)


@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=3))
def test_a_triangle_covers_the_pixels_whose_centres_it_holds(corners: list[tuple[float, float]]) -> None:
    points = np.array([(*corner, 1.0) for corner in corners], np.float32)
    seen = draw(points, np.array([[0, 1, 2]], np.int32), Window.of(SIDE))
    y, x = np.nonzero(seen.triangle == 0)
    centres = np.stack([(x + 0.5) / SIDE, (y + 0.5) / SIDE], 1)
    found = np.einsum("nc,cd->nd", seen.share[y, x], points[:, :2])
    np.testing.assert_allclose(found, centres, atol=1e-4)
    assert (seen.share[y, x] >= -1e-6).all()
    assert not seen.share[seen.triangle < 0].any()


def test_a_square_of_two_triangles_has_no_gap() -> None:
    points = np.array([(0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1)], np.float32)
    assert (draw(points, np.array([[0, 1, 2], [1, 3, 2]], np.int32), Window.of(SIDE)).triangle >= 0).all()


@given(st.booleans())
def test_the_nearer_one_is_seen_whatever_their_order(swapped: bool) -> None:
    near = np.array([(-1, -1, 1), (3, -1, 1), (-1, 3, 1)], np.float32)
    points = np.concatenate([near, near + np.array((0, 0, 0.5), np.float32)])
    triangles = np.array([[3, 4, 5], [0, 1, 2]] if swapped else [[0, 1, 2], [3, 4, 5]], np.int32)
    assert (draw(points, triangles, Window.of(SIDE)).triangle == int(swapped)).all()


def test_nothing_is_drawn_of_nothing_and_of_flat_triangles() -> None:
    points = np.array([(0, 0, 1), (1, 1, 1), (0.5, 0.5, 1)], np.float32)
    for triangles in (np.zeros((0, 3), np.int32), np.array([[0, 1, 2]], np.int32)):
        assert (draw(points, triangles, Window.of(SIDE)).triangle == -1).all()
