"""The watchdog with a whole program in front of it, which is stopped, killed, and started again."""

import json
import os
import signal
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from memory_driver import wait_for

from puppet.errors import SinkError
from puppet.lock import Lock
from puppet.mailbox import Mailbox
from puppet.order import NOTE, Order, note_path
from puppet.slate import draw_slate
from puppet.virtual_camera import VirtualCamera
from puppet.watchdog import Watchdog

SLATE = draw_slate((64, 36), "Ada")

PROGRAM = """
import sys, time
from fractions import Fraction
from pathlib import Path
import numpy as np
from puppet.settings import WatchdogSettings
from puppet.values import Moment, Picture
from puppet.virtual_camera import VirtualCamera

camera = VirtualCamera("memory", Path(sys.argv[1]), WatchdogSettings(linger_s=float(sys.argv[2])))
camera.open((64, 36), Fraction(30))
camera.call("Ada")
for i in range(10**9):
    rgb = np.full((36, 64, 3), 100 + i % 100, np.uint8)
    camera.send(Picture(rgb, Moment(i, i / 30, 0.0)))
    time.sleep(1 / 30)
"""


@pytest.fixture
def program(memory_cameras, tmp_path):
    """Starts a program that sends plain grey pictures, 30 a second."""
    started = []

    def start(linger_s=60.0):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "locks"), str(linger_s)]
        started.append(subprocess.Popen(command, env=os.environ))
        wait_for(lambda: len(memory_cameras) and portrait_is_shown(memory_cameras[-1]))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()
    for note in (tmp_path / "locks").glob(f"*{NOTE}"):  # the watchdogs are killed too, and clear nothing away
        Order.from_json(json.loads(note.read_text())["order"]).memory.unlink(missing_ok=True)


def slate_is_shown(device):
    return np.array_equal(device.frames[-1], SLATE)


def portrait_is_shown(device):
    return len(device.frames) > 0 and np.ptp(device.frames[-1]) == 0


def left(locks):
    return [path.name for path in locks.glob(f"*{NOTE}")]


def test_a_program_that_stalls_is_covered_by_the_slate_and_goes_on_on_the_same_device(program, memory_cameras):
    process = program()
    (device,) = memory_cameras
    for _ in range(2):
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: slate_is_shown(device))
        before = device.sent
        wait_for(lambda before=before: device.sent > before + 3)
        assert slate_is_shown(device)
        process.send_signal(signal.SIGCONT)
        wait_for(lambda: portrait_is_shown(device))
    assert len(memory_cameras) == 1 and device.is_open


def test_when_the_program_is_killed_the_slate_stays_for_a_while_and_then_the_device_is_closed(
    program, memory_cameras, tmp_path
):
    process = program(linger_s=4.0)
    (device,) = memory_cameras
    process.kill()
    process.wait()
    wait_for(lambda: slate_is_shown(device))
    assert device.is_open
    wait_for(lambda: not device.is_open)
    assert slate_is_shown(device)
    wait_for(lambda: not left(tmp_path / "locks"))


def test_the_next_program_goes_on_with_the_device_of_a_killed_one(program, memory_cameras, tmp_path):
    first = program()
    (device,) = memory_cameras
    pid = device.about["pid"]
    first.kill()
    first.wait()
    wait_for(lambda: slate_is_shown(device))
    second = program()
    assert len(memory_cameras) == 1 and device.about["pid"] == pid
    second.kill()  # and the third
    second.wait()
    camera = VirtualCamera("memory", tmp_path / "locks")
    camera.open((64, 36), Fraction(30))
    assert len(memory_cameras) == 1
    camera.close()
    assert not device.is_open and not left(tmp_path / "locks")


def test_a_killed_programs_device_of_another_size_is_closed_and_opened_anew(program, memory_cameras, tmp_path):
    first = program()
    first.kill()
    first.wait()
    camera = VirtualCamera("memory", tmp_path / "locks")
    camera.open((32, 18), Fraction(30))
    old, new = memory_cameras
    assert not old.is_open and np.array_equal(old.frames[-1], SLATE)
    assert new.is_open and new.size_wh == (32, 18)
    camera.close()


def test_a_watchdog_that_was_adopted_is_watched_too(program, memory_cameras, tmp_path):
    first = program()
    first.kill()
    first.wait()
    camera = VirtualCamera("memory", tmp_path / "locks")
    camera.open((64, 36), Fraction(30))
    assert len(memory_cameras) == 1
    os.kill(memory_cameras[0].about["pid"], signal.SIGKILL)
    wait_for(lambda: camera.stand_by() or len(memory_cameras) == 2)
    assert memory_cameras[1].is_open
    camera.close()


def test_what_dead_ones_have_left_is_cleared_away(program, memory_cameras, tmp_path):
    locks = tmp_path / "locks"
    first = program()
    first.send_signal(signal.SIGSTOP)
    os.kill(memory_cameras[0].about["pid"], signal.SIGKILL)
    first.kill()
    first.wait()
    wait_for(lambda: not memory_cameras[0].is_open)
    note = note_path(locks, "/dev/memory0")
    memory = Order.from_json(json.loads(note.read_text())["order"]).memory
    assert memory.exists()
    damaged = locks / f"other{NOTE}"
    damaged.write_text("[]")
    assert note.exists()
    camera = VirtualCamera("memory", locks)
    camera.open((64, 36), Fraction(30))
    assert left(locks) == [note.name] and not memory.exists()
    camera.close()
    assert not left(locks)


