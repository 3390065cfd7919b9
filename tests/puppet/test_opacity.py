import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from puppet.opacity import FAINT, GREY, Straightener

SIZE_WH = (40, 24)


def over_grey(colour, alpha):
    """Bytes over grey of colours and opacities in bytes."""
    share = alpha[..., None] / 255
    return np.dstack([np.round(share * colour + (1 - share) * GREY), alpha]).astype(np.uint8)


def straight(rgba):
    out = np.full_like(rgba, 77)
    Straightener((rgba.shape[1], rgba.shape[0])).straighten(rgba, out)
    return out


@given(st.integers(0, 2**32 - 1))
def test_over_any_backdrop_it_is_the_picture_that_it_was_over_grey(seed):
    rng = np.random.default_rng(seed)
    colour, backdrop = (rng.integers(0, 256, (*SIZE_WH[::-1], 3)).astype(float) for _ in range(2))
    alpha = rng.integers(0, 256, SIZE_WH[::-1])
    out = straight(over_grey(colour, alpha))
    share = alpha[..., None] / 255
    shown = share * out[..., :3] + (1 - share) * backdrop
    np.testing.assert_allclose(shown, share * colour + (1 - share) * backdrop, atol=2.1)
    np.testing.assert_array_equal(out[..., 3], alpha)


def test_what_is_opaque_stays_and_what_is_not_seen_is_grey():
    rng = np.random.default_rng(1)
    rgba = rng.integers(0, 256, (*SIZE_WH[::-1], 4), dtype=np.uint8)
    rgba[:, :20, 3] = 255
    marked = rgba.copy()
    rgba[:, 20:] = (GREY, GREY, GREY, 0)
    marked[:, 20:] = (GREY + 1, GREY - 1, GREY, 0)
    np.testing.assert_array_equal(straight(marked), rgba)


def test_rounding_makes_no_colours_where_a_picture_is_faint():
    rgba = np.full((*SIZE_WH[::-1], 4), GREY, np.uint8)
    rgba[..., 0] += 1
    rgba[..., 3] = np.arange(SIZE_WH[0]) % FAINT
    assert straight(rgba)[..., 0].max() <= GREY + 255 / FAINT + 1


def test_nothing_is_allocated():
    straightener = Straightener((1280, 720))
    rgba = np.full((720, 1280, 4), 200, np.uint8)
    out = np.empty_like(rgba)
    tracemalloc.start()
    straightener.straighten(rgba, out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 10
