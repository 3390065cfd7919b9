from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from usual_cutout import usual_cutout

from puppet import surroundings
from puppet.alignment import Square, align
from puppet.errors import PictureError
from puppet.gallery import USUAL
from puppet.stills import read_still
from puppet.surroundings import (
    BODY,
    KNOWN,
    MIRRORED,
    PERSON,
    Surroundings,
    clean_plate,
    cut_again,
    cut_exactly,
    cut_surroundings,
    decode_surroundings,
    encode_surroundings,
)

RED, WALL = (220, 30, 30), (70, 120, 160)


@pytest.fixture
def red_is_a_person(monkeypatch):
    """Where a picture is red, somebody is."""
    monkeypatch.setattr(
        surroundings,
        "person_matte",
        lambda rgb, face: np.maximum(rgb[..., 0] > 150, face).astype(np.float32),
    )


def portrait(size=(240, 400), centre=(200, 100)):
    """A red head with shoulders before a wall that becomes brighter to the right, and a square around the head."""
    rgb = np.full((*size, 3), WALL, np.uint8)
    rgb[..., 2] = 100 + np.arange(size[1]) // 5
    cv2.circle(rgb, centre, 40, RED, -1)
    cv2.rectangle(rgb, (centre[0] - 90, centre[1] + 35), (centre[0] + 90, size[0]), RED, -1)
    return rgb, Square(centre[0], centre[1], 120.0)


def people(plate):
    return plate[..., 0] > 100


@pytest.mark.parametrize("centre", [(200, 100), (60, 60), (370, 100), (200, 200)])
def test_the_square_is_in_the_middle_wherever_the_portrait_ends(red_is_a_person, centre):
    rgb, square = portrait(centre=centre)
    around = cut_surroundings(rgb, square)
    assert around.rgb.shape == (120, 213, 3)
    crop, left = align(rgb, square, 120), (213 - 120) // 2
    middle = around.rgb[:, left : left + 120]
    inside = np.s_[max(0, 60 - centre[1]) : 240 - centre[1] + 60, max(0, 60 - centre[0]) : 400 - centre[0] + 60]
    assert np.abs(middle.astype(int) - crop)[inside].mean() < 6
    assert (around.whose[60, 100:110] == PERSON).all()


@pytest.mark.parametrize("centre", [(200, 100), (60, 60), (370, 100), (200, 200)])
def test_a_plate_shows_nobody_and_no_ghost(red_is_a_person, centre):
    around = cut_surroundings(*portrait(centre=centre))
    plate = clean_plate(around, body=False)
    assert not people(plate).any()
    np.testing.assert_allclose(plate[..., :2], np.broadcast_to(WALL[:2], (*plate.shape[:2], 2)), atol=3)
    known = around.whose == KNOWN
    far = cv2.erode(known.astype(np.uint8), np.ones((25, 25))) > 0
    np.testing.assert_array_equal(plate[far], around.rgb[far])


def test_shoulders_go_on_beside_the_square_alone(red_is_a_person):
    around = cut_surroundings(*portrait())
    body = people(clean_plate(around, body=True))
    left = (213 - 120) // 2
    assert body[-5:, left - 20 : left].all() and not body[:, left + 8 : left + 112].any()
    assert not body[:80].any()


def test_a_body_that_the_portrait_cuts_is_not_mirrored(red_is_a_person):
    rgb, _ = portrait()
    around = cut_surroundings(rgb[:, 120:280], Square(80, 100, 120.0))
    assert (around.whose[-5:, :20] == MIRRORED).all()
    assert not people(clean_plate(around, body=True))[:, :18].any()


def test_a_portrait_that_is_a_person_alone_still_has_a_plate(red_is_a_person):
    plate = clean_plate(cut_surroundings(np.full((90, 160, 3), RED, np.uint8), Square(80, 45, 90.0)), body=False)
    np.testing.assert_allclose(plate, np.broadcast_to(RED, plate.shape), atol=2)


