"""A drop-down list that looks like the buttons."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette, QPen, QWheelEvent
from PyQt6.QtWidgets import QComboBox, QStyledItemDelegate, QWidget

from ui.glyphs import CHEVRON
from ui.theme import colour

RADIUS_PX = 9.0
PADDING_PX = 12
CHEVRON_PX = 12


class Choice(QComboBox):
    """One of several values, each under a name."""

    chosen = pyqtSignal(object)
    """The value that the user chose."""

    opened = pyqtSignal()
    """The list is about to open."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the empty list."""
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setItemDelegate(QStyledItemDelegate(self))  # the style sheet reaches its items
        self.setMinimumContentsLength(6)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.activated.connect(lambda index: self.chosen.emit(self.itemData(index)))

    def fill(self, choices: Sequence[tuple[str, object]], current: object) -> None:
        """Offer other values, silently.

        Args:
            choices: Names and values.
            current: The value that is shown; the first where it is none of them.
        """
        if choices != [(self.itemText(i), self.itemData(i)) for i in range(self.count())]:
            self.clear()
            for name, value in choices:
                self.addItem(name, value)
        values = [value for _, value in choices]
        self.setCurrentIndex(values.index(current) if current in values else 0)

    def sizeHint(self) -> QSize:
        """As high as a button."""
        return QSize(super().sizeHint().width(), 36)

    def minimumSizeHint(self) -> QSize:
        """Room for a few letters."""
        return QSize(super().minimumSizeHint().width(), 36)

    def showPopup(self) -> None:
        """Say so, then open the list."""
        self.opened.emit()
        super().showPopup()

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Leave the wheel to the column that scrolls."""
        if event is not None:
            event.ignore()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint frame, shortened name and chevron."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        focus = self.hasFocus()
        role = QPalette.ColorRole
        painter.setPen(QPen(colour(role.Highlight if focus else role.Mid), 2 if focus else 1))
        painter.setBrush(colour(role.Midlight if self.underMouse() else role.Button))
        inset = 1.0 if focus else 0.5
        body = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        painter.drawRoundedRect(body, RADIUS_PX, RADIUS_PX)
        ink = colour(role.ButtonText if self.isEnabled() else role.PlaceholderText)
        right = self.width() - PADDING_PX - CHEVRON_PX
        words = QRectF(PADDING_PX, 0, right - PADDING_PX - 4, self.height())
        shortened = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, int(words.width()))
        painter.setPen(ink)
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, shortened)
        CHEVRON.paint(painter, QRectF(right, (self.height() - CHEVRON_PX) / 2, CHEVRON_PX, CHEVRON_PX), ink)
