"""Takes the README's pictures of the window: `make screenshots`, or `xvfb-run -a python docs/screenshots.py`.

The real window, its real session, the shipped model and characters; the example clip is the camera, and its first frame
the portrait that is added. Every face in it is rendered. Take them on a machine that does nothing else: they show
frame rate and latency.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PyQt6.QtCore import QSize
from PyQt6.QtGui import QImage, QPixmap
from PyQt6.QtWidgets import QApplication

from puppet.gallery import USUAL
from puppet.options import parse
from puppet.state import LIVE
from ui.app import make_application
from ui.controller import Controller
from ui.live_session import LiveSession
from ui.memory import Choices, Memory
from ui.session import Phase, plan_of
from ui.theme import DARK, LIGHT, wear
from ui.window import COMFORTABLE, Window

CLIP = Path(__file__).parents[1] / "puppet" / "examples" / "driver.mp4"

QUALITY = 85


class Studio:
    """A window with its session, and the patience to wait for something to show."""

    def __init__(self, application: QApplication, folder: Path) -> None:
        """Open the window and wait until the first character is there.

        Args:
            application: Dressed at will by the caller.
            folder: Empty; for what the program stores.
        """
        settings = parse(["--camera", str(CLIP), "--output", "none", "--data-dir", str(folder)]).settings
        self._application = application
        self.window, self.session = Window(), LiveSession(settings)
        self.controller = Controller(self.session, self.window, Memory(folder / "config"), Choices(plan_of(settings)))
        self.window.resize(COMFORTABLE)  # also on a small screen
        self.window.show()
        self.controller.begin(None, start=False)
        self.wait(lambda: not self.controller.busy)

    def wait(self, true: Callable[[], bool], limit_s: float = 300.0) -> None:
        """Let the window live until something is true."""
        ends_s = time.monotonic() + limit_s
        while not true():
            if time.monotonic() > ends_s:
                sys.exit("screenshots: nothing came to be shown")
            self._application.processEvents()
            time.sleep(0.005)

    def use(self, name: str) -> None:
        """Choose a portrait."""
        next(tile for tile in self.window.gallery.tiles if tile.accessibleName() == name).click()
        self.wait(lambda: not self.controller.busy)

    def drive(self) -> QPixmap:
        """Play the clip to its end; the window at the moment when the portrait was farthest from rest."""
        rest, farthest, best = self._portrait(), 0.0, self.window.grab()
        self.window.transport.start.click()
        self.wait(lambda: self.session.status().phase is Phase.RUNNING)
        while (status := self.session.status()).phase is Phase.RUNNING:
            self._pass(0.1)
            distance = float(np.abs(self._portrait() - rest).mean())
            if status.condition == LIVE and status.latency_median_ms > 0 and distance > farthest:
                farthest, best = distance, self.window.grab()
        self.wait(lambda: not self.controller.busy)
        return best

    def add(self, portrait: Path) -> None:
        """Add a portrait in the look `photo`, and wait until its tuning is under way."""
        self.window.gallery.look.show_look("photo")
        self.window.dropped.emit(portrait)
        self.wait(lambda: self.window.enrolment.bar.value() > 0.3 * self.window.enrolment.bar.maximum() > 0)

    def _pass(self, seconds: float) -> None:
        """Let the window live for a while."""
        ends_s = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > ends_s)

    def _portrait(self) -> np.ndarray:
        """The preview, small and grey: enough to see how far the head has moved."""
        self._pass(0.1)
        image = self.window.preview.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
        small = image.scaled(QSize(64, 36))
        memory = small.constBits()
        memory.setsize(small.sizeInBytes())
        return np.frombuffer(memory, np.uint8).astype(np.float32)


def save(picture: QPixmap, path: Path) -> None:
    """Write a picture of the window."""
    if not picture.toImage().save(str(path), quality=QUALITY):
        sys.exit(f"screenshots: {path} cannot be written")
    print(path)


@contextmanager
def studio(application: QApplication) -> Iterator[Studio]:
    """A studio that leaves nothing behind."""
    with tempfile.TemporaryDirectory() as folder:
        opened = Studio(application, Path(folder) / "data")
        try:
            yield opened
        finally:
            opened.controller.end()


def first_frame(folder: Path) -> Path:
    """A portrait: the head of the example clip, from the front."""
    clip = cv2.VideoCapture(str(CLIP))
    _, frame = clip.read()
    clip.release()
    path = folder / "me.png"
    cv2.imwrite(str(path), frame)
    return path


def main() -> None:
    """Take window.jpg, dark and driven, and window-light.jpg, where a portrait is tuned."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="default: %(default)s")
    out = parser.parse_args().out
    application = make_application(sys.argv[:1])
    with studio(application) as room, tempfile.TemporaryDirectory() as folder:
        wear(application, DARK)
        room.use(USUAL.stem.capitalize())
        save(room.drive(), out / "window.jpg")
        wear(application, LIGHT)
        room.add(first_frame(Path(folder)))
        save(room.window.grab(), out / "window-light.jpg")


if __name__ == "__main__":
    main()
