"""A model bundle: a folder with one model's weights, graphs and everything that differs between models, as data.

    bundle.json             name, version, licence, generator layout, pose space; sha256 and size of every other file
    generator.safetensors   float16 weights of mapping, synthesis and pose basis; also the weights of synthesis.onnx
    synthesis.onnx          w [1, num_ws, w_dim] float32 → rgba [1, resolution, resolution, channels] uint8, over grey
    pose.onnx               face landmarks → pose vector p and alignment square; or, where the manifest has
                            "face_squares", a picture of the face → p
    encoder.onnx            picture [1, e, e, 3] uint8 RGB, aligned crop of its own size e → c [1, num_ws, w_dim]
                            float32, pose-free; or, where "encoder_gives" is "w_s" and not "c", the code of the pose in
                            the picture
    directions.safetensors  A [pose_rows, w_dim, pose_dim] float32, and bias [pose_rows, w_dim] where the model has one
    identity.onnx           picture [1, e, e, 3] uint8 RGB, aligned crop → identity [1, d] of unit length; optional, and
                            then the manifest's "identity" says what its cosines mean
    face_motion.safetensors how landmarks move with the pose, so that portraits can be moved; see puppet.face_motion;
                            optional
    colouring.safetensors   how a code gets other colours, so that look-alikes get the portrait's; optional
    shaping.safetensors     how a code gets another shape, for the same; optional
    alexnet.safetensors     AlexNet's convolutions, for the perceptual loss of a tuning; optional
    characters.safetensors  exact codes of the people that come with the model; see puppet.bundle_tensors; optional

Bundles come from strangers: nothing in them is code, names cannot leave the folder, sizes are checked before reading,
and no file is used whose sha256 is not the manifest's. What the hashes prove is integrity, not origin.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float32

from puppet.bundle_files import LARGE, Entry, read_entries
from puppet.bundle_tensors import (
    Character,
    Colouring,
    Shaping,
    read_characters,
    read_colouring,
    read_directions,
    read_shaping,
)
from puppet.errors import BundleError
from puppet.face_motion import FaceMotion, read_face_motion
from puppet.face_square import FaceSquares
from puppet.likeness import Scale
from puppet.lips import Lips
from puppet.manifest import FORMAT, MANIFEST, choice, parse_manifest, read_manifest, text
from puppet.networks.layout import GeneratorLayout
from puppet.pose_space import PoseSpace

GENERATOR, SYNTHESIS, DIRECTIONS = "generator.safetensors", "synthesis.onnx", "directions.safetensors"
POSE, ENCODER, IDENTITY = "pose.onnx", "encoder.onnx", "identity.onnx"
CHARACTERS, FACE_MOTION = "characters.safetensors", "face_motion.safetensors"
COLOURING, SHAPING = "colouring.safetensors", "shaping.safetensors"
ALEXNET = "alexnet.safetensors"
REQUIRED = (GENERATOR, SYNTHESIS, POSE, ENCODER, DIRECTIONS)
ENROLLING = (ENCODER, IDENTITY, ALEXNET)
"""Files that no stream reads."""

TuningKind = Literal["views", "paper", "authors"]
"""How a generator is tuned on a portrait: on views of it, or by a preset of puppet.networks.pivotal_tuning."""

TUNINGS: tuple[TuningKind, ...] = get_args(TuningKind)

SIZE_LIMIT = 4096
"""Largest resolution, width or length that a generator may have."""


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
        colouring: How codes get other colours; None where it does not say.
        shaping: How codes get other shapes; None where it does not say.
        squares: Where the networks look, if the pose graph reads pictures; None: it reads landmarks.
        codes_are_posed: The encoder gives w_s, the code of the pose in the picture, and not c.
        tuning: How its generator is tuned on a portrait, unless the user says otherwise.
        has_alexnet: AlexNet's weights are there too.
        origin: Where the weights come from, free text; may be empty.
        later: Large files that were not hashed yet; `checked` does.
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
    colouring: Colouring | None = None
    shaping: Shaping | None = None
    squares: FaceSquares | None = None
    codes_are_posed: bool = False
    tuning: TuningKind = "views"
    has_alexnet: bool = False
    origin: str = ""
    later: Mapping[str, Entry] = field(default_factory=dict)

    def checked(self, path: Path) -> Path:
        """The same path, once its file is known to be the manifest's.

        Raises:
            BundleError: It is damaged.
        """
        if path.name in self.later:
            self.later[path.name].check(path)
        return path

    @property
    def lips(self) -> Lips | None:
        """What corrects how far a jaw is read to be open; None where it does not say how faces move."""
        return Lips.of(self.face_motion, self.pose_space)

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
        """The graph from a face to a pose vector."""
        return self.folder / POSE

    @property
    def encoder_path(self) -> Path:
        """The graph from an aligned crop to a code; only through `checked`."""
        return self.folder / ENCODER

    @property
    def identity_path(self) -> Path | None:
        """The graph from an aligned crop to who it is, only through `checked`; None where the bundle has none."""
        return None if self.identity is None else self.folder / IDENTITY

    @property
    def alexnet_path(self) -> Path | None:
        """AlexNet's convolutions, only through `checked`; None where the bundle has none."""
        return self.folder / ALEXNET if self.has_alexnet else None


