"""Facial editing by hand: a slider for each direction, whose values are added to the pose while the panel is open."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from ui.panels.card import Card
from ui.panels.gain_slider import PER_ONE, GainSlider
from ui.session import Direction

Offset = tuple[tuple[str, float], ...]
"""Names and values of the directions that are not at zero."""


class PoseSlider(GainSlider):
    """From one end of a direction to the other; a double click brings it back to the middle, which changes nothing."""

    origin = PER_ONE

    def __init__(self, direction: Direction, parent: QWidget | None = None) -> None:
        """Make the slider, at zero."""
        super().__init__(parent)
        self._reach = direction.reach

    @property
    def offset(self) -> float:
        """What is added to the pose, in the direction's unit."""
        return (self.value() / PER_ONE - 1.0) * self._reach


class PosePanel(Card):
    """Closed at first: one line. Open: all directions, and a way back."""

    changed = pyqtSignal(object)
    """The Offset that the user chose."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the panel, closed, without any direction."""
        self.toggle = QPushButton("Open")
        self.toggle.setProperty("role", "link")
        self.toggle.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.toggle.setToolTip("Pose the portrait by hand; closing the panel takes everything back")
        super().__init__("Pose", self.toggle, parent)
        self.sliders: dict[str, PoseSlider] = {}
        self._values: dict[str, QLabel] = {}
        self._body = QWidget()
        self._grid = QGridLayout(self._body)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self.reset = QPushButton("Reset", self._body)
        self.reset.setProperty("role", "link")
        self.reset.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.reset.setToolTip("All directions back to the portrait's own pose")
        self.column.addWidget(self._body)
        self.toggle.clicked.connect(lambda: self.open(not self._body.isVisibleTo(self)))
        self.reset.clicked.connect(self._bring_back)
        self.toggle.setEnabled(False)
        self._body.hide()

    @property
    def offset(self) -> Offset:
        """What is chosen."""
        return tuple((name, slider.offset) for name, slider in self.sliders.items() if slider.offset)

    def show_directions(self, directions: Sequence[Direction]) -> None:
        """Offer these directions; the panel had none before."""
        for row, direction in enumerate(directions):
            words = direction.name.replace("_", " ")
            label, value, slider = QLabel(words.capitalize()), QLabel(), PoseSlider(direction)
            label.setBuddy(slider)
            value.setProperty("role", "quiet")
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            value.setMinimumWidth(value.fontMetrics().horizontalAdvance("−00.00°"))
            slider.setAccessibleName(f"Pose: {words}")
            slider.setToolTip(f"What is added to the portrait's {words}; a double click takes it back")
            slider.valueChanged.connect(self._tell)
            self.sliders[direction.name], self._values[direction.name] = slider, value
            for column, widget in enumerate((label, slider, value)):
                self._grid.addWidget(widget, row, column)
        self._grid.addWidget(self.reset, len(directions), 0, 1, 3, Qt.AlignmentFlag.AlignRight)
        self.toggle.setEnabled(bool(directions))
        self._units = {direction.name: "°" if direction.degrees else "" for direction in directions}
        self._write()

    def open(self, on: bool) -> None:
        """Show the sliders, or hide them and take back what they did."""
        self._body.setVisible(on)
        self.toggle.setText("Close" if on else "Open")
        if not on:
            self._bring_back()

    def _bring_back(self) -> None:
        had = self.offset
        self.blockSignals(True)
        for slider in self.sliders.values():
            slider.setValue(PER_ONE)
        self.blockSignals(False)
        if had:
            self._tell()

    def _tell(self) -> None:
        self._write()
        self.changed.emit(self.offset)

    def _write(self) -> None:
        for name, slider in self.sliders.items():
            value = f"{slider.offset:+.3g}" if slider.offset else "0"
            self._values[name].setText(value.replace("-", "−") + self._units[name])
        self.reset.setEnabled(bool(self.offset))
