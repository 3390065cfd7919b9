"""All portraits in one row: those that came with the program, then the user's own, then the way to another."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QPoint, Qt, pyqtSignal
from PyQt6.QtGui import QContextMenuEvent, QResizeEvent, QWheelEvent
from PyQt6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from ui.panels.add_tile import AddTile
from ui.panels.avatar_tile import AvatarTile
from ui.panels.look_choice import LookChoice
from ui.panels.one_of_many import choose
from ui.panels.tile_menu import tile_menu
from ui.session import AvatarCard

SPACING_PX = 8

BAR_PX = 12
"""What the scroll bar takes."""

KEYS = 9
"""The first portraits have a key each, 1 to 9."""


class Gallery(QWidget):
    """A row of tiles, one of them chosen; it scrolls sideways when there are many, and the way to another stays."""

    chosen = pyqtSignal(str)
    """Key of the avatar that the user chose."""

    add_asked = pyqtSignal()
    """The user wants to add a portrait."""

    other_look_asked = pyqtSignal(str, str)
    """Key of an own portrait that the user wants to see in this look too."""

    removal_asked = pyqtSignal(str)
    """Key of an own portrait that the user does not want any more."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the gallery without portraits."""
        super().__init__(parent)
        self._content = QWidget()
        self._content.setObjectName("content")
        self._row = QHBoxLayout(self._content)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(SPACING_PX)
        self._row.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._scroll = _sideways(self._content)
        bar = self._scroll.horizontalScrollBar()
        assert bar is not None
        self._bar = bar
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(self._tell)
        self.add, self.look = AddTile(), LookChoice()
        self.add.clicked.connect(self.add_asked)
        corner = QVBoxLayout()
        corner.setSpacing(0)
        corner.addWidget(self.add, 0, Qt.AlignmentFlag.AlignHCenter)
        corner.addWidget(self.look)
        corner.addStretch()
        across = self._across = QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(SPACING_PX)
        across.addWidget(self._scroll, 1)
        across.addLayout(corner)
        across.addStretch()
        self._fit()

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
            tile.show()  # a hidden one would have no place yet
            self.setTabOrder(before, tile)
            before = tile
        self.setTabOrder(before, self.add)
        self._fit()
        for row in (self._across, self._row):
            row.activate()  # the chosen tile needs its place before it can be scrolled to
        self.show_chosen(chosen)

    def show_chosen(self, key: str) -> None:
        """Mark a portrait, silently."""
        for tile in self.tiles:
            if tile.key == key:
                choose(tile, self.tiles)
                self._scroll.ensureWidgetVisible(tile, 0, 0)

    def choose_nth(self, position: int) -> None:
        """Choose the portrait at a position, from 0; nothing happens where there is none."""
        if position < len(self.tiles):
            self.tiles[position].click()

    def ask_removal(self) -> None:
        """Ask to remove the chosen portrait; those that came with the program stay."""
        for tile in self.tiles:
            if tile.isChecked() and tile.own:
                self.removal_asked.emit(tile.key)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Make room for the scroll bar only where it is needed."""
        super().resizeEvent(event)
        self._fit()

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Scroll sideways."""
        if event is not None:
            turned = event.angleDelta()
            step = turned if abs(turned.x()) > abs(turned.y()) else QPoint(turned.y(), 0)
            self._bar.setValue(self._bar.value() - step.x())
            event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        """Say what can be done with an own portrait: the one under the pointer, or the one with the focus."""
        tile = None if event is None else self.childAt(event.pos())
        if event is not None and isinstance(tile, AvatarTile) and tile.own:
            key = tile.key
            menu = tile_menu(
                self,
                tile.look,
                lambda look: self.other_look_asked.emit(key, look),
                lambda: self.removal_asked.emit(key),
            )
            menu.popup(event.globalPos())

    def _fit(self) -> None:
        """As wide as the tiles, if there is room, and high enough for the scroll bar, if it is needed."""
        count = len(self.tiles)
        side = self.add.sizeHint().width()
        tiles = count * side + max(0, count - 1) * SPACING_PX
        self._content.setFixedWidth(tiles)
        self._scroll.setMaximumWidth(tiles)
        self._scroll.setVisible(count > 0)
        corner = max(side, self.look.sizeHint().width())
        scrolls = tiles + SPACING_PX + corner > self.width()
        self.setFixedHeight(side + self.look.sizeHint().height() + (BAR_PX if scrolls else 0))

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


def _sideways(content: QWidget) -> QScrollArea:
    """Shows as much of a row as there is room for."""
    scroll = QScrollArea()
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setWidgetResizable(True)
    scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    scroll.setMinimumWidth(0)
    scroll.setWidget(content)
    return scroll
