import numpy as np
import pytest
from PIL import Image

from puppet.backdrop import WORDS, Behind, border_colour, make_backdrop
from puppet.errors import PictureError
from puppet.surroundings import KNOWN, Surroundings

COLOUR = np.array([10, 200, 30], np.uint8)
GREEN = Behind(COLOUR)


def test_the_border_colour_ignores_the_person_in_the_middle_and_below():
    crop = np.full((100, 100, 3), COLOUR)
    crop[20:, 25:75] = (250, 0, 0)
    crop[90:] = (0, 0, 250)
    np.testing.assert_array_equal(border_colour(crop), COLOUR)


@pytest.mark.parametrize("wanted", WORDS)
def test_the_border_colour_stands_in_where_nobody_cut_surroundings_out(wanted):
    assert (make_backdrop(wanted, (64, 32), GREEN) == COLOUR).all()


def around(height=90):
    """Surroundings with a red line along each side of the square, nobody in it."""
    rgb = np.full((height, 16 * height // 9, 3), (60, 90, 120), np.uint8)
    for x in ((16 * height // 9 - height) // 2, (16 * height // 9 + height) // 2 - 1):
        rgb[:, x] = (250, 0, 0)
    return Surroundings(rgb, np.full(rgb.shape[:2], KNOWN, np.uint8))


@pytest.mark.parametrize("size_wh", [(160, 90), (320, 180), (120, 90), (1280, 720), (400, 90), (64, 48)])
def test_the_square_of_the_surroundings_lies_where_the_portrait_is_painted(size_wh):
    backdrop = make_backdrop("own", size_wh, Behind(COLOUR, around()))
    assert backdrop.shape == (size_wh[1], size_wh[0], 3)
    width, height = size_wh
    red = backdrop[..., 0].astype(int).mean(axis=0)
    near = max(2, height // 60)
    for edge in ((width - height) // 2, (width + height) // 2):
        assert red[edge - near : edge + near].max() > 100
        assert red[edge + 3 * near : edge + 5 * near].max() < 80


def test_blur_keeps_colours_and_no_detail():
    own, blurred = (make_backdrop(wanted, (160, 90), Behind(COLOUR, around())) for wanted in ("own", "blur"))
    np.testing.assert_allclose(blurred.mean((0, 1)), own.mean((0, 1)), atol=2)
    assert np.ptp(own[..., 0]) > 150 and np.ptp(blurred[..., 0]) < 60


def test_a_transparent_backdrop_is_grey_of_no_opacity():
    backdrop = make_backdrop("transparent", (64, 32), GREEN)
    assert backdrop.shape == (32, 64, 4) and (backdrop == (128, 128, 128, 0)).all()


def test_plain_colours():
    backdrop = make_backdrop("#0a141e", (64, 32), GREEN)
    assert backdrop.shape == (32, 64, 3) and (backdrop == (10, 20, 30)).all()


@pytest.mark.parametrize("size_wh", [(64, 32), (32, 64), (200, 100)])
def test_a_picture_fills_the_canvas_undistorted_from_its_middle(tmp_path, size_wh):
    picture = np.zeros((90, 120, 3), np.uint8)
    picture[44:46] = picture[:, 59:61] = 255
    Image.fromarray(picture).save(tmp_path / "wall.png")
    backdrop = make_backdrop(str(tmp_path / "wall.png"), size_wh, GREEN)
    assert backdrop.shape == (size_wh[1], size_wh[0], 3)
    rows, columns = backdrop[..., 0].astype(int).sum(axis=1), backdrop[..., 0].astype(int).sum(axis=0)
    assert abs(rows.argmax() - size_wh[1] / 2) <= 2 and abs(columns.argmax() - size_wh[0] / 2) <= 2


@pytest.mark.parametrize("wanted", ["blue", "#12", "no/such/wall.png"])
def test_anything_else_is_refused(wanted):
    with pytest.raises(PictureError, match="backdrop"):
        make_backdrop(wanted, (64, 32), GREEN)
