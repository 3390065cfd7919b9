"""Buttons of which one is chosen: the tab key stops at that one, the arrow keys go to the others."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QAbstractButton


def choose(chosen: QAbstractButton, buttons: Iterable[QAbstractButton]) -> None:
    """Choose one of the buttons of a group, silently."""
    chosen.setChecked(True)
    for button in buttons:
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus if button is chosen else Qt.FocusPolicy.NoFocus)
