"""An enrolled source: everything computed once from a portrait, and its file on disk.

    KEY.safetensors   code [num_ws, w_dim], p_s [pose_dim]; a name; hashes of portrait, bundle, crop and tensors
    KEY.png           the aligned crop, so that another bundle can enrol it again

KEY is made from the hashes of portrait and bundle, so a changed portrait or bundle is another avatar. The crop shows a
person: both files are readable by their owner only.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from puppet.bundle import Bundle
from puppet.errors import AvatarError, PictureError
from puppet.partial import write_whole
from puppet.stills import read_still

PRIVATE = 0o600

NAME_DIGITS = 20
"""Of each hash, as many digits are in the file's name."""


@dataclass(frozen=True, slots=True, eq=False)
class Avatar:
    """An enrolled source.

    Attributes:
        code: c = w_s − A p̃_s, the pose-free code.
        p_s: The portrait's own pose, in the units of the bundle's pose space.
        crop: The aligned crop of the portrait.
        portrait_sha256: Hash of the portrait's file.
        bundle_sha256: Hash of the bundle that it was enrolled with.
        name: What the user knows it by; may be empty.
    """

    code: Float32[np.ndarray, "num_ws w_dim"]
    p_s: Float32[np.ndarray, "pose_dim"]
    crop: UInt8[np.ndarray, "side side 3"]
    portrait_sha256: str
    bundle_sha256: str
    name: str = ""


def save_avatar(avatar: Avatar, folder: Path) -> None:
    """Store an avatar; an older one of the same portrait and bundle is replaced.

    Raises:
        AvatarError: The folder cannot be written.
    """
    crop = io.BytesIO()
    Image.fromarray(avatar.crop).save(crop, "PNG")
    tensors = {"code": np.ascontiguousarray(avatar.code), "p_s": np.ascontiguousarray(avatar.p_s)}
    metadata = {
        "name": avatar.name,
        "portrait_sha256": avatar.portrait_sha256,
        "bundle_sha256": avatar.bundle_sha256,
        "crop_sha256": hashlib.sha256(crop.getvalue()).hexdigest(),
        "tensors_sha256": _tensors_sha256(avatar.code, avatar.p_s),
    }
    path = avatar_path(folder, avatar)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path.with_suffix(".png"), crop.getvalue(), PRIVATE)
        write_whole(path, save(tensors, metadata), PRIVATE)
    except OSError as error:
        raise AvatarError(f"the avatar cannot be stored in {folder} ({error.strerror}); try --data-dir") from error


def load_avatar(folder: Path, portrait_sha256: str, bundle: Bundle) -> Avatar | None:
    """The stored avatar of a portrait, or None when this bundle has not enrolled it yet.

    Raises:
        AvatarError: It is damaged.
    """
    path = _path(folder, portrait_sha256, bundle.sha256)
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="np") as file:
            hashes = file.metadata() or {}
            code, p_s = file.get_tensor("code"), file.get_tensor("p_s")
        crop_sha256 = hashlib.sha256(path.with_suffix(".png").read_bytes()).hexdigest()
        crop = read_still(path.with_suffix(".png"))
    except (SafetensorError, OSError, PictureError) as error:
        raise AvatarError(f"the avatar {path} is damaged ({error}); enrol its portrait again") from error
    shapes = (bundle.num_ws, bundle.w_dim), (bundle.pose_space.dim,)
    found = (hashes.get("tensors_sha256"), hashes.get("crop_sha256"))
    if (code.shape, p_s.shape) != shapes or found != (_tensors_sha256(code, p_s), crop_sha256):
        raise AvatarError(f"the avatar {path} is damaged: its hashes do not fit; enrol its portrait again")
    return Avatar(code, p_s, crop, portrait_sha256, bundle.sha256, hashes.get("name", ""))


def avatar_path(folder: Path, avatar: Avatar) -> Path:
    """Where an avatar is stored."""
    return _path(folder, avatar.portrait_sha256, avatar.bundle_sha256)


def stored_crops(folder: Path, portrait_sha256: str) -> list[Path]:
    """The aligned crops of a portrait, whichever bundle enrolled it; the newest first."""
    crops = folder.glob(f"{portrait_sha256[:NAME_DIGITS]}-*.png")
    return sorted(crops, key=lambda path: path.stat().st_mtime, reverse=True)


def _path(folder: Path, portrait_sha256: str, bundle_sha256: str) -> Path:
    return folder / f"{portrait_sha256[:NAME_DIGITS]}-{bundle_sha256[:NAME_DIGITS]}.safetensors"


def _tensors_sha256(code: Float32[np.ndarray, "num_ws w_dim"], p_s: Float32[np.ndarray, "pose_dim"]) -> str:
    return hashlib.sha256(code.astype("<f4").tobytes() + p_s.astype("<f4").tobytes()).hexdigest()
