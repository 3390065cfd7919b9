"""What the tests of the window share: a dressed application, leaked widgets, and a session that paints by itself."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtCore import QCoreApplication, QEvent, QMimeData, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent
from PyQt6.QtWidgets import QApplication, QWidget

from puppet.errors import AvatarError, BundleError, CameraError, PictureError, PortraitError
from puppet.groups import PerGroup
from puppet.state import LIVE
from ui.app import make_application
from ui.controller import Controller
from ui.memory import Choices, Memory
from ui.session import (
    AvatarCard,
    CameraCard,
    Direction,
    Look,
    News,
    Phase,
    Plan,
    Preflight,
    Progress,
    Standing,
)
from ui.window import Window

NAMES = ("Ada", "Bruno", "Chidi", "Dalia", "Emre", "Freya")


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """The application as the program makes it."""
    return make_application(["puppet"])


@pytest.fixture(autouse=True)
def no_leaks(qapp: QApplication) -> Iterator[None]:
    """No widget outlives its test."""
    before = set(map(id, qapp.topLevelWidgets()))
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if _others(qapp, before):
        gc.collect()
    assert not _others(qapp, before), "widgets that nobody deleted"


def _others(qapp: QApplication, before: set[int]) -> list[QWidget]:
    return [widget for widget in qapp.topLevelWidgets() if id(widget) not in before]


class PaintedSession:
    """A session without camera and engines: a thread paints a bar that moves, 60 times a second."""

    def __init__(self, avatars: int = len(NAMES)) -> None:
        self.cards = [AvatarCard(f"key-{name}", name, _still(i), own=False) for i, name in enumerate(NAMES[:avatars])]
        self.calls: list[tuple[object, ...]] = []
        self.steps = 3
        self.step_s = 0.0
        self.fail = ""
        self.likeness = ""
        self.preflight = Preflight(())
        self.stale: set[str] = set()
        self.standing = Standing(output="Virtual camera", avatar=self.cards[0].key)
        self._cancelled = threading.Event()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._newest = np.zeros((90, 160, 3), np.uint8)
        self._borrowed = self._newest.copy()
        self._fresh = False
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        self.calls.append(("open",))
        if self.fail == "open":
            raise BundleError("the model is damaged; install puppet again")

    def avatars(self) -> Sequence[AvatarCard]:
        return tuple(self.cards)

    def cameras(self) -> Sequence[CameraCard]:
        return (CameraCard("0", "Integrated Camera"), CameraCard("2", "Desk Camera HD"))

    def enrol(self, picture: Path, look: Look, tell: Callable[[News], None]) -> AvatarCard | None:
        self.calls.append(("enrol", picture, look))
        return self._enrol(f"key-{picture.stem}", picture.stem, look, tell)

    def enrol_again(self, key: str, look: Look, tell: Callable[[News], None]) -> AvatarCard | None:
        self.calls.append(("enrol_again", key, look))
        return self._enrol(f"{key}-{look}", "again", look, tell)

    def remove(self, key: str) -> None:
        self.calls.append(("remove", key))
        if self.fail == "remove":
            raise AvatarError("the avatar cannot be deleted")
        self.cards = [card for card in self.cards if card.key != key]

    def _enrol(self, key: str, name: str, look: Look, tell: Callable[[News], None]) -> AvatarCard | None:
        if self.fail == "enrol":
            raise PortraitError("the portrait shows no face; choose another one")
        tell(self.preflight)
        if look == "photo":
            tell(AvatarCard(f"{key}-quick", name, _still(len(self.cards)), own=True))
        for step in range(self.steps):
            tell(Progress(step / self.steps, (self.steps - step) * self.step_s))
            if self._cancelled.wait(self.step_s):
                self._cancelled.clear()
                return None
        card = AvatarCard(key, name, _still(len(self.cards)), own=True, likeness=self.likeness, look=look)
        self.stale.discard(key)
        self.cards = [*(each for each in self.cards if each.key != key), card]
        return card

    def rehearse(self, key: str) -> Sequence[np.ndarray]:
        self.calls.append(("rehearse", key))
        return [np.roll(_still(1), 4 * i, axis=1) for i in range(6)]

    def use_meanwhile(self) -> None:
        self.calls.append(("use_meanwhile",))

    def use_avatar(self, key: str) -> bool:
        self.calls.append(("use_avatar", key))
        sleep(self.step_s)
        if key in self.stale:
            return False
        if self.fail == "use_avatar":
            raise PortraitError("the avatar is damaged")
        self.change(avatar=key)
        self._rest()
        return True

    def start(self, plan: Plan) -> None:
        self.calls.append(("start", plan))
        if self.fail == "start":
            raise CameraError("camera 0 is used by another program; close it there")
        self.stop()
        self._ending.clear()
        self._thread = threading.Thread(target=self._paint, daemon=True)
        self._thread.start()
        self.standing = Standing(Phase.RUNNING, self.standing.avatar, 30.0, 43.0, 61.4, LIVE, "Virtual camera", True)

    def stop(self) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
            self.calls.append(("stop",))
        self._thread = None
        self._rest()
        self.standing = Standing(output="Virtual camera", avatar=self.standing.avatar)

    def set_backdrop(self, backdrop: str) -> None:
        self.calls.append(("set_backdrop", backdrop))
        if self.fail == "set_backdrop":
            raise PictureError("that is not a picture")

    def record(self, path: Path | None) -> None:
        self.calls.append(("record", path))
        self.change(recording=path, recorded_s=12.0)

    def cancel(self) -> None:
        self._cancelled.set()

    def forget_cancel(self) -> None:
        """As if nobody had cancelled yet."""
        self._cancelled.clear()

    def status(self) -> Standing:
        return self.standing

    def newest_picture(self) -> np.ndarray | None:
        with self._lock:
            if not self._fresh:
                return None
            np.copyto(self._borrowed, self._newest)
            self._fresh = False
        return self._borrowed

    def set_gains(self, gains: PerGroup) -> None:
        self.calls.append(("set_gains", gains))

    def directions(self) -> Sequence[Direction]:
        return [Direction("yaw", 40.0, degrees=True), Direction("jaw_open", 1.0, degrees=False)]

    def set_offset(self, offset: tuple[tuple[str, float], ...]) -> None:
        self.calls.append(("offset", offset))

    def mirror_motion(self, on: bool) -> None:
        self.calls.append(("mirror_motion", on))

    def mark(self, wish: Marking) -> None:
        self.calls.append(("mark", wish))

    def pause(self, on: bool) -> None:
        self.calls.append(("pause", on))
        self.change(phase=Phase.PAUSED if on else Phase.RUNNING)

    def recentre(self) -> None:
        self.calls.append(("recentre",))

    def close(self) -> None:
        self.stop()
        self.calls.append(("close",))

    def change(self, **fields: object) -> None:
        """Make something true of the session."""
        values = {name: getattr(self.standing, name) for name in Standing.__dataclass_fields__}
        self.standing = Standing(**(values | fields))

    def names(self) -> list[object]:
        """What was called, in order."""
        return [call[0] for call in self.calls]

    def _rest(self) -> None:
        with self._lock:
            self._newest[:] = (30, 60, 90)
            self._newest[:, :20] = 200
            self._fresh = True

    def _paint(self) -> None:
        began = monotonic()
        while not self._ending.wait(1 / 60):
            column = int((monotonic() - began) * 100) % 160
            with self._lock:
                self._newest[:] = 40
                self._newest[:, column] = (250, 120, 20)
                self._fresh = True


def _still(i: int) -> np.ndarray:
    """A face-like disc on a colour of its own."""
    ys, xs = np.mgrid[:96, :96]
    still = np.empty((96, 96, 3), np.uint8)
    still[:] = ((53 * i + 90) % 200, (97 * i + 120) % 200, (31 * i + 150) % 200)
    still[(ys - 48) ** 2 + (1.2 * (xs - 48)) ** 2 < 34**2] = (224, 180, 150)
    return still


@pytest.fixture
def session() -> PaintedSession:
    """A session of six characters."""
    return PaintedSession()


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    """A shown window that knows no session."""
    window = Window()
    qtbot.addWidget(window)
    window.show()
    return window


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """A memory of its own."""
    return Memory(tmp_path / "config")


@pytest.fixture
def controller(session: PaintedSession, window: Window, memory: Memory, qtbot: QtBot) -> Iterator[Controller]:
    """Window and session together, with nothing left to do."""
    controller = Controller(session, window, memory, Choices())
    controller.begin(None, start=False)
    qtbot.waitUntil(lambda: not controller.busy)
    yield controller
    controller.end()


@pytest.fixture
def running(controller: Controller, window: Window, session, qtbot: QtBot) -> Controller:
    """A portrait that is driven."""
    window.transport.start.click()
    qtbot.waitUntil(lambda: not controller.busy and window.transport.pause.isEnabled())
    session.calls.clear()
    return controller


@pytest.fixture
def drop(window: Window) -> Callable[..., bool]:
    """Drops files on the window; whether it takes them."""

    def drop(*paths: Path) -> bool:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        event = QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, data, buttons, keys)
        window.dropEvent(event)
        return event.isAccepted()

    return drop
