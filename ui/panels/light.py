"""A small light with a few words: whether pictures arrive where they shall."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ui.panels.elided_label import ElidedLabel
from ui.theme import colour

DOT_PX = 10


class Light(QWidget):
    """A caption, and below it a dot and words."""

    def __init__(self, caption: str, tip: str, parent: QWidget | None = None) -> None:
        """Make the light, off."""
        super().__init__(parent)
        self.setToolTip(tip)
        above = QLabel(caption)
        above.setProperty("role", "quiet")
        self._dot = Dot()
        self.words = ElidedLabel("")
        self.words.setAccessibleName(caption)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(above)
        row = QHBoxLayout()
        row.setContentsMargins(0, 4, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._dot)
        row.addWidget(self.words, 1)
        column.addLayout(row)
        column.addStretch()

    def show_state(self, words: str, role: QPalette.ColorRole) -> None:
        """Show words, and a dot in a colour of the theme."""
        self.words.set_words(words)
        self._dot.set_role(role)


class Dot(QWidget):
    """A disc in a colour of the theme."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make a grey dot."""
        super().__init__(parent)
        self._role = QPalette.ColorRole.Mid
        self.setFixedSize(QSize(DOT_PX, DOT_PX))

    def set_role(self, role: QPalette.ColorRole) -> None:
        """Change the colour."""
        if role != self._role:
            self._role = role
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the disc."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(self._role))
        painter.drawEllipse(QPointF(DOT_PX / 2, DOT_PX / 2), DOT_PX / 2 - 0.5, DOT_PX / 2 - 0.5)
