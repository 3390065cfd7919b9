"""Whose portrait is driven: what is in the gallery, and how portraits get there and go.

a picture ── enrol ──> trial ── accept ──> card ── use ──> the portrait in the preview
                             └─ discard ──> nothing is left
a card    ── enrol again, in the other look ──> trial
a card    ── use ── its files are gone or another model's ── enrol again ──> the same card

Who names a portrait on the command line has accepted it. Its quick avatar is used while it is tuned; in a trial's place
stands a button for that, since somebody may be on air.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PyQt6.QtCore import QObject, pyqtSignal

from ui.background import Background
from ui.dialogs import ask_picture, confirm_removal
from ui.session import AvatarCard, Look, News, Preflight, Progress, Session
from ui.window import Window

ENROLMENT = "enrolment"

READY = "the photo is ready, and shown from now on"

Enrol = Callable[[Callable[[News], None]], AvatarCard | None]

Rehearsal = Sequence[UInt8[np.ndarray, "side side 3"]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall become of an enrolment.

    Attributes:
        enrol: Does it.
        accepted: The user need not see it first.
        start: It shall be driven at once.
    """

    enrol: Enrol
    accepted: bool = False
    start: bool = False


class Portraits(QObject):
    """Carries the user's wishes about portraits to the session. An enrolment runs beside the other slow calls."""

    used = pyqtSignal()
    """Another portrait is in use."""

    start_asked = pyqtSignal()
    """The portrait that shall be driven at once is there."""

    failed = pyqtSignal(str, str)
    """As `Background.failed`, for enrolments."""

    _told = pyqtSignal(object, object)
    """The wish that is being fulfilled, and news of it, from the other thread."""

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
        self._quick = False  # its quick avatar is in use
        self._preflight = Preflight(())
        self._tried: AvatarCard | None = None
        window.gallery.chosen.connect(self._use)
        window.gallery.add_asked.connect(self._ask_portrait)
        window.gallery.other_look_asked.connect(self._enrol_again)
        window.gallery.removal_asked.connect(self._ask_removal)
        window.dropped.connect(self._enrol)
        window.enrolment.cancelled.connect(self._cancel)
        window.enrolment.meanwhile_asked.connect(self._use_meanwhile)
        window.trial.accepted.connect(self._accept)
        window.trial.discarded.connect(self._discard)
        self._told.connect(self._hear)
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
            self._enrol(source, accepted=True, start=start)

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
        self._background.ask(
            "avatar", lambda: self._session.use_avatar(key), lambda shown: self._used(key, shown, start=start)
        )

    def _used(self, key: str, shown: bool, *, start: bool) -> None:
        if not shown:
            if not self.busy and ENROLMENT not in self._background.names:
                self._make_anew(key, start=start)
            return
        self.used.emit()
        self._window.gallery.show_chosen(key)
        if start:
            self.start_asked.emit()

    # Another portrait, or another look.

    def _ask_portrait(self) -> None:
        path = ask_picture(self._window, "Choose a portrait")
        if path is not None:
            self._enrol(path)

    def _enrol(self, picture: Path, *, accepted: bool = False, start: bool = False) -> None:
        look = self._window.gallery.look.look
        self._begin(picture.name, Wish(lambda tell: self._session.enrol(picture, look, tell), accepted, start))

    def _enrol_again(self, key: str, look: Look) -> None:
        self._begin(self._cards[key].name, Wish(lambda tell: self._session.enrol_again(key, look, tell)))

    def _make_anew(self, key: str, *, start: bool) -> None:
        card = self._cards[key]
        self._window.gallery.show_chosen(self._session.status().avatar)
        wish = Wish(lambda tell: self._session.enrol_again(key, card.look, tell), accepted=True, start=start)
        self._begin(card.name, wish)

    def _begin(self, name: str, wish: Wish) -> None:
        self._window.enrolment.begin(name)
        # Beside the other slow calls, but after what was asked before: the model has to be open.
        self._background.ask(ENROLMENT, lambda: None, lambda _: self._go_on(wish))

    def _go_on(self, wish: Wish) -> None:
        if self._cancelled and not self.busy:
            self._end_enrolment()
            return
        self._enrolments.ask(ENROLMENT, lambda: self._enrolled_by(wish), lambda done: self._enrolled(wish, *done))

    def _enrolled_by(self, wish: Wish) -> tuple[AvatarCard | None, Rehearsal]:
        """On the other thread: the card, and pictures where the user should see it first."""
        card = wish.enrol(lambda news: self._told.emit(wish, news))
        if card is None or wish.accepted or card.key in self._cards:
            return card, ()
        return card, self._session.rehearse(card.key)

    def _hear(self, wish: Wish, news: News) -> None:
        if self._cancelled:
            self._session.cancel()  # again: the first time may have been before there was anything to cancel
        elif isinstance(news, Progress):
            self._window.enrolment.show_progress(news)
        elif isinstance(news, Preflight):
            self._preflight = news
            self._window.enrolment.hints.show_warnings(news.warnings)
        elif wish.accepted:
            self._use_meanwhile(start=wish.start)
        else:
            self._window.enrolment.offer()

    def _use_meanwhile(self, *, start: bool = False) -> None:
        self._quick = True
        self._background.ask("avatar", self._session.use_meanwhile, lambda _: self._used_meanwhile(start=start))

    def _used_meanwhile(self, *, start: bool) -> None:
        self.used.emit()
        if start:
            self.start_asked.emit()

    def _cancel(self) -> None:
        for background in (self._background, self._enrolments):
            background.forget(ENROLMENT)
        self._session.cancel()
        self._cancelled = self.busy or ENROLMENT in self._background.names
        if not self._cancelled:
            self._window.enrolment.hide()

    def _enrolled(self, wish: Wish, card: AvatarCard | None, rehearsal: Rehearsal) -> None:
        quick, warnings = self._quick, self._preflight.warnings
        if card is not None and not rehearsal:
            self._keep(card)
            if quick or card.likeness:
                self._window.notice.say(READY if quick else card.likeness, alert=False)
            self._use(card.key, start=wish.start and not quick)
            self._quick = False
        elif card is not None and self._cancelled:  # while it was rehearsed
            self._forget(card)
            card = None
        elif card is not None:
            self._keep_tried()
            self._tried = card
            self._window.trial.try_out(card, rehearsal, warnings)
        self._end_enrolment(quick_stays=card is not None)

    def _end_enrolment(self, *, quick_stays: bool = False) -> None:
        """Ready for the next one; the portrait before comes back in the place of a quick avatar of nothing."""
        self._cancelled, self._preflight = False, Preflight(())
        self._window.enrolment.hide()
        if not quick_stays:
            self._drop_quick()

    def _drop_quick(self) -> None:
        if self._quick:
            self._quick = False
            self._use(self._session.status().avatar)

    # Whether the user wants what was enrolled.

    def _accept(self) -> None:
        if (card := self._tried) is not None:
            self._keep_tried()
            self._quick = False
            self._use(card.key)

    def _discard(self) -> None:
        card, self._tried = self._tried, None
        self._window.trial.hide()
        if card is not None:
            self._forget(card)
        self._drop_quick()

    def _forget(self, card: AvatarCard) -> None:
        self._background.ask(f"remove {card.key}", lambda: self._session.remove(card.key))

    def _keep_tried(self) -> None:
        """What was tried goes into the gallery, also when another trial begins."""
        card, self._tried = self._tried, None
        self._window.trial.hide()
        if card is not None:
            self._keep(card)

    def _keep(self, card: AvatarCard) -> None:
        self._cards[card.key] = card
        self._window.gallery.show_cards(list(self._cards.values()), self._session.status().avatar)

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
