"""What can be done with one of the user's own portraits."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtWidgets import QMenu, QWidget

from ui.session import Look

OTHER_LOOK: dict[Look, tuple[str, Look]] = {
    "avatar": ("Make it look like the photo (takes about a minute)", "photo"),
    "photo": ("Make a character after it", "avatar"),
}


def tile_menu(
    parent: QWidget, look: Look, enrol_again: Callable[[Look], object], remove: Callable[[], object]
) -> QMenu:
    """The menu of a portrait that has a look.

    Args:
        parent: The portrait's tile.
        look: The look that it has.
        enrol_again: Called with the other look when the user wants it.
        remove: Called when the user does not want the portrait any more.
    """
    menu = QMenu(parent)
    words, other = OTHER_LOOK[look]
    again, gone = menu.addAction(words), menu.addAction("Remove …\tDel")
    assert again is not None
    assert gone is not None
    again.triggered.connect(lambda: enrol_again(other))
    gone.triggered.connect(remove)
    menu.aboutToHide.connect(menu.deleteLater)
    return menu
