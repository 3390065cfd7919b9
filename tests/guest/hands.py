"""What a user does in the guest, and what others do around them: plug cameras in, start programs, watch a camera."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import pyvirtualcam

from puppet.loopback import given_back

OUT = Path(os.environ["GUEST_OUT"])
WEBCAM, VIRTUAL, FEED = 0, 9, 10
"""Numbers of the devices."""

CLIP = Path(__file__).parents[2] / "puppet" / "examples" / "driver.mp4"

SIZE_WH = 640, 360
BACKDROP = 48, 96, 192
START_S = 1200.0
"""A program that starts has this long; emulated, most of it goes into importing."""

SOON_S = 180.0
"""What a running program does at once has this long: the emulation may be slow, and no test is one of speed."""

PATIENCE_S = 20.0
"""The longest time without a picture, for the same reason."""

DRIVERS = Path("/sys/bus/platform/drivers/vivid")


def load(module: str, **options: object) -> None:
    """Load a driver, with its devices."""
    words = [f"{name}={value}" for name, value in options.items()]
    subprocess.run(["modprobe", "-d", os.environ["GUEST_MODULES"], module, *words], check=True)


def unload(module: str) -> None:
    """Unload it as soon as nobody has its devices open."""
    words = ["modprobe", "-d", os.environ["GUEST_MODULES"], "-r", module]
    until(SOON_S, lambda: subprocess.run(words, capture_output=True).returncode == 0)


def plug_in() -> None:
    (DRIVERS / "bind").write_text("vivid.0")


def unplug() -> None:
    (DRIVERS / "unbind").write_text("vivid.0")


def until(limit_s: float, true) -> float:
    """Seconds until something is true; fails after the limit."""
    start_s = time.monotonic()
    while not true():
        assert time.monotonic() - start_s < limit_s, f"not within {limit_s:g} s"
        time.sleep(0.1)
    return time.monotonic() - start_s


class Program:
    """A program that runs; `words` are its command line, what it says is kept in the folder for results."""

    def __init__(self, name: str, *words: str):
        self.path = OUT / f"{name}.txt"
        with self.path.open("w") as file:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def stopped(self) -> bool:
        """Whether a signal has stopped it."""
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def said(self) -> list[str]:
        """Its own lines; the libraries that it uses say more."""
        return [
            line for line in self.path.read_text().splitlines() if line.startswith("puppet: ") or " frames in" in line
        ]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.wait(SOON_S)

    def watchdog(self) -> int:
        """The process of its virtual camera."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has just ended
                words = path.with_name("cmdline").read_bytes()
                parent = int(path.read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and b"puppet.watchdog" in words:
                    return int(path.parent.name)
        raise AssertionError("there is none")

    def wait(self, limit_s: float = START_S) -> int:
        return self.process.wait(limit_s)


@contextmanager
def program(name: str, *words: str) -> Iterator[Program]:
    """A program that is killed at the end if it still runs."""
    started = Program(name, *words)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()


@contextmanager
def puppet(name: str, *words: str) -> Iterator[Program]:
    """`python -m puppet` with these words."""
    with program(name, sys.executable, "-m", "puppet", *words) as started:
        yield started


@contextmanager
def sender(name: str, locks: Path) -> Iterator[Program]:
    """`sender.py`, loaded; it starts with `go_on`."""
    with program(name, sys.executable, str(Path(__file__).with_name("sender.py")), str(locks)) as started:
        until(START_S, lambda: started.stopped)
        yield started


def is_loopback_ready() -> bool:
    """Whether somebody writes to the virtual camera: only then it is a camera."""
    shown = subprocess.run(["v4l2-ctl", "-d", str(VIRTUAL), "--info"], capture_output=True, text=True).stdout
    return "Video Capture" in shown


def open_virtual_camera() -> None:
    """As another program does that sends to it; fails where it cannot."""
    camera = pyvirtualcam.Camera(*SIZE_WH, 10, device=f"/dev/video{VIRTUAL}")
    camera.send(np.zeros((SIZE_WH[1], SIZE_WH[0], 3), np.uint8))
    with given_back(camera.device):
        camera.close()


class Viewer:
    """Another program that shows the virtual camera: reads it all the time, on a thread."""

    def __init__(self):
        self.times_s: list[float] = []
        self.pictures: list[np.ndarray] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def newest(self) -> np.ndarray:
        """The newest picture, RGB."""
        return self.pictures[-1]

    def shows_portrait(self) -> bool:
        return bool(self.pictures) and is_portrait(self.newest)

    def shows_slate(self) -> bool:
        return bool(self.pictures) and is_slate(self.newest)

    def rate(self, since_s: float) -> float:
        """Pictures a second since then."""
        return sum(at_s > since_s for at_s in self.times_s) / (time.monotonic() - since_s)

    def longest_gap_s(self, since_s: float) -> float:
        times_s = [since_s, *(at_s for at_s in self.times_s if at_s > since_s), time.monotonic()]
        return float(np.max(np.diff(times_s)))

    def close(self) -> None:
        self._closing.set()
        self._thread.join(30.0)

    def _read(self) -> None:
        capture = cv2.VideoCapture(VIRTUAL, cv2.CAP_V4L2)
        while not self._closing.is_set():
            whole, bgr = capture.read()
            if whole:
                self.pictures = [*self.pictures[-400:], bgr[..., ::-1].copy()]
                self.times_s.append(time.monotonic())
        capture.release()


@contextmanager
def viewer() -> Iterator[Viewer]:
    """A viewer that opens the virtual camera as soon as it is one."""
    until(START_S, is_loopback_ready)
    opened = Viewer()
    try:
        yield opened
    finally:
        opened.close()


def is_portrait(picture: np.ndarray) -> bool:
    """Whether it is the portrait over its backdrop: right colours in the corner, and something in the middle."""
    corner, middle = picture[4:12, 4:12].mean(axis=(0, 1)), picture[100:260, 240:400]
    return bool(np.abs(corner - BACKDROP).max() < 6.0 and middle.std() > 12.0)


def is_slate(picture: np.ndarray) -> bool:
    """Whether it is the slate, which is dark all around."""
    return bool(picture[:12].max() < 60)


def save(name: str, picture: np.ndarray) -> None:
    cv2.imwrite(str(OUT / f"{name}.png"), picture[..., ::-1])


def tell(**numbers):
    sys.stdout.write("".join(f"\n    {name}: {number}" for name, number in numbers.items()) + "\n")


def log_of(words):
    path = Path(words[words.index("--data-dir") + 1]) / "logs" / "puppet.log"
    return path.read_text() if path.exists() else ""


def refused(name, *words):
    """What the program says when it ends with 1."""
    with puppet(name, *words) as program:
        assert program.wait() == 1
        said = program.said()
    assert len(said) == 1, said
    assert "Traceback" not in program.path.read_text()
    tell(said=said[0])
    return said[0]
