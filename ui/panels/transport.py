"""The buttons below the portrait: start, pause, recentre, mirror, record."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from ui.glyphs import MIRROR, PAUSE, RECENTRE, RECORD, START, STOP
from ui.panels.glyph_button import GlyphButton
from ui.session import Phase


class Transport(QWidget):
    """What is done while the portrait moves. `P`, `R`, `M` and the others are the window's shortcuts."""

    start_asked = pyqtSignal()
    stop_asked = pyqtSignal()
    pause_asked = pyqtSignal(bool)
    recentre_asked = pyqtSignal()
    mirror_asked = pyqtSignal(bool)
    record_asked = pyqtSignal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the buttons for a portrait that stands still."""
        super().__init__(parent)
        self.start = GlyphButton(START, "Start", role="primary")
        self.pause = GlyphButton(PAUSE, "Pause")
        self.recentre = GlyphButton(RECENTRE, "Recentre")
        self.mirror = GlyphButton(MIRROR, "Mirror")
        self.record = GlyphButton(RECORD, "Record")
        self.pause.setCheckable(True)
        self.mirror.setCheckable(True)
        self.record.setCheckable(True)
        self.recentre.setToolTip("Take how you hold your head now as the middle (R)")
        self.mirror.setToolTip("Your left moves the portrait's right (M)")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for button in (self.start, self.pause, self.recentre, self.mirror):
            row.addWidget(button)
        row.addStretch()
        row.addWidget(self.record)
        self._phase = Phase.STOPPED
        self.start.clicked.connect(self._start_or_stop)
        self.pause.clicked.connect(self.pause_asked)
        self.recentre.clicked.connect(self.recentre_asked)
        self.mirror.clicked.connect(self.mirror_asked)
        self.record.clicked.connect(self.record_asked)
        self.show_standing(Phase.STOPPED, recording=False, changing="", ready=False)

    def show_standing(self, phase: Phase, *, recording: bool, changing: str, ready: bool) -> None:
        """Show how things stand, silently.

        Args:
            phase: Whether the portrait is driven.
            recording: Whether a file is recorded.
            changing: What the start button says while it cannot be used, such as `Starting …`; empty when it can.
            ready: Whether there is something to start.
        """
        self._phase = phase
        runs = phase is not Phase.STOPPED
        self.start.set_face(STOP if runs else START, changing or ("Stop" if runs else "Start"))
        self.start.setEnabled(not changing and (runs or ready))
        self.start.setToolTip(_start_tip(runs, ready))
        self.pause.setChecked(phase is Phase.PAUSED)
        self.pause.set_face(START if phase is Phase.PAUSED else PAUSE, "Resume" if phase is Phase.PAUSED else "Pause")
        self.pause.setToolTip("Follow you again (P)" if phase is Phase.PAUSED else "Show the slate (P)")
        self.record.setChecked(recording)
        self.record.set_face(STOP if recording else RECORD, "Stop recording" if recording else "Record", alert=runs)
        self.record.setToolTip("Complete the file (V)" if recording else "Record what is sent to a video file (V)")
        for button in (self.pause, self.recentre, self.record):
            button.setEnabled(runs and not changing)

    def _start_or_stop(self) -> None:
        if self._phase is Phase.STOPPED:
            self.start_asked.emit()
        else:
            self.stop_asked.emit()


def _start_tip(runs: bool, ready: bool) -> str:
    if runs:
        return "Let go of the camera (S)"
    return "Open the camera and bring the portrait to life (S)" if ready else "Choose a camera and a portrait first"
