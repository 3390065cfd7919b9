"""An enrolled source: everything computed once from a portrait, and its folder on disk.

    KEY/avatar.safetensors        code [num_ws, w_dim], p_s [pose_dim]; name, look, tuning, likeness; hashes of
                                  portrait, bundle and everything below; written last
    KEY/crop.png                  the aligned crop, so that another bundle can enrol it again
    KEY/preview.png               the avatar at rest
    KEY/surroundings.png          what is around the person in the portrait; see puppet.surroundings. Avatars of earlier
                                  versions have none
    KEY/difference.safetensors.z  look `photo` only: the tuned weights; see puppet.weights_difference
    KEY/detail.safetensors        look `photo` only: what they do not paint; see puppet.detail. Avatars of earlier
                                  versions have none

KEY is made from the hashes of portrait and bundle and from the look, so a changed portrait or bundle is another avatar.
Crop and surroundings show a person: all files are readable by their owner only.
"""

from __future__ import annotations

import hashlib
import io
import math
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from puppet.bundle import GENERATOR, SYNTHESIS, TUNINGS, Bundle, TuningKind
from puppet.detail import Detail, decode_detail, encode_detail
from puppet.errors import AvatarError, PictureError
from puppet.likeness import Likeness
from puppet.partial import write_whole
from puppet.settings import Look
from puppet.stills import decode_still, read_content
from puppet.surroundings import Surroundings, decode_surroundings, encode_surroundings
from puppet.weights_difference import restored

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700

NAME_DIGITS = 20
"""Of each hash, as many digits are in the folder's name."""

LONGEST = 200
"""Characters of a name."""

AVATAR, CROP, PREVIEW = "avatar.safetensors", "crop.png", "preview.png"
SURROUNDINGS, DIFFERENCE, DETAIL = "surroundings.png", "difference.safetensors.z", "detail.safetensors"
FORMER = (GENERATOR, SYNTHESIS)
"""Files that earlier versions kept of a tuned generator."""


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """A generator of an avatar's own.

    Attributes:
        difference: Of its weights to the bundle's; see puppet.weights_difference.
        sha256: Hash of the difference.
        tuning: How they were tuned.
    """

    difference: bytes
    sha256: str
    tuning: TuningKind = "views"

    def weights(self, bundle: Bundle) -> bytes:
        """What the bundle's synthesis graph takes instead of the bundle's generator.

        Raises:
            AvatarError: They are damaged, or the bundle's file is gone.
        """
        return restored(bundle.generator_path, self.difference)


@dataclass(frozen=True, slots=True, eq=False)
class Avatar:
    """An enrolled source.

    Attributes:
        code: c = w_s − A p̃_s, the pose-free code.
        p_s: The portrait's own pose, in the units of the bundle's pose space.
        crop: The aligned crop of the portrait.
        preview: The avatar at rest, over the portrait's border colour.
        portrait_sha256: Hash of the portrait's file.
        bundle_sha256: Hash of the bundle that it was enrolled with.
        name: What the user knows it by; may be empty.
        tuned: The generator of its own that paints it in the look `photo`; None: the bundle's.
        likeness: How alike preview and portrait are; None where the bundle cannot say.
        surroundings: What is around the person in the portrait; None where an earlier version enrolled it.
        detail: What the portrait has and its own generator does not paint; None where there is none.
    """

    code: Float32[np.ndarray, "num_ws w_dim"]
    p_s: Float32[np.ndarray, "pose_dim"]
    crop: UInt8[np.ndarray, "side side 3"]
    preview: UInt8[np.ndarray, "r r 3"]
    portrait_sha256: str
    bundle_sha256: str
    name: str = ""
    tuned: Tuned | None = None
    likeness: Likeness | None = None
    surroundings: Surroundings | None = None
    detail: Detail | None = None

    @property
    def look(self) -> Look:
        """How the portrait became an avatar."""
        return "avatar" if self.tuned is None else "photo"


