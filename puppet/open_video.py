"""How a video file from anybody is opened: it leads nowhere else, and its titles may be in any encoding."""

from __future__ import annotations

from pathlib import Path

import av


def open_video(path: Path, reader: str | None = None) -> av.container.InputContainer:
    """Open a video for reading; a playlist must not reach for the network.

    Args:
        path: The file.
        reader: FFmpeg's name of the only reader that may read it; None lets FFmpeg choose.

    Raises:
        av.FFmpegError: It is not a video that can be read.
        OSError: It cannot be read.
    """
    return av.open(str(path), format=reader, options={"protocol_whitelist": "file"}, metadata_errors="replace")
