from contextlib import closing

import cv2
import numpy as np
import pytest

from puppet.stills import read_still
from puppet.tracker import PortraitTracker, Tracker


@pytest.fixture(scope="module")
def still_tracker():
    with closing(Tracker(still=True)) as tracker:
        yield tracker


@pytest.fixture(scope="module")
def portrait_tracker():
    with closing(PortraitTracker()) as tracker:
        yield tracker


@pytest.fixture(scope="module")
def rgb(portrait):
    return cv2.resize(read_still(portrait), (480, 480), interpolation=cv2.INTER_AREA)


def middle(face):
    return (face.landmarks_px[:, :2].min(axis=0) + face.landmarks_px[:, :2].max(axis=0)) / 2


def test_landmarks_are_pixels_of_the_picture_with_left_and_right_as_in_it(still_tracker, rgb):
    face = still_tracker.find(rgb)
    assert face.landmarks_px.shape == (478, 3) and face.landmarks_px.dtype == np.float32
    assert face.size_wh == (480, 480)
    subjects_right_eye, subjects_left_eye, chin = (face.landmarks_px[i] for i in (33, 263, 152))
    assert subjects_right_eye[0] < subjects_left_eye[0] and chin[1] > subjects_left_eye[1]
    assert 150 < face.height_px < 400


def test_no_face_is_none(still_tracker, portrait_tracker):
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert still_tracker.find(noise) is None
    assert portrait_tracker.find(noise) is None


@pytest.mark.parametrize("large_first", [True, False])
def test_of_two_faces_the_largest_is_taken(still_tracker, rgb, large_first):
    small = cv2.copyMakeBorder(cv2.resize(rgb, (300, 300)), 90, 90, 90, 90, cv2.BORDER_REPLICATE)
    face = still_tracker.find(np.hstack([rgb, small] if large_first else [small, rgb]))
    assert (middle(face)[0] < 480) == large_first


def test_nothing_is_said_in_the_terminal(rgb, capfd):
    with closing(Tracker()) as tracker:
        assert tracker.find(rgb) is not None
    assert capfd.readouterr().err == ""


def test_a_followed_face_is_found_in_every_frame(clip):
    import av

    with closing(Tracker()) as tracker, av.open(str(clip)) as container:
        faces = [tracker.find(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert len(faces) == 50 and None not in faces


def test_a_portraits_face_is_found_where_it_is_small_and_where_it_fills_the_picture(portrait_tracker, rgb):
    face = portrait_tracker.find(rgb)
    low, high = face.landmarks_px[:, :2].min(axis=0).astype(int), face.landmarks_px[:, :2].max(axis=0).astype(int)
    wall = np.full((1500, 1800, 3), 90, np.uint8)
    wall[1000:1160, 200:360] = cv2.resize(rgb, (160, 160), interpolation=cv2.INTER_AREA)
    small = portrait_tracker.find(wall)
    np.testing.assert_allclose(middle(small), middle(face) / 3 + (200, 1000), atol=4)
    assert small.height_px == pytest.approx(face.height_px / 3, rel=0.1)
    tight = portrait_tracker.find(np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]]))
    np.testing.assert_allclose(middle(tight) + low, middle(face), atol=12)


@pytest.mark.parametrize("quarters", range(4))
def test_a_portrait_is_turned_until_its_face_stands(portrait_tracker, rgb, quarters):
    upright, faces = portrait_tracker.find_upright(np.ascontiguousarray(np.rot90(rgb, quarters)))
    assert np.array_equal(upright, rgb)
    assert np.array_equal(faces[0].landmarks_px, portrait_tracker.find(rgb).landmarks_px)


def test_a_picture_without_a_face_is_not_turned(portrait_tracker):
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    upright, faces = portrait_tracker.find_upright(noise)
    assert upright is noise and faces == []
