"""What puppet is, and whose work it stands on: versions, licences and licence texts, in a dialog of its own."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from puppet.licences import Work
from ui.plain_tip import plain_tip

SIZE = QSize(920, 600)
COLUMNS_PX = (190, 80)
LIST_PX = 400
MARGIN_PX = 18

WHAT_IT_IS = "Appear in a video call as a portrait that moves with you."


class About(QDialog):
    """The works on the left, the texts of the chosen one on the right. It stays open beside the running window."""

    asked = pyqtSignal()
    """It is shown and has no works yet."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make it without any work."""
        super().__init__(parent)
        self.setWindowTitle("About and licences")
        self._works: tuple[Work, ...] = ()
        self.name, self.licence = _label("title"), _label("quiet")
        self.works, self.text = _list(), QPlainTextEdit()
        self.works.currentItemChanged.connect(self._show_text)
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setPlaceholderText("One moment …")
        self.text.setAccessibleName("Licence text")
        self.text.setToolTip("What the licence says, and whose work it is")
        self.done_with = QPushButton("Close")
        self.done_with.setToolTip("Close this window (Esc)")
        self.done_with.clicked.connect(self.reject)
        across = QHBoxLayout()
        across.setSpacing(14)
        across.addWidget(self.works)
        across.addWidget(self.text, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX)
        column.setSpacing(10)
        for label in (self.name, _label("", WHAT_IT_IS), self.licence):
            column.addWidget(label)
        column.addLayout(across, 1)
        column.addWidget(self.done_with, 0, Qt.AlignmentFlag.AlignRight)
        self.resize(SIZE)
        self.works.setFocus()

    def come(self) -> None:
        """Show it, before other windows; without works it asks for them."""
        self.show()
        self.raise_()
        self.activateWindow()
        if not self._works:
            self.asked.emit()

    def show_works(self, works: Sequence[Work]) -> None:
        """Show what puppet is made of.

        Args:
            works: Puppet itself, the built-in model, then all others.
        """
        self._works = tuple(works)
        puppet, model, *_ = works
        self.name.setText(f"{puppet.name} {puppet.version}")
        self.licence.setText(f"Licence: {puppet.licence}. Model: {model.version}, {model.licence}.")
        self.works.clear()
        for work in works:
            item = QTreeWidgetItem([work.name, work.version, work.licence])
            for i in range(item.columnCount()):
                item.setToolTip(i, plain_tip(item.text(i)))
            self.works.addTopLevelItem(item)
        self.works.setCurrentItem(self.works.topLevelItem(0))

    def _show_text(self, item: QTreeWidgetItem | None) -> None:
        words = "" if item is None else str(self._works[self.works.indexOfTopLevelItem(item)])
        self.text.setPlainText(words)


def _label(role: str, words: str = "") -> QLabel:
    label = QLabel(words)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", role)
    return label


def _list() -> QTreeWidget:
    works = QTreeWidget()
    works.setHeaderLabels(["Name", "Version", "Licence"])
    works.setRootIsDecorated(False)
    works.setUniformRowHeights(True)
    works.setAllColumnsShowFocus(True)
    works.setFixedWidth(LIST_PX)
    for i, width in enumerate(COLUMNS_PX):
        works.setColumnWidth(i, width)
    works.setAccessibleName("What puppet is made of")
    works.setToolTip("Type a name to find it")
    return works
