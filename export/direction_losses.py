"""What a reenacted picture is charged for when A is trained: Eqs. 3 to 7, every term with a λ that may be 0.

    L    = λ_sh L_sh + λ_eye L_eye + λ_mouth L_mouth + λ_id L_id + λ_per L_per (+ λ_pix L_pix, paired)    (Eq. 3, 4, 7)
    L_id = mean (1 − cos ∠(F(I), F(I_r)))                                                               (Eq. 6)
    L_pix = mean |I − I_r|

I is the source's picture, in paired training the target's. L_sh, L_eye and L_mouth are those of `posed_shape`. L_per is
VGG's or LPIPS where the user has the weights, else it is taken in the features φ_l of Net3D's fine stages:

    L_per = Σ_l |φ_l(I_r) − φ_l(I)|² / |φ_l(I)|²

of their means over all positions where I has another pose: where features lie follows the pose, which is to change;
their mean tells colours and textures, which are not (Li, Wang, Liu, Hou, "Demystifying Neural Style Transfer", IJCAI
2017, arXiv:1701.01036, section 4.2). In paired training poses are the same, and features are compared place by place.

Source: paper, sections 3.1 and 3.3 (arXiv:2202.00046). It gives no λ: those of the released code are taken (pictures in
[0, 1]; the code's are in [0, 255], with λ_pix = 1), and one for our L_per.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from export.checkpoints import read_identity
from export.feature_checkpoints import read_alexnet, read_vgg
from export.posed_shape import EYE_PAIRS, MOUTH_PAIRS, PosedShape, axis_pair_loss, pair_loss, shape_loss
from export.ranks import ALONE, Ranks
from export.train_identity import load_identity
from puppet.networks import arcface
from puppet.networks.arcface import identity_loss
from puppet.networks.perceptual import Perceptual, perceptual
from puppet.networks.shape_regressor import ShapeCoefficients, ShapeRegressor
from puppet.networks.vgg import vgg_perceptual

NET3D_STAGES = 2
NET3D_WEIGHT, PLACED_WEIGHT, PRETRAINED_WEIGHT = 50.0, 1.0, 10.0
"""λ_per of the means of our features, of them place by place (L_per is then fifty times as large), and of VGG's or
AlexNet's."""

LANDMARKS = 68

Distances = Literal["inner", "axes"]


@dataclass(frozen=True, slots=True)
class LossWeights:
    """λ of every term; 0 leaves a term out."""

    shape: float = 1.0
    eye: float = 1.0
    mouth: float = 1.0
    identity: float = 10.0
    perceptual: float = NET3D_WEIGHT
    pixel: float = 255.0


@dataclass(frozen=True, slots=True)
class Recognition:
    """F of L_id.

    Attributes:
        name: What it is, to be told to the user.
        directions: Of pictures in [0, 1]; unit vectors, differentiable.
    """

    name: str
    directions: Callable[[Tensor], Tensor]


def recognition(path: Path, device: torch.device) -> Recognition:
    """The identity network of a state folder of export/train_identity.py, or ArcFace of a released file.

    Raises:
        FileNotFoundError: There is no state; the text says how to train one.
        CheckpointError: The file is no ArcFace.
    """
    if path.is_file():
        network = read_identity(path).to(device)

        def enlarged(picture: Tensor) -> Tensor:
            size = (arcface.RESOLUTION, arcface.RESOLUTION)
            larger = F.interpolate(picture, size, mode="bilinear", antialias=True)
            seen: Tensor = network(2 * larger - 1)
            return seen

        return Recognition("ArcFace (IR-SE50)", enlarged)
    return Recognition("the identity network of the workshop", load_identity(path).to(device))


