"""A push button with a pictogram before its words."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QPushButton, QStyle, QStyleOptionButton, QStylePainter, QWidget

from ui.glyphs import Glyph
from ui.theme import colour

GLYPH_PX = 14
GAP_PX = 8
PADDING_PX, HEIGHT_PX = 14, 36
SMALL_PADDING_PX, SMALL_HEIGHT_PX = 6, 20


class GlyphButton(QPushButton):
    """Looks like every push button; the pictogram has the colour of the words, or the alert's."""

    def __init__(self, glyph: Glyph, text: str = "", *, role: str = "", parent: QWidget | None = None) -> None:
        """Make the button.

        Args:
            glyph: The pictogram.
            text: The words; may be empty.
            role: Its kind in the style sheet.
            parent: The widget that owns it.
        """
        super().__init__(text, parent)
        self._glyph = glyph
        self._alert = False
        self.setProperty("role", role)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_face(self, glyph: Glyph, text: str, *, alert: bool = False) -> None:
        """Show another pictogram and other words; `alert` paints the pictogram in the colour of the recording light."""
        self._glyph, self._alert = glyph, alert
        self.setText(text)
        self.update()

    def sizeHint(self) -> QSize:
        """Room for the words, the pictogram, and the gap."""
        self.ensurePolished()  # a bold role needs more room
        words = self.fontMetrics().horizontalAdvance(self.text())
        small = self.property("role") == "link"
        padding, height = (SMALL_PADDING_PX, SMALL_HEIGHT_PX) if small else (PADDING_PX, HEIGHT_PX)
        height = max(height, self.fontMetrics().height() + 4)
        return QSize(words + 2 * padding + GLYPH_PX + (GAP_PX if words else 0), height)

    def minimumSizeHint(self) -> QSize:
        """Nothing may be cut."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the button's body, then pictogram and words side by side in its middle."""
        painter = QStylePainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        words = self.fontMetrics().horizontalAdvance(self.text())
        width = GLYPH_PX + (GAP_PX + words if words else 0)
        left, middle = (self.width() - width) / 2, self.height() / 2
        words_colour = self._colour()
        glyph_colour = colour(QPalette.ColorRole.BrightText) if self._alert else words_colour
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._glyph.paint(painter, QRectF(left, middle - GLYPH_PX / 2, GLYPH_PX, GLYPH_PX), glyph_colour)
        painter.setPen(words_colour)
        painter.drawText(
            QRectF(left + GLYPH_PX + GAP_PX, 0, words + 4, self.height()), Qt.AlignmentFlag.AlignVCenter, self.text()
        )

    def _colour(self) -> QColor:
        role = self.property("role")
        if not self.isEnabled():
            return colour(QPalette.ColorRole.PlaceholderText)
        if role == "primary":
            return colour(QPalette.ColorRole.HighlightedText)
        if role == "link" or self.isChecked():
            return colour(QPalette.ColorRole.Highlight)
        return colour(QPalette.ColorRole.ButtonText)
