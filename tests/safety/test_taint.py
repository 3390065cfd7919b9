"""No camera pixel reaches an output: a tainted camera drives the whole program through every state.

Every picture of every output is compared with the same run on a camera without the taint.
"""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import av
import numpy as np
import pytest
from memory_driver import wait_for
from safety_parts import Faulty, Gallery, failing
from taint import SIZE_WH, Detector, Scripted

from engines.base import EngineRunError
from puppet.errors import StageError
from puppet.pipeline import Pipeline
from puppet.settings import CompositorSettings, Settings, SinkSettings
from puppet.slate import draw_slate
from puppet.state import LIVE, PAUSED, UNPAINTED, State
from ui import run as run_module
from ui.live_session import LiveSession
from ui.session import Plan


@pytest.fixture(scope="module")
def detector():
    return Detector()


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


class Watched:
    """A session whose preview is looked at all the time, with a scripted camera and stages that can be told to fail."""

    def __init__(self, settings, camera, monkeypatch):
        monkeypatch.setattr(run_module, "open_camera", lambda *given: camera)
        self.camera, self.seen = camera, []
        self.session = LiveSession(settings)
        self.session.open()
        parts = self.session._opened
        self.tracker = parts._tracker = Faulty(parts._tracker)
        painter = parts._painter(None)
        self.generator = painter.engine = Faulty(painter.engine)
        self.pose = parts._reader._engine = Faulty(parts._reader._engine)

    def until(self, there):
        """Look at the preview until something is true."""

        def look():
            rgb = self.session.newest_picture()
            if rgb is not None:
                self.seen.append(rgb.copy())
            return there()

        wait_for(look)

    def until_state(self, state):
        self.until(lambda: self.session.status().condition.state is state)

    def for_pictures(self, count):
        wanted = len(self.seen) + count
        self.until(lambda: len(self.seen) >= wanted)


def fail_each_stage(watched):
    """Tracker, pose network and generator fail for a while, and are well again."""
    for stage, error in ((watched.tracker, RuntimeError("lost")), (watched.pose, MemoryError())):
        stage.does = failing(error)
        watched.until_state(State.HOLDING)
        stage.does = lambda *given: None
        watched.until_state(State.LIVE)
    watched.generator.does = failing(EngineRunError("gone"))
    watched.until(lambda: watched.session.status().condition == UNPAINTED)
    watched.for_pictures(2)
    watched.generator.does = lambda *given: None
    watched.until_state(State.LIVE)


def perform(watched, devices, portrait, folder):
    """Every state that the window can bring about; the pictures of every output."""
    session, camera = watched.session, watched.camera
    first, second = session.avatars()[:2]
    session.use_avatar(first.key)
    watched.for_pictures(1)
    session.start(Plan("scripted", SIZE_WH, 30.0))
    watched.until(lambda: session.status().condition == LIVE)
    session.record(folder / "a.mp4")
    for shows, state in (("nobody", State.HOLDING), ("nobody", State.RESTING), ("face", State.LIVE)):
        camera.shows = shows
        watched.until_state(state)
    camera.shows = "two"
    watched.for_pictures(8)
    session.use_avatar(second.key)
    watched.for_pictures(5)
    enrolling = threading.Thread(target=session.enrol, args=(portrait, "avatar", lambda progress: None))
    enrolling.start()
    watched.until(lambda: not enrolling.is_alive())
    fail_each_stage(watched)
    session.pause(True)
    watched.until(lambda: session.status().condition == PAUSED)
    watched.for_pictures(3)
    session.pause(False)
    camera.trouble = "away"
    watched.until_state(State.RESTING)
    camera.trouble = None
    watched.until_state(State.LIVE)
    camera.free.clear()  # the driver blocks
    watched.until_state(State.HOLDING)
    camera.free.set()
    watched.until_state(State.LIVE)
    watched.for_pictures(5)
    session.close()
    assert not devices[0].is_open
    return {"preview": watched.seen, "virtual camera": list(devices[0].frames), "file": decoded(folder / "a.mp4")}


@pytest.fixture
def performed(bundle_folder, portrait, memory_cameras, tmp_path, monkeypatch):
    """Runs the whole play with one reel; everything that was shown."""

    def play(name, reels):
        before = len(memory_cameras)
        settings = Settings(
            bundle=bundle_folder,
            data_dir=tmp_path / name,
            compositor=CompositorSettings(SIZE_WH, "#204030"),
            sinks=SinkSettings(virtual_camera="required"),
            look="avatar",
        )
        watched = Watched(settings, Scripted(reels), monkeypatch)
        (tmp_path / name).mkdir(exist_ok=True)
        return perform(watched, [memory_cameras[before]], portrait, tmp_path / name)

    return play


