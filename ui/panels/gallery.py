"""All portraits in one row: those that came with the program, then the user's own, then the way to another."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QPoint, Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent, QWheelEvent
from PyQt6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QHBoxLayout, QScrollArea, QWidget

from ui.panels.add_tile import AddTile
from ui.panels.avatar_tile import AvatarTile
from ui.panels.one_of_many import choose
from ui.session import AvatarCard

BAR_PX = 12
"""What the scroll bar takes."""

KEYS = 9
"""The first portraits have a key each, 1 to 9."""


class Gallery(QScrollArea):
    """A row of tiles, one of them chosen; it scrolls sideways when there are many."""

    chosen = pyqtSignal(str)
    """Key of the avatar that the user chose."""

    add_asked = pyqtSignal()
    """The user wants to add a portrait."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the gallery without portraits."""
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._content = QWidget()
        self._content.setObjectName("content")
        self._row = QHBoxLayout(self._content)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(8)
        self._row.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.add = AddTile()
        self.add.clicked.connect(self.add_asked)
        self._row.addWidget(self.add)
        self._row.addStretch()
        self.setWidget(self._content)
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(self._tell)
        bar = self.horizontalScrollBar()
        assert bar is not None
        self._bar = bar
        self._fit_height()

    @property
    def tiles(self) -> list[AvatarTile]:
        """All portraits in their order."""
        return [button for button in self._group.buttons() if isinstance(button, AvatarTile)]

    def show_cards(self, cards: Sequence[AvatarCard], chosen: str) -> None:
        """Show other portraits, silently.

        Args:
            cards: In this order.
            chosen: Key of the one that is in use.
        """
        for tile in self.tiles:
            self._group.removeButton(tile)
            self._row.removeWidget(tile)
            tile.deleteLater()
        before = _tab_stop_before(self.add)
        for i, card in enumerate(cards):
            tile = AvatarTile(card, str(i + 1) if i < KEYS else "", self._content)
            self._group.addButton(tile)
            self._row.insertWidget(i, tile)
            self.setTabOrder(before, tile)
            before = tile
        self.setTabOrder(before, self.add)
        self._fit_height()
        self.show_chosen(chosen)

    def show_chosen(self, key: str) -> None:
        """Mark a portrait, silently."""
        for tile in self.tiles:
            if tile.key == key:
                choose(tile, self.tiles)
                self.ensureWidgetVisible(tile, 0, 0)

    def choose_nth(self, position: int) -> None:
        """Choose the portrait at a position, from 0; nothing happens where there is none."""
        if position < len(self.tiles):
            self.tiles[position].click()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Make room for the scroll bar only where it is needed."""
        super().resizeEvent(event)
        self._fit_height()

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Scroll sideways."""
        if event is not None:
            turned = event.angleDelta()
            step = turned if abs(turned.x()) > abs(turned.y()) else QPoint(turned.y(), 0)
            self._bar.setValue(self._bar.value() - step.x())
            event.accept()

    def _fit_height(self) -> None:
        scrolls = self._content.minimumSizeHint().width() > self.width()
        self.setFixedHeight(self.add.sizeHint().height() + (BAR_PX if scrolls else 0))

    def _tell(self, button: QAbstractButton) -> None:
        assert isinstance(button, AvatarTile)
        self.show_chosen(button.key)
        self.chosen.emit(button.key)


def _tab_stop_before(widget: QWidget) -> QWidget:
    """Where the tab key comes from when it reaches a widget."""
    before = widget.previousInFocusChain()
    while before is not None and not before.focusPolicy() & Qt.FocusPolicy.TabFocus and before is not widget:
        before = before.previousInFocusChain()
    return before or widget