def net3d_perceptual(net3d: ShapeRegressor, dtype: torch.dtype, *, placed: bool, ranks: Ranks = ALONE) -> Perceptual:
    """L_per in the features of Net3D.

    Args:
        net3d: φ.
        dtype: Of its features.
        placed: Whether features are compared place by place, not by their means.
        ranks: Which process of how many: features are compared with their strength in the whole batch.
    """

    def summed(feature: Tensor) -> Tensor:
        return feature.float().flatten(1) if placed else feature.float().mean((2, 3))

    def distance(x: Float[Tensor, "batch 3 r r"], y: Float[Tensor, "batch 3 r r"]) -> Float[Tensor, ""]:
        total = torch.zeros((), device=x.device)
        with torch.no_grad():
            theirs = [summed(feature) for feature in net3d.features(y / 2 + 0.5, dtype)[:NET3D_STAGES]]
        for feature, b in zip(net3d.features(x / 2 + 0.5, dtype), theirs, strict=False):
            total = total + (summed(feature) - b).square().sum(1).mean() / ranks.mean(b.square().sum(1).mean())
        return total

    return Perceptual("features of Net3D" if placed else "mean features of Net3D", distance)


def pretrained_perceptual(vgg: Path | None, alexnet: Path | None, device: torch.device) -> Perceptual | None:
    """The paper's L_per with VGG, the code's with AlexNet (LPIPS), or None where the user has neither.

    Raises:
        CheckpointError: A file is something else.
    """
    if vgg is not None:
        return vgg_perceptual(read_vgg(vgg), device)
    return None if alexnet is None else perceptual(read_alexnet(alexnet), device)


class DirectionLosses:
    """L, between frozen networks.

    Attributes:
        shape: Poses what was read and what was wanted.
        recognition: F; None leaves L_id out.
        perceptual: L_per.
    """

    def __init__(
        self,
        shape: PosedShape,
        weights: LossWeights,
        recognition: Recognition | None,
        perceptual: Perceptual,
        distances: Distances = "inner",
    ) -> None:
        """Compose L.

        Args:
            shape: The 3D shape model.
            weights: λ.
            recognition: F; without one there is no L_id.
            perceptual: L_per, on pictures in [−1, 1].
            distances: L_eye and L_mouth on distances in space (the paper), or on |Δx| and |Δy| of projected landmarks
                (the authors' code).
        """
        self.shape = shape
        self.recognition = recognition if weights.identity else None
        self.perceptual = perceptual
        self._distances = distances
        self._weights = asdict(weights)

    def terms(
        self,
        picture: Float[Tensor, "batch 3 r r"],
        read: ShapeCoefficients,
        wanted: ShapeCoefficients,
        reference: Float[Tensor, "batch 3 r r"],
        *,
        paired: bool = False,
    ) -> dict[str, Tensor]:
        """Every term whose λ is not 0, unweighted.

        Args:
            picture: I_r, RGB in [0, 1].
            read: What Net3D reads off I_r.
            wanted: The source's shape in the wanted pose.
            reference: I.
            paired: Whether I shows the wanted pose too, so that L_pix means something.
        """
        with torch.no_grad():
            s_gt = self.shape(wanted.p_i, wanted.p_scaled)
        s_r = self.shape(read.p_i, read.p_scaled)
        recognition = self.recognition
        terms: dict[str, Callable[[], Tensor]] = {
            "shape": lambda: shape_loss(s_r, s_gt),
            "eye": lambda: self._pairs(s_r, s_gt, EYE_PAIRS),
            "mouth": lambda: self._pairs(s_r, s_gt, MOUTH_PAIRS),
            "perceptual": lambda: self.perceptual.distance(2 * picture - 1, 2 * reference - 1),
        }
        if recognition is not None:
            terms["identity"] = lambda: identity_loss(recognition.directions, picture, reference)
        if paired:
            terms["pixel"] = lambda: (picture - reference).abs().mean()
        return {name: term() for name, term in terms.items() if self._weights[name]}

    def _pairs(self, s_r: Tensor, s_gt: Tensor, pairs: tuple[tuple[int, int], ...]) -> Tensor:
        if self._distances == "inner":
            return pair_loss(s_r, s_gt, pairs)
        return axis_pair_loss(s_r[:, :LANDMARKS, :2], s_gt[:, :LANDMARKS, :2], pairs)

    def total(self, terms: dict[str, Tensor]) -> Float[Tensor, ""]:
        """L."""
        return torch.stack([self._weights[name] * term for name, term in terms.items()]).sum()
