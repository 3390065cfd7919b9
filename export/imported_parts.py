"""What an imported bundle has beside its generator: encoder, pose, identity and AlexNet, each from its own file."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from export.authors_graphs import PictureCode, PictureIdentity, PicturePose
from export.checkpoints import read_deca, read_e4e, read_identity
from export.feature_checkpoints import read_alexnet
from export.landmark_pose import write_landmark_pose
from export.to_onnx import export_network
from puppet.bundle import ALEXNET, ENCODER, IDENTITY, POSE, builtin_bundle_path
from puppet.face_square import FaceSquares, SquareRule
from puppet.likeness import Scale
from puppet.networks.deca import RESOLUTION as DECA_EDGE
from puppet.networks.layout import GeneratorLayout
from puppet.pose_space import PoseSpace

OUTLINE = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
)  # fmt: skip
"""FaceMesh landmarks where the 68 of iBUG have jaw and brows: their bounding box is that of all 68."""

SQUARES = FaceSquares(
    pose=SquareRule(OUTLINE, "mean", sides=1.1 * 1.25, up=0.0),
    portrait=SquareRule(OUTLINE, "longest", sides=2.0, up=1 / 6),
)
"""DECA's square around the landmarks, and the authors' crop of a portrait."""

ORTHOGONAL = Scale(strangers=0.0, same=0.5)
"""ArcFace is trained until strangers are at right angles; the other number is nominal."""


def export_encoder(path: Path, layout: GeneratorLayout, folder: Path) -> None:
    """Write encoder.onnx.

    Raises:
        CheckpointError: The file is no e4e for such codes.
    """
    network = PictureCode(read_e4e(path, layout.num_ws), layout.resolution)
    export_network(network, {"picture": _picture(layout.resolution)}, ["c"], folder / ENCODER)


def export_pose(path: Path | None, space: PoseSpace, folder: Path) -> FaceSquares | None:
    """Write pose.onnx: E_flame, or the built-in model's where there is no file.

    Returns:
        Where it looks; None for the built-in model's, which reads landmarks.

    Raises:
        CheckpointError: The file is no DECA.
    """
    if path is None:
        write_landmark_pose(builtin_bundle_path() / POSE, SQUARES.portrait, folder / POSE)
        return None
    network = PicturePose(read_deca(path), space)
    export_network(network, {"picture": _picture(DECA_EDGE)}, ["p"], folder / POSE)
    return SQUARES


def export_identity(path: Path, layout: GeneratorLayout, folder: Path) -> Scale:
    """Write identity.onnx; what its cosines mean.

    Raises:
        CheckpointError: The file is no ArcFace.
    """
    network = PictureIdentity(read_identity(path), layout.resolution)
    export_network(network, {"picture": _picture(layout.resolution)}, ["identity"], folder / IDENTITY)
    return ORTHOGONAL


def store_alexnet(path: Path, folder: Path) -> None:
    """Write alexnet.safetensors.

    Raises:
        CheckpointError: The file is no AlexNet of torchvision.
    """
    save_file(read_alexnet(path), folder / ALEXNET)


def _picture(edge: int) -> Tensor:
    return torch.zeros(1, edge, edge, 3, dtype=torch.uint8)
