"""How far an enrolment is, and what could be better in its portrait, over the lower edge of the preview."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ui.panels.elided_label import ElidedLabel
from ui.panels.hints import Hints
from ui.session import Progress
from ui.theme import colour

RADIUS_PX = 10.0
STEPS = 1000


class EnrolmentBar(QWidget):
    """What is enrolled, a bar, the time left, hints, a quick avatar to use meanwhile, and a way out."""

    cancelled = pyqtSignal()
    """The user does not want it any more."""

    meanwhile_asked = pyqtSignal()
    """The user wants to use the quick avatar that was offered."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make it, hidden."""
        super().__init__(parent)
        self._what = ElidedLabel("")
        self.left = QLabel()
        self.left.setProperty("role", "quiet")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Enrolment")
        self.hints = Hints()
        self.meanwhile = QPushButton("Use a quick one")
        self.meanwhile.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.meanwhile.setToolTip("Show a character after the portrait until it is ready")
        self.meanwhile.clicked.connect(self._use_meanwhile)
        self.cancel = QPushButton("Cancel")
        self.cancel.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.cancel.setToolTip("Keep the portrait that is shown")
        self.cancel.clicked.connect(self._end)
        words = QHBoxLayout()
        words.addWidget(self._what, 1)
        words.addWidget(self.left)
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addLayout(words)
        column.addWidget(self.bar)
        column.addWidget(self.hints)
        row = QHBoxLayout(self)
        row.setContentsMargins(18, 10, 10, 10)
        row.setSpacing(16)
        row.addLayout(column, 1)
        row.addWidget(self.meanwhile)
        row.addWidget(self.cancel)
        self.hide()

    def begin(self, name: str) -> None:
        """Show that a portrait is being enrolled."""
        self._what.set_words(f"Getting to know {name}")
        self.cancel.setEnabled(True)
        self.meanwhile.hide()
        self.hints.show_warnings(())
        self.show_progress(Progress(None, None))
        self.show()

    def show_progress(self, progress: Progress) -> None:
        """Show how far it is."""
        if progress.share is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, STEPS)
            self.bar.setValue(round(progress.share * STEPS))
        self.left.setText("" if progress.left_s is None else f"{time_left(progress.left_s)} left")

    def offer(self) -> None:
        """There is a quick avatar to use until the end."""
        self.meanwhile.setVisible(self.cancel.isEnabled())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the card."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour(QPalette.ColorRole.Mid), 1))
        painter.setBrush(colour(QPalette.ColorRole.Base))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_PX, RADIUS_PX)

    def _end(self) -> None:
        self.cancel.setEnabled(False)
        self.meanwhile.hide()
        self.left.setText("ending …")
        self.cancelled.emit()

    def _use_meanwhile(self) -> None:
        self.meanwhile.hide()
        self.meanwhile_asked.emit()


def time_left(seconds: float) -> str:
    """Seconds as people say them: `5 s`, `2 min`."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"
