"""One number with its caption."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFont
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget


class Metric(QWidget):
    """A caption, and below it a number that does not move about while it changes."""

    def __init__(self, caption: str, tip: str, beside: QWidget | None = None, parent: QWidget | None = None) -> None:
        """Make the metric without a number.

        Args:
            caption: What is measured.
            tip: What it means.
            beside: Stands right of the number.
            parent: The widget that owns it.
        """
        super().__init__(parent)
        self.setToolTip(tip)
        above = QLabel(caption)
        above.setProperty("role", "quiet")
        self.number = QLabel("–")
        self.number.setAccessibleName(caption)
        font = QFont(self.number.font())
        font.setPointSizeF(font.pointSizeF() * 1.25)
        font.setWeight(QFont.Weight.DemiBold)
        self.number.setFont(font)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(above)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.number)
        if beside is not None:
            row.addWidget(beside)
        row.setAlignment(Qt.AlignmentFlag.AlignLeft)
        column.addLayout(row)
        column.addStretch()

    def set_number(self, words: str) -> None:
        """Show a number with its unit, or a dash."""
        if words != self.number.text():
            self.number.setText(words)
