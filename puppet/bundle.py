"""A model bundle: a folder with one model's weights, graphs and everything that differs between models, as data.

    bundle.json             name, version, licence, generator layout, pose space; sha256 and size of every other file
    generator.safetensors   float16 weights of mapping, synthesis and pose basis; also the weights of synthesis.onnx
    synthesis.onnx          w [1, num_ws, w_dim] float32 → rgba [1, resolution, resolution, channels] uint8, over grey
    pose.onnx               face landmarks → pose vector p
    encoder.onnx            picture [1, r, r, 3] uint8 RGB, aligned crop → c [1, num_ws, w_dim] float32, pose-free
    directions.safetensors  A [pose_rows, w_dim, pose_dim] float32, and bias [pose_rows, w_dim] where the model has one
    identity.onnx           picture [1, r, r, 3] uint8 RGB, aligned crop → identity [1, d] of unit length; optional, and
                            then the manifest's "identity" says what its cosines mean
    face_motion.safetensors how landmarks move with the pose, so that portraits can be moved; see puppet.face_motion;
                            optional
    characters.safetensors  exact codes of the people that come with the model; see puppet.bundle_tensors; optional

Bundles come from strangers: nothing in them is code, names cannot leave the folder, sizes are checked before reading,
and every file must have the sha256 that the manifest gives. What the hashes prove is integrity, not origin.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float32

from puppet.bundle_tensors import Character, read_characters, read_directions
from puppet.errors import BundleError
from puppet.face_motion import FaceMotion, read_face_motion
from puppet.likeness import Scale
from puppet.networks.layout import GeneratorLayout
from puppet.pose_space import PoseSpace

FORMAT = 1
"""The version of this file format, in the manifest; a program reads only its own."""

MANIFEST = "bundle.json"
GENERATOR, SYNTHESIS, DIRECTIONS = "generator.safetensors", "synthesis.onnx", "directions.safetensors"
POSE, ENCODER, IDENTITY = "pose.onnx", "encoder.onnx", "identity.onnx"
CHARACTERS, FACE_MOTION = "characters.safetensors", "face_motion.safetensors"
REQUIRED = (GENERATOR, SYNTHESIS, POSE, ENCODER, DIRECTIONS)

MANIFEST_LIMIT = 1 << 20
FILE_LIMIT = 1 << 30
"""Bytes. A generator at 1024² has 60 MB of weights, the largest published encoder 840 MB."""
FILES_LIMIT = 32
SIZE_LIMIT = 4096
"""Largest resolution, width or length that a generator may have."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A verified bundle.

    Attributes:
        folder: Where its files lie.
        name: The model's name.
        version: The model's version, free text.
        licence: SPDX expression of the weights' licence.
        layout: The generator's sizes and switches.
        pose_space: Names, ranges and rest of the pose vector.
        A: The direction matrix; row r, applied to p̃, moves row r of the code. Read-only.
        bias: Shift at p̃ = 0 of the models that have one, else None. Read-only.
        sha256: Hash of the manifest, and through it of every file: equal hashes are equal bundles.
        identity: What the cosines of its identity network mean; None where it has none.
        characters: The people that come with the model, under the SHA-256 of their portraits' files.
        face_motion: How faces move; None where it does not say.
    """

    folder: Path
    name: str
    version: str
    licence: str
    layout: GeneratorLayout
    pose_space: PoseSpace
    A: Float32[np.ndarray, "pose_rows w_dim pose_dim"]
    bias: Float32[np.ndarray, "pose_rows w_dim"] | None
    sha256: str
    identity: Scale | None = None
    characters: Mapping[str, Character] = field(default_factory=dict)
    face_motion: FaceMotion | None = None

    @property
    def resolution(self) -> int:
        """Edge of the portrait in pixels."""
        return self.layout.resolution

    @property
    def channels(self) -> int:
        """3 (RGB) or 4 (RGB over grey, and alpha)."""
        return self.layout.img_channels

    @property
    def num_ws(self) -> int:
        """Rows of a W+ code."""
        return self.layout.num_ws

    @property
    def w_dim(self) -> int:
        """Length of one row of a W+ code."""
        return self.layout.w_dim

    @property
    def z_dim(self) -> int:
        """Length of z."""
        return self.layout.z_dim

    @property
    def generator_path(self) -> Path:
        """The weights, in float16 safetensors."""
        return self.folder / GENERATOR

    @property
    def synthesis_path(self) -> Path:
        """The graph from a W+ code to a picture; takes its weights from `generator_path`."""
        return self.folder / SYNTHESIS

    @property
    def pose_path(self) -> Path:
        """The graph from face landmarks to a pose vector."""
        return self.folder / POSE

    @property
    def encoder_path(self) -> Path:
        """The graph from an aligned crop to a pose-free code."""
        return self.folder / ENCODER

    @property
    def identity_path(self) -> Path | None:
        """The graph from an aligned crop to who it is; None where the bundle has none."""
        return None if self.identity is None else self.folder / IDENTITY


def builtin_bundle_path() -> Path:
    """The folder of the bundle that is shipped with the program."""
    return Path(__file__).parent / "bundles" / "builtin"


def load_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle: the manifest, then the hash of every file, then the directions.

    Raises:
        BundleError: A file is missing, damaged, too large or not of this format; the text names the file.
    """
    manifest = _read_manifest(folder / MANIFEST)
    values = _parse(folder / MANIFEST, manifest)
    files = _files(folder / MANIFEST, values)
    for name, entry in files.items():
        _verify(folder / name, entry)
    layout, pose_space = _model(folder / MANIFEST, values)
    A, bias = read_directions(folder / DIRECTIONS, layout)
    return Bundle(
        folder=folder,
        name=_text(folder / MANIFEST, values, "name"),
        version=_text(folder / MANIFEST, values, "version"),
        licence=_text(folder / MANIFEST, values, "licence"),
        layout=layout,
        pose_space=pose_space,
        A=A,
        bias=bias,
        sha256=hashlib.sha256(manifest).hexdigest(),
        identity=_identity(folder / MANIFEST, values),
        characters=read_characters(folder / CHARACTERS, layout) if CHARACTERS in files else {},
        face_motion=read_face_motion(folder / FACE_MOTION, pose_space) if FACE_MOTION in files else None,
    )


