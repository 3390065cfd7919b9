"""A virtual-camera driver for tests: a backend for pyvirtualcam that keeps what it is sent in a folder.

The watchdog is a process of its own, so the backend is registered there by the interpreter's own start-up hook,
`sitecustomize`, from a folder on PYTHONPATH. Nothing in the program knows of it.

    driver        there is a driver; without this file there is no device
    broken        every send fails
    N.json        device N, opened N-th: size, rate, format, and the process that has it
    N.frames      pictures, one after the other; one that is sent again is not kept again
    N.sent        one byte for each picture that was sent
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

DEVICE = "/dev/memory0"

SITE = """
import json, os
from pathlib import Path

FOLDER = Path({folder!r})

class Camera:
    def __init__(self, *, width, height, fps, fourcc, device, **others):
        numbers = sorted(int(path.stem) for path in FOLDER.glob("*.json"))
        if not (FOLDER / "driver").exists() or any(self._held(number) for number in numbers):
            raise RuntimeError("No device found.\\nDid you look?")
        self._fourcc, self._last = fourcc, None
        number = len(numbers)
        self._frames = (FOLDER / f"{{number}}.frames").open("ab", buffering=0)
        self._sent = (FOLDER / f"{{number}}.sent").open("ab", buffering=0)
        about = {{"size_wh": [width, height], "fps": fps, "fourcc": fourcc, "pid": os.getpid()}}
        self._about = FOLDER / f"{{number}}.json"
        self._write(about)

    def _write(self, about):
        self._about.with_suffix(".new").write_text(json.dumps(about))
        self._about.with_suffix(".new").replace(self._about)

    @staticmethod
    def _held(number):
        pid = json.loads((FOLDER / f"{{number}}.json").read_text())["pid"]
        return pid is not None and running(pid)

    def send(self, frame):
        if (FOLDER / "broken").exists():
            raise RuntimeError("the device takes no frame")
        content = frame.tobytes()
        if content != self._last:
            self._frames.write(content)
            self._last = content
        self._sent.write(b".")

    def close(self):
        self._write(json.loads(self._about.read_text()) | {{"pid": None}})
        self._frames.close()
        self._sent.close()

    def device(self):
        return {device!r}

    def native_fourcc(self):
        return self._fourcc

def running(pid):
    try:
        return Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False

try:
    import pyvirtualcam
except ImportError:
    pass
else:
    pyvirtualcam.camera.BACKENDS.clear()
    pyvirtualcam.register_backend("memory", Camera)
"""


class Device:
    """What was sent to a device, from one opening to its end."""

    def __init__(self, folder: Path, number: int) -> None:
        self._stem = folder / str(number)
        self._folder = folder

    @property
    def about(self) -> dict:
        return json.loads(self._stem.with_suffix(".json").read_text())

    @property
    def size_wh(self) -> tuple[int, int]:
        return tuple(self.about["size_wh"])

    @property
    def is_open(self) -> bool:
        pid = self.about["pid"]
        return pid is not None and alive(pid)

    @property
    def frames(self) -> np.ndarray:
        """Every picture that differs from the one before."""
        width, height = self.size_wh
        content = self._stem.with_suffix(".frames").read_bytes()
        whole = len(content) // (width * height * 3) * (width * height * 3)
        return np.frombuffer(content[:whole], np.uint8).reshape(-1, height, width, 3)

    @property
    def sent(self) -> int:
        """How often a picture was sent."""
        return self._stem.with_suffix(".sent").stat().st_size


class Driver:
    """The devices that were opened, oldest first; one at a time can be open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plug(True)

    def plug(self, there: bool) -> None:
        """Install the driver, or remove it."""
        (self.folder / "driver").touch()
        if not there:
            (self.folder / "driver").unlink()

    def fail(self, broken: bool) -> None:
        """Let every send fail, or work again."""
        (self.folder / "broken").touch()
        if not broken:
            (self.folder / "broken").unlink()

    def __len__(self) -> int:
        return len(list(self.folder.glob("*.json")))

    def __getitem__(self, index: int) -> Device:
        return Device(self.folder, range(len(self))[index])

    def __iter__(self) -> Iterator[Device]:
        return iter([self[i] for i in range(len(self))])

    def end(self) -> None:
        """End the processes that still have a device."""
        for device in self:
            if device.is_open:
                os.kill(device.about["pid"], signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether a process runs, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def install(folder: Path) -> str:
    """Write the hook for new interpreters; what PYTHONPATH has to be."""
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE.format(folder=str(folder), device=DEVICE))
    return os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))


def wait_for(there: Callable[[], object], limit_s: float = 30.0) -> None:
    """Look now and then until it is there."""
    deadline_s = time.monotonic() + limit_s
    while not there():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
