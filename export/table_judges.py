"""Who judges the tables: networks that were in no loss, and FaceMesh.

    CSIM = cos ∠(F(x), F(y))                              F: a second identity network
    Pose = mean |Δ yaw|, |Δ pitch|, |Δ roll| in degrees   a second Net3D on output and truth
    Exp  = mean |Δ p̃_e|, in ranges of width 12            the same
    LPIPS, or without AlexNet's weights Σ_l mean over pixels of |f_l(x) − f_l(y)|², f_l of the second Net3D, normalised
    over channels as in LPIPS

NME takes FaceMesh's landmarks. Pose† and Exp† are read from them by the built-in bundle's pose graph, a second opinion
where Net3D reads expressions badly; that graph is in no loss either, but drives the program. Features of the Fréchet
distance are the means of F's last map. A CSIM counts only where F's equal error rate on held-out people is under 2 %.

Source: paper, section 4.1 (arXiv:2202.00046); for LPIPS `puppet.networks.lpips`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from export.generator_gates import BLUR_SIGMA_PX
from export.head_pool import HeadPool
from export.landmark_reader import Faces, LandmarkReader
from export.regression import CHUNK, signals
from export.train_identity import PHOTOGRAPHY, Verification, verify
from puppet.networks.identity import IdentityNetwork
from puppet.networks.lpips import Lpips
from puppet.networks.perceptual import CPU
from puppet.networks.shape_regressor import ShapeRegressor
from puppet.pose_space import BUILTIN

GOOD_EER = 0.02
LPIPS_STAGES = 3
_ANGLES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the judges see in some pictures.

    Attributes:
        people: Unit vectors of F.
        features: Means of F's last map.
        p_scaled: p̃ as the second Net3D reads it.
        faces: What FaceMesh finds, and the pose that the bundle reads there.
    """

    people: Float[np.ndarray, "n dimensions"]
    features: Float[np.ndarray, "n d"]
    p_scaled: Float[np.ndarray, "n pose_dim"]
    faces: Faces


@dataclass(frozen=True, slots=True, eq=False)
class Judges:
    """The judges.

    Attributes:
        identity: F.
        net3d: The second Net3D.
        faces: FaceMesh.
        lpips: With AlexNet's weights, or None.
    """

    identity: IdentityNetwork
    net3d: ShapeRegressor
    faces: LandmarkReader
    lpips: Lpips | None = None

    @property
    def perceptual_name(self) -> str:
        """What stands in the column LPIPS."""
        return "LPIPS" if self.lpips else "LPIPS's formula in the judge Net3D, without its weights"

    def look(self, pictures: UInt8[np.ndarray, "n r r 3"]) -> Seen:
        """Look at pictures, RGB."""
        people, features, p_scaled = [], [], []
        with torch.inference_mode():
            for start in range(0, len(pictures), CHUNK):
                x = signals(pictures[start : start + CHUNK], CPU)
                people.append(self.identity(x).numpy())
                features.append(self.identity.features(x)[-1].mean((2, 3)).numpy())
                p_scaled.append(self.net3d.coefficients(x).p_scaled.numpy())
        faces = self.faces.read(pictures)
        return Seen(np.concatenate(people), np.concatenate(features), np.concatenate(p_scaled), faces)

    def perceptual(self, x: UInt8[np.ndarray, "n r r 3"], y: UInt8[np.ndarray, "n r r 3"]) -> Float[np.ndarray, "n"]:
        """LPIPS of each pair of pictures, or what stands in its place."""
        with torch.inference_mode():
            parts = [
                self._distance(signals(x[i : i + CHUNK], CPU), signals(y[i : i + CHUNK], CPU))
                for i in range(0, len(x), CHUNK)
            ]
            distances: np.ndarray = torch.cat(parts).numpy()
        return distances

    def _distance(self, x: Tensor, y: Tensor) -> Tensor:
        if self.lpips is not None:
            return self.lpips.layers(2 * x - 1, 2 * y - 1).sum(0)
        maps = zip(self.net3d.features(x)[:LPIPS_STAGES], self.net3d.features(y), strict=False)
        return torch.stack([(F.normalize(a) - F.normalize(b)).square().sum(1).mean((1, 2)) for a, b in maps]).sum(0)


def blurred(pictures: UInt8[np.ndarray, "n r r 3"]) -> UInt8[np.ndarray, "n r r 3"]:
    """Blurred by σ = 1 px, so that an averaged face cannot pass for a sharp one."""
    return np.stack([cv2.GaussianBlur(picture, (0, 0), BLUR_SIGMA_PX) for picture in pictures])


def csim(a: Seen, b: Seen) -> Float[np.ndarray, "n"]:
    """CSIM of each pair."""
    similarity: np.ndarray = (a.people * b.people).sum(1)
    return similarity


def pose_error(a: Float[np.ndarray, "n pose_dim"], b: Float[np.ndarray, "n pose_dim"]) -> Float[np.ndarray, "n"]:
    """Pose of each pair of p̃, in degrees."""
    degrees = np.abs(BUILTIN.unscale(a) - BUILTIN.unscale(b))[:, :_ANGLES]
    return np.asarray(degrees.mean(1))


def expression_error(a: Float[np.ndarray, "n pose_dim"], b: Float[np.ndarray, "n pose_dim"]) -> Float[np.ndarray, "n"]:
    """Exp of each pair of p̃, in ranges of width 12."""
    return np.asarray(np.abs(a - b)[:, _ANGLES:].mean(1))


def verification(identity: IdentityNetwork, days: HeadPool) -> Verification:
    """How well F tells held-out people apart on other days: other pose, light, clothes and backdrop."""
    return verify(identity, days, PHOTOGRAPHY["mild"])
