"""A sentence that the user should read, over the lower edge of the portrait."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QWidget

from ui.glyphs import CLOSE
from ui.panels.glyph_button import GlyphButton
from ui.theme import colour

RADIUS_PX = 10.0
STRIPE_PX = 4.0


class Notice(QWidget):
    """Hidden until there is something to say; stays until it is closed or replaced."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make it, hidden."""
        super().__init__(parent)
        self._alert = False
        self.sentence = QLabel()
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        self.dismiss = GlyphButton(CLOSE, role="link")
        self.dismiss.setToolTip("Close (Esc)")
        self.dismiss.setAccessibleName("Close the message")
        self.dismiss.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(18, 8, 8, 8)
        row.setSpacing(10)
        row.addWidget(self.sentence, 1)
        row.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def say(self, sentence: str, *, alert: bool) -> None:
        """Show a sentence; `alert` for what went wrong."""
        self._alert = alert
        self.sentence.setText(sentence[:1].upper() + sentence[1:])
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the card and the stripe at its left."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(colour(QPalette.ColorRole.Mid), 1))
        painter.setBrush(colour(QPalette.ColorRole.Base))
        painter.drawRoundedRect(body, RADIUS_PX, RADIUS_PX)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(QPalette.ColorRole.BrightText if self._alert else QPalette.ColorRole.Highlight))
        stripe = QRectF(7, 9, STRIPE_PX, self.height() - 18)
        painter.drawRoundedRect(stripe, STRIPE_PX / 2, STRIPE_PX / 2)
