"""Stage 1, a video file: in real time or frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from time import perf_counter

import av
import cv2
import numpy as np
from jaxtyping import UInt8

from puppet.errors import CameraError
from puppet.frame import Frame
from puppet.open_video import open_video
from puppet.values import Moment

USUAL_RATE = Fraction(30)
"""Frames a second of a file that does not say."""

_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
"""What brings a picture upright, by the counterclockwise degrees that the file asks for."""


class FileCamera:
    """A video file."""

    trouble = None

    def __init__(self, path: Path, *, real_time: bool, fps: float) -> None:
        """Open the file and decode its first frame.

        Args:
            path: The file.
            real_time: Frames are due at their times since the first read, at most `fps` of them a second; otherwise
                every frame is due at once.
            fps: See `real_time`.

        Raises:
            CameraError: The file is missing, not a video, or has no frames.
        """
        if not path.is_file():
            raise CameraError(f"there is no video file at {path}; check the path")
        self._path = path
        self._real_time = real_time
        self._fps = fps
        self._reading = self._closed = False
        try:
            self._container = open_video(path)
        except (av.FFmpegError, OSError) as error:
            raise CameraError(f"{path} is not a video that can be read ({_reason(error)})") from error
        try:
            self._decoded = self._decode()
            self._next = next(self._decoded, None)
            if self._next is None:
                raise CameraError(f"{path} has no frames; choose another clip")
            self._prepare(self._next)
        except CameraError:
            self.close()
            raise

    def _prepare(self, first: av.VideoFrame) -> None:
        stream = self._container.streams.video[0]
        self._rate = Fraction(stream.average_rate or stream.guessed_rate or USUAL_RATE)
        self._first_s = first.time or 0.0
        self._coded_wh = (first.width, first.height)
        self._turn = _TURNS.get(round(first.rotation) % 360)
        self._reformatter = av.video.reformatter.VideoReformatter()
        self._index = 0
        self._time_s = -1.0
        self._start_s: float | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self._path.name

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of all frames in pixels, upright."""
        width, height = self._coded_wh
        return (height, width) if self._turn in (_TURNS[90], _TURNS[270]) else (width, height)

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""
        return self._rate

    def read(self, out: UInt8[np.ndarray, "height width 3"]) -> Frame | None:
        """Write the next frame's RGB into `out` and return it; None at the end of the file.

        Raises:
            CameraError: The file is damaged from here on.
        """
        self._reading = True
        try:
            return self._read(out)
        finally:
            self._reading = False
            if self._closed:
                self._container.close()

    def close(self) -> None:
        """Close the file; while another thread decodes, as soon as it is done. A second call does nothing."""
        self._closed = True
        if not self._reading:
            self._container.close()

    def _read(self, out: UInt8[np.ndarray, "height width 3"]) -> Frame | None:
        while self._next is not None:
            decoded, self._next = self._next, next(self._decoded, None)
            time_s = self._media_time(decoded)
            if self._is_wanted(time_s):
                self._time_s = time_s
                self._write(decoded, out)
                frame = Frame(out, Moment(self._index, time_s, self._due(time_s)))
                self._index += 1
                return frame
        return None

    def _decode(self) -> Iterator[av.VideoFrame]:
        if not self._container.streams.video:
            raise CameraError(f"{self._path} has no video stream; choose another clip")
        self._container.streams.video[0].thread_type = "AUTO"
        try:
            yield from self._container.decode(video=0)
        except (av.FFmpegError, OSError) as error:
            raise CameraError(f"{self._path} is damaged ({_reason(error)}); take another copy of it") from error

    def _media_time(self, decoded: av.VideoFrame) -> float:
        """Seconds since the first frame; always later than the last frame, whatever the file says."""
        step_s = float(1 / self._rate)
        time_s = self._time_s + step_s if decoded.time is None else decoded.time - self._first_s
        return max(time_s, self._time_s + 0.01 * step_s, 0.0)

    def _is_wanted(self, time_s: float) -> bool:
        """Whether a frame keeps to `fps`, give or take half a frame of the file."""
        least_s = 1.0 / self._fps - 0.5 / float(self._rate)
        return not self._real_time or self._time_s < 0 or time_s - self._time_s > least_s

    def _due(self, time_s: float) -> float:
        now_s = perf_counter()
        if self._start_s is None:
            self._start_s = now_s
        return self._start_s + time_s if self._real_time else now_s

    def _write(self, decoded: av.VideoFrame, out: UInt8[np.ndarray, "height width 3"]) -> None:
        width, height = self._coded_wh
        plane = self._reformatter.reformat(decoded, width, height, "rgb24").planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)
        rgb = rows[:, : width * 3].reshape(height, width, 3)
        if self._turn is None:
            np.copyto(out, rgb)
        else:
            cv2.rotate(rgb, self._turn, dst=out)


def _reason(error: Exception) -> str:
    """FFmpeg's own words, without number and path."""
    return getattr(error, "strerror", None) or str(error)
