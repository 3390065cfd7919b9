from __future__ import annotations

from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from puppet.licences import Work, works
from ui.controller import Controller
from ui.theme import DARK, LIGHT, Theme, wear
from ui.window import Window


@pytest.fixture
def few(tmp_path: Path) -> list[Work]:
    text = tmp_path / "LICENSE"
    text.write_text("<b>Do as you like.</b>\n")
    return [
        Work("puppet", "1.2", "GPL-3.0-or-later", (text,)),
        Work("the built-in model", "7", "CC0-1.0", ()),
        Work("zebra", "3.0", "<i>MIT</i>", (text,)),
    ]


def test_f1_lists_everything_that_puppet_is_made_of_with_its_texts(
    controller: Controller, window: Window, qtbot: QtBot
) -> None:
    QTest.keyClick(window, Qt.Key.Key_F1)
    about = window.about
    assert about.isVisible()
    qtbot.waitUntil(lambda: about.works.topLevelItemCount() > 0, timeout=60_000)
    rows = [about.works.topLevelItem(i) for i in range(about.works.topLevelItemCount())]
    listed = [(row.text(0), row.text(1), row.text(2)) for row in rows if row is not None]
    assert listed == [(work.name, work.version, work.licence) for work in works()]
    assert about.name.text() == f"puppet {works()[0].version}"
    assert "GPL-3.0-or-later" in about.licence.text() and "CC0-1.0" in about.licence.text()
    assert "GNU GENERAL PUBLIC LICENSE" in about.text.toPlainText()
    about.close()
    calls: list[bool] = []
    about.asked.connect(lambda: calls.append(True))
    window.numbers.about.click()
    assert about.isVisible() and not calls, "what is installed does not change"


def test_it_is_used_with_the_keyboard_and_words_from_files_are_only_words(
    window: Window, few: list[Work], qtbot: QtBot
) -> None:
    about = window.about
    about.come()
    about.show_works(few)
    qtbot.waitUntil(about.works.hasFocus)
    QTest.keyClicks(about.works, "ze")
    assert about.text.toPlainText() == "zebra 3.0: <i>MIT</i>\n=====================\n\n<b>Do as you like.</b>"
    row = about.works.currentItem()
    assert row is not None and row.toolTip(2) == "<p>&lt;i&gt;MIT&lt;/i&gt;</p>"
    QTest.keyClick(about.works, Qt.Key.Key_Tab)
    assert about.text.hasFocus()
    QTest.keyClick(about.text, Qt.Key.Key_Tab)
    assert about.done_with.hasFocus()
    QTest.keyClick(about.done_with, Qt.Key.Key_Escape)
    assert not about.isVisible() and window.isVisible()


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_it_wears_the_theme(window: Window, few: list[Work], theme: Theme, qapp: QApplication) -> None:
    wear(qapp, theme)
    window.about.come()
    window.about.show_works(few)
    picture = window.about.text.grab().toImage()
    assert picture.pixelColor(picture.width() // 2, picture.height() - 20).name() == theme.panel
