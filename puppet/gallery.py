"""The portraits that are there already: the characters that are shipped, and what the user has enrolled."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from puppet.avatar import AVATAR, PREVIEW, read_likeness, read_name
from puppet.likeness import Likeness
from puppet.settings import Look
from puppet.sha256 import is_sha256

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
        picture: The shipped portrait, or the user's own avatar at rest.
        own: Enrolled by the user.
        look: How the portrait became an avatar.
        likeness: How alike the avatar is, where that is known.
    """

    portrait_sha256: str
    name: str
    picture: Path
    own: bool
    look: Look = "avatar"
    likeness: Likeness | None = None


def characters() -> list[Entry]:
    """The shipped characters, by name."""
    paths = sorted(CHARACTERS.glob("*.png"))
    return [
        Entry(hashlib.sha256(path.read_bytes()).hexdigest(), path.stem.capitalize(), path, own=False) for path in paths
    ]


def enrolled(avatars: Path) -> list[Entry]:
    """The user's own portraits, the oldest first, whichever bundle enrolled them; each look of one counts.

    Args:
        avatars: The folder where avatars are stored; it may not exist yet.
    """
    shipped = {entry.portrait_sha256 for entry in characters()}
    found: dict[tuple[str, Look], Entry] = {}
    for path in sorted(avatars.glob(f"[!.]*/{AVATAR}"), key=lambda path: path.stat().st_mtime):
        entry = _entry(path)
        if entry is None or (entry.look == "avatar" and entry.portrait_sha256 in shipped):
            continue
        key = entry.portrait_sha256, entry.look
        before = found.get(key)
        found[key] = entry if before is None or entry.name else before
    return list(found.values())


def _entry(path: Path) -> Entry | None:
    preview = path.with_name(PREVIEW)
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        _log.warning("%s cannot be read (%s)", path, error)
        return None
    sha256, name = metadata.get("portrait_sha256", ""), read_name(metadata)
    if not is_sha256(sha256) or not preview.is_file():  # the hash becomes part of paths
        return None
    look: Look = "photo" if metadata.get("look") == "photo" else "avatar"
    return Entry(sha256, name, preview, own=True, look=look, likeness=read_likeness(metadata))
