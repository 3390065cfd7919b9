"""Whose portrait is driven: what is in the gallery, and how portraits get there and go.

a picture ── enrol ──> card ── use ──> the portrait in the preview
a card    ── enrol again, in the other look ──> another card
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from ui.background import Background
from ui.dialogs import ask_picture, confirm_removal
from ui.session import AvatarCard, Look, Progress, Session
from ui.window import Window

ENROLMENT = "enrolment"

Enrol = Callable[[Callable[[Progress], None]], AvatarCard | None]


class Portraits(QObject):
    """Carries the user's wishes about portraits to the session. An enrolment runs beside the other slow calls."""

    used = pyqtSignal()
    """Another portrait is in use."""

    start_asked = pyqtSignal()
    """The portrait that shall be driven at once is there."""

    failed = pyqtSignal(str, str)
    """As `Background.failed`, for enrolments."""

    _told = pyqtSignal(object)
    """An enrolment's progress, from the other thread."""

    def __init__(self, session: Session, window: Window, background: Background, parent: QObject) -> None:
        """Wire everything; `begin` sets it going.

        Args:
            session: The running program.
            window: Stays the caller's.
            background: Does the other slow calls; stays the caller's.
            parent: Owns this object.
        """
        super().__init__(parent)
        self._session, self._window, self._background = session, window, background
        self._enrolments = Background(self)
        self._cards: dict[str, AvatarCard] = {}
        self._cancelled = False  # the enrolment that runs or is about to
        window.gallery.chosen.connect(self._use)
        window.gallery.add_asked.connect(self._ask_portrait)
        window.gallery.other_look_asked.connect(self._enrol_again)
        window.gallery.removal_asked.connect(self._ask_removal)
        window.dropped.connect(self._enrol)
        window.enrolment.cancelled.connect(self._cancel)
        self._told.connect(self._show_progress)
        background.failed.connect(self._clear_up)
        self._enrolments.failed.connect(self._clear_up)
        self._enrolments.failed.connect(self.failed)

    @property
    def busy(self) -> bool:
        """Whether an enrolment runs."""
        return bool(self._enrolments.names)

    def has(self, key: str) -> bool:
        """Whether a portrait is in the gallery."""
        return key in self._cards

    def begin(self, source: Path | None, *, start: bool) -> None:
        """Fill the gallery, and use what was used last.

        Args:
            source: A portrait to enrol and use instead.
            start: Whether to drive it at once.
        """
        at_once = start and source is None
        self._background.ask("avatars", self._session.avatars, lambda cards: self._show(cards, start=at_once))
        if source is not None:
            self._enrol(source, start=start)

    def finish(self) -> None:
        """End the enrolment that runs, if any; the last call."""
        self._session.cancel()
        self._enrolments.finish()

    def _show(self, cards: Sequence[AvatarCard], *, start: bool) -> None:
        self._cards = {card.key: card for card in cards}
        key = self._session.status().avatar
        if key not in self._cards:
            key = next(iter(self._cards), "")
        self._window.gallery.show_cards(cards, key)
        self._window.preview.show_words("Add a portrait, or drop one here")
        if key:
            self._use(key, start=start)

    def _use(self, key: str, *, start: bool = False) -> None:
        self._background.ask("avatar", lambda: self._session.use_avatar(key), lambda _: self._used(key, start=start))

    def _used(self, key: str, *, start: bool) -> None:
        self.used.emit()
        self._window.gallery.show_chosen(key)
        if start:
            self.start_asked.emit()

    # Another portrait, or another look.

    def _ask_portrait(self) -> None:
        path = ask_picture(self._window, "Choose a portrait")
        if path is not None:
            self._enrol(path)

    def _enrol(self, picture: Path, *, start: bool = False) -> None:
        look = self._window.gallery.look.look
        self._begin(picture.name, lambda tell: self._session.enrol(picture, look, tell), start=start)

    def _enrol_again(self, key: str, look: Look) -> None:
        self._begin(self._cards[key].name, lambda tell: self._session.enrol_again(key, look, tell))

    def _begin(self, name: str, enrol: Enrol, *, start: bool = False) -> None:
        self._window.enrolment.begin(name)
        # Beside the other slow calls, but after what was asked before: the model has to be open.
        self._background.ask(ENROLMENT, lambda: None, lambda _: self._go_on(enrol, start=start))

    def _go_on(self, enrol: Enrol, *, start: bool) -> None:
        if self._cancelled and not self.busy:
            self._end_enrolment()
            return
        self._enrolments.ask(ENROLMENT, lambda: enrol(self._told.emit), lambda card: self._enrolled(card, start=start))

    def _show_progress(self, progress: Progress) -> None:
        if self._cancelled:
            self._session.cancel()  # again: the first time may have been before there was anything to cancel
        else:
            self._window.enrolment.show_progress(progress)

    def _cancel(self) -> None:
        for background in (self._background, self._enrolments):
            background.forget(ENROLMENT)
        self._session.cancel()
        self._cancelled = self.busy or ENROLMENT in self._background.names
        if not self._cancelled:
            self._window.enrolment.hide()

    def _enrolled(self, card: AvatarCard | None, *, start: bool) -> None:
        self._end_enrolment()
        if card is None:
            return
        if card.likeness:
            self._window.notice.say(card.likeness, alert=False)
        self._cards[card.key] = card
        self._window.gallery.show_cards(list(self._cards.values()), card.key)
        self._use(card.key, start=start)

    def _end_enrolment(self) -> None:
        self._cancelled = False
        self._window.enrolment.hide()

    # One less.

    def _ask_removal(self, key: str) -> None:
        if not confirm_removal(self._window, self._cards[key].name):
            return
        if key == self._session.status().avatar:
            for other in [other for other in self._cards if other != key][:1]:
                self._use(other)
        self._background.ask(f"remove {key}", lambda: self._session.remove(key), lambda _: self._removed(key))

    def _removed(self, key: str) -> None:
        self._cards.pop(key, None)
        self._window.gallery.show_cards(list(self._cards.values()), self._session.status().avatar)
        self.used.emit()

    def _clear_up(self, name: str) -> None:
        """After a failure, show what is still true."""
        if name == ENROLMENT:
            self._end_enrolment()
        elif name == "avatar":
            self._window.gallery.show_chosen(self._session.status().avatar)
