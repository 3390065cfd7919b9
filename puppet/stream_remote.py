"""Remote control of a run without a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from puppet.gallery import Entry, characters, enrolled
from puppet.pipeline import Pipeline
from puppet.remote import RemoteState


class StreamRemote:
    """Keeps `Remote` for one pipeline."""

    def __init__(self, pipeline: Pipeline, avatars: Path, key: Callable[[], str], use: Callable[[Entry], None]) -> None:
        """Take what it controls.

        Args:
            pipeline: The run.
            avatars: The folder where avatars are stored.
            key: Of the avatar that is shown.
            use: Shows another one.
        """
        self._pipeline, self._avatars, self._key, self._use = pipeline, avatars, key, use

    def state(self) -> RemoteState:
        """How the run stands."""
        now = self._pipeline.status()
        phase = "stopped" if not now.running else "paused" if now.paused else "running"
        failed = next((sink.error for sink in now.sinks if sink.error), "")
        shows, reason = now.condition.state.value, now.condition.reason
        return RemoteState(phase, self._key(), shows, reason, round(now.fps, 1), now.trouble or failed)

    def avatars(self) -> Sequence[Entry]:
        """The shipped characters, then the user's own portraits."""
        return [*characters(), *enrolled(self._avatars)]

    def use(self, entry: Entry) -> None:
        """Show another avatar from the next picture on."""
        self._use(entry)

    def recentre(self) -> None:
        """Take the driver's next second as the neutral."""
        self._pipeline.recentre()

    def pause(self, on: bool) -> None:
        """Show the slate, or the portrait again."""
        if on:
            self._pipeline.pause()
        else:
            self._pipeline.resume()
