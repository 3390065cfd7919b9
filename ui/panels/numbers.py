"""How fast it goes: frame rate, latency, the audio delay for OBS, where pictures go; and the way to `ui.about`."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QPalette
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QWidget

from ui.glyphs import ABOUT, COPY
from ui.panels.glyph_button import GlyphButton
from ui.panels.light import Light
from ui.panels.metric import Metric
from ui.session import Phase, Standing

OBS_STEP_MS = 10
"""Finer than this, nobody hears a difference."""


class NumbersPanel(QFrame):
    """One row; a snapshot goes in, nothing comes out but the wish to copy the delay, or to know more."""

    copy_asked = pyqtSignal(int)
    """The user wants the audio delay, in milliseconds, on the clipboard."""

    about_asked = pyqtSignal()
    """The user wants to know what puppet is made of."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the row without numbers."""
        super().__init__(parent)
        self.setProperty("role", "card")
        self._delay_ms = 0
        self.copy = GlyphButton(COPY, role="link")
        self.copy.setToolTip("Copy the number")
        self.copy.setAccessibleName("Copy the audio delay")
        self.copy.clicked.connect(lambda: self.copy_asked.emit(self._delay_ms))
        self.about = GlyphButton(ABOUT, role="link")
        self.about.setToolTip("About and licences (F1)")
        self.about.setAccessibleName("About and licences")
        self.about.clicked.connect(self.about_asked)
        self.rate = Metric("Frame rate", "Pictures a second that are sent")
        self.latency = Metric("Latency p95", "From your camera to the output; 19 of 20 pictures are faster")
        self.delay = Metric(
            "Audio delay",
            "The portrait follows you a little late. In OBS, type this number as the sync offset of your microphone "
            "(Advanced Audio Properties), so that voice and lips agree.",
            self.copy,
        )
        self.output = Light("Output", "Where the pictures go")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 10, 16, 11)
        row.setSpacing(22)
        for widget, stretch in ((self.rate, 2), (self.latency, 2), (self.delay, 3), (self.output, 4)):
            row.addWidget(widget, stretch)
        row.addWidget(self.about)
        self.show_standing(Standing())

    def show_standing(self, standing: Standing) -> None:
        """Show a snapshot."""
        runs = standing.phase is not Phase.STOPPED
        measured = runs and standing.latency_median_ms > 0
        self._delay_ms = audio_delay_ms(standing)
        self.rate.set_number(f"{standing.fps:.0f} fps" if runs else "–")
        self.latency.set_number(f"{standing.latency_p95_ms:.0f} ms" if measured else "–")
        self.delay.set_number(f"{self._delay_ms} ms" if measured else "–")
        self.copy.setEnabled(measured)
        self.output.show_state(standing.output, _role(standing))


def audio_delay_ms(standing: Standing) -> int:
    """What to type into OBS: the median latency, rounded to 10 ms."""
    return OBS_STEP_MS * round(standing.latency_median_ms / OBS_STEP_MS)


def _role(standing: Standing) -> QPalette.ColorRole:
    role = QPalette.ColorRole
    return {True: role.Highlight, False: role.BrightText, None: role.PlaceholderText}[standing.output_works]