def test_no_state_shows_anything_of_the_camera(performed, neutral_reels, tainted_reels, detector):
    neutral, tainted = performed("neutral", neutral_reels), performed("tainted", tainted_reels)
    assert neutral.keys() == tainted.keys()
    controls = {output: detector.look_all(pictures) for output, pictures in neutral.items()}
    for output, pictures in tainted.items():
        control, traces = controls[output], detector.look_all(pictures)
        assert len(traces) > 40, output
        assert not any(trace.magenta for trace in control), f"the avatar itself is magenta in {output}"
        assert not any(trace.shows(control) for trace in traces), output
    # The same pictures with a leak at a fifth are told apart.
    control = controls["preview"]
    for rgb in tainted["preview"][:: len(tainted["preview"]) // 6]:
        leaked = rgb.astype(np.float32)
        leaked[20:80, 10:70] += 0.2 * (tainted_reels["face"][5][:60, :60] - leaked[20:80, 10:70])
        assert detector.look(leaked.astype(np.uint8)).shows(control)


@pytest.mark.parametrize("stage", ["tracker", "pose", "directions", "generator", "compositor"])
@pytest.mark.parametrize("lossless", [True, False])
def test_an_exception_in_a_stage_shows_nothing_of_the_camera(live_with, tainted_reels, detector, stage, lossless):
    gallery, calls = Gallery(), []

    def fail(*given):
        calls.append(1)
        if len(calls) > 4:
            raise KeyError("nobody foresaw this")

    live = live_with(sinks=[gallery], reels=tainted_reels, begin=False)
    scene = live.stages.scene
    each = {"directions": scene.directions, "compositor": scene.compositor, "tracker": live.tracker}
    each |= {"pose": live.pose, "generator": live.generator}
    each[stage].does = fail
    with pytest.raises(
        StageError, match=r"^(perception|painting|composing) failed \('nobody foresaw this'\); start puppet again"
    ):
        Pipeline(live.stages, lossless=lossless).run()
    assert len(gallery.pictures) > 0
    control = detector.look_all([scene.slate, np.full_like(scene.slate, 90)])
    control += [replace(control[0], match=0.25)]
    assert not any(trace.magenta or trace.shows(control) for trace in detector.look_all(gallery.pictures))


@pytest.fixture
def tainted_clip(tainted_reels, write_clip, tmp_path):
    frames = tainted_reels["face"] + tainted_reels["two"] + tainted_reels["nobody"] * 20
    return write_clip(tmp_path / "tainted.mp4", frames * 8)


def test_signals_and_kills_show_nothing_of_the_camera(
    tainted_clip, bundle_folder, portrait, memory_cameras, detector, tmp_path
):
    command = [
        sys.executable, "-m", "puppet", "--source", str(portrait), "--look", "avatar",
        "--headless", "--output", str(tmp_path / "a.mp4"),
        "--output", "virtual-camera", "--camera", str(tainted_clip), "--bundle", str(bundle_folder), "--size",
        f"{SIZE_WH[0]}x{SIZE_WH[1]}", "--data-dir", str(tmp_path / "data"), "--backdrop", "#204030",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: len(memory_cameras) and len(memory_cameras[0].frames) > 20, 60)
        os.kill(memory_cameras[0].about["pid"], signal.SIGKILL)
        wait_for(lambda: len(memory_cameras) == 2 and len(memory_cameras[1].frames) > 10)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "frames in" in out, err
    assert not memory_cameras[1].is_open
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: len(memory_cameras) == 3 and len(memory_cameras[2].frames) > 20, 60)
        process.kill()
        process.wait()
        slate = draw_slate(SIZE_WH, portrait.stem)
        wait_for(lambda: np.array_equal(memory_cameras[2].frames[-1], slate))
    (left,) = tmp_path.glob("a.*.part.mp4")
    outputs = [decoded(tmp_path / "a.mp4"), *(list(device.frames) for device in memory_cameras)]
    control = [replace(detector.look(memory_cameras[0].frames[0]), match=0.25)]
    for pictures in outputs:
        assert not any(trace.magenta or trace.shows(control) for trace in detector.look_all(pictures))
    assert left.stat().st_size > 0
