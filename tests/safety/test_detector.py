"""The detector sees a part of a frame at a fifth of its strength, at every scale, mirrored too: it can fail."""

import cv2
import numpy as np
import pytest
from taint import SCALES, SIZE_WH, Detector, tainted

from puppet.slate import draw_slate


@pytest.fixture(scope="module")
def detector():
    return Detector()


@pytest.fixture(scope="module")
def innocent():
    """Pictures without a taint: a smooth one, a slate, a flat one."""
    rng = np.random.default_rng(3)
    smooth = [cv2.resize(rng.integers(0, 110, (9, 16, 3), np.uint8), SIZE_WH, interpolation=cv2.INTER_CUBIC)]
    return [*smooth, draw_slate(SIZE_WH, "Ada"), np.full((*SIZE_WH[::-1], 3), 90, np.uint8)]


def test_innocent_pictures_are_alike(detector, innocent):
    traces = detector.look_all(innocent)
    assert not any(trace.shows(traces) or trace.magenta for trace in traces)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("corner", [(0, 0), (7, 30), (88, 200)])
def test_a_patch_of_the_camera_at_a_fifth_is_seen(detector, innocent, tainted_reels, scale, mirrored, corner):
    frame = cv2.resize(tainted_reels["face"][5], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    patch = (frame[:, ::-1] if mirrored else frame)[:56, :56]
    control = detector.look_all(innocent)
    for rgb in innocent:
        leaked = rgb.astype(np.float32)
        y, x = corner
        leaked[y : y + 56, x : x + 56] += 0.2 * (patch - leaked[y : y + 56, x : x + 56])
        assert detector.look(leaked.astype(np.uint8)).shows(control)


def test_plain_magenta_is_seen(detector, innocent):
    leaked = innocent[0].copy()
    leaked[50:53, 60:64] = (240, 20, 235)
    assert detector.look(leaked).magenta >= 12


def test_the_taint_is_everywhere_and_the_face_is_still_found(tainted_reels, detector, neutral_reels):
    from puppet.tracker import Tracker

    tracker = Tracker()
    found = {name: [len(tracker.find_all(frame)) for frame in frames] for name, frames in tainted_reels.items()}
    tracker.close()
    assert min(found["face"]) == 1 and found["nobody"] == [0] and max(found["two"]) == 2
    control = detector.look_all(cv2.resize(frame, SIZE_WH) for frame in neutral_reels["face"])
    assert tainted(neutral_reels["nobody"][0])[0, 0, 1] < 60
    for frames in tainted_reels.values():
        assert all(trace.shows(control) for trace in detector.look_all(cv2.resize(frame, SIZE_WH) for frame in frames))
