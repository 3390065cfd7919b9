"""A titled card: the frame around each group of controls."""

from __future__ import annotations

from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

HEAD_PX = 22
"""All titles are equally high, with a control beside them or without."""


class Card(QFrame):
    """A frame with a title, an optional control beside it, and a column of controls below."""

    def __init__(self, title: str, beside: QWidget | None = None, parent: QWidget | None = None) -> None:
        """Make the empty card.

        Args:
            title: What the controls are about.
            beside: Stands at the right of the title.
            parent: The widget that owns it.
        """
        super().__init__(parent)
        self.setProperty("role", "card")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        heading = QLabel(title)
        heading.setProperty("role", "title")
        heading.setMinimumHeight(HEAD_PX)
        head = QHBoxLayout()
        head.addWidget(heading)
        head.addStretch()
        if beside is not None:
            head.addWidget(beside)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(16, 10, 16, 15)
        self.column.setSpacing(9)
        self.column.addLayout(head)
