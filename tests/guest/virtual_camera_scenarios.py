"""The program against a kernel's virtual camera, seen from outside; `guest.py` runs these in its guest.

The model is the tests' tiny one, since an emulated processor paints ten seconds at one picture of the shipped one.
Numbers that are printed are an emulation's.
"""

import signal
import subprocess
import sys
import time

import hands
import pytest
from hands import CLIP, SOON_S, START_S, VIRTUAL, WEBCAM, log_of, open_virtual_camera, puppet, refused, until, viewer

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_virtual_camera_ends_with_the_slate_and_can_be_opened_again(webcam, virtual_cameras, words, number):
    with puppet("ended", *words, "--camera", str(WEBCAM), "--output", "virtual-camera") as program, viewer() as seen:
        until(START_S, seen.shows_portrait)
        assert program.end(number) == 0
        time.sleep(1.0)
        assert hands.is_slate(seen.newest)
        open_virtual_camera()  # while the viewer still looks
    open_virtual_camera()


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


def test_a_second_puppet_is_refused(webcam, virtual_camera, words):
    with puppet("first", *words, "--camera", "vivid", "--output", "virtual-camera") as first, viewer() as seen:
        until(START_S, seen.shows_portrait)
        said = refused("second", *words, "--camera", str(CLIP), "--output", "virtual-camera")
        assert "another puppet sends" in said
        assert seen.shows_portrait() and first.end() == 0


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
        # An emulated processor paints one picture for longer than a stop waits for a stage.
        assert program.wait(SOON_S) == 0 or "left behind" in program.said()[0]
