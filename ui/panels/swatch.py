"""A colour to choose."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PyQt6.QtWidgets import QAbstractButton, QWidget

from ui.glyphs import PLUS
from ui.theme import colour

SIDE_PX = 28


class Swatch(QAbstractButton):
    """A round, checkable colour; without one it is the way to a colour of the user's own."""

    def __init__(self, rgb: str, name: str, parent: QWidget | None = None) -> None:
        """Make the swatch.

        Args:
            rgb: `#rrggbb`, or empty.
            name: What the user reads.
            parent: The widget that owns it.
        """
        super().__init__(parent)
        self.rgb = rgb
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFixedSize(SIDE_PX, SIDE_PX)

    def sizeHint(self) -> QSize:
        """Always the same."""
        return QSize(SIDE_PX, SIDE_PX)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the disc, a ring where it is chosen, a thinner one for the focus."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        role = QPalette.ColorRole
        centre = QPointF(SIDE_PX / 2, SIDE_PX / 2)
        painter.setPen(QPen(colour(role.Mid), 1))
        painter.setBrush(QColor(self.rgb) if self.rgb else colour(role.Button))
        painter.drawEllipse(centre, 9.5, 9.5)
        if not self.rgb:
            PLUS.paint(painter, QRectF(SIDE_PX / 2 - 4, SIDE_PX / 2 - 4, 8, 8), colour(role.ButtonText))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.isChecked() or self.hasFocus():
            painter.setPen(QPen(colour(role.Highlight), 2 if self.isChecked() else 1))
            painter.drawEllipse(centre, 12.5, 12.5)
