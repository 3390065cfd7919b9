"""Opens the window around a session, and closes both."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType, TracebackType

import cv2
from PyQt6.QtWidgets import QApplication

from puppet.api_server import ApiServer
from puppet.api_token import api_token
from puppet.errors import PuppetError
from puppet.folders import folders
from puppet.screen import obstacle
from puppet.settings import Settings
from ui.controller import Controller
from ui.live_session import LiveSession
from ui.memory import Choices, Memory
from ui.remote import WindowRemote
from ui.session import plan_of
from ui.theme import ThemeFollower
from ui.window import Window

LOG = logging.getLogger(f"puppet.{__name__}")

BUG = "Something went wrong inside puppet; it goes on. The log file says more."

SET_BY_OPENCV = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
"""OpenCV brings a Qt of its own, and these would lead ours to it."""


def make_application(arguments: Sequence[str]) -> QApplication:
    """The application, dressed like the system: dark or light.

    Raises:
        PuppetError: No window can be opened here.
    """
    assert cv2.__version__  # imported: the variables are set by now
    for name in SET_BY_OPENCV:
        os.environ.pop(name, None)
    if sys.platform == "linux" and (sentence := obstacle(os.environ)) is not None:
        raise PuppetError(sentence)
    application = QApplication(list(arguments))
    application.setApplicationName("puppet")
    application.setApplicationDisplayName("puppet")
    application.setDesktopFileName("puppet")
    ThemeFollower(application)
    return application


def remembered(config: Path) -> dict[str, object]:
    """What was chosen in the window last, under the names of the command line's options.

    Args:
        config: The folder for what is remembered.
    """
    choices = Memory(config).recall()
    plan = choices.plan
    return {
        "camera": plan.camera or None,
        "size": plan.size_wh,
        "fps": plan.fps,
        "camera_size": plan.camera_size_wh,
        "camera_codec": plan.codec,
        "backdrop": choices.backdrop,
        "mirror_motion": choices.mirror_motion,
        "look": choices.look,
        "mark": choices.mark,
    }


def run(settings: Settings, *, start: bool) -> None:
    """Show the window around the real program until the user closes it; Ctrl-C and SIGTERM close it too.

    Args:
        settings: The beginning.
        start: Whether to drive the portrait at once.

    Raises:
        PuppetError: No window can be opened here, or the port of remote control is taken.
    """
    application = make_application(sys.argv[:1])
    memory = Memory(folders(settings.data_dir).config)
    plan = plan_of(settings)
    gains = memory.recall().gains
    wanted = settings.compositor
    choices = Choices(plan, wanted.backdrop, gains, settings.pose.mirrored, settings.look, wanted.mark)
    window, session = Window(), LiveSession(settings)
    controller = Controller(session, window, memory, choices)
    window.closed.connect(application.quit)
    if memory.geometry is not None:
        window.restoreGeometry(memory.geometry)
    with _bugs_shown(window), _signals_close(application), _remote(settings, session, window):
        window.show()
        controller.begin(settings.source, start=start)
        application.exec()
        controller.end()


@contextmanager
def _remote(settings: Settings, session: LiveSession, window: Window) -> Iterator[None]:
    """Other programs may control the window meanwhile, where the user wants that."""
    if settings.api is None:
        yield
        return
    places = folders(settings.data_dir)
    remote = WindowRemote(session, window, places.avatars)
    with closing(ApiServer(settings.api, api_token(places.config), remote)):
        yield


@contextmanager
def _bugs_shown(window: Window) -> Iterator[None]:
    """An error that nobody foresaw is logged and said, and does not end a running stream."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        LOG.critical("unforeseen", exc_info=(kind, error, trace))
        window.notice.say(BUG, alert=True)

    usual, sys.excepthook = sys.excepthook, show
    try:
        yield
    finally:
        sys.excepthook = usual


@contextmanager
def _signals_close(application: QApplication) -> Iterator[None]:
    """Ctrl-C and SIGTERM close the window; the timers give Python the chance to notice them."""

    def close(number: int, frame: FrameType | None) -> None:
        application.quit()

    usual = {number: signal.signal(number, close) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
