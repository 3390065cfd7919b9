"""What is behind the portrait: what it has there itself, a chosen colour, a picture, or nothing."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QStackedWidget, QWidget

from puppet.settings import TRANSPARENT, CompositorSettings
from ui.panels.card import Card
from ui.panels.elided_label import ElidedLabel
from ui.panels.one_of_many import choose
from ui.panels.swatch import Swatch

OWN = {"own": "As it is", "blur": "Blurred", "portrait": "Its colour"}
"""What comes from the portrait itself, as settings and command line call it, and as the user reads it."""

COLOURS = {
    "#e9e4da": "Paper",
    "#8fa3ad": "Mist",
    "#2f4858": "Ink",
    "#5a3d46": "Plum",
    "#101214": "Night",
    "#00b140": "Green, to be keyed out",
}

BELOW_PX = 34

KINDS = ("Own", "Colour", "Picture", "None")

NOTHING = "Recordings are transparent, the rest grey."


class BackdropPanel(Card):
    """Four kinds of backdrop; shows what belongs to the chosen one."""

    changed = pyqtSignal(str)
    """The backdrop that the user chose: one of `OWN`, `#rrggbb`, `transparent`, or a path."""

    colour_asked = pyqtSignal()
    """The user wants a colour of their own."""

    picture_asked = pyqtSignal()
    """The user wants to choose a picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the panel with the usual backdrop."""
        super().__init__("Backdrop", parent=parent)
        self._backdrop = CompositorSettings().backdrop
        self._own = next(iter(OWN))
        self._picture = ""
        self._colour = next(iter(COLOURS))
        self.kinds = {name: _segment(name) for name in KINDS}
        self._group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(6)
        for button in self.kinds.values():
            self._group.addButton(button)
            row.addWidget(button, 1)
        self.column.addLayout(row)
        self._below = QStackedWidget()
        self._below.setFixedHeight(BELOW_PX)
        self._below.addWidget(self._own_page())
        self._below.addWidget(self._colour_page())
        self._below.addWidget(self._picture_page())
        self._below.addWidget(_nothing_page())
        self.column.addWidget(self._below)
        self._group.buttonClicked.connect(lambda button: self._choose_kind(button.text()))
        self.show_backdrop(self._backdrop)

    @property
    def backdrop(self) -> str:
        """What is chosen."""
        return self._backdrop

    @property
    def tab_order(self) -> tuple[QWidget, ...]:
        """The controls in the order in which the tab key visits them."""
        return (*self.kinds.values(), *self.own.values(), *self.swatches, self._other, self._change)

    def show_backdrop(self, backdrop: str) -> None:
        """Show a backdrop, silently."""
        self._backdrop = backdrop
        kind = _kind(backdrop)
        if kind == "Own":
            self._own = backdrop
        elif kind == "Colour":
            self._colour = backdrop
        elif kind == "Picture":
            self._picture = backdrop
        choose(self.kinds[kind], self.kinds.values())
        self._below.setCurrentIndex(KINDS.index(kind))
        self._write()

    def choose(self, backdrop: str) -> None:
        """Show a backdrop and tell everybody."""
        self.show_backdrop(backdrop)
        self.changed.emit(backdrop)

    def _choose_kind(self, kind: str) -> None:
        wanted = {"Own": self._own, "Colour": self._colour, "Picture": self._picture, "None": TRANSPARENT}[kind]
        if wanted:
            self.choose(wanted)
        else:
            self.show_backdrop(self._backdrop)  # until a picture is chosen
            self.picture_asked.emit()

    def _write(self) -> None:
        choose(self.own[self._own], self.own.values())
        for swatch in self.swatches:
            swatch.setChecked(swatch.rgb == self._colour)
        own = self._colour not in COLOURS
        self._other.rgb = self._colour if own else ""
        self._other.setChecked(own)
        self._name.set_words(Path(self._picture).name)

    def _own_page(self) -> QWidget:
        self.own = {word: _segment(name) for word, name in OWN.items()}
        self._own_group = QButtonGroup(self)
        for word, button in self.own.items():
            self._own_group.addButton(button)
            button.clicked.connect(lambda _, word=word: self.choose(word))
        return _page(*self.own.values())

    def _colour_page(self) -> QWidget:
        self.swatches = [Swatch(rgb, name) for rgb, name in COLOURS.items()]
        for swatch in self.swatches:
            swatch.clicked.connect(lambda _, rgb=swatch.rgb: self.choose(rgb))
        self._other = Swatch("", "Another colour …")
        self._other.clicked.connect(self._ask_colour)
        return _page(*self.swatches, self._other)

    def _picture_page(self) -> QWidget:
        self._name = ElidedLabel("")
        self._name.setProperty("role", "quiet")
        self._change = QPushButton("Change …")
        self._change.setProperty("role", "link")
        self._change.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._change.setToolTip("Choose another picture")
        self._change.clicked.connect(self.picture_asked)
        return _page(self._name, self._change)

    def _ask_colour(self) -> None:
        self._write()  # unchanged until a colour is chosen
        self.colour_asked.emit()


def _kind(backdrop: str) -> str:
    """Which of the kinds a backdrop is."""
    if backdrop in OWN:
        return "Own"
    if backdrop == TRANSPARENT:
        return "None"
    return "Colour" if backdrop.startswith("#") else "Picture"


def _nothing_page() -> QWidget:
    words = ElidedLabel(NOTHING)
    words.setProperty("role", "quiet")
    return _page(words)


def _segment(name: str) -> QPushButton:
    button = QPushButton(name)
    button.setCheckable(True)
    button.setProperty("role", "segment")
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setToolTip(
        {
            "Own": "What the portrait has behind it",
            "As it is": "What is around the person in the portrait",
            "Blurred": "What is around the person, out of focus",
            "Its colour": "The colour along the portrait's border",
            "Colour": "One colour",
            "Picture": "A picture that fills the canvas",
            "None": "Nothing: recordings are transparent .mov files, and everything else shows grey",
        }[name]
    )
    return button


def _page(*widgets: QWidget) -> QWidget:
    page = QWidget()
    row = QHBoxLayout(page)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget, 1 if isinstance(widget, ElidedLabel) else 0)
    if not any(isinstance(widget, ElidedLabel) for widget in widgets):
        row.addStretch()
    return page
