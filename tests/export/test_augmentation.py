import numpy as np
import pytest

from export.augmentation import MILD, STRONG, Photographer, Photography, over

STILL = Photography(
    busy=0.0, shift=0.0, zoom=0.0, grade=0.0, light=0.0, blur_px=0.3, paint=0.0, noise=0.0, compress=0.0, cover=0.0
)


def disc(edge: int = 64, count: int = 6) -> np.ndarray:
    """A red disc over grey in the middle."""
    y, x = np.mgrid[:edge, :edge] - (edge - 1) / 2
    inside = np.hypot(x, y) < edge / 4
    one = np.full((edge, edge, 4), (128, 128, 128, 0), np.uint8)
    one[inside] = (200, 40, 40, 255)
    return np.repeat(one[None], count, 0)


@pytest.mark.parametrize("photography", [MILD, STRONG])
def test_a_seed_repeats_the_pictures_and_no_two_are_alike(photography: Photography) -> None:
    heads = disc()
    first, again = (Photographer(photography, np.random.default_rng(3)).shoot(heads) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.shape == (6, 64, 64, 3)
    assert first.dtype == np.uint8
    assert all((first[i] != first[j]).mean() > 0.2 for i in range(6) for j in range(i))


def test_the_head_stays_the_backdrop_changes() -> None:
    pictures = Photographer(STILL, np.random.default_rng(0)).shoot(disc()).astype(int)
    middle, corner = pictures[:, 28:36, 28:36], pictures[:, :8, :8]
    assert np.abs(middle - (200, 40, 40)).max() <= 3
    assert corner.reshape(6, -1, 3).mean(1).std(0).min() > 15


def test_the_head_moves_as_far_as_asked() -> None:
    heads = disc(count=200)
    pictures = Photographer(STRONG, np.random.default_rng(0))
    x = np.arange(64) - 31.5
    frames = [pictures._reframe(head)[..., 3] for head in heads]
    centres = np.array([(alpha.sum(0) * x).sum() / alpha.sum() for alpha in frames]) / 64
    assert np.abs(centres).max() < STRONG.shift * 1.1
    assert np.abs(centres).max() > STRONG.shift * 0.8


def test_half_covered_pixels_show_half_of_the_backdrop() -> None:
    head = np.full((2, 2, 4), (178, 78, 128, 128), np.uint8)  # half of (229, 29, 129) over half of grey
    white = np.full((2, 2, 3), 255, np.uint8)
    assert np.abs(over(head, white).astype(int) - (242, 142, 192)).max() <= 1
