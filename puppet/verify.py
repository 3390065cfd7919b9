"""`puppet verify`: whether a file has the machine-readable mark in its pictures, and the statement in its metadata.

Files come from strangers. A video is read by one reader, which its first bytes choose, so that no playlist or other
container that leads elsewhere is followed; of a long one the first ten minutes count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
from jaxtyping import Float32

from puppet.errors import PictureError, VerifyError
from puppet.open_video import open_video
from puppet.provenance import states
from puppet.stills import opened_still, read_content, upright
from puppet.watermark_detector import Evidence, look

STRETCH_S = 10.0
"""Pictures of so long are averaged."""

STEP_S = 0.2
"""Of those, one in so long."""

MOST_STRETCHES = 60

MOST_PX = 7680 * 4320
"""A video with larger pictures is not read."""

_READERS = {"gif": (0, b"GIF8"), "mov": (4, b"ftyp"), "matroska": (0, b"\x1a\x45\xdf\xa3")}
"""FFmpeg's name of each reader, and which bytes stand where in its files; `mov` is also mp4's, `matroska` WebM's."""

_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a file shows.

    Attributes:
        file: The file.
        evidence: For the mark, of the stretch that shows it best; its trials are those of all stretches.
        stretches: How many stretches of ten seconds were looked at; 0 for a picture.
        marked_stretches: How many of them have the mark.
        states: Whether the metadata says that it is AI-generated.
    """

    file: Path
    evidence: Evidence
    stretches: int
    marked_stretches: int
    states: bool

    @property
    def marked(self) -> bool:
        """Whether the mark is in the pictures; metadata alone, which anybody can write, does not count."""
        return self.evidence.found

    def __str__(self) -> str:
        """In plain words."""
        agree = f"They agree with its key at {self.evidence.z:.1f} deviations"
        if self.marked:
            head = f"marked: {self.file} was made by puppet"
            where = " (mirrored)" if self.evidence.mirrored else ""
            if self.stretches:
                where += f", in {self.marked_stretches} of {self.stretches} stretches of ten seconds"
            odds = f"of pictures without it, at most one in 10^{self.evidence.digits} would"
            mark = f"The mark is in its pictures{where}. {agree}; {odds}."
        else:
            head = f"not found: nothing shows that {self.file} was made by puppet, which does not prove the contrary"
            mark = f"The mark is not in its pictures. {agree}, and {self.evidence.needed:.1f} would be needed."
        said = "says that it is AI-generated" if self.states else "does not say that it is AI-generated"
        return f"{head}\n{mark}\nIts metadata {said}."

    def to_json(self) -> str:
        """As JSON text."""
        values = asdict(self) | {"marked": self.marked}
        values["evidence"] |= {"needed": self.evidence.needed, "digits": self.evidence.digits}
        return json.dumps(values, indent=1, default=str)


def verify(path: Path) -> Verdict:
    """Look at a file.

    Args:
        path: A picture (PNG, JPEG, WebP), a GIF, or a video (mp4, mov, mkv, WebM).

    Raises:
        VerifyError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise VerifyError(f"{path} cannot be read ({error.strerror}); check the path") from error
    for reader, (start, magic) in _READERS.items():
        if head[start:].startswith(magic):
            return _verify_video(path, reader)
    if not head.startswith(_PICTURES):
        raise VerifyError(
            f"{path} is neither a picture (PNG, JPEG, WebP, GIF) nor a video (mp4, mov, mkv, WebM) that can be read"
        )
    try:
        return _verify_picture(path)
    except PictureError as error:
        raise VerifyError(str(error)) from error


def _verify_picture(path: Path) -> Verdict:
    with opened_still(read_content(path), path) as picture:
        rgb = upright(picture)
        said = states([_text(value) for value in picture.info.values()])  # a PNG's may stand behind its pixels
    evidence = look(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32))
    return Verdict(path, evidence, 0, 0, said)


def _verify_video(path: Path, reader: str) -> Verdict:
    try:
        with open_video(path, reader) as container:
            stream = next(iter(container.streams.video), None)
            if stream is None or stream.codec_context is None:
                raise VerifyError(f"{path} has no pictures that can be decoded; give another video")
            if stream.width * stream.height > MOST_PX:
                raise VerifyError(f"{path} has pictures of {stream.width} x {stream.height} pixels; reduce them first")
            stream.thread_type = "AUTO"
            found = [look(luma) for luma, _ in zip(_stretches(container), range(MOST_STRETCHES), strict=False)]
            said = states(list(container.metadata.values()))
    except (av.FFmpegError, OSError) as error:
        raise VerifyError(f"{path} is damaged and cannot be read ({error.strerror}); take another copy") from error
    if not found:
        raise VerifyError(f"{path} has no pictures that can be decoded; give another video")
    best = max(found, key=lambda evidence: evidence.z)
    best = replace(best, trials=sum(evidence.trials for evidence in found))
    return Verdict(path, best, len(found), sum(evidence.found for evidence in found), said)


def _stretches(container: av.container.InputContainer) -> Iterator[Float32[np.ndarray, "height width"]]:
    """The average picture of each stretch."""
    begin_s = next_s = 0.0
    total: Float32[np.ndarray, "height width"] | None = None
    count = 0
    for frame in container.decode(video=0):
        time_s = float(frame.time or 0.0)
        if total is None:
            total = np.zeros((frame.height, frame.width), np.float32)
            begin_s = next_s = time_s
        if count and not 0.0 <= time_s - begin_s < STRETCH_S:
            yield total / count
            total.fill(0.0)
            count, begin_s, next_s = 0, time_s, time_s
        if time_s >= next_s:
            grey = frame.reformat(total.shape[1], total.shape[0], "gray", dst_color_range="JPEG")
            cv2.accumulate(grey.to_ndarray(), total)
            count, next_s = count + 1, time_s + STEP_S
    if total is not None:
        yield total / count


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
