"""The gallery's cards, made from what is shipped and what is stored."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from puppet.avatar import Avatar, remove_avatar
from puppet.errors import PictureError
from puppet.gallery import USUAL, Entry, characters, enrolled
from puppet.settings import Look
from puppet.stills import read_still
from ui.session import AvatarCard

LOG = logging.getLogger(f"puppet.{__name__}")

STILL_PX = 256
"""Sides of a card's picture: enough for a thumbnail on every screen."""

NAMELESS = "Portrait"


def key_of(portrait_sha256: str, look: Look) -> str:
    """What names an avatar towards the window."""
    return f"{portrait_sha256} {look}"


def named_by(key: str) -> tuple[str, Look]:
    """The portrait's hash and the look that a key names."""
    portrait_sha256, _, look = key.partition(" ")
    return portrait_sha256, "photo" if look == "photo" else "avatar"


class Shelf:
    """Knows which card stands for which portrait."""

    def __init__(self, avatars: Path) -> None:
        """Look at nothing yet.

        Args:
            avatars: The folder where avatars are stored.
        """
        self._avatars = avatars
        self._shipped = {key_of(entry.portrait_sha256, entry.look): entry for entry in characters()}

    @property
    def usual(self) -> str:
        """The key of the character of a first start."""
        return next(key for key, entry in self._shipped.items() if entry.picture == USUAL)

    def cards(self) -> list[AvatarCard]:
        """All portraits, the shipped ones first; without those whose picture is damaged."""
        entries = [*self._shipped.values(), *enrolled(self._avatars)]
        return [card for card in map(_card, entries) if card is not None]

    def shipped(self, key: str) -> Path | None:
        """The picture of a shipped character, or None."""
        entry = self._shipped.get(key)
        return None if entry is None else entry.picture

    def card(self, avatar: Avatar) -> AvatarCard:
        """The card of an avatar that has just been enrolled."""
        key = key_of(avatar.portrait_sha256, avatar.look)
        shipped = self._shipped.get(key)
        if shipped is not None:
            return AvatarCard(key, shipped.name, _small(avatar.crop), own=False)
        name, alike = _title(avatar.name, avatar.look), str(avatar.likeness or "")
        return AvatarCard(key, name, _small(avatar.preview), own=True, likeness=alike, look=avatar.look)

    def remove(self, key: str) -> None:
        """Delete what is stored of a portrait in one look.

        Raises:
            AvatarError: It cannot be deleted.
        """
        remove_avatar(self._avatars, *named_by(key))


def _card(entry: Entry) -> AvatarCard | None:
    try:
        still = _small(read_still(entry.picture))
    except PictureError as error:
        LOG.warning("%s", error)
        return None
    key, name = key_of(entry.portrait_sha256, entry.look), _title(entry.name, entry.look)
    return AvatarCard(key, name, still, entry.own, likeness=str(entry.likeness or ""), look=entry.look)


def _title(name: str, look: Look) -> str:
    """What is under the picture: both looks of one portrait can be there."""
    return (name or NAMELESS) + (" (photo)" if look == "photo" else "")


def _small(rgb: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "side side 3"]:
    """The middle square, reduced."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = rgb[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (STILL_PX, STILL_PX), interpolation=cv2.INTER_AREA))
