"""One portrait in the gallery."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8
from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QImage, QPainter, QPainterPath, QPaintEvent, QPalette, QPen, QPixmap
from PyQt6.QtWidgets import QAbstractButton, QWidget

from ui.plain_tip import plain_tip
from ui.session import AvatarCard
from ui.theme import colour

SIDE_PX = 72
RING_PX = 4
"""Room around the picture for the ring that marks the chosen one."""

RADIUS_PX = 11.0


class AvatarTile(QAbstractButton):
    """Thumbnail and name; the chosen one wears a ring. The digit is the key that chooses it."""

    def __init__(self, card: AvatarCard, digit: str, parent: QWidget | None = None) -> None:
        """Make the tile.

        Args:
            card: What it shows.
            digit: `1` to `9`, or empty.
            parent: The widget that owns it.
        """
        super().__init__(parent)
        self.key, self.own, self.look = card.key, card.own, card.look
        self._name = card.name
        self._digit = digit
        self._still = card.still
        self._pixmap = QPixmap()
        self.setCheckable(True)
        self.setAccessibleName(card.name)
        title = f"{card.name} ({digit})" if digit else card.name
        lines = [title, sentence(card.likeness), "Right click for more, Delete removes it" if card.own else ""]
        self.setToolTip(plain_tip("\n".join(line for line in lines if line)))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        """The picture, its ring, and one line of words."""
        side = SIDE_PX + 2 * RING_PX
        return QSize(side, side + self.fontMetrics().height() + 3)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint picture, ring, digit and name."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(RING_PX, RING_PX, SIDE_PX, SIDE_PX)
        self._paint_picture(painter, box)
        self._paint_ring(painter, box)
        self._paint_words(painter, box)

    def _paint_picture(self, painter: QPainter, box: QRectF) -> None:
        side = round(SIDE_PX * self.devicePixelRatioF())
        if self._pixmap.width() != side:
            self._pixmap = thumbnail(self._still, side)
        outline = QPainterPath()
        outline.addRoundedRect(box, RADIUS_PX, RADIUS_PX)
        painter.save()
        painter.setClipPath(outline)
        painter.drawPixmap(box, self._pixmap, QRectF(self._pixmap.rect()))
        painter.restore()
        painter.setPen(QPen(colour(QPalette.ColorRole.Mid), 1))
        painter.drawPath(outline)

    def _paint_ring(self, painter: QPainter, box: QRectF) -> None:
        if not (self.isChecked() or self.hasFocus() or self.underMouse()):
            return
        role = QPalette.ColorRole.Highlight if self.isChecked() or self.hasFocus() else QPalette.ColorRole.Mid
        style = Qt.PenStyle.SolidLine if self.isChecked() or not self.hasFocus() else Qt.PenStyle.DotLine
        painter.setPen(QPen(colour(role), 2, style))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box.adjusted(-2.5, -2.5, 2.5, 2.5), RADIUS_PX + 2.5, RADIUS_PX + 2.5)

    def _paint_words(self, painter: QPainter, box: QRectF) -> None:
        line = QRectF(0, box.bottom() + RING_PX + 2, self.width(), self.fontMetrics().height())
        centre = Qt.AlignmentFlag.AlignCenter
        chosen = self.isChecked()
        painter.setPen(colour(QPalette.ColorRole.WindowText if chosen else QPalette.ColorRole.PlaceholderText))
        painter.drawText(
            line, centre, self.fontMetrics().elidedText(self._name, Qt.TextElideMode.ElideRight, int(line.width()))
        )
        if self._digit:
            badge = QRectF(box.left() + 5, box.top() + 5, 17, 17)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(QPalette.ColorRole.Base))
            painter.setOpacity(0.86)
            painter.drawRoundedRect(badge, 5, 5)
            painter.setOpacity(1.0)
            painter.setPen(colour(QPalette.ColorRole.WindowText))
            font = painter.font()
            font.setPixelSize(11)
            painter.setFont(font)
            painter.drawText(badge, centre, self._digit)


def sentence(words: str) -> str:
    """Words with a capital letter."""
    return words[:1].upper() + words[1:]


def thumbnail(still: UInt8[np.ndarray, "height width 3"], side_px: int) -> QPixmap:
    """A square RGB picture as a pixmap of this many device pixels."""
    small = np.ascontiguousarray(cv2.resize(still, (side_px, side_px), interpolation=cv2.INTER_AREA))
    image = QImage(small.tobytes(), side_px, side_px, 3 * side_px, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image)
