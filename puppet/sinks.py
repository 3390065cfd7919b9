"""Stage 7: where pictures go. The protocol, a video file, and a sink that only reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

import av
import numpy as np

from puppet.errors import SinkError
from puppet.growing_file import FRAGMENTED, GrowingFile
from puppet.opacity import Straightener
from puppet.provenance import STATEMENT
from puppet.settings import MOV
from puppet.signals import held
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
    def carries_transparency(self) -> bool:
        """Whether its pictures are RGBA over grey, opaque where the run's have no opacity; else they are RGB."""

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
    carries_transparency = False
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


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How a kind of video file is written, in FFmpeg's names."""

    kind: str
    codec: str
    options: Mapping[str, str]
    given: str
    stored: str


_MP4 = _Encoding("mp4", "libx264", {"preset": "veryfast", "crf": "18"}, "rgb24", "yuv420p")
_MOV = _Encoding("mov", "prores_aw", {"profile": "4", "thread_type": "frame"}, "rgba", "yuva444p10le")
"""ProRes 4444, by the encoder that is fast enough for a stream."""


class VideoSink:
    """A video file, which appears when it is complete and says that it is synthetic.

    H.264 in an mp4 file, or ProRes 4444 in a mov file, which carries transparency. See puppet.growing_file, and
    puppet.provenance.
    """

    standby_s = None

    def __init__(self, path: Path) -> None:
        """Name the file.

        Args:
            path: Where the video shall be; an older file is replaced at `close`. Ending in .mov it is a mov file.
        """
        self._path = path
        self._encoding = _MOV if path.suffix.lower() == MOV else _MP4
        self._partial = path.with_name(f"{path.stem}.{os.getpid()}.part{path.suffix}")  # to be seen if we are killed
        self._file: GrowingFile | None = None
        self._container: av.container.OutputContainer | None = None
        self._first_s: float | None = None

    @property
    def name(self) -> str:
        """The path."""
        return str(self._path)

    @property
    def carries_transparency(self) -> bool:
        """A mov file does."""
        return self._encoding is _MOV

    def open(self, size_wh: tuple[int, int], rate: Fraction) -> None:
        """Start the file under a temporary name.

        Raises:
            SinkError: The file cannot be written there.
        """
        if self._path.is_dir():
            raise SinkError(f"{self._path} is a folder; give the path of a file ending in .mp4 or .mov")
        try:
            with held():
                self._begin(size_wh, rate)
        except (av.FFmpegError, OSError) as error:
            self.abort()
            raise SinkError(f"{self._path} cannot be written ({error.strerror}); choose another place") from error
        self._frame = av.VideoFrame(*size_wh, self._encoding.given)
        rows = np.frombuffer(self._frame.planes[0], np.uint8).reshape(size_wh[1], -1)
        depth = 4 if self.carries_transparency else 3
        self._pixels = rows[:, : size_wh[0] * depth].reshape(size_wh[1], size_wh[0], depth)
        self._straightener = Straightener(size_wh) if self.carries_transparency else None
        self._reformatter = av.video.reformatter.VideoReformatter()

    def send(self, picture: Picture) -> None:
        """Encode one picture at its moment.

        Raises:
            SinkError: The file cannot be written any more.
        """
        if self._straightener is None:
            np.copyto(self._pixels, picture.rgb)
        else:
            self._straightener.straighten(picture.rgb, out=self._pixels)
        height, width = self._pixels.shape[:2]
        yuv = self._reformatter.reformat(
            self._frame, width, height, self._encoding.stored, dst_colorspace=BT709, dst_color_range=LIMITED_RANGE
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

    def _begin(self, size_wh: tuple[int, int], rate: Fraction) -> None:
        encoding = self._encoding
        self._file = GrowingFile(self._partial)
        self._container = av.open(self._file, "w", format=encoding.kind, options=FRAGMENTED)
        self._container.metadata["comment"] = STATEMENT
        self._stream = self._container.add_stream(encoding.codec, rate, dict(encoding.options))
        self._stream.width, self._stream.height = size_wh
        self._stream.pix_fmt = encoding.stored
        context = self._stream.codec_context
        context.time_base = Fraction(1, TICKS)
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        self._container.start_encoding()

    def _finish(self) -> None:
        assert self._container is not None
        try:
            with held():
                self._container.mux(self._stream.encode(None))
                self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _encode(self, frame: av.VideoFrame) -> None:
        assert self._container is not None
        try:
            with held():
                self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> SinkError:
        file = self._file
        reason = (error if file is None or file.trouble is None else file.trouble).strerror
        kept = ", what was recorded until then is kept" if file is not None and file.whole() else ""
        return SinkError(f"{self._path} cannot be written any more ({reason}); make room{kept}")
