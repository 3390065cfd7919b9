"""When viewers see that the portrait is synthetic."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QWidget

from puppet.settings import CompositorSettings, Marking
from ui.panels.card import Card
from ui.panels.choice import Choice

NAMES: dict[Marking, str] = {"regularly": "Every minute", "always": "Always", "never": "Never"}


class MarkPanel(Card):
    """One choice beside the title."""

    changed = pyqtSignal(object)
    """The Marking that the user chose."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the panel with the usual choice."""
        self.choice = Choice()
        self.choice.setMinimumContentsLength(max(len(name) for name in NAMES.values()))
        self.choice.setToolTip(
            "When viewers see “AI” in the corner: for five seconds at the start, after interruptions\n"
            "and every minute; always; or never. The mark that programs read is in every picture."
        )
        self.choice.setAccessibleName("AI mark")
        super().__init__("AI mark", self.choice, parent)
        self.choice.chosen.connect(self.changed)
        self.show_mark(CompositorSettings().mark)

    def show_mark(self, mark: Marking) -> None:
        """Show a choice, silently."""
        self.choice.fill([(name, value) for value, name in NAMES.items()], mark)