def save_avatar(avatar: Avatar, folder: Path) -> None:
    """Store an avatar; an older one of the same portrait, bundle and look is replaced.

    Args:
        avatar: What is stored.
        folder: Where avatars are stored.

    Raises:
        AvatarError: The folder cannot be written.
    """
    path = avatar_path(folder, avatar)
    try:
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        (path / AVATAR).unlink(missing_ok=True)
        files = {CROP: _png(avatar.crop), PREVIEW: _png(avatar.preview)}
        if avatar.surroundings is not None:
            files[SURROUNDINGS] = encode_surroundings(avatar.surroundings)
        if avatar.tuned is not None:
            files[DIFFERENCE] = avatar.tuned.difference
        if avatar.detail is not None:
            files[DETAIL] = encode_detail(avatar.detail)
        for name in FORMER:
            (path / name).unlink(missing_ok=True)
        for name, content in files.items():
            write_whole(path / name, content, PRIVATE)
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        write_whole(path / AVATAR, _tensors(avatar, hashes), PRIVATE)
    except OSError as error:
        raise AvatarError(f"the avatar cannot be stored in {folder} ({error.strerror}); try --data-dir") from error


def load_avatar(folder: Path, portrait_sha256: str, bundle: Bundle, look: Look) -> Avatar | None:
    """The stored avatar of a portrait, or None when this bundle has not enrolled it in this look yet.

    Raises:
        AvatarError: It is damaged, or tuned by an earlier version.
    """
    path = _path(folder, portrait_sha256, bundle.sha256, look)
    if not (path / AVATAR).exists():
        return None
    try:
        with safe_open(path / AVATAR, framework="np") as file:
            known = file.metadata() or {}
            code = _numbers(file, "code", (bundle.num_ws, bundle.w_dim))
            p_s = _numbers(file, "p_s", (bundle.pose_space.dim,))
        if look == "photo" and GENERATOR in known:
            raise AvatarError(f"the avatar {path} is from an earlier version of puppet; enrol its portrait again")
        names = (CROP, PREVIEW, *((DIFFERENCE,) if look == "photo" else ()), *({SURROUNDINGS, DETAIL} & known.keys()))
        files = {name: read_content(path / name) for name in names}
        crop, preview = (decode_still(files[name], path / name) for name in (CROP, PREVIEW))
        found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        around = decode_surroundings(files[SURROUNDINGS], path / SURROUNDINGS) if SURROUNDINGS in files else None
    except (SafetensorError, OSError, ValueError, PictureError) as error:
        raise AvatarError(f"the avatar {path} is damaged ({error}); enrol its portrait again") from error
    wanted = {name: known.get(name) for name in names}
    if found != wanted or known.get("tensors_sha256") != _sha256(code, p_s):
        raise AvatarError(f"the avatar {path} is damaged: its hashes do not fit; enrol its portrait again")
    tuning: TuningKind = next((each for each in TUNINGS if each == known.get("tuning")), "views")
    detail = decode_detail(files[DETAIL], bundle.pose_space.dim) if DETAIL in files else None
    tuned = Tuned(files[DIFFERENCE], found[DIFFERENCE], tuning) if look == "photo" else None
    name, likeness = read_name(known), read_likeness(known)
    return Avatar(code, p_s, crop, preview, portrait_sha256, bundle.sha256, name, tuned, likeness, around, detail)


def avatar_path(folder: Path, avatar: Avatar) -> Path:
    """Where an avatar is stored: a folder in that of all avatars."""
    return _path(folder, avatar.portrait_sha256, avatar.bundle_sha256, avatar.look)


def stored_crops(folder: Path, portrait_sha256: str) -> list[Path]:
    """The aligned crops of a portrait, whichever bundle enrolled it; the newest first."""
    crops = folder.glob(f"{portrait_sha256[:NAME_DIGITS]}-*/{CROP}")
    return sorted(crops, key=lambda path: path.stat().st_mtime, reverse=True)


def stored_surroundings(crop: Path) -> Surroundings | None:
    """What is around a stored crop; None where it is lost, or was never cut out."""
    path = crop.with_name(SURROUNDINGS)
    with suppress(PictureError):
        return decode_surroundings(read_content(path), path)
    return None


