"""What facial editing leaves: a picture, a sheet of directions, or a GIF or video in which they move."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from puppet.editing import Editor, Still
from puppet.errors import PictureError
from puppet.opacity import Straightener
from puppet.partial import write_whole
from puppet.provenance import STATEMENT, png_statement
from puppet.sinks import VideoSink
from puppet.values import Moment, Picture
from puppet.watermark import Watermark

STEPS = 7
"""Pictures in a row of the sheet."""

RATE = Fraction(20)
FRAMES = 40
"""Pictures a second of a GIF or video, and of one direction in it."""

MARGIN_PX, HEAD_PX = 8, 26
"""Around the pictures of a sheet, and above each row for its words."""

PALETTE_PX = 64
"""Side of the pictures that the colours of a GIF are taken from."""

PAPER_RGB, INK_RGB = (250, 250, 250), (40, 44, 52)


def write_edit(editor: Editor, directions: Sequence[str], path: Path) -> None:
    """Paint and write what the path's ending and the directions ask for; the file appears when it is complete.

    Args:
        editor: Its pose is the picture, and where directions start.
        directions: None of them: the picture alone.
        path: Ends in .png for a picture, or a sheet where there are directions; else in .gif, .mp4 or .mov.

    Raises:
        EngineRunError: The engine failed.
        PictureError: The file cannot be written.
        SinkError: The video cannot be written.
    """
    kind = path.suffix.lower()
    if kind == ".png":
        _write(path, _png(draw_sheet(editor, directions) if directions else editor.paint(editor.p)))
    elif kind == ".gif":
        _write(path, _gif(_frames(editor, directions), _palette(editor, directions)))
    else:
        _write_video(path, _frames(editor, directions))


def draw_sheet(editor: Editor, directions: Sequence[str]) -> UInt8[np.ndarray, "height width channels"]:
    """A row for each direction, from its lowest value to its highest; RGB, or RGBA over grey, as the editor's pictures.

    The paper around the pictures is opaque.
    """
    rows = [list(editor.along(name, editor.span(name, STEPS))) for name in directions]
    height, width, channels = rows[0][0].rgb.shape
    pitch = height + HEAD_PX
    size = STEPS * (width + MARGIN_PX) + MARGIN_PX, len(rows) * (pitch + MARGIN_PX) + MARGIN_PX
    sheet = Image.new("RGB", size, PAPER_RGB)
    if channels == 4:
        sheet.putalpha(255)
    draw = ImageDraw.Draw(sheet)
    for i, row in enumerate(rows):
        top = MARGIN_PX + i * (pitch + MARGIN_PX)
        for j, still in enumerate(row):
            left = MARGIN_PX + j * (width + MARGIN_PX)
            value = f"{still.value:+.3g}" if still.value else "0"
            words = f"{still.direction}  {value}" if j == 0 else value
            draw.text((left, top + 4), words, INK_RGB, ImageFont.load_default(14))
            sheet.paste(Image.fromarray(still.rgb), (left, top + HEAD_PX))
    marked = np.array(sheet)
    Watermark(marked).put(marked)
    return marked


def _frames(editor: Editor, directions: Sequence[str]) -> Iterator[Image.Image]:
    """Each direction there and back, with its name."""
    for name in directions:
        for still in editor.along(name, editor.there_and_back(name, FRAMES)):
            yield _captioned(still)


def _captioned(still: Still) -> Image.Image:
    picture = Image.fromarray(still.rgb)
    size_px = max(10.0, 0.045 * picture.height)
    font, margin = ImageFont.load_default(size_px), 0.6 * size_px
    draw = ImageDraw.Draw(picture)
    where = (margin, picture.height - margin)
    draw.text(where, still.direction, PAPER_RGB, font, anchor="ls", stroke_width=2, stroke_fill=INK_RGB)
    return picture


def _png(rgb: UInt8[np.ndarray, "height width channels"]) -> bytes:
    content = io.BytesIO()
    if rgb.shape[2] == 4:
        Straightener((rgb.shape[1], rgb.shape[0])).straighten(rgb, out=rgb)
    Image.fromarray(rgb).save(content, "PNG", pnginfo=png_statement())
    return content.getvalue()


def _palette(editor: Editor, directions: Sequence[str]) -> Image.Image:
    """The colours of all directions' ends: with a palette for each picture colours would flicker."""
    stills = [_captioned(still) for name in directions for still in editor.along(name, editor.span(name, 3))]
    strip = Image.new("RGB", (PALETTE_PX * len(stills), PALETTE_PX))
    for i, still in enumerate(stills):
        strip.paste(still.resize((PALETTE_PX, PALETTE_PX)), (i * PALETTE_PX, 0))
    return strip.quantize(method=Image.Quantize.MAXCOVERAGE)  # irises are small, and have a colour of their own


def _gif(frames: Iterator[Image.Image], palette: Image.Image) -> bytes:
    content = io.BytesIO()
    first, *rest = (frame.quantize(palette=palette) for frame in frames)
    duration_ms = int(1000 / RATE)
    first.save(
        content, "GIF", save_all=True, append_images=rest, duration=duration_ms, loop=0, comment=STATEMENT.encode()
    )
    return content.getvalue()


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise PictureError(f"{path} cannot be written ({error.strerror}); check the folder and the space") from error


def _write_video(path: Path, frames: Iterator[Image.Image]) -> None:
    sink = VideoSink(path)
    try:
        for i, frame in enumerate(frames):
            if i == 0:
                sink.open(frame.size, RATE)
            time_s = float(i / RATE)
            pixels = np.asarray(frame.convert("RGBA" if sink.carries_transparency else "RGB"))
            sink.send(Picture(pixels, Moment(i, time_s, time_s)))
        sink.close()
    finally:
        sink.abort()
