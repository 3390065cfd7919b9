"""The program against a kernel's webcam, seen from outside; `guest.py` runs these in its guest.

The model is the tests' tiny one, since an emulated processor paints ten seconds at one picture of the shipped one.
Numbers that are printed are an emulation's.
"""

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import hands
import numpy as np
import pytest
from hands import CLIP, FEED, PATIENCE_S, SIZE_WH, SOON_S, START_S, WEBCAM, log_of, puppet, refused, tell, until, viewer

pytestmark = pytest.mark.timeout(3600)

NAME = "vivid-000-vid-cap"


def test_lists_name_the_webcam_and_hide_virtual_cameras(webcam, virtual_cameras):
    listed = subprocess.run([sys.executable, "-m", "puppet", "--list-cameras"], capture_output=True, text=True)
    assert (listed.returncode, listed.stdout) == (0, f"{WEBCAM}  {NAME}\n")


@pytest.mark.parametrize("wanted", [["--camera", "VIVID"], []])
def test_webcam_by_a_part_of_its_name_or_as_the_first(webcam, virtual_cameras, words, wanted):
    with puppet("webcam", *words, *wanted, "--output", "virtual-camera") as program, viewer() as seen:
        until(START_S, seen.shows_portrait)
        start_s = time.monotonic()
        time.sleep(15.0)
        tell(pictures_per_second=seen.rate(start_s), longest_gap_s=seen.longest_gap_s(start_s))
        assert {picture.shape for picture in seen.pictures} == {(SIZE_WH[1], SIZE_WH[0], 3)}
        assert all(map(hands.is_portrait, seen.pictures[-20:]))
        assert seen.longest_gap_s(start_s) < PATIENCE_S
        hands.save("webcam", seen.newest)
        assert program.end() == 0
    (line,) = program.said()
    frames, without_face = int(line.split()[0]), int(line.split()[-4])
    assert frames > 0 and without_face > 0  # bars are no face
    assert f"camera {WEBCAM} ({NAME}) opened, 640 x 480" in log_of(words)


def test_a_face_from_a_virtual_camera_moves_the_portrait(virtual_cameras, words):
    feed = [sys.executable, str(Path(__file__).with_name("feed.py")), str(CLIP), f"/dev/video{FEED}"]
    with (
        hands.program("feed", *feed),
        puppet("driven", *words, "--camera", "Virtual feed", "--output", "virtual-camera") as program,
        viewer() as seen,
    ):
        until(START_S, seen.shows_portrait)
        start_s = time.monotonic()
        time.sleep(60.0)
        middles = [picture[:, 140:500].astype(np.int16) for picture in seen.pictures]
        changes = [np.abs(after - before).mean() for before, after in pairwise(middles)]
        tell(
            pictures_per_second=seen.rate(start_s),
            changes=sum(change > 0.5 for change in changes),
            largest=max(changes),
        )
        assert sum(change > 0.5 for change in changes) >= 5
        assert program.end() == 0
    line = program.said()[0].split()
    assert int(line[-4]) < int(line[3])  # pictures without a face, and all


def test_an_unplugged_webcam_is_waited_for(webcam, virtual_cameras, words):
    with (
        puppet("unplugged", *words, "--camera", f"/dev/video{WEBCAM}", "--output", "virtual-camera") as program,
        viewer() as seen,
    ):
        until(START_S, seen.shows_portrait)
        before = log_of(words)
        start_s = time.monotonic()
        hands.unplug()
        noticed_s = until(SOON_S, lambda: "is away" in log_of(words).removeprefix(before))
        time.sleep(5.0)
        until(SOON_S, seen.shows_portrait)  # a slow emulation is a stall now and then
        assert program.running
        hands.plug_in()
        back_s = until(SOON_S, lambda: "is back" in log_of(words).removeprefix(before))
        time.sleep(5.0)
        portrait_s = until(SOON_S, seen.shows_portrait)
        tell(noticed_s=noticed_s, back_s=back_s, portrait_s=portrait_s, longest_gap_s=seen.longest_gap_s(start_s))
        assert seen.longest_gap_s(start_s) < PATIENCE_S
        assert program.end() == 0


def test_a_busy_webcam_is_refused(webcam, virtual_cameras, words):
    with hands.program("busy", "v4l2-ctl", "-d", str(WEBCAM), "--stream-mmap", "--stream-count=0") as other:
        time.sleep(2.0)
        assert other.running
        said = refused("refused", *words, "--camera", "vivid", "--output", "virtual-camera")
    assert said.startswith(f"puppet: camera {WEBCAM} ({NAME}) gives no picture; close other programs")
