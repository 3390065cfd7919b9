"""Picture files -> RGB arrays: PNG, JPEG and WebP, upright, without transparency, of a bounded size."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from puppet.errors import PictureError

FORMATS = ("PNG", "JPEG", "WEBP")

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
"""Of their files' names."""

LONGEST_PX = 2560
"""Larger pictures are reduced: a face never needs more."""

GREY = 128
"""What shows through transparent places."""

LARGEST_BYTES = 256 << 20

_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
"""What Pillow raises for a file that it cannot decode."""

_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def read_still(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Read a picture file; see `decode_still`.

    Raises:
        PictureError: The file is missing, not a PNG, JPEG or WebP, damaged, or too large.
    """
    return decode_still(read_content(path), path)


def read_content(path: Path) -> bytes:
    """The bytes of a picture file.

    Raises:
        PictureError: The file is missing, cannot be read, or is too large.
    """
    if not path.is_file():
        raise PictureError(f"there is no picture at {path}; check the path")
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise PictureError(f"{path} is larger than {LARGEST_BYTES >> 20} MiB; reduce it first")
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path} cannot be read ({error.strerror})") from error


def decode_still(content: bytes, path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Decode a picture: turned upright as its EXIF data says, composited over grey where it is transparent.

    Args:
        content: The bytes of the file.
        path: The file's name for error messages.

    Raises:
        PictureError: It is not a PNG, JPEG or WebP, damaged, or has too many pixels.
    """
    with opened_still(content, path) as still:
        return upright(still)


@contextmanager
def opened_still(content: bytes, path: Path, formats: Sequence[str] = FORMATS) -> Iterator[Image.Image]:
    """A picture file in Pillow; whatever Pillow raises while it is read becomes one sentence.

    Args:
        content: The bytes of the file.
        path: The file's name for error messages.
        formats: Pillow's names of what it may be.

    Raises:
        PictureError: It is none of the formats, damaged, or has too many pixels.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=formats) as still:
                yield still
        except _TOO_LARGE as error:
            raise PictureError(f"{path} has more than {Image.MAX_IMAGE_PIXELS} pixels; reduce it first") from error
        except Image.UnidentifiedImageError as error:
            kinds = "PNG, JPEG or WebP" if len(formats) > 1 else formats[0]
            raise PictureError(f"{path} is not a {kinds} picture") from error
        except _DAMAGED as error:
            raise PictureError(f"{path} is damaged and cannot be read ({error}); take another copy of it") from error


def upright(still: Image.Image) -> UInt8[np.ndarray, "height width 3"]:
    """The pixels of an opened picture; see `decode_still`."""
    still.draft("RGB", (LONGEST_PX, LONGEST_PX))
    turned = ImageOps.exif_transpose(still)
    if turned.mode.startswith("I"):
        turned = turned.point(lambda value: value / 256).convert("L")
    turned.thumbnail((LONGEST_PX, LONGEST_PX))
    rgba = turned.convert("RGBA")
    over = Image.new("RGBA", rgba.size, (GREY, GREY, GREY, 255))
    over.alpha_composite(rgba)
    return np.array(over.convert("RGB"))
