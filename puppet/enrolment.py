"""Portrait file -> Avatar: read, find the face, align, encode; or load what was enrolled before.

The encoder gives the pose-free code c = w_s − A p̃_s of an aligned crop; the pose graph gives p_s.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from engines.base import Engine
from puppet.alignment import align, resize
from puppet.avatar import Avatar, load_avatar, save_avatar, stored_crops
from puppet.bundle import Bundle
from puppet.errors import AvatarError, PictureError, PortraitError
from puppet.pose import PoseReader
from puppet.stills import decode_still, read_content, read_still
from puppet.tracker import PortraitTracker

LEAST_FACE_PX = 64
"""A face less high than this shows too little."""

CROP_PX = 512
"""Sides of the stored crop."""

_log = logging.getLogger(__name__)


class Enrolment:
    """Enrols portraits with one bundle."""

    def __init__(self, bundle: Bundle, reader: PoseReader, open_encoder: Callable[[], Engine], folder: Path) -> None:
        """Compose the parts.

        Args:
            bundle: The model.
            reader: Reads p_s and the alignment square.
            open_encoder: Opens the bundle's encoder; called only for a portrait that is new.
            folder: Where avatars are stored.
        """
        self._bundle = bundle
        self._reader = reader
        self._open_encoder = open_encoder
        self._folder = folder

    def avatar_of(self, portrait: Path) -> Avatar:
        """The avatar of a portrait: loaded if it was enrolled before, else enrolled and stored.

        A damaged avatar is made again.

        Raises:
            PictureError: The portrait cannot be read.
            PortraitError: It shows no face, or one that is too small.
            AvatarError: The avatar cannot be stored.
            EngineError: An engine failed.
        """
        content = read_content(portrait)
        sha256 = hashlib.sha256(content).hexdigest()
        avatar = self._loaded(sha256)
        if avatar is None:
            avatar = replace(self._enrol(decode_still(content, portrait), portrait, sha256), name=portrait.stem)
            save_avatar(avatar, self._folder)
        return avatar

    def stored(self, portrait_sha256: str) -> Avatar | None:
        """The avatar of a portrait that was enrolled before, without the portrait's file; None when nothing is left.

        A damaged avatar, or one of another bundle, is made again from its crop.

        Raises:
            AvatarError: The avatar that was made again cannot be stored.
            EngineError: An engine failed.
        """
        avatar = self._loaded(portrait_sha256)
        for crop in () if avatar is not None else stored_crops(self._folder, portrait_sha256):
            try:
                avatar = self._enrol(read_still(crop), crop, portrait_sha256)
            except PictureError as error:
                _log.warning("%s", error)
                continue
            save_avatar(avatar, self._folder)
            return avatar
        return avatar

    def _loaded(self, sha256: str) -> Avatar | None:
        try:
            return load_avatar(self._folder, sha256, self._bundle)
        except AvatarError as error:
            _log.warning("%s", error)
            return None

    def _enrol(self, rgb: UInt8[np.ndarray, "height width 3"], portrait: Path, sha256: str) -> Avatar:
        with closing(PortraitTracker()) as tracker:
            face = tracker.find(rgb)
        if face is None:
            raise PortraitError(f"{portrait} shows no face; choose a portrait that shows one from the front")
        if face.height_px < LEAST_FACE_PX:
            raise PortraitError(
                f"the face in {portrait} is {face.height_px:.0f} pixels high and should have {LEAST_FACE_PX}; "
                "choose a larger picture"
            )
        reading = self._reader.read(face)
        crop = align(rgb, reading.square, CROP_PX)
        return Avatar(self._encode(crop), reading.p, crop, sha256, self._bundle.sha256)

    def _encode(self, crop: UInt8[np.ndarray, "side side 3"]) -> Float32[np.ndarray, "num_ws w_dim"]:
        with closing(self._open_encoder()) as encoder:
            small = resize(crop, self._bundle.resolution)
            code: Float32[np.ndarray, "num_ws w_dim"] = encoder.run({"picture": small[None]})["c"][0].copy()
        return code
