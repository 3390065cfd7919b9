"""The whole program against drivers of a kernel, seen from outside; `guest.py` runs these in its guest.

The model is the tests' tiny one, since an emulated processor paints ten seconds at one picture of the shipped one,
which is used once. Numbers that are printed are an emulation's; none of them is tested.
"""

import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import hands
import numpy as np
import pytest
import pyvirtualcam
from hands import BACKDROP, FEED, SIZE_WH, START_S, VIRTUAL, WEBCAM, puppet, until, viewer

from puppet.loopback import given_back

pytestmark = pytest.mark.timeout(1200)

NAME = "vivid-000-vid-cap"
PATIENCE_S = 3.0
"""The longest time without a picture; an emulated processor may be late."""

CLIP = Path(__file__).parents[2] / "puppet" / "examples" / "driver.mp4"


@pytest.fixture
def webcam():
    hands.load("vivid", n_devs=1, node_types=1, num_inputs=1, input_types=0)
    yield WEBCAM
    hands.unload("vivid")


@pytest.fixture
def virtual_cameras():
    """The one that puppet is meant for, and one that always looks like a camera."""
    hands.load("v4l2loopback", video_nr=f"{VIRTUAL},{FEED}", exclusive_caps="1,0", card_label="puppet,Virtual feed")
    yield VIRTUAL, FEED
    hands.unload("v4l2loopback")


@pytest.fixture
def virtual_camera():
    hands.load("v4l2loopback", video_nr=VIRTUAL, exclusive_caps=1, card_label="puppet")
    yield VIRTUAL
    hands.unload("v4l2loopback")


@pytest.fixture
def words(bundle_folder, tmp_path_factory):
    """Options that all scenarios share: small, and with avatars that are enrolled once."""
    data = tmp_path_factory.getbasetemp() / "data"
    size, colour = "{}x{}".format(*SIZE_WH), "#{:02x}{:02x}{:02x}".format(*BACKDROP)
    return ["--headless", "--size", size, "--fps", "10", "--backdrop", colour,
            "--data-dir", str(data), "--bundle", str(bundle_folder)]  # fmt: skip


def tell(**numbers):
    sys.stdout.write("".join(f"\n    {name}: {number}" for name, number in numbers.items()) + "\n")


def log_of(words):
    return (Path(words[words.index("--data-dir") + 1]) / "logs" / "puppet.log").read_text()


def refused(name, *words):
    """What the program says when it ends with 1."""
    with puppet(name, *words) as program:
        assert program.wait() == 1
        said = program.said()
    assert len(said) == 1, said
    assert "Traceback" not in program.path.read_text()
    tell(said=said[0])
    return said[0]


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


def test_the_slate_is_shown_until_the_portrait_is_there(webcam, virtual_cameras, words):
    with puppet("slate", *words, "--camera", "vivid", "--output", "virtual-camera"), viewer() as seen:
        until(15.0, lambda: bool(seen.pictures))
        start_s = time.monotonic()
        assert hands.is_slate(seen.newest)
        hands.save("slate", seen.newest)
        until(START_S, seen.shows_portrait)
        assert seen.longest_gap_s(start_s) < PATIENCE_S


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
        noticed_s = until(30.0, lambda: "is away" in log_of(words).removeprefix(before))
        time.sleep(5.0)
        assert seen.shows_portrait() and program.running
        hands.plug_in()
        back_s = until(60.0, lambda: "is back" in log_of(words).removeprefix(before))
        time.sleep(5.0)
        tell(noticed_s=noticed_s, back_s=back_s, longest_gap_s=seen.longest_gap_s(start_s))
        assert seen.longest_gap_s(start_s) < PATIENCE_S and seen.shows_portrait()
        assert program.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_virtual_camera_ends_with_the_slate_and_can_be_opened_again(webcam, virtual_cameras, words, number):
    with puppet("ended", *words, "--camera", str(WEBCAM), "--output", "virtual-camera") as program, viewer() as seen:
        until(START_S, seen.shows_portrait)
        assert program.end(number) == 0
        time.sleep(1.0)
        assert hands.is_slate(seen.newest)
        open_virtual_camera()  # while the viewer still looks
    open_virtual_camera()


