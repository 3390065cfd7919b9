"""Where everything is, at every scale."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PyQt6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QAbstractButton, QAbstractSlider, QComboBox, QLabel, QScrollBar, QWidget
from pytestqt.qtbot import QtBot

from ui.panels.elided_label import ElidedLabel
from ui.session import Phase, Standing
from ui.window import COMFORTABLE, Window


def controls(window: Window) -> list[QWidget]:
    """Everything that the user can use now."""
    kinds = (QAbstractButton, QAbstractSlider, QComboBox)
    return [
        widget
        for kind in kinds
        for widget in window.findChildren(kind)
        if widget.isVisible() and not isinstance(widget, QScrollBar) and widget.isEnabled()
    ]


def cut(window: Window) -> list[str]:
    """Labels and buttons whose words do not fit."""
    found = []
    for widget in [*window.findChildren(QLabel), *window.findChildren(QAbstractButton)]:
        if isinstance(widget, ElidedLabel) or not widget.isVisible():
            continue
        need = widget.minimumSizeHint()
        if widget.width() < need.width() or widget.height() < need.height():
            found.append(f"{type(widget).__name__} {widget.accessibleName() or widget.text()}")
    return found


def overlapping(window: Window) -> list[str]:
    """Parts of the left column that lie over each other or outside the window."""
    parts = [window.preview, window.transport, window.gallery, window.numbers]
    boxes = [QRect(part.mapTo(window, part.rect().topLeft()), part.size()) for part in parts]
    wrong = [f"{a} {b}" for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.intersects(b)]
    return wrong + [str(box) for box in boxes if not window.rect().contains(box)]


def run_busy(window: Window) -> None:
    """Make everything as wide as it gets."""
    standing = Standing(
        Phase.PAUSED,
        fps=29.7,
        latency_median_ms=123.0,
        latency_p95_ms=1204.0,
        output="A virtual camera with a long name",
        output_works=True,
    )
    window.numbers.show_standing(standing)
    window.transport.show_standing(Phase.PAUSED, recording=True, changing="", ready=True)
    window.gains.sliders["mouth"].set_gain(2.0)


@pytest.mark.parametrize("size", [None, (1180, 760), (1600, 1000)])
def test_nothing_is_cut(window: Window, size: tuple[int, int] | None, qtbot: QtBot) -> None:
    run_busy(window)
    window.resize(*size) if size else window.resize(window.minimumSizeHint())

    def fits() -> None:
        assert not cut(window)
        assert not overlapping(window)

    qtbot.waitUntil(fits)


def test_it_fits_a_small_screen_at_125_percent(window: Window) -> None:
    run_busy(window)
    least = window.minimumSizeHint()
    assert least.width() <= 1366 / 1.25
    assert least.height() <= (768 - 80) / 1.25


def test_125_percent() -> None:
    """The scale counts for a whole process."""
    test = f"{__file__}::test_nothing_is_cut"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        env=os.environ | {"QT_SCALE_FACTOR": "1.25"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


def test_tab_reaches_everything_once(window: Window, session, qtbot: QtBot) -> None:
    window.gallery.show_cards(session.cards, session.cards[2].key)
    run_busy(window)
    qtbot.waitUntil(window.gallery.tiles[-1].isVisible)
    window.transport.start.setFocus(Qt.FocusReason.TabFocusReason)
    visited: list[QWidget] = []
    while (widget := window.focusWidget()) not in visited:
        assert widget is not None
        visited.append(widget)
        QTest.keyClick(widget, Qt.Key.Key_Tab)

    def one_of_many(widget: QWidget) -> bool:
        """The arrow keys reach it."""
        return isinstance(widget, QAbstractButton) and widget.group() is not None and not widget.isChecked()

    assert set(visited) >= {widget for widget in controls(window) if not one_of_many(widget)}
    order = (
        window.transport.start,
        window.transport.record,
        window.gallery.tiles[2],
        window.gallery.add,
        window.gallery.look,
        window.numbers.copy,
        window.camera.camera,
        window.gains.sliders["head"],
        window.backdrop.kinds["Own"],
        window.mark.choice,
    )
    places = [visited.index(widget) for widget in order]
    assert places == sorted(places)


def test_every_control_has_a_tip(window: Window) -> None:
    run_busy(window)
    silent = [widget for widget in controls(window) if not (widget.toolTip() or widget.accessibleName())]
    assert not silent


@pytest.mark.parametrize(
    ("button", "key"),
    [("start", "S"), ("pause", "P"), ("recentre", "R"), ("mirror", "M"), ("record", "V")],
)
def test_tips_name_the_key(window: Window, button: str, key: str) -> None:
    run_busy(window)
    assert getattr(window.transport, button).toolTip().endswith(f"({key})")


def test_however_many_portraits_the_way_to_another_is_in_sight(window: Window, session, qtbot: QtBot) -> None:
    window.resize(COMFORTABLE)
    for count in (0, 1, 9, 30):
        cards = [replace(session.cards[0], key=f"key-{i}") for i in range(count)]
        window.gallery.show_cards(cards, f"key-{count - 1}")
        qtbot.wait(20)
        ways = [QRect(way.mapTo(window, QPoint()), way.size()) for way in (window.gallery.add, window.gallery.look)]
        assert all(window.rect().contains(way) and way.right() <= window.preview.geometry().right() for way in ways)
        assert not cut(window)
        assert not overlapping(window)
        if count:
            assert not window.gallery.tiles[-1].visibleRegion().isEmpty()


@pytest.mark.parametrize(("name", "taken"), [("me.png", True), ("me.JPEG", True), ("me.webp", True), ("me.txt", False)])
def test_only_pictures_can_be_dropped(window: Window, name: str, taken: bool, tmp_path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / name))])
    event = QDragEnterEvent(
        QPointF(9, 9).toPoint(),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    window.dragEnterEvent(event)
    assert event.isAccepted() is taken
    window.dragLeaveEvent(None)
