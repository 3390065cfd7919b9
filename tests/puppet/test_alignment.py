import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import TensorSpec
from engines.fake import FakeEngine
from puppet.alignment import Square, align, as_seen_by
from puppet.errors import BundleError

PICTURE = np.stack(np.meshgrid(np.arange(60), np.arange(40)), axis=-1)
PICTURE = np.concatenate([PICTURE, PICTURE[..., :1]], axis=-1).astype(np.uint8)  # red is x, green is y


def test_a_square_inside_is_cut_out_exactly():
    np.testing.assert_array_equal(align(PICTURE, Square(20.0, 25.0, 10.0), 10), PICTURE[20:30, 15:25])


def striped() -> np.ndarray:
    """Thin stripes of like colours across above a white floor that begins at row 24."""
    rgb = np.full((40, 40, 3), 255, np.uint8)
    rgb[:24] = np.resize(np.repeat([80, 100], 2), 24)[:, None, None]
    return rgb


@pytest.mark.parametrize("turns", range(4))
def test_beyond_each_border_the_picture_goes_on_mirrored_as_far_as_it_is_alike(turns):
    rgb = np.rot90(striped(), turns)
    centre = {0: (20, 0), 1: (0, 20), 2: (20, 40), 3: (40, 20)}[turns]
    crop = np.rot90(align(np.ascontiguousarray(rgb), Square(*centre, 40.0), 40), -turns)
    np.testing.assert_array_equal(crop[20:], striped()[:20])
    np.testing.assert_array_equal(crop[:20], striped()[19::-1])


def test_what_differs_from_the_border_is_not_seen_again_and_what_is_alike_fades():
    rgb = striped()
    rgb[10:24] = 255
    crop = align(rgb, Square(20.0, -20.0, 80.0), 80)[:60, 20:60]
    assert crop.max() <= 100
    deep, far = np.ptp(crop[-8:]), np.ptp(crop[:8])
    assert deep == 20 and far < 8


@given(st.floats(-200, 200), st.floats(-200, 200), st.floats(0.1, 300), st.integers(1, 64))
def test_any_square_gives_the_size_and_only_colours_of_the_picture(x, y, side, size_px):
    crop = align(PICTURE, Square(x, y, side), size_px)
    assert crop.shape == (size_px, size_px, 3)
    assert crop[..., 0].max() <= 60 and crop[..., 1].max() <= 40


def test_shrinking_averages():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    small = align(noise, Square(32.0, 32.0, 64.0), 4)
    np.testing.assert_allclose(small, noise.reshape(4, 16, 4, 16, 3).mean(axis=(1, 3)), atol=1)


def test_a_network_sees_a_picture_of_its_own_size():
    crop = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    seen = as_seen_by(FakeEngine([TensorSpec("picture", (1, 24, 24, 3), "uint8")], []), crop)
    assert seen.shape == (1, 24, 24, 3) and seen.flags.c_contiguous
    assert abs(seen.mean() - crop.mean()) < 1


@pytest.mark.parametrize("shape", [(), (1,), (1, 24), (1, 24, 32, 3), (2, 24, 24, 3), (1, 24, 24, 4), (1, 478, 3)])
def test_a_network_that_reads_no_picture_is_refused(shape):
    engine = FakeEngine([TensorSpec("picture", shape, "uint8")], [])
    with pytest.raises(BundleError, match="expected a network that reads a square picture"):
        as_seen_by(engine, np.zeros((48, 48, 3), np.uint8))