def stored_name(folder: Path, portrait_sha256: str) -> str:
    """What the user knows a stored portrait by; empty where nothing says it."""
    for path in folder.glob(f"{portrait_sha256[:NAME_DIGITS]}-*/{AVATAR}"):
        with suppress(SafetensorError, OSError), safe_open(path, framework="np") as file:
            if name := read_name(file.metadata() or {}):
                return name
    return ""


def remove_avatar(folder: Path, portrait_sha256: str, look: Look) -> None:
    """Delete one look of a portrait, whichever bundles enrolled it; nothing happens where there is none.

    Args:
        folder: Where avatars are stored.
        portrait_sha256: Hash of the portrait's file.
        look: The other look stays.

    Raises:
        AvatarError: Something of it is still there.
    """
    begins, ends = f"{portrait_sha256[:NAME_DIGITS]}-", f"-{look}"
    try:
        names = [path.name for path in folder.iterdir()] if folder.exists() else []
        for name in names:
            if name.startswith(begins) and name.endswith(ends):
                shutil.rmtree(folder / name)
    except OSError as error:
        raise AvatarError(f"the avatar cannot be deleted in {folder} ({error.strerror}); delete it there") from error


def read_name(metadata: Mapping[str, str]) -> str:
    """The name in an avatar's metadata, as it can be shown; may be empty."""
    return "".join(letter for letter in metadata.get("name", "")[:LONGEST] if letter.isprintable())


def read_likeness(metadata: Mapping[str, str]) -> Likeness | None:
    """The likeness in an avatar's metadata; None where there is none."""
    try:
        likeness = Likeness(float(metadata["similarity"]), float(metadata["strangers"]))
    except (KeyError, ValueError):
        return None
    return likeness if math.isfinite(likeness.similarity) and math.isfinite(likeness.strangers) else None


def _tensors(avatar: Avatar, hashes: Mapping[str, str]) -> bytes:
    """The content of `avatar.safetensors`."""
    metadata = {
        "name": avatar.name,
        "look": avatar.look,
        "portrait_sha256": avatar.portrait_sha256,
        "bundle_sha256": avatar.bundle_sha256,
        "tensors_sha256": _sha256(avatar.code, avatar.p_s),
        **hashes,
    }
    if avatar.tuned is not None:
        metadata["tuning"] = avatar.tuned.tuning
    if avatar.likeness is not None:
        metadata["similarity"] = f"{avatar.likeness.similarity:.4f}"
        metadata["strangers"] = f"{avatar.likeness.strangers:.4f}"
    tensors = {"code": np.ascontiguousarray(avatar.code), "p_s": np.ascontiguousarray(avatar.p_s)}
    content: bytes = save(tensors, metadata)
    return content


def _numbers(file: Any, name: str, shape: tuple[int, ...]) -> Float32[np.ndarray, "..."]:  # noqa: ANN401 (safe_open)
    """A tensor that is as large as it should be, before it is read."""
    part = file.get_slice(name)
    if part.get_dtype() != "F32" or tuple(part.get_shape()) != shape:
        raise ValueError(f"{name} should hold {list(shape)} numbers in float32")
    tensor: Float32[np.ndarray, "..."] = file.get_tensor(name)
    if not np.isfinite(tensor).all():
        raise ValueError(f"{name} holds what is no number")
    return tensor


def _png(rgb: UInt8[np.ndarray, "side side 3"]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, "PNG")
    return content.getvalue()


def _path(folder: Path, portrait_sha256: str, bundle_sha256: str, look: Look) -> Path:
    return folder / f"{portrait_sha256[:NAME_DIGITS]}-{bundle_sha256[:NAME_DIGITS]}-{look}"


def _sha256(code: np.ndarray, p_s: np.ndarray) -> str:
    return hashlib.sha256(code.astype("<f4").tobytes() + p_s.astype("<f4").tobytes()).hexdigest()
