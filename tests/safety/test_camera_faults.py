"""What a camera may do while a run goes on."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from memory_driver import wait_for

from puppet.devices import Device
from puppet.settings import CameraSettings
from puppet.state import State
from puppet.webcam import ATTEMPTS, Webcam

DEVICE = Device(0, "Desk", None, 0)


class Wire:
    """A capture whose pictures the test makes."""

    def __init__(self):
        self.bgr = np.full((64, 96, 3), 90, np.uint8)
        self.damaged = 0
        self.released = 0
        self.hang = lambda: None

    def isOpened(self):
        return self.released == 0

    def grab(self):
        self.hang()
        return True

    def retrieve(self, image=None):
        if self.damaged:
            self.damaged -= 1
            return False, None
        return True, self.bgr

    def release(self):
        self.released += 1


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def webcam(wire):
    return Webcam(DEVICE, CameraSettings(), 30.0, devices=lambda: [DEVICE], opener=lambda *given: wire)


def read(camera):
    return camera.read(np.empty((64, 96, 3), np.uint8))


def test_a_size_that_changes_midway_is_fitted_into_the_first(wire, webcam):
    for shape in ((128, 192, 3), (30, 40, 3), (64, 96, 3)):
        wire.bgr = np.full(shape, (10, 20, 200), np.uint8)
        frame = read(webcam)
        assert frame.rgb.shape == (64, 96, 3) and tuple(frame.rgb[30, 40]) == (200, 20, 10)
    assert webcam.trouble is None


def test_damaged_frames_are_skipped_and_only_many_in_a_row_are_a_camera_that_is_away(wire, webcam):
    wire.damaged = ATTEMPTS - 1
    assert read(webcam).rgb is not None and webcam.trouble is None
    wire.damaged = ATTEMPTS
    assert read(webcam).rgb is None and "connect it again" in webcam.trouble


def test_a_camera_that_is_closed_while_its_driver_hangs_is_released_when_the_driver_comes_back(wire, webcam):
    wire.hang = webcam.close
    read(webcam)
    assert wire.released == 1
    webcam.close()
    assert wire.released == 1


def test_a_stop_does_not_wait_for_a_driver_that_hangs(live_with):
    live = live_with()
    live.wait_for_life()
    live.camera.free.clear()
    wait_for(lambda: live.pipeline.condition.state is State.HOLDING)
    start_s = time.perf_counter()
    live.pipeline.stop()
    live.pipeline.wait()
    assert time.perf_counter() - start_s < 4.0  # the driver would wait for a minute
    live.camera.free.set()


def test_the_portrait_lives_on_through_black_and_damaged_pictures(live_with, neutral_reels):
    noise = np.random.default_rng(2).integers(0, 256, (5, 480, 512, 3), np.uint8)
    live = live_with(reels=neutral_reels | {"noise": list(noise)})
    for shows in ("black", "noise"):
        live.camera.shows = "face"
        live.wait_for_life()
        live.camera.shows = shows
        wait_for(lambda: live.reason == "resting: no face is seen")
    live.camera.shows = "face"
    live.wait_for_life()


def test_frozen_frames_are_a_driver_who_sits_still(live_with, neutral_reels):
    live = live_with(reels=neutral_reels | {"frozen": neutral_reels["face"][:1]})
    live.wait_for_life()
    live.camera.shows = "frozen"
    out = live.pipeline.status().pictures_out
    wait_for(lambda: live.pipeline.status().pictures_out > out + 20)
    assert live.reason == "live"


@pytest.mark.parametrize("jump_s", [-100.0, -0.02, 1000.0])
def test_a_clock_that_jumps_moves_nothing_but_the_clock(live_with, jump_s):
    live = live_with()
    live.wait_for_life()
    live.camera.offset_s = jump_s
    out = live.pipeline.status().pictures_out
    wait_for(lambda: live.pipeline.status().pictures_out > out + 20)
    live.wait_for_life()
    live.camera.shows = "nobody"
    wait_for(lambda: live.pipeline.condition.state is State.RESTING)
    times_s = [change.time_s for change in live.pipeline.status().changes]
    assert times_s == sorted(times_s) and times_s[-1] < 60.0


PROGRAM = """
import sys, threading
import numpy as np
import puppet.cli
from taint import Scripted

class Hanging(Scripted):
    def read(self, out):
        if self.index == 90:
            print("hangs", flush=True)
            threading.Event().wait()
        return super().read(out)

camera = Hanging({"nobody": [np.full((48, 64, 3), 90, np.uint8)]})
puppet.cli.open_camera = lambda *given: camera
sys.exit(puppet.cli.main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name != "posix", reason="no such signals")
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_the_process_while_the_driver_hangs_and_the_video_is_kept(
    times, bundle_folder, portrait, memory_cameras, decoded, tmp_path
):
    command = [
        sys.executable, "-c", PROGRAM, "--source", str(portrait), "--look", "avatar",
        "--headless", "--output", str(tmp_path / "a.mp4"),
        "--bundle", str(bundle_folder), "--data-dir", str(tmp_path), "--size", "320x180",
    ]  # fmt: skip
    paths = os.pathsep.join([*sys.path, os.environ["PYTHONPATH"]])
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "hangs\n", process.stderr.read()
        start_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        if times == 2:
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert time.monotonic() - start_s < 20  # two seconds on a machine with nothing else to do; the driver never returns
    assert process.returncode == (0 if times == 1 else 1), err
    assert times == 1 or err.splitlines()[-1] == "puppet: interrupted; what was recorded is kept"
    assert len(decoded(tmp_path / "a.mp4")) > 0
