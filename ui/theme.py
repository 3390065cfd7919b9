"""The colours of the window, light and dark, and its style sheet. Everything is grey but one accent."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from PyQt6.QtCore import QObject, Qt
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QApplication


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as `#rrggbb`.

    Attributes:
        window: Behind everything.
        panel: Cards and menus.
        raised: Buttons and tracks.
        hover: Buttons under the pointer.
        line: Borders.
        text: What is read first.
        quiet: Captions.
        accent: What is on, chosen, or asked for.
        on_accent: Text over the accent.
        alert: Failures and the recording light.
    """

    window: str
    panel: str
    raised: str
    hover: str
    line: str
    text: str
    quiet: str
    accent: str
    on_accent: str
    alert: str


LIGHT = Theme(
    window="#f3f4f5",
    panel="#ffffff",
    raised="#eff1f2",
    hover="#e5e8ea",
    line="#d9dde0",
    text="#1a1e21",
    quiet="#5b646c",
    accent="#0b746a",
    on_accent="#ffffff",
    alert="#c1352b",
)

DARK = Theme(
    window="#141618",
    panel="#1d2023",
    raised="#292d31",
    hover="#343a3f",
    line="#3a4046",
    text="#e8ebed",
    quiet="#a0a9b1",
    accent="#45c8b4",
    on_accent="#04211d",
    alert="#f3766a",
)

SHEET = Template(
    """
QToolTip { background: $panel; color: $text; border: 1px solid $line; padding: 5px 7px; }
QLabel[role="title"] { font-weight: 600; }
QLabel[role="quiet"] { color: $quiet; }
QFrame[role="card"] { background: $panel; border: 1px solid $line; border-radius: 12px; }
QScrollArea, QScrollArea > QWidget > QWidget#content { background: transparent; border: none; }
QScrollBar { background: transparent; width: 8px; height: 8px; margin: 0; }
QScrollBar::handle { background: $line; border-radius: 4px; min-width: 32px; min-height: 32px; }
QScrollBar::handle:hover { background: $quiet; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {
    background: none; border: none; width: 0; height: 0; }
QPushButton { background: $raised; color: $text; border: 1px solid $line; border-radius: 9px; padding: 7px 13px; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $line; }
QPushButton:checked { border-color: $accent; color: $accent; }
QPushButton:disabled { color: $quiet; background: transparent; }
QPushButton:focus { border: 2px solid $accent; padding: 6px 12px; }
QPushButton[role="primary"] { background: $accent; color: $on_accent; border-color: $accent; font-weight: 600; }
QPushButton[role="primary"]:hover, QPushButton[role="primary"]:pressed { border-color: $text; }
QPushButton[role="primary"]:focus { border-color: $text; }
QPushButton[role="primary"]:disabled { background: $raised; color: $quiet; border-color: $line; }
QPushButton[role="link"] { background: transparent; border-color: transparent; color: $accent; padding: 2px 6px; }
QPushButton[role="link"]:hover { background: $hover; }
QPushButton[role="link"]:focus { border: 2px solid $accent; padding: 1px 5px; }
QPushButton[role="segment"] { padding: 6px 4px; }
QPushButton[role="segment"]:focus { padding: 5px 3px; }
QTreeView, QPlainTextEdit { background: $panel; color: $text; border: 1px solid $line; border-radius: 9px;
    padding: 4px; }
QTreeView:focus, QPlainTextEdit:focus { border: 2px solid $accent; padding: 3px; }
QTreeView::item { min-height: 26px; }
QTreeView::item:selected { background: $accent; color: $on_accent; }
QHeaderView::section { background: $panel; color: $quiet; border: none; padding: 4px; }
QMenu, QComboBox QAbstractItemView {
    background: $panel; color: $text; border: 1px solid $line; outline: none; padding: 4px;
    selection-background-color: $accent; selection-color: $on_accent; }
QComboBox QAbstractItemView::item { min-height: 28px; padding: 0 8px; border-radius: 6px; }
QComboBox QAbstractItemView::item:selected { background: $accent; color: $on_accent; }
QMenu::item { padding: 7px 16px; border-radius: 6px; }
QMenu::item:selected { background: $accent; color: $on_accent; }
QProgressBar { background: $raised; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }
"""
)


class ThemeFollower(QObject):
    """Dresses the application, and dresses it again when the system turns dark or light."""

    def __init__(self, application: QApplication) -> None:
        """Dress the application; the follower belongs to it."""
        super().__init__(application)
        self._application = application
        application.setStyle("Fusion")
        hints = application.styleHints()
        assert hints is not None
        self._hints = hints
        self._system = application.palette()
        hints.colorSchemeChanged.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        wear(self._application, DARK if is_dark(self._hints.colorScheme(), self._system) else LIGHT)


def is_dark(scheme: Qt.ColorScheme, palette: QPalette) -> bool:
    """Whether the system is dark; where it does not say, its palette tells."""
    if scheme == Qt.ColorScheme.Unknown:
        window, text = (palette.color(role) for role in (QPalette.ColorRole.Window, QPalette.ColorRole.WindowText))
        return window.lightness() < text.lightness()
    return scheme == Qt.ColorScheme.Dark


def wear(application: QApplication, theme: Theme) -> None:
    """Give the application a theme's palette and style sheet."""
    application.setPalette(palette_of(theme))
    colours = {name: getattr(theme, name) for name in Theme.__dataclass_fields__}
    application.setStyleSheet(SHEET.substitute(colours))


def colour(role: QPalette.ColorRole) -> QColor:
    """A colour of the theme that the application wears, for widgets that paint themselves."""
    return QApplication.palette().color(role)


def palette_of(theme: Theme) -> QPalette:
    """The palette that painted widgets read: `Mid` is the line, `BrightText` the alert, the others as Qt names them."""
    Role = QPalette.ColorRole
    roles = {
        Role.Window: theme.window,
        Role.WindowText: theme.text,
        Role.Base: theme.panel,
        Role.AlternateBase: theme.raised,
        Role.Text: theme.text,
        Role.Button: theme.raised,
        Role.ButtonText: theme.text,
        Role.Midlight: theme.hover,
        Role.Mid: theme.line,
        Role.PlaceholderText: theme.quiet,
        Role.Highlight: theme.accent,
        Role.HighlightedText: theme.on_accent,
        Role.BrightText: theme.alert,
        Role.ToolTipBase: theme.panel,
        Role.ToolTipText: theme.text,
        Role.Link: theme.accent,
    }
    palette = QPalette()
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (Role.WindowText, Role.Text, Role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.quiet))
    return palette
