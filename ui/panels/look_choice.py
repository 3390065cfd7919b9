"""What a new portrait becomes, below the tile that adds one."""

from __future__ import annotations

from PyQt6.QtCore import QPoint, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PyQt6.QtWidgets import QAbstractButton, QMenu, QWidget

from ui.glyphs import CHEVRON
from ui.session import Look
from ui.theme import colour

NAMES: dict[Look, str] = {"avatar": "Character", "photo": "Photo"}

LONGER: dict[Look, str] = {
    "avatar": "Character – made after the portrait, at once",
    "photo": "Photo – the portrait itself, takes about a minute, once",
}

CHEVRON_PX = 9
GAP_PX = 3


class LookChoice(QAbstractButton):
    """One word that opens a menu."""

    chosen = pyqtSignal(str)
    """The look that the user chose."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Show the look `photo`."""
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(
            "What a new portrait becomes: a character made after it, at once;\n"
            "or the photo itself, which takes about a minute, once"
        )
        self.menu = QMenu(self)
        self._actions = {look: self.menu.addAction(words) for look, words in LONGER.items()}
        for look, action in self._actions.items():
            assert action is not None
            action.setCheckable(True)
            action.triggered.connect(lambda _, look=look: self._choose(look))
        self.clicked.connect(self._open)
        self.show_look("photo")

    @property
    def look(self) -> Look:
        """What is chosen."""
        return self._look

    def show_look(self, look: Look) -> None:
        """Show a look, silently."""
        self._look = look
        for other, action in self._actions.items():
            assert action is not None
            action.setChecked(other == look)
        self.setAccessibleName(f"New portraits become: {NAMES[look]}")
        self.update()

    def sizeHint(self) -> QSize:
        """Room for the longest word."""
        words = max(self.fontMetrics().horizontalAdvance(name) for name in NAMES.values())
        return QSize(words + GAP_PX + CHEVRON_PX + 6, self.fontMetrics().height() + 3)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint word and chevron, and a line around them for the focus."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        role = QPalette.ColorRole
        ink = colour(role.Highlight if self.underMouse() or self.hasFocus() else role.PlaceholderText)
        if self.hasFocus():
            painter.setPen(QPen(ink, 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        words = self.fontMetrics().horizontalAdvance(NAMES[self._look])
        left = (self.width() - words - GAP_PX - CHEVRON_PX) / 2
        painter.setPen(ink)
        painter.drawText(QRectF(left, 0, words + 1, self.height()), Qt.AlignmentFlag.AlignVCenter, NAMES[self._look])
        top = (self.height() - CHEVRON_PX) / 2
        CHEVRON.paint(painter, QRectF(left + words + GAP_PX, top, CHEVRON_PX, CHEVRON_PX), ink)

    def _open(self) -> None:
        self.menu.popup(self.mapToGlobal(QPoint(0, self.height())))

    def _choose(self, look: Look) -> None:
        self.show_look(look)
        self.chosen.emit(look)