def write_manifest(
    folder: Path,
    *,
    name: str,
    version: str,
    licence: str,
    layout: GeneratorLayout,
    pose_space: PoseSpace,
    identity: Scale | None = None,
) -> None:
    """Describe and hash every file of `folder`, so that `load_bundle` accepts it; written last, when a bundle is made.

    Raises:
        BundleError: A required file is missing.
    """
    missing = [required for required in REQUIRED if not (folder / required).is_file()]
    if missing:
        raise BundleError(f"a bundle needs {', '.join(REQUIRED)}; {folder} has no {', '.join(missing)}")
    files = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
    values = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "licence": licence,
        "generator": layout.to_json(),
        "pose_space": pose_space.to_json(),
        "files": {path.name: {"sha256": _sha256(path), "bytes": path.stat().st_size} for path in files},
    }
    if identity is not None:
        values["identity"] = asdict(identity)
    (folder / MANIFEST).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _read_manifest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            manifest = file.read(MANIFEST_LIMIT + 1)
    except OSError as error:
        raise BundleError(f"expected a model bundle in {path.parent}; {path.name} cannot be read: {error}") from error
    if len(manifest) > MANIFEST_LIMIT:
        raise BundleError(f"{path} is larger than the {MANIFEST_LIMIT >> 20} MiB that a manifest may have")
    return manifest


def _parse(path: Path, manifest: bytes) -> dict[str, Any]:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not a number")

    try:
        values = json.loads(manifest.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not a manifest ({error}); install the bundle again") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = values.get("format") if isinstance(values, dict) else type(values).__name__
        raise BundleError(f"{path} should have the format {FORMAT}, not {found!r}; update the bundle or this program")
    return values


def _text(path: Path, values: Mapping[str, Any], key: str) -> str:
    text = values.get(key)
    if not isinstance(text, str) or not text or len(text) > 200 or not text.isprintable():
        raise BundleError(f"{path} needs a {key} of 1 to 200 printable characters")
    return text


def _files(path: Path, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The manifest's table of files, names and types checked."""
    files = values.get("files")
    if not isinstance(files, dict) or len(files) > FILES_LIMIT:
        raise BundleError(f"{path} needs a table of at most {FILES_LIMIT} files")
    for name, entry in files.items():
        if not _PLAIN_NAME.fullmatch(name) or name == MANIFEST:
            raise BundleError(
                f"{path} names the file {name[:100]!r}; only plain names in the bundle's folder are allowed"
            )
        size = entry.get("bytes") if isinstance(entry, dict) else None
        if type(size) is not int or not 0 <= size <= FILE_LIMIT or not isinstance(entry.get("sha256"), str):
            raise BundleError(f"{path} needs, for {name}, a sha256 and a size of at most {FILE_LIMIT >> 20} MiB")
    missing = [required for required in REQUIRED if required not in files]
    if missing:
        raise BundleError(f"{path} lists no {', '.join(missing)}; a bundle needs {', '.join(REQUIRED)}")
    return files


def _verify(path: Path, entry: Mapping[str, Any]) -> None:
    """Compare a file's size, then its hash, with the manifest."""
    try:
        size = path.stat().st_size if path.is_file() else None
        digest = _sha256(path) if size == entry["bytes"] else None
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if size is None:
        raise BundleError(f"{path} is missing or not a file; install the bundle again")
    if digest is None:
        raise BundleError(f"{path} should have {entry['bytes']} bytes, not {size}; install the bundle again")
    if digest != entry["sha256"]:
        raise BundleError(f"{path} is damaged: its sha256 is not the manifest's; install the bundle again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _model(path: Path, values: Mapping[str, Any]) -> tuple[GeneratorLayout, PoseSpace]:
    try:
        layout = GeneratorLayout.from_json(values["generator"])
        with np.errstate(over="raise"):
            pose_space = PoseSpace.from_json(values["pose_space"])
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise BundleError(f"{path} does not describe a model: {error}") from error
    ranges = (pose_space.lower, pose_space.upper, pose_space.rest)
    if not all(np.isfinite(values).all() for values in ranges):
        raise BundleError(f"{path} gives pose ranges that are not finite numbers")
    if layout.pose_dim != pose_space.dim:
        raise BundleError(f"{path} has a generator for {layout.pose_dim} pose entries and {pose_space.dim} of them")
    sizes = (layout.resolution, *layout.channels, layout.z_dim, layout.w_dim, layout.mapping_layers)
    if max(sizes) > SIZE_LIMIT:
        raise BundleError(f"{path} has a generator with a size of {max(sizes)}; at most {SIZE_LIMIT} is read")
    return layout, pose_space


def _identity(path: Path, values: Mapping[str, Any]) -> Scale | None:
    """What the identity network's cosines mean: given exactly where there is one."""
    listed, numbers = IDENTITY in values["files"], values.get("identity")
    if listed != (numbers is not None):
        raise BundleError(f"{path} should have both {IDENTITY} and its numbers under `identity`, or neither")
    try:
        return None if numbers is None else Scale.from_json(numbers)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{path} does not describe its identity network: {error}") from error