def open_virtual_camera():
    camera = pyvirtualcam.Camera(*SIZE_WH, 10, device=f"/dev/video{VIRTUAL}")
    camera.send(np.zeros((SIZE_WH[1], SIZE_WH[0], 3), np.uint8))
    with given_back(camera.device):
        camera.close()


DYING = f"""
import os, numpy, pyvirtualcam
pyvirtualcam.Camera(64, 48, 10, device="/dev/video{VIRTUAL}").send(numpy.zeros((48, 64, 3), numpy.uint8))
os._exit(1)
"""


def test_a_virtual_camera_that_a_killed_program_left_is_mended(webcam, virtual_cameras, words):
    assert subprocess.run([sys.executable, "-c", DYING]).returncode == 1
    with pytest.raises(RuntimeError, match="not a video output"):
        open_virtual_camera()
    with puppet("mended", *words, "--camera", "vivid", "--output", "virtual-camera"):
        until(START_S, hands.is_loopback_ready)


def test_a_killed_program_leaves_the_slate_and_the_next_one_goes_on(webcam, virtual_cameras, words):
    stream = [*words, "--camera", "vivid", "--output", "virtual-camera"]
    with puppet("killed", *stream) as killed, viewer() as seen:
        until(START_S, seen.shows_portrait)
        start_s = time.monotonic()
        killed.process.kill()
        slate_s = until(10.0, lambda: hands.is_slate(seen.newest))
        with puppet("next", *stream) as program:
            until(START_S, seen.shows_portrait)
            tell(slate_s=slate_s, longest_gap_s=seen.longest_gap_s(start_s))
            assert seen.longest_gap_s(start_s) < PATIENCE_S
            assert program.end() == 0


def test_a_second_puppet_is_refused(webcam, virtual_camera, words):
    with puppet("first", *words, "--camera", "vivid", "--output", "virtual-camera") as first, viewer() as seen:
        until(START_S, seen.shows_portrait)
        said = refused("second", *words, "--camera", str(CLIP), "--output", "virtual-camera")
        assert "another puppet sends" in said
        assert seen.shows_portrait() and first.end() == 0


def test_a_busy_webcam_is_refused(webcam, virtual_cameras, words):
    with hands.program("busy", "v4l2-ctl", "-d", str(WEBCAM), "--stream-mmap", "--stream-count=0") as other:
        time.sleep(2.0)
        assert other.running
        said = refused("refused", *words, "--camera", "vivid", "--output", "virtual-camera")
    assert said.startswith(f"puppet: camera {WEBCAM} ({NAME}) gives no picture; close other programs")


def test_without_a_driver_a_virtual_camera_that_is_asked_for_is_an_error(webcam, words):
    said = refused("no-driver", *words, "--camera", "vivid", "--output", "virtual-camera")
    assert "modprobe v4l2loopback" in said


def test_without_a_driver_the_program_runs_and_warns(webcam, words):
    with puppet("no-driver-warned", *words, "--camera", "vivid") as program:
        before = log_of(words)
        until(START_S, lambda: "started with camera" in log_of(words).removeprefix(before))
        time.sleep(5.0)
        assert program.running and program.end() == 0
    warning, report = program.said()
    assert "modprobe v4l2loopback" in warning and "frames in" in report


def test_the_shipped_portrait_is_seen(webcam, virtual_cameras, words):
    shipped = [word for word in words if word != "--bundle"][:-1]
    with puppet("shipped", *shipped, "--camera", "vivid", "--output", "virtual-camera") as program, viewer() as seen:
        until(2 * START_S, seen.shows_portrait)
        hands.save("shipped", seen.newest)
        program.process.send_signal(signal.SIGTERM)
        assert program.wait(120.0) == 0