def test_large_portraits_have_small_surroundings_and_the_faces_outline_is_a_person(red_is_a_person):
    rgb = np.full((2000, 1500, 3), WALL, np.uint8)
    outline = np.array([(700, 700), (900, 700), (800, 900)], np.float32)
    around = cut_surroundings(rgb, Square(800, 800, 1440.0), outline)
    assert around.whose.shape == (720, 1280)
    assert around.whose[360, 640] == PERSON and (around.whose == PERSON).mean() < 0.02


def test_a_crop_that_is_cut_again_keeps_its_surroundings(red_is_a_person):
    around = cut_surroundings(*portrait())
    same = cut_again(around, Square(256, 256, 512.0), 512)
    assert np.abs(same.rgb.astype(int) - around.rgb).mean() < 2 and (same.whose == around.whose).mean() > 0.97
    moved = cut_again(around, Square(256 + 51.2, 256, 512.0), 512)
    np.testing.assert_allclose(moved.rgb[:60, 20:150].mean((0, 1)), around.rgb[:60, 32:162].mean((0, 1)), atol=3)


def test_a_real_portraits_plate_has_no_face(data_folder):
    from puppet.mediapipe_solutions import SelfieSegmentation

    rgb = read_still(data_folder / "real" / "source_s5.jpg")
    around = cut_surroundings(rgb, Square(351, 241, 259.0))
    with closing(SelfieSegmentation(model_selection=0)) as segmentation:
        before, after = (segmentation.find(picture).mean() for picture in (around.rgb, clean_plate(around, body=False)))
    assert before > 0.2 and after < 0.05


def test_it_comes_back_from_its_file(red_is_a_person):
    around = cut_surroundings(*portrait())
    back = decode_surroundings(encode_surroundings(around), Path("surroundings.png"))
    np.testing.assert_array_equal(back.rgb, around.rgb)
    np.testing.assert_array_equal(back.whose, around.whose)


def shaped(height, width):
    return encode_surroundings(
        Surroundings(np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8))
    )


@given(st.data())
def test_any_damage_is_refused_or_harmless(data):
    content = bytearray(shaped(36, 64))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        around = decode_surroundings(bytes(content[: data.draw(st.integers(0, len(content)))]), Path("around.png"))
    except PictureError:
        return
    assert around.rgb.shape[:2] == around.whose.shape


@pytest.mark.parametrize("content", [b"", b"PNG", shaped(90, 160)[:-30], shaped(90, 90), shaped(1440, 2560)])
def test_other_files_are_refused(content):
    with pytest.raises(PictureError, match=r"surroundings\.png"):
        decode_surroundings(content, Path("surroundings.png"))


def test_of_a_cutout_the_edge_is_exact_and_shoulders_stay_in_the_plate():
    rgb = read_still(USUAL)
    square = Square(len(rgb) / 2, len(rgb) / 2, float(len(rgb)))
    cutout, coarse = usual_cutout(256), cut_surroundings(rgb, square)
    around = cut_exactly(coarse, cutout)
    height, width = around.whose.shape
    left = (width - height) // 2
    square_of = np.s_[:, left : left + height]
    person = np.isin(around.whose[square_of], (PERSON, BODY))
    matte = cutout.cropped(cutout.matte, height) > 0.5
    assert (person != matte).mean() < 0.02 < (np.isin(coarse.whose[square_of], (PERSON, BODY)) != matte).mean()
    body = np.argwhere(around.whose == BODY)
    assert len(body) > 0.01 * height**2 and body[:, 0].min() > 0.7 * height
    np.testing.assert_array_equal(np.delete(around.whose, square_of[1], 1), np.delete(coarse.whose, square_of[1], 1))
    sure = cv2.erode((around.whose == BODY).astype(np.uint8), np.ones((height // 12,) * 2)) > 0
    assert sure.any()
    np.testing.assert_array_equal(clean_plate(around, body=True)[sure], around.rgb[sure])
    assert (np.abs(clean_plate(around, body=False)[sure].astype(int) - around.rgb[sure]).max(1) > 20).mean() > 0.9
