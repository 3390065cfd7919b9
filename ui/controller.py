"""The one object that knows both the window and the running program.

    the user ── signals ──> Controller ── quick verbs at once, slow ones through Background ──> Session
    30 times a second       Controller <── newest picture ── Session
    4 times a second        Controller <── status ── Session

The window pulls; the pipeline never waits for it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from PyQt6.QtCore import QObject, Qt, QTimer
from PyQt6.QtGui import QGuiApplication

from puppet.groups import PerGroup
from puppet.licences import works
from puppet.settings import TRANSPARENT, Marking
from ui.background import Background
from ui.dialogs import ask_colour, ask_picture, ask_video, recording_path
from ui.memory import Choices, Memory
from ui.panels.pose import Offset
from ui.portraits import Portraits
from ui.session import Phase, Plan, Session, Standing
from ui.window import Window

PICTURE_MS = 33
STATUS_MS = 250


class Controller(QObject):
    """Carries the user's wishes to the session, and what the session shows to the window."""

    def __init__(self, session: Session, window: Window, memory: Memory, choices: Choices) -> None:
        """Wire everything; `begin` sets it going.

        Args:
            session: The running program; closed by `end`.
            window: Stays the caller's.
            memory: Keeps what the user chooses.
            choices: What is chosen at the beginning.
        """
        super().__init__()
        self._session = session
        self._window = window
        self._memory = memory
        self._choices = choices
        self._standing = Standing()
        self._backdrop = Choices().backdrop  # the last one that could be used
        self._background = Background(self)
        self._portraits = Portraits(session, window, self._background, self)
        self._pictures, self._statuses = QTimer(self), QTimer(self)
        self._pictures.setTimerType(Qt.TimerType.PreciseTimer)
        self._pictures.timeout.connect(self._pull_picture)
        self._statuses.timeout.connect(self._pull_status)
        self._wire()

    @property
    def choices(self) -> Choices:
        """What is chosen now."""
        return self._choices

    @property
    def busy(self) -> bool:
        """Whether a slow call runs or waits."""
        return bool(self._background.names) or self._portraits.busy

    def begin(self, source: Path | None, *, start: bool) -> None:
        """Show what is chosen, fill gallery and cameras, and set the timers going.

        Args:
            source: A portrait to enrol and use instead of the chosen avatar.
            start: Whether to drive it at once.
        """
        window, choices, session = self._window, self._choices, self._session
        window.camera.show_plan(choices.plan)
        window.gains.show_gains(choices.gains)
        window.backdrop.show_backdrop(choices.backdrop)
        window.transport.mirror.setChecked(choices.mirror_motion)
        window.gallery.look.show_look(choices.look)
        window.mark.show_mark(choices.mark)
        window.preview.show_words("One moment …")
        session.mirror_motion(choices.mirror_motion)
        session.mark(choices.mark)
        self._background.ask("cameras", session.cameras, window.camera.show_cameras)
        self._background.ask("open", session.open, lambda _: self._opened(source, start=start))
        self._pictures.start(PICTURE_MS)
        self._statuses.start(STATUS_MS)

    def end(self) -> None:
        """Remember everything and close the session; the last call."""
        self._pictures.stop()
        self._statuses.stop()
        self._memory.keep(self._choices)
        self._memory.keep_geometry(self._window.saveGeometry())
        self._memory.write()
        self._portraits.finish()
        self._background.finish()
        self._window.preview.show_picture(None)
        self._session.close()

    def _opened(self, source: Path | None, *, start: bool) -> None:
        self._change_gains(self._choices.gains)
        self._change_backdrop(self._choices.backdrop)
        self._background.ask("directions", self._session.directions, self._window.pose.show_directions)
        self._portraits.begin(source, start=start)

    def _wire(self) -> None:
        window, background = self._window, self._background
        window.transport.start_asked.connect(self._start)
        window.transport.stop_asked.connect(self._stop)
        window.transport.pause_asked.connect(self._pause)
        window.transport.recentre_asked.connect(self._session.recentre)
        window.transport.mirror_asked.connect(self._mirror)
        window.transport.record_asked.connect(self._record)
        window.gallery.look.chosen.connect(lambda look: self._keep(replace(self._choices, look=look)))
        window.camera.changed.connect(self._change_plan)
        window.camera.file_asked.connect(self._ask_video)
        window.camera.list_asked.connect(self._list_cameras)
        window.gains.changed.connect(self._change_gains)
        window.pose.changed.connect(self._change_offset)
        window.backdrop.changed.connect(self._change_backdrop)
        window.backdrop.colour_asked.connect(self._ask_colour)
        window.backdrop.picture_asked.connect(self._ask_backdrop)
        window.mark.changed.connect(self._change_mark)
        window.about.asked.connect(self._list_works)
        window.numbers.copy_asked.connect(lambda delay_ms: _copy(str(delay_ms)))
        self._portraits.used.connect(self._pull_status)
        self._portraits.start_asked.connect(self._start)
        self._portraits.failed.connect(self._say_failure)
        background.failed.connect(self._say_failure)
        background.changed.connect(self._show_standing)

    # What is driven, and by what.

    @property
    def _ready(self) -> bool:
        return bool(self._window.camera.plan.camera and self._portraits.has(self._standing.avatar))

    def _start(self) -> None:
        if not self._ready:
            return
        plan = self._window.camera.plan
        self._window.notice.hide()
        self._background.ask("start", lambda: self._session.start(plan), lambda _: self._pull_status())

    def _stop(self) -> None:
        self._background.ask("stop", self._session.stop, lambda _: self._stopped())

    def _stopped(self) -> None:
        self._standing = Standing()  # expected, so nothing has to be cleared up
        self._pull_status()

    def _change_plan(self, plan: Plan) -> None:
        self._keep(replace(self._choices, plan=plan))
        if self._standing.phase is not Phase.STOPPED or "start" in self._background.names:
            self._start()

    def _list_cameras(self) -> None:
        self._background.ask("cameras", self._session.cameras, self._window.camera.show_cameras)

    def _list_works(self) -> None:
        self._background.ask("licences", works, self._window.about.show_works)

    def _ask_video(self) -> None:
        path = ask_video(self._window)
        if path is not None:
            plan = replace(self._window.camera.plan, camera=str(path))
            self._window.camera.show_plan(plan)
            self._change_plan(plan)

    # How it moves and what is behind it.

    def _pause(self, on: bool) -> None:
        self._session.pause(on)
        self._pull_status()

    def _mirror(self, on: bool) -> None:
        self._session.mirror_motion(on)
        self._keep(replace(self._choices, mirror_motion=on))

    def _change_mark(self, mark: Marking) -> None:
        self._session.mark(mark)
        self._keep(replace(self._choices, mark=mark))

    def _change_gains(self, gains: PerGroup) -> None:
        self._keep(replace(self._choices, gains=gains))
        self._background.ask("gains", lambda: self._session.set_gains(gains))

    def _change_offset(self, offset: Offset) -> None:
        self._background.ask("offset", lambda: self._session.set_offset(offset))

    def _change_backdrop(self, backdrop: str) -> None:
        self._background.ask(
            "backdrop",
            lambda: self._session.set_backdrop(backdrop),
            lambda _: self._backdrop_used(backdrop),
        )

    def _backdrop_used(self, backdrop: str) -> None:
        self._backdrop = backdrop
        self._keep(replace(self._choices, backdrop=backdrop))

    def _ask_colour(self) -> None:
        colour = ask_colour(self._window, self._window.backdrop.backdrop)
        if colour is not None:
            self._window.backdrop.choose(colour)

    def _ask_backdrop(self) -> None:
        path = ask_picture(self._window, "Choose a backdrop")
        if path is not None:
            self._window.backdrop.choose(str(path))

    def _record(self, on: bool) -> None:
        if on:
            path = recording_path(datetime.now(), transparent=self._backdrop == TRANSPARENT)
            self._background.ask("recording", lambda: self._session.record(path), lambda _: self._pull_status())
        elif (saved := self._standing.recording) is not None:
            self._background.ask(
                "recording",
                lambda: self._session.record(None),
                lambda _: self._recorded(saved),
            )

    def _recorded(self, path: Path) -> None:
        self._pull_status()
        self._window.notice.say(f"Recorded to {path}", alert=False)

    # What the session shows.

    def _pull_picture(self) -> None:
        rgb = self._session.newest_picture()
        if rgb is not None:
            self._window.preview.show_picture(rgb)

    def _pull_status(self) -> None:
        before, self._standing = self._standing, self._session.status()
        if before.notice != self._standing.notice and self._standing.notice:
            self._window.notice.say(self._standing.notice, alert=True)
        if before.phase is not Phase.STOPPED and self._standing.phase is Phase.STOPPED:
            self._stop()  # it ended by itself: say why, and let go of everything
        self._show_standing()

    def _show_standing(self) -> None:
        names = self._background.names
        changing = "Starting …" if "start" in names else "Stopping …" if "stop" in names else ""
        self._window.show_standing(self._standing, changing=changing, ready=self._ready)

    def _say_failure(self, name: str, sentence: str) -> None:
        window = self._window
        if name == "open":
            window.preview.show_words("")
        elif name == "backdrop":
            window.backdrop.show_backdrop(self._backdrop)
            self._keep(replace(self._choices, backdrop=self._backdrop))
        self._pull_status()
        window.notice.say(sentence, alert=True)

    def _keep(self, choices: Choices) -> None:
        self._choices = choices
        self._memory.keep(choices)


def _copy(words: str) -> None:
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    clipboard.setText(words)
