"""What could be better in a portrait: one line for each score that is not good."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QWidget

from puppet.preflight import Score

MOST = 4
"""More would hide the picture."""


class Hints(QLabel):
    """Hidden while all is well; the tool tip has the numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make it, hidden."""
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setProperty("role", "quiet")
        self.hide()

    def show_warnings(self, warnings: Sequence[Score]) -> None:
        """Show the hints of these scores; none: nothing."""
        self.setText("\n".join(warning.hint for warning in warnings[:MOST]))
        self.setToolTip("\n".join(f"{each.name}: {each.verdict.value} ({each.measured})" for each in warnings))
        self.setVisible(bool(warnings))
