"""The last place in the gallery: the way to a portrait of one's own."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PyQt6.QtWidgets import QAbstractButton, QWidget

from ui.glyphs import PLUS
from ui.panels.avatar_tile import RADIUS_PX, RING_PX, SIDE_PX
from ui.theme import colour


class AddTile(QAbstractButton):
    """A dashed square with a plus."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the tile."""
        super().__init__(parent)
        self.setAccessibleName("Add a portrait")
        self.setToolTip("Choose a portrait, PNG, JPEG or WebP (Ctrl+O); or drop one anywhere in the window")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        """As large as a portrait's picture with its ring."""
        side = SIDE_PX + 2 * RING_PX
        return QSize(side, side)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint square, plus and word."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        role = QPalette.ColorRole
        warm = self.underMouse() or self.hasFocus()
        ink = colour(role.Highlight if warm else role.PlaceholderText)
        box = QRectF(RING_PX, RING_PX, SIDE_PX, SIDE_PX)
        painter.setPen(QPen(ink, 2 if self.hasFocus() else 1, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(box, RADIUS_PX, RADIUS_PX)
        PLUS.paint(painter, QRectF(box.center().x() - 8, box.center().y() - 18, 16, 16), ink)
        painter.setPen(ink)
        painter.drawText(box.adjusted(0, box.height() / 2, 0, -8), Qt.AlignmentFlag.AlignCenter, "Add")
