"""How much of the driver's motion the portrait takes over, for head, mouth, eyes and brows."""

from __future__ import annotations

from dataclasses import fields

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from puppet.groups import PerGroup
from puppet.settings import DirectionsSettings
from ui.panels.card import Card
from ui.panels.gain_slider import GainSlider


class GainsPanel(Card):
    """Four gains and a way back."""

    changed = pyqtSignal(object)
    """The gains that the user chose, a PerGroup."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the panel with the usual gains."""
        self._reset = QPushButton("Reset")
        self._reset.setProperty("role", "link")
        self._reset.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._reset.setToolTip("All four back to 100 %")
        policy = self._reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._reset.setSizePolicy(policy)
        super().__init__("Movement", self._reset, parent)
        self.sliders = {field.name: GainSlider() for field in fields(PerGroup)}
        self._values: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for row, (name, slider) in enumerate(self.sliders.items()):
            label, value = QLabel(name.capitalize()), QLabel()
            label.setBuddy(slider)
            value.setProperty("role", "quiet")
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            value.setMinimumWidth(value.fontMetrics().horizontalAdvance("200 %"))
            slider.setAccessibleName(f"{name.capitalize()} movement")
            slider.setToolTip(f"How far the portrait's {name} follows yours; a double click brings back 100 %")
            slider.valueChanged.connect(self._tell)
            self._values[name] = value
            for column, widget in enumerate((label, slider, value)):
                grid.addWidget(widget, row, column)
        self.column.addLayout(grid)
        self._reset.clicked.connect(self._bring_back)
        self.show_gains(DirectionsSettings().gains)

    @property
    def gains(self) -> PerGroup:
        """What is chosen."""
        return PerGroup(**{name: slider.gain for name, slider in self.sliders.items()})

    @property
    def tab_order(self) -> tuple[QWidget, ...]:
        """The controls in the order in which the tab key visits them."""
        return (*self.sliders.values(), self._reset)

    def show_gains(self, gains: PerGroup) -> None:
        """Show gains, silently."""
        self.blockSignals(True)
        for name, slider in self.sliders.items():
            slider.set_gain(getattr(gains, name))
        self.blockSignals(False)
        self._write()

    def _bring_back(self) -> None:
        self.show_gains(DirectionsSettings().gains)
        self._tell()

    def _tell(self) -> None:
        self._write()
        self.changed.emit(self.gains)

    def _write(self) -> None:
        for name, slider in self.sliders.items():
            self._values[name].setText(f"{slider.gain:.0%}".replace("%", " %"))
        self._reset.setVisible(self.gains != DirectionsSettings().gains)
