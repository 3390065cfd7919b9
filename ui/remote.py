"""Remote control of the window: what a program asks for is done as if the user had."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from puppet.gallery import Entry, characters, enrolled
from puppet.remote import RemoteState, key_of
from puppet.state import ENDED
from ui.session import Phase, Session
from ui.window import Window


class WindowRemote(QObject):
    """Keeps `Remote`: asks on another thread, acts on the window's. What was asked for shows in the state, soon."""

    _use_asked = pyqtSignal(str)
    _recentre_asked = pyqtSignal()
    _pause_asked = pyqtSignal(bool)

    def __init__(self, session: Session, window: Window, avatars: Path) -> None:
        """Wire it; made on the window's thread.

        Args:
            session: Tells how things stand.
            window: Its signals carry the wishes.
            avatars: The folder where avatars are stored.
        """
        super().__init__(window)
        self._session, self._avatars = session, avatars
        self._use_asked.connect(window.gallery.chosen)  # other threads' signals wait for the window's
        self._recentre_asked.connect(window.transport.recentre_asked)
        self._pause_asked.connect(window.transport.pause_asked)

    def state(self) -> RemoteState:
        """How the session stands."""
        now = self._session.status()
        shown = ENDED if now.phase is Phase.STOPPED else now.condition
        return RemoteState(now.phase.value, now.avatar, shown.state.value, shown.reason, round(now.fps, 1), now.notice)

    def avatars(self) -> Sequence[Entry]:
        """What is in the gallery."""
        return [*characters(), *enrolled(self._avatars)]

    def use(self, entry: Entry) -> None:
        """Choose it in the gallery."""
        self._use_asked.emit(key_of(entry))

    def recentre(self) -> None:
        """Press the button."""
        self._recentre_asked.emit()

    def pause(self, on: bool) -> None:
        """Press the button, down or up."""
        self._pause_asked.emit(on)
