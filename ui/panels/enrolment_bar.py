"""How far an enrolment is, over the lower edge of the portrait."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ui.panels.elided_label import ElidedLabel
from ui.session import Progress
from ui.theme import colour

RADIUS_PX = 10.0
STEPS = 1000


class EnrolmentBar(QWidget):
    """What is enrolled, a bar, the time left, and a way out."""

    cancelled = pyqtSignal()
    """The user does not want it any more."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make it, hidden."""
        super().__init__(parent)
        self._what = ElidedLabel("")
        self.left = QLabel()
        self.left.setProperty("role", "quiet")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Enrolment")
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
        row = QHBoxLayout(self)
        row.setContentsMargins(18, 10, 10, 10)
        row.setSpacing(16)
        row.addLayout(column, 1)
        row.addWidget(self.cancel)
        self.hide()

    def begin(self, name: str) -> None:
        """Show that a portrait is being enrolled."""
        self._what.set_words(f"Getting to know {name}")
        self.cancel.setEnabled(True)
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

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the card."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour(QPalette.ColorRole.Mid), 1))
        painter.setBrush(colour(QPalette.ColorRole.Base))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_PX, RADIUS_PX)

    def _end(self) -> None:
        self.cancel.setEnabled(False)
        self.left.setText("ending …")
        self.cancelled.emit()


def time_left(seconds: float) -> str:
    """Seconds as people say them: `5 s`, `2 min`."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"
