import queue
import threading
from fractions import Fraction
from types import SimpleNamespace

import pytest

from puppet.frame import Frame
from puppet.handoff import Handoff
from puppet.values import Moment
from puppet.watching import Watching


class Stepped:
    """A camera whose frames come when the test says so; a frame's pixels are its number."""

    name, size_wh, rate, trouble = "stepped", (2, 2), Fraction(30), None

    def __init__(self):
        self.index, self.due, self.asked = 0, threading.Semaphore(0), threading.Semaphore(0)

    def read(self, out):
        self.asked.release()
        self.due.acquire()
        out.fill(self.index)
        self.index += 1
        return Frame(out, Moment(self.index - 1, self.index / 30, 0.0))


class Slow:
    """A tracker that tells what it looks at, and takes as long as the test wants."""

    def __init__(self):
        self.looks_at, self.done = queue.Queue(), threading.Semaphore(0)

    def find(self, rgb):
        self.looks_at.put(int(rgb[0, 0, 0]))
        self.done.acquire()


class Source:
    def __init__(self):
        self.camera, self.tracker, self.stopping = Stepped(), Slow(), threading.Event()
        pose = SimpleNamespace(read=lambda face, moment, why: moment)
        self.watching = Watching(self.camera, self.tracker, pose)
        members = self.watching.members(Handoff(lambda: None), lossless=False)
        self.threads = [threading.Thread(target=member.loop, args=(self.stopping,)) for member in members]
        for thread in self.threads:
            thread.start()
        assert self.camera.asked.acquire(timeout=60)

    def come(self, frames):
        """So many frames come, and what is to become of each is settled."""
        for _ in range(frames):
            self.camera.due.release()
            assert self.camera.asked.acquire(timeout=60)

    def looks_at(self):
        return self.tracker.looks_at.get(timeout=60)

    def end(self):
        self.stopping.set()
        self.tracker.done.release(100)
        self.camera.due.release(2)
        self.watching._frames.close()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.fixture
def source():
    source = Source()
    yield source
    source.end()


def test_one_frame_of_three_is_looked_at_while_that_is_easy(source):
    source.watching.every = Fraction(3)
    seen = []
    for _ in range(4):
        source.come(1)
        seen.append(source.looks_at())
        source.tracker.done.release()
        source.come(2)
    assert seen == [0, 3, 6, 9]
    assert source.watching.counts.left_out == 8


def test_two_frames_of_three_are_looked_at_in_turn(source):
    source.watching.every = Fraction(3, 2)
    seen = []
    for come in (1, 1, 2, 1, 2, 1):
        source.come(come)
        seen.append(source.looks_at())
        source.tracker.done.release()
    assert seen == [0, 1, 3, 4, 6, 7]


def test_who_comes_late_looks_at_the_newest_frame_though_some_are_left_out(source):
    source.watching.every = Fraction(3)
    source.come(1)
    assert source.looks_at() == 0
    source.come(5)  # 1 and 2 are left out; 3 is there, and overtaken by 4 and 5
    source.tracker.done.release()
    assert source.looks_at() == 5
    source.tracker.done.release()
    source.come(3)
    assert source.looks_at() == 8
    assert source.watching.counts.left_out == 4
