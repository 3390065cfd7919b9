import numpy as np
import pytest
from PIL import Image

from puppet.backdrop import border_colour, make_backdrop
from puppet.errors import PictureError

GREEN = np.array([10, 200, 30], np.uint8)


def test_the_border_colour_ignores_the_person_in_the_middle_and_below():
    crop = np.full((100, 100, 3), GREEN)
    crop[20:, 25:75] = (250, 0, 0)
    crop[90:] = (0, 0, 250)
    np.testing.assert_array_equal(border_colour(crop), GREEN)


def test_portrait_and_plain_colours():
    assert (make_backdrop("portrait", (64, 32), GREEN) == GREEN).all()
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
