"""What the authors' training charges a reenacted picture for, with their networks.

    L = λ_sh L_sh + λ_eye L_eye + λ_mouth L_mouth + λ_id L_id + λ_per L_per              (Eqs. 3 to 6)

S_r comes from what E_flame reads off I_r, S_gt from the coefficients that were wanted; FLAME poses both. L_id and L_per
compare I_r with the source's picture, L_per by LPIPS where the paper cites features of VGG.

Source: Bounareli, Argyriou, Tzimiropoulos, BMVC 2022, arXiv:2202.00046, section 3.1; weights and terms as released.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from export.deca_crop import Sampling, crop_face, to_bytes
from export.flame import Flame
from export.posed_shape import EYE_PAIRS, MOUTH_PAIRS, axis_pair_loss, shape_loss
from puppet.alignment import Square
from puppet.networks.arcface import ArcFace, identity_loss
from puppet.networks.deca import FaceCoefficients, FaceRegressor
from puppet.networks.perceptual import Perceptual


@dataclass(frozen=True, slots=True)
class AuthorsWeights:
    """λ of every term."""

    shape: float = 1.0
    eye: float = 1.0
    mouth: float = 1.0
    identity: float = 10.0
    perceptual: float = 10.0


def read_faces(
    regressor: FaceRegressor, pictures: Float[Tensor, "batch 3 r r"], squares: Sequence[Square], sampling: Sampling
) -> FaceCoefficients:
    """What E_flame reads off pictures; differentiable in them.

    Args:
        regressor: E_flame, in evaluation mode.
        pictures: RGB in [−1, 1].
        squares: The face in each; see `export.deca_crop.face_square`.
        sampling: How they are cut out.
    """
    levels = to_bytes(pictures)
    crops = [crop_face(levels[i : i + 1], square, sampling) for i, square in enumerate(squares)]
    return regressor.read(torch.cat(crops) / 255.0)


class AuthorsLosses:
    """L, between frozen networks."""

    def __init__(
        self, flame: Flame, arcface: ArcFace, perceptual: Perceptual, weights: AuthorsWeights | None = None
    ) -> None:
        """Compose L.

        Args:
            flame: Poses what is read and what is wanted.
            arcface: F of L_id, in evaluation mode.
            perceptual: L_per.
            weights: λ; the authors' when None.
        """
        self._flame = flame
        self._arcface = arcface
        self._perceptual = perceptual
        self._weights = asdict(weights or AuthorsWeights())

    def terms(
        self,
        picture: Float[Tensor, "batch 3 256 256"],
        read: FaceCoefficients,
        wanted: FaceCoefficients,
        source: Float[Tensor, "batch 3 256 256"],
    ) -> dict[str, Tensor]:
        """Every term, unweighted.

        Args:
            picture: I_r, RGB in [−1, 1].
            read: What E_flame reads off I_r.
            wanted: The source's shape in the wanted pose.
            source: I_s.
        """
        s_r, s_gt = self._flame(read), self._flame(wanted)
        return {
            "shape": shape_loss(s_r.vertices, s_gt.vertices),
            "eye": axis_pair_loss(s_r.landmarks, s_gt.landmarks, EYE_PAIRS),
            "mouth": axis_pair_loss(s_r.landmarks, s_gt.landmarks, MOUTH_PAIRS),
            "identity": identity_loss(self._arcface, picture, source),
            "perceptual": self._perceptual.distance(picture, source),
        }

    def total(self, terms: dict[str, Tensor]) -> Float[Tensor, ""]:
        """L."""
        return torch.stack([self._weights[name] * term for name, term in terms.items()]).sum()
