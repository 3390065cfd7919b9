"""Dark, light, and readable."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QApplication

from ui.theme import DARK, LIGHT, Theme, is_dark, palette_of, wear
from ui.window import Window


def luminance(rgb: str) -> float:
    """Relative luminance, WCAG 2.1."""
    parts = [QColor(rgb).redF(), QColor(rgb).greenF(), QColor(rgb).blueF()]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        *((ink, paper) for ink in ("text", "quiet", "accent") for paper in ("window", "panel", "raised")),
        ("on_accent", "accent"),
        ("alert", "panel"),
    ],
)
def test_words_can_be_read(theme: Theme, ink: str, paper: str) -> None:
    assert contrast(getattr(theme, ink), getattr(theme, paper)) >= 4.5


@pytest.mark.parametrize(
    ("scheme", "theme", "dark"),
    [
        (Qt.ColorScheme.Dark, LIGHT, True),
        (Qt.ColorScheme.Light, DARK, False),
        (Qt.ColorScheme.Unknown, DARK, True),
        (Qt.ColorScheme.Unknown, LIGHT, False),
    ],
)
def test_follows_the_system(scheme: Qt.ColorScheme, theme: Theme, dark: bool) -> None:
    assert is_dark(scheme, palette_of(theme)) is dark


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_the_window_changes_while_it_is_open(window: Window, qapp: QApplication, theme: Theme) -> None:
    usual = qapp.palette().color(QPalette.ColorRole.Window)
    try:
        wear(qapp, theme)
        shown = window.grab().toImage()
        assert QColor(shown.pixel(4, 4)) == QColor(theme.window)
        card = window.camera.mapTo(window, window.camera.rect().center())
        assert QColor(shown.pixel(card.x(), window.camera.y() + 30)).name() in (theme.panel, theme.window)
    finally:
        wear(qapp, DARK if usual == QColor(DARK.window) else LIGHT)
