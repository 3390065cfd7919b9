"""Names of portraits come from files of strangers; a tool tip shows them and loads nothing."""

import numpy as np
import pytest
from PyQt6.QtGui import QTextDocument

from ui.panels.avatar_tile import AvatarTile
from ui.plain_tip import plain_tip
from ui.session import AvatarCard


@pytest.mark.parametrize("words", ["Ada (1)", "Ada & Bob", ""])
def test_usual_words_stay_as_they_are(words):
    assert plain_tip(words) == words


@pytest.mark.parametrize("name", ["<b>Ada</b>", "&lt;Ada", '<img src="file://server/share/a.png">'])
def test_what_looks_like_html_is_shown_as_it_is_written(qtbot, name):
    tile = AvatarTile(AvatarCard("key", name, np.zeros((8, 8, 3), np.uint8), own=True), "1")
    qtbot.addWidget(tile)
    shown = QTextDocument()
    shown.setHtml(tile.toolTip())
    assert shown.toPlainText().startswith(f"{name} (1)")
