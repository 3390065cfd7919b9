"""A video file that begins and ends while pictures flow."""

from __future__ import annotations

import logging
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from puppet.errors import SinkError
from puppet.outlet import Outlet
from puppet.sinks import VideoSink

_log = logging.getLogger(__name__)


class Recording:
    """Puts pictures into a file from its construction to `finish`; pictures come in through `outlet`."""

    def __init__(self, path: Path, size_wh: tuple[int, int], rate: Fraction) -> None:
        """Open the file and start its thread.

        Args:
            path: Where the video shall be; it appears when the recording is finished.
            size_wh: Width and height of the pictures in pixels.
            rate: About how many pictures a second.

        Raises:
            SinkError: The file cannot be written there.
        """
        self._sink = VideoSink(path)
        self._sink.open(size_wh, rate)
        self.outlet = Outlet(self._sink, size_wh)
        self.outlet.start(self._failed)
        _log.info("recording to %s", path)

    def finish(self) -> None:
        """Complete the file; one that has failed was kept at once.

        Raises:
            SinkError: It could not be written, or not to its end.
        """
        if not self.outlet.finish():
            raise SinkError(f"{self._sink.name} could not be completed: its disk does not answer")
        if self.outlet.error is not None:
            raise self.outlet.error
        try:
            self._sink.close()
        finally:
            self._sink.abort()
        _log.info("recorded %s", self._sink.name)

    def _failed(self, error: Exception) -> None:
        """Keep what was recorded; on the outlet's thread."""
        with suppress(SinkError):
            self._sink.close()
