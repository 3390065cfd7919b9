"""E_flame, DECA's regressor: from a crop of a face to the coefficients of FLAME, camera and light.

It is the authors' Net3D: the angles and expressions of the pose vector are read from it (see `export/authors_pose.py`).
Weights are named as in the checkpoint.

Source: Feng, Feng, Black, Bolkart, "Learning an Animatable Detailed 3D Face Model from In-The-Wild Images", ACM TOG
2021, arXiv:2012.04012, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from puppet.networks.resnet50 import FEATURES, ResNet50

RESOLUTION = 224
"""Edge of the crop in pixels."""

PARTS = (100, 50, 50, 6, 3, 27)
"""Length of each part of what is regressed, in the order of `FaceCoefficients`."""

HIDDEN = 1024


@dataclass(frozen=True, slots=True, eq=False)
class FaceCoefficients:
    """What E_flame reads off a face.

    Attributes:
        shape: p_i.
        texture: Albedo.
        expression: FLAME's expression coefficients.
        pose: Axis-angle of the head, then of the jaw, in radians.
        camera: Scale, and translation to the right and upwards.
        light: Spherical harmonics: nine for red, green and blue.
    """

    shape: Float[Tensor, "batch 100"]
    texture: Float[Tensor, "batch 50"]
    expression: Float[Tensor, "batch 50"]
    pose: Float[Tensor, "batch 6"]
    camera: Float[Tensor, "batch 3"]
    light: Float[Tensor, "batch 27"]


class FaceRegressor(nn.Module):
    """E_flame."""

    def __init__(self) -> None:
        """Compose the network."""
        super().__init__()
        self.encoder = ResNet50()
        self.layers = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, sum(PARTS)))

    def forward(self, picture: Float[Tensor, "batch 3 224 224"]) -> Float[Tensor, "batch 236"]:
        """All coefficients of RGB crops in [0, 1], in the order of `PARTS`."""
        coefficients: Tensor = self.layers(self.encoder(picture))
        return coefficients

    def read(self, picture: Float[Tensor, "batch 3 224 224"]) -> FaceCoefficients:
        """The coefficients by name."""
        return FaceCoefficients(*self(picture).split(PARTS, 1))
