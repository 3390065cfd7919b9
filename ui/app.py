"""Opens the window around a session, and closes both."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

import cv2
from PyQt6.QtWidgets import QApplication

from ui.controller import Controller
from ui.memory import Memory
from ui.session import Session
from ui.theme import ThemeFollower
from ui.window import Window

LOG = logging.getLogger(f"puppet.{__name__}")

BUG = "Something went wrong inside puppet; it goes on. The log file says more."

SET_BY_OPENCV = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
"""OpenCV brings a Qt of its own, and these would lead ours to it."""


def make_application(arguments: Sequence[str]) -> QApplication:
    """The application, dressed like the system: dark or light."""
    assert cv2.__version__  # imported: the variables are set by now
    for name in SET_BY_OPENCV:
        os.environ.pop(name, None)
    application = QApplication(list(arguments))
    application.setApplicationName("puppet")
    application.setApplicationDisplayName("puppet")
    application.setDesktopFileName("puppet")
    ThemeFollower(application)
    return application


def run(session: Session, config: Path, source: Path | None, *, start: bool) -> None:
    """Show the window until the user closes it; Ctrl-C and SIGTERM close it too.

    Args:
        session: The running program; it is closed.
        config: Folder for what is remembered.
        source: A portrait to begin with; None: the last one.
        start: Whether to drive it at once.
    """
    application = make_application(sys.argv[:1])
    memory = Memory(config)
    window = Window()
    controller = Controller(session, window, memory, memory.recall())
    window.closed.connect(application.quit)
    if memory.geometry is not None:
        window.restoreGeometry(memory.geometry)
    with _bugs_shown(window), _signals_close(application):
        window.show()
        controller.begin(source, start=start)
        application.exec()
        controller.end()


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
