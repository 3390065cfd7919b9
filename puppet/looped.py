"""A clip of a wanted length: the first one again and again, or a part of it, copied without decoding."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from puppet.errors import CameraError
from puppet.open_video import open_video


def write_looped(clip: Path, seconds: float, path: Path) -> None:
    """Write a clip that plays another one until `seconds` are over.

    Args:
        clip: The video file to repeat.
        seconds: The length.
        path: Where the new one shall be, ending in .mkv, which holds every codec.

    Raises:
        CameraError: The clip is not a video.
    """
    try:
        with av.open(str(path), "w") as out, open_video(clip) as source:
            if not source.streams.video:
                raise CameraError(f"{clip} has no video stream; choose another clip")
            _copy(source, out, seconds)
    except (av.FFmpegError, OSError) as error:
        raise CameraError(f"{clip} is not a video that can be repeated ({error.strerror})") from error


def _copy(source: av.container.InputContainer, out: av.container.OutputContainer, seconds: float) -> None:
    stream = source.streams.video[0]
    copy = out.add_stream_from_template(stream)
    start_s = Fraction(0)  # where the next repetition begins in the copy
    while start_s < seconds:
        source.seek(0)
        offset: int | None = None
        end_s = start_s
        for packet in source.demux(stream):
            if packet.pts is None or packet.dts is None:  # the end of the file
                continue
            step = packet.duration or round(1 / (stream.average_rate * stream.time_base))
            if offset is None:
                offset = round(start_s / packet.time_base) - packet.pts
            packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
            if packet.pts * packet.time_base >= seconds:
                return
            end_s = max(end_s, (packet.pts + step) * packet.time_base)
            packet.stream = copy
            out.mux(packet)
        if end_s == start_s:
            raise CameraError(f"{source.name} has no frames; choose another clip")
        start_s = end_s
