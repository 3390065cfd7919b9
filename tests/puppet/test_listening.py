import os
import signal
import threading
import time
from contextlib import closing
from fractions import Fraction

import av
import numpy as np
import pytest
from vmc_parts import HOST, Tracker, free_port, moment

from puppet.addresses import Address
from puppet.cli import main
from puppet.following import Follower
from puppet.handoff import Handoff
from puppet.listening import SILENT, UNSEEN, Listening
from puppet.pose_source import PoseSource
from puppet.pose_space import BUILTIN
from puppet.settings import PoseSettings
from puppet.state import State
from puppet.vmc import Translation
from puppet.vmc_receiver import VmcReceiver

YAW = BUILTIN.index("yaw")


class Ear:
    """A source that listens, and the newest pose vector of it."""

    def __init__(self, fps=30.0, **settings):
        port = free_port()
        receiver = VmcReceiver(Address(HOST, port))
        self.tracker = Tracker(port)
        follower = Follower(BUILTIN, PoseSettings(**settings))
        self.source = Listening(receiver, Translation(BUILTIN), follower, fps)
        self.newest, self.stopping = Handoff(lambda: None), threading.Event()
        (member,) = self.source.members(self.newest, lossless=False)
        self.thread = threading.Thread(target=member.loop, args=(self.stopping,))
        self._receiver = receiver
        self.thread.start()

    def drive(self, seconds, **given):
        """Send for a while; what came out of it."""
        poses, end_s = [], time.perf_counter() + seconds
        while time.perf_counter() < end_s:
            if given:
                self.tracker.send(*moment(**given))
            if (p := self.newest.take(0.02)) is not None:
                poses.append(p)
        return poses

    def close(self):
        self.stopping.set()
        self.thread.join()
        self._receiver.close()
        self.tracker.close()


@pytest.fixture
def ear():
    with closing(Ear(hold_s=0.2, neutral_s=0.2, ease_s=0.05)) as ear:
        yield ear


def test_a_sender_drives_and_one_that_falls_silent_is_a_lost_face(ear):
    assert isinstance(ear.source, PoseSource)
    nobody = ear.drive(0.5)
    assert nobody[-1].condition.state is State.RESTING and nobody[-1].condition.reason == SILENT
    assert "let your tracker send VMC there" in ear.source.trouble
    ear.drive(0.5, yaw=4.0)
    driven = ear.drive(0.5, yaw=24.0)
    assert driven[-1].condition.state is State.LIVE and ear.source.trouble is None
    assert driven[-1].p[YAW] == pytest.approx(24.0, abs=1.0)
    assert driven[-1].neutral[YAW] == pytest.approx(4.0, abs=1.0)
    assert all(np.diff([p.moment.time_s for p in driven]) > 0)
    assert ear.source.counts.face
    lost = ear.drive(1.0)
    states = [p.condition.state for p in lost]
    assert states[-1] is State.RESTING and lost[-1].presence < 0.05
    assert ear.drive(0.3, yaw=24.0)[-1].condition.state is State.LIVE


def test_a_sender_that_sees_nobody_is_a_lost_face(ear):
    ear.drive(0.3, yaw=4.0)
    lost = ear.drive(0.5, yaw=4.0, tracked=False)
    assert lost[-1].condition.state is State.RESTING and lost[-1].condition.reason == UNSEEN
    assert ear.source.trouble is None and not ear.source.counts.face


def test_mirror_recentre_and_pause_work_as_with_a_camera(ear):
    ear.drive(0.4, yaw=4.0)
    ear.source.follower.mirrored = True
    assert ear.drive(0.4, yaw=20.0)[-1].p[YAW] == pytest.approx(-20.0, abs=1.0)
    ear.source.follower.mirrored = False
    ear.source.follower.recentre()
    assert ear.drive(1.5, yaw=20.0)[-1].neutral[YAW] == pytest.approx(20.0, abs=1.0)
    ear.source.paused = True
    ear.source.follower.let_go()
    assert ear.drive(0.5, yaw=20.0)[-1].presence < 0.05


@pytest.mark.parametrize(("every", "kept"), [(Fraction(3), {0}), (Fraction(3, 2), {0, 2})])
def test_moments_may_be_left_out_evenly_and_are_counted(ear, every, kept):
    ear.source.every = every
    heard = [p for p in ear.drive(1.0, yaw=4.0) if p.condition.state is State.LIVE]
    assert heard and {p.moment.index % 3 for p in heard} == kept
    assert ear.source.counts.left_out >= len(heard) // len(kept)


def test_a_fast_sender_gives_no_more_than_the_rate():
    with closing(Ear(fps=10.0)) as ear:
        ear.drive(0.2, yaw=1.0)
        before = ear.source.counts.frames_in
        for _ in range(200):
            ear.tracker.send(*moment(1.0))
            time.sleep(0.005)
        assert 3 <= ear.source.counts.frames_in - before <= 20


def test_the_whole_program_is_driven_without_a_camera_and_drives_another(bundle_folder, portrait, tmp_path, capfd):
    """A tracker in, a video and another figure out; rubbish comes in between."""
    port, other = free_port(), free_port()
    turns = []

    def track():
        with closing(Tracker(port)) as tracker, closing(VmcReceiver(Address(HOST, other))) as figure:
            began_s = None
            while began_s is None or time.perf_counter() < began_s + 2.5:
                moved_s = 0.0 if began_s is None else time.perf_counter() - began_s
                tracker.send(*moment(25.0 if moved_s > 1.5 else 0.0, jawOpen=0.0))
                tracker.send_raw(b"rubbish")
                heard = figure.hear(time.perf_counter() + 0.03)
                if heard is not None and heard.figure is not None:
                    began_s = began_s or time.perf_counter()
                    turns.append(Translation(BUILTIN).pose_of(heard.figure)[YAW])
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=track)
    thread.start()
    words = {
        "source": portrait, "look": "avatar", "camera": f"osc://:{port}", "bundle": bundle_folder,
        "data-dir": tmp_path / "data", "size": "320x180", "output": tmp_path / "out.mp4", "osc": f"{HOST}:{other}",
    }  # fmt: skip
    code = main([*(word for name, value in words.items() for word in (f"--{name}", str(value))), "--headless"])
    thread.join()
    captured = capfd.readouterr()
    assert code == 0, captured.err
    assert turns[-1] == pytest.approx(25.0, abs=2.0) and abs(turns[0]) < 2.0
    with av.open(str(tmp_path / "out.mp4")) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) > 30
    assert np.abs(pictures[-1].astype(int) - pictures[10])[:, 70:250].max() > 10
    log = (tmp_path / "data" / "logs" / "puppet.log").read_text()
    assert log.count("is no OSC") == 1