def test_the_process_loads_little(memory_cameras, tmp_path):
    script = (
        "import sys, puppet.watchdog;"
        "bad = {'torch', 'mediapipe', 'PyQt6', 'cv2', 'av', 'openvino', 'onnxruntime', 'PIL', 'scipy',"
        " 'puppet.frame', 'puppet.camera', 'puppet.tracker'} & set(sys.modules);"
        "sys.exit(' '.join(sorted(bad)) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


def test_where_pyvirtualcam_is_missing_the_sentence_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "pyvirtualcam.py").write_text("raise ImportError('no such thing')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), *filter(None, sys.path)]))
    with pytest.raises(SinkError, match=r"^pyvirtualcam, .*\(no such thing\); run `pip install pyvirtualcam`$"):
        VirtualCamera(None, tmp_path / "locks").open((64, 36), Fraction(30))
    with pytest.raises(SinkError, match="no such thing"):
        VirtualCamera("obs", tmp_path / "locks").open((64, 36), Fraction(30))


class Desk:
    """A watchdog whose clock and camera are the test's."""

    def __init__(self, tmp_path, **patience):
        self.mailbox = Mailbox.make((4, 2))
        self.mailbox.slate.write(np.full((2, 4, 3), 7, np.uint8))
        given = {"silence_s": 1.0, "repeat_s": 0.1, "linger_s": 60.0} | patience
        order = Order(self.mailbox.path, (4, 2), 30.0, None, tmp_path, **given)
        self.lock = Lock.of(self.mailbox.path)
        self.shown = []
        self.dog = Watchdog(self.mailbox, order, lambda rgb: self.shown.append(int(rgb[0, 0, 0])), 0.0)

    def put(self, level):
        self.mailbox.pictures.write(np.full((2, 4, 3), level, np.uint8))

    def until(self, times_s):
        """What is shown in these turns."""
        self.shown.clear()
        going = [self.dog.turn(time_s) for time_s in times_s]
        return self.shown.copy(), all(going)


@pytest.fixture
def desk(tmp_path):
    made = []

    def make(**patience):
        made.append(Desk(tmp_path, **patience))
        return made[-1]

    yield make
    for each in made:
        each.lock.release()
        each.mailbox.remove()


def test_short_gaps_repeat_the_last_picture_and_long_ones_show_the_slate(desk):
    desk = desk()
    assert desk.until([0.0, 0.01, 0.05]) == ([7], True)
    desk.put(50)
    assert desk.until([0.06, 0.07]) == ([50], True)
    assert desk.until([0.17, 0.28, 0.9, 1.01]) == ([50, 50, 50, 50], True)
    assert desk.until([1.12, 1.23]) == ([7, 7], True)
    desk.put(60)
    assert desk.until([1.25]) == ([60], True)


def test_only_the_newest_picture_is_shown(desk):
    desk = desk()
    for level in (10, 20, 30, 40):
        desk.put(level)
    assert desk.until([0.0, 0.01]) == ([40], True)


def test_another_slate_is_shown_at_once_but_not_over_a_portrait(desk):
    desk = desk()
    desk.until([0.0])
    desk.mailbox.slate.write(np.full((2, 4, 3), 8, np.uint8))
    assert desk.until([0.01]) == ([8], True)
    desk.put(50)
    desk.until([0.02])
    desk.mailbox.slate.write(np.full((2, 4, 3), 9, np.uint8))
    assert desk.until([0.03]) == ([], True)


def test_without_its_program_it_shows_the_slate_and_ends_after_a_while(desk):
    desk = desk(linger_s=10.0)
    desk.put(50)
    assert desk.until([0.0]) == ([50], True)
    desk.lock.release()
    assert desk.until([0.6, 5.0, 9.9]) == ([7, 7, 7], True)
    desk.put(60)  # nobody may send any more
    assert desk.until([9.95]) == ([7], True)
    assert desk.until([10.7]) == ([], False)


def test_a_program_that_comes_back_in_time_is_served(desk):
    desk = desk(linger_s=10.0)
    desk.lock.release()
    desk.until([1.0, 9.0])
    desk.lock = Lock.of(desk.mailbox.path)
    desk.put(50)
    assert desk.until([9.6, 15.0]) == ([50, 7], True)


def test_the_end_is_the_slate(desk):
    desk = desk()
    desk.put(50)
    desk.until([0.0])
    desk.mailbox.end()
    assert desk.until([0.1]) == ([], False)
    desk.dog.end()
    assert desk.shown == [7]


def test_an_order_arrives_as_it_was_sent(tmp_path):
    order = Order(tmp_path / "m", (4, 2), 29.97, None, tmp_path, 1.0, 0.1, 60.0)
    assert Order.from_json(order.to_json()) == order
    for text in ("{}", "[]", "no", '{"size_wh": 3}'):
        with pytest.raises(ValueError):
            Order.from_json(text)
