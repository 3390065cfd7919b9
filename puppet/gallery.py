"""The portraits that are there already: the characters that are shipped, and what the user has enrolled."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

_log = logging.getLogger(__name__)

CHARACTERS = Path(__file__).parent / "characters"
"""One picture for each character that is shipped."""

USUAL = CHARACTERS / "juno.png"
"""The character of a first start."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A portrait.

    Attributes:
        portrait_sha256: Hash of the portrait's file.
        name: What the user reads.
        picture: The shipped portrait, or the stored crop of the user's own.
        own: Enrolled by the user.
    """

    portrait_sha256: str
    name: str
    picture: Path
    own: bool


def characters() -> list[Entry]:
    """The shipped characters, by name."""
    paths = sorted(CHARACTERS.glob("*.png"))
    return [
        Entry(hashlib.sha256(path.read_bytes()).hexdigest(), path.stem.capitalize(), path, own=False) for path in paths
    ]


def enrolled(avatars: Path) -> list[Entry]:
    """The user's own portraits, the oldest first, whichever bundle enrolled them.

    Args:
        avatars: The folder where avatars are stored; it may not exist yet.
    """
    shipped = {entry.portrait_sha256 for entry in characters()}
    found: dict[str, Entry] = {}
    for path in sorted(avatars.glob("*.safetensors"), key=lambda path: path.stat().st_mtime):
        entry = _entry(path)
        if entry is None or entry.portrait_sha256 in shipped:
            continue
        before = found.get(entry.portrait_sha256)
        found[entry.portrait_sha256] = entry if before is None or entry.name else before
    return list(found.values())


def _entry(path: Path) -> Entry | None:
    crop = path.with_suffix(".png")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        _log.warning("%s cannot be read (%s)", path, error)
        return None
    sha256 = metadata.get("portrait_sha256", "")
    return Entry(sha256, metadata.get("name", ""), crop, own=True) if sha256 and crop.is_file() else None
