import numpy as np
import pytest

from puppet.slate import EDGE_RGB, draw_slate


@pytest.mark.parametrize("size_wh", [(1280, 720), (640, 480), (720, 1280), (64, 36), (16, 16)])
def test_it_is_dark_and_calm_with_light_words_in_the_middle(size_wh):
    slate = draw_slate(size_wh, "Ada")
    assert slate.shape == (size_wh[1], size_wh[0], 3) and slate.dtype == np.uint8
    assert np.median(slate) < 60
    if size_wh[0] >= 640:
        assert slate[size_wh[1] // 3 : 2 * size_wh[1] // 3].max() > 200
        border = slate[[0, -1]].astype(int)
        assert np.abs(border - EDGE_RGB).max() < 20


def test_names_differ_and_the_same_name_is_the_same_slate():
    ada, bruno = draw_slate((320, 180), "Ada"), draw_slate((320, 180), "Bruno")
    assert not np.array_equal(ada, bruno)
    np.testing.assert_array_equal(ada, draw_slate((320, 180), "  ada\n"))
    np.testing.assert_array_equal(draw_slate((320, 180), "Ada at work"), draw_slate((320, 180), "ada_at_work"))


@pytest.mark.parametrize("name", ["", "   ", "Юлия", "漢字"])
def test_without_a_name_it_can_write_it_is_the_programs(name):
    np.testing.assert_array_equal(draw_slate((320, 180), name), draw_slate((320, 180), "puppet"))


@pytest.mark.parametrize("name", ["a portrait with a long name", "W" * 500, "a" * 60 + " b"])
def test_long_names_stay_inside(name):
    slate = draw_slate((320, 180), name)
    letters = np.flatnonzero(slate.max(axis=(0, 2)) > 150)
    assert letters[0] > 20 and letters[-1] < 300
