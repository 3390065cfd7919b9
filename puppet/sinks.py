"""Stage 7: where pictures go. The protocol, a video file, and a sink that only reads."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

import av
import numpy as np

from puppet.errors import SinkError
from puppet.growing_file import FRAGMENTED, GrowingFile
from puppet.provenance import STATEMENT
from puppet.values import Picture

TICKS = 90_000
"""Time stamps a second in a video file: fine enough for every frame rate."""

BT709 = 1
"""FFmpeg's number for the colour space of HD video, its primaries and its transfer curve."""

LIMITED_RANGE = 1
"""FFmpeg's number for luma from 16 to 235, which all players expect."""


@runtime_checkable
class Sink(Protocol):
    """A place for pictures.

    `open` comes first, on the main thread, and fails if the place is not usable. Then `send`, on the sink's own thread,
    once a picture. At last, on the main thread again, either `close` or `abort`; both may follow `open` directly.
    """

    @property
    def name(self) -> str:
        """What the user knows it by."""

    @property
    def standby_s(self) -> float | None:
        """Seconds without a picture after which `stand_by` is wanted; None: never."""

    def open(self, size_wh: tuple[int, int], rate: Fraction) -> None:
        """Get ready for pictures of this size in pixels, about `rate` a second.

        Raises:
            SinkError: The place cannot be used.
        """

    def send(self, picture: Picture) -> None:
        """Take one picture; it is borrowed until the next call of this. Moments always advance.

        Raises:
            SinkError: The place cannot be used any more.
        """

    def stand_by(self) -> None:
        """No picture came for a while: keep the place alive; on the sink's own thread.

        Raises:
            SinkError: The place cannot be used any more.
        """

    def close(self) -> None:
        """Finish: what was sent stays, also after a `send` that failed. A second call does nothing.

        Raises:
            SinkError: What was sent cannot be completed.
        """

    def abort(self) -> None:
        """Give up: nothing stays. A second call, or one after `close`, does nothing."""


class NullSink:
    """Reads every byte of every picture, as a device would, and keeps the last one."""

    name = "none"
    standby_s = None

    def open(self, size_wh: tuple[int, int], rate: Fraction) -> None:
        """Make the memory."""
        self.last = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)

    def send(self, picture: Picture) -> None:
        """Copy the picture."""
        np.copyto(self.last, picture.rgb)

    def stand_by(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""


class Mp4Sink:
    """An H.264 video in an mp4 file, which appears when it is complete and says that it is synthetic.

    See puppet.growing_file, and puppet.provenance.
    """

    standby_s = None

    def __init__(self, path: Path) -> None:
        """Name the file.

        Args:
            path: Where the video shall be; an older file is replaced at `close`.
        """
        self._path = path
        self._partial = path.with_name(f"{path.stem}.{os.getpid()}.part{path.suffix}")  # to be seen if we are killed
        self._file: GrowingFile | None = None
        self._container: av.container.OutputContainer | None = None
        self._first_s: float | None = None

    @property
    def name(self) -> str:
        """The path."""
        return str(self._path)

    def open(self, size_wh: tuple[int, int], rate: Fraction) -> None:
        """Start the file under a temporary name.

        Raises:
            SinkError: The file cannot be written there.
        """
        if self._path.is_dir():
            raise SinkError(f"{self._path} is a folder; give the path of a file ending in .mp4")
        try:
            self._file = GrowingFile(self._partial)
            self._container = av.open(self._file, "w", format="mp4", options=FRAGMENTED)
            self._container.metadata["comment"] = STATEMENT
            self._stream = self._container.add_stream("libx264", rate, {"preset": "veryfast", "crf": "18"})
            self._stream.width, self._stream.height = size_wh
            self._stream.pix_fmt = "yuv420p"
            context = self._stream.codec_context
            context.time_base = Fraction(1, TICKS)
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = LIMITED_RANGE
            self._container.start_encoding()
        except (av.FFmpegError, OSError) as error:
            self.abort()
            raise SinkError(f"{self._path} cannot be written ({error.strerror}); choose another place") from error
        self._frame = av.VideoFrame(*size_wh, "rgb24")
        self._rows = np.frombuffer(self._frame.planes[0], np.uint8).reshape(size_wh[1], -1)
        self._reformatter = av.video.reformatter.VideoReformatter()

    def send(self, picture: Picture) -> None:
        """Encode one picture at its moment.

        Raises:
            SinkError: The file cannot be written any more.
        """
        height, width = picture.rgb.shape[:2]
        np.copyto(self._rows[:, : width * 3].reshape(height, width, 3), picture.rgb)
        yuv = self._reformatter.reformat(
            self._frame, width, height, "yuv420p", dst_colorspace=BT709, dst_color_range=LIMITED_RANGE
        )
        if self._first_s is None:
            self._first_s = picture.moment.time_s
        yuv.pts = round((picture.moment.time_s - self._first_s) * TICKS)
        yuv.time_base = Fraction(1, TICKS)
        self._encode(yuv)

    def stand_by(self) -> None:
        """Do nothing: the last picture lasts until the next one."""

    def close(self) -> None:
        """Complete the file and give it its name, as far as it could be written. A second call does nothing.

        Raises:
            SinkError: There is no picture, or the file cannot be completed.
        """
        if self._file is None or self._container is None:
            return
        try:
            if self._first_s is None:
                raise SinkError(f"{self._path} was not written: there was no picture to put into it")
            failed = self._file.trouble is not None
            with suppress(SinkError):
                self._finish()
            self._file.keep(self._path)
            if self._file.trouble is not None and not failed:
                raise self._failure(self._file.trouble)
        except OSError as error:
            raise SinkError(f"{self._path} cannot be completed ({error.strerror}); choose another place") from error
        finally:
            self.abort()

    def abort(self) -> None:
        """Remove what was written. A second call, or one after `close`, does nothing."""
        if self._file is not None:
            self._file.close()  # first: FFmpeg does not survive the end of a file without a packet
        self._file = self._container = None
        with suppress(OSError):
            self._partial.unlink()

    def _finish(self) -> None:
        assert self._container is not None
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _encode(self, frame: av.VideoFrame) -> None:
        assert self._container is not None
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> SinkError:
        file = self._file
        reason = (error if file is None or file.trouble is None else file.trouble).strerror
        kept = ", what was recorded until then is kept" if file is not None and file.whole() else ""
        return SinkError(f"{self._path} cannot be written any more ({reason}); make room{kept}")