def builtin_bundle_path() -> Path:
    """The folder of the bundle that is shipped with the program."""
    return Path(__file__).parent / "bundles" / "builtin"


def load_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle: the manifest, every file's size and all but the largest files' hashes, the directions.

    Raises:
        BundleError: A file is missing, damaged, too large or not of this format; the text names the file.
    """
    manifest = read_manifest(folder / MANIFEST)
    values = parse_manifest(folder / MANIFEST, manifest)
    files = read_entries(folder / MANIFEST, values, REQUIRED)
    later = {name: entry for name, entry in files.items() if name in ENROLLING and entry.size >= LARGE}
    for name, entry in files.items():
        if name in later:
            entry.check_size(folder / name)
        else:
            entry.check(folder / name)
    layout, pose_space = _model(folder / MANIFEST, values)
    A, bias = read_directions(folder / DIRECTIONS, layout)
    return Bundle(
        folder=folder,
        name=text(folder / MANIFEST, values, "name"),
        version=text(folder / MANIFEST, values, "version"),
        licence=text(folder / MANIFEST, values, "licence"),
        layout=layout,
        pose_space=pose_space,
        A=A,
        bias=bias,
        sha256=hashlib.sha256(manifest).hexdigest(),
        identity=_identity(folder / MANIFEST, values),
        characters=read_characters(folder / CHARACTERS, layout) if CHARACTERS in files else {},
        face_motion=read_face_motion(folder / FACE_MOTION, pose_space) if FACE_MOTION in files else None,
        colouring=read_colouring(folder / COLOURING, layout) if COLOURING in files else None,
        shaping=read_shaping(folder / SHAPING, layout) if SHAPING in files else None,
        squares=_squares(folder / MANIFEST, values),
        codes_are_posed=choice(folder / MANIFEST, values, "encoder_gives", ("c", "w_s")) == "w_s",
        tuning=choice(folder / MANIFEST, values, "tuning", TUNINGS),
        has_alexnet=ALEXNET in files,
        origin=text(folder / MANIFEST, values, "origin") if "origin" in values else "",
        later=later,
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
    squares: FaceSquares | None = None,
    codes_are_posed: bool = False,
    tuning: TuningKind = "views",
    origin: str = "",
) -> None:
    """Describe and hash every file of `folder`, so that `load_bundle` accepts it; written last, when a bundle is made.

    The arguments are the attributes of `Bundle`.

    Raises:
        BundleError: A required file is missing.
    """
    missing = [required for required in REQUIRED if not (folder / required).is_file()]
    if missing:
        raise BundleError(f"a bundle needs {', '.join(REQUIRED)}; {folder} has no {', '.join(missing)}")
    entries = {path.name: Entry.of(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    values: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "licence": licence,
        "generator": layout.to_json(),
        "pose_space": pose_space.to_json(),
        "files": {name: {"sha256": entry.sha256, "bytes": entry.size} for name, entry in entries.items()},
    }
    if origin:
        values["origin"] = origin
    if squares is not None:
        values["face_squares"] = squares.to_json()
    if codes_are_posed:
        values["encoder_gives"] = "w_s"
    if tuning != "views":
        values["tuning"] = tuning
    if identity is not None:
        values["identity"] = asdict(identity)
    (folder / MANIFEST).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


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


def _squares(path: Path, values: Mapping[str, Any]) -> FaceSquares | None:
    try:
        return FaceSquares.from_json(values["face_squares"]) if "face_squares" in values else None
    except ValueError as error:
        raise BundleError(f"{path} does not say where its networks look: {error}") from error
