"""A video file that begins and ends while pictures flow."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

from puppet.outlet import Outlet
from puppet.sinks import Mp4Sink

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
        self._sink = Mp4Sink(path)
        self._sink.open(size_wh, rate)
        self.outlet = Outlet(self._sink, size_wh)
        self.outlet.start()
        _log.info("recording to %s", path)

    def finish(self) -> None:
        """Complete the file.

        Raises:
            SinkError: It could not be written; nothing stays.
        """
        self.outlet.finish()
        try:
            if self.outlet.error is not None:
                raise self.outlet.error
            self._sink.close()
        finally:
            self._sink.abort()
        _log.info("recorded %s", self._sink.name)
