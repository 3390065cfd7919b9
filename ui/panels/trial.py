"""A new avatar before it is used: it moves by itself, and the user accepts or discards it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PyQt6.QtCore import QRectF, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QHideEvent, QImage, QPainter, QPaintEvent, QPalette, QPen, QPixmap
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from puppet.preflight import Score
from ui.panels.hints import Hints
from ui.session import AvatarCard
from ui.theme import colour

RADIUS_PX = 10.0
PICTURE_PX = 168
MOST_WIDE_PX = 560
"""What is sent stays visible beside it."""

LOOP_MS = 3000
"""A rehearsal, however many pictures it has."""


class Trial(QWidget):
    """Hidden until there is something to try; the pictures go round until the user has decided."""

    accepted = pyqtSignal()
    discarded = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make it, hidden."""
        super().__init__(parent)
        self._pictures: Sequence[UInt8[np.ndarray, "side side 3"]] = ()
        self._next = 0
        self._clock = QTimer(self)
        self._clock.setTimerType(Qt.TimerType.PreciseTimer)
        self._clock.timeout.connect(self._turn)
        self.picture, self.title, self.likeness, self.hints = QLabel(), QLabel(), QLabel(), Hints()
        self.picture.setFixedSize(PICTURE_PX, PICTURE_PX)
        self.picture.setScaledContents(True)
        self.picture.setAccessibleName("The new portrait, moving")
        for label, role in ((self.title, "title"), (self.likeness, "quiet")):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setProperty("role", role)
        self.accept, self.discard = QPushButton("Accept"), QPushButton("Discard")
        self.accept.setProperty("role", "primary")
        self.accept.setToolTip("Keep the portrait and use it")
        self.discard.setToolTip("Delete it, and keep the portrait that is in use")
        for button, signal in ((self.accept, self.accepted), (self.discard, self.discarded)):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(signal)
        self.setMaximumWidth(MOST_WIDE_PX)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._lay_out()
        self.hide()

    def try_out(
        self, card: AvatarCard, pictures: Sequence[UInt8[np.ndarray, "side side 3"]], warnings: Sequence[Score]
    ) -> None:
        """Show an avatar until somebody hides this.

        Args:
            card: Its card.
            pictures: It moves by itself; at least one.
            warnings: What could be better in its portrait.
        """
        self._pictures, self._next = pictures, 0
        self.title.setText(f"Is {card.name} as you want it?")
        self.likeness.setText(card.likeness[:1].upper() + card.likeness[1:])
        self.likeness.setVisible(bool(card.likeness))
        self.hints.show_warnings(warnings)
        self._turn()
        self._clock.start(round(LOOP_MS / len(pictures)))
        self.show()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Stop, and forget the pictures."""
        if self.isHidden():  # itself, not only a window around it
            self._clock.stop()
            self._pictures = ()
        super().hideEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the card."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour(QPalette.ColorRole.Mid), 1))
        painter.setBrush(colour(QPalette.ColorRole.Base))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_PX, RADIUS_PX)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.accept)
        buttons.addWidget(self.discard)
        buttons.addStretch()
        words = QVBoxLayout()
        words.setSpacing(6)
        for widget in (self.title, self.likeness, self.hints):
            words.addWidget(widget)
        words.addStretch()
        words.addLayout(buttons)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 10, 14, 10)
        row.setSpacing(16)
        row.addWidget(self.picture)
        row.addLayout(words, 1)

    def _turn(self) -> None:
        rgb = self._pictures[self._next]
        side = len(rgb)
        content = rgb.tobytes()  # read while it is converted
        self.picture.setPixmap(QPixmap.fromImage(QImage(content, side, side, 3 * side, QImage.Format.Format_RGB888)))
        self._next = (self._next + 1) % len(self._pictures)
