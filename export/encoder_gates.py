"""How good codes are on held-out people: the portrait itself, and the head turned to where the truth is known.

The portrait is the most frontal picture of a person; the other pictures of the same person are the truth for its code
painted in their poses. PSNR is that of the face's pixels, as in `export.generator_gates`; the similarity is the mean
cosine between what is painted and the truth; angles and expression are read by Net3D off what is painted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from export.augmentation import Photographer, Photography
from export.direction_losses import Recognition
from export.generator_gates import measure, shrink
from export.generator_state import TrainedGenerator
from export.head_pool import POSES, HeadBatch
from export.offset_trainer import scaled
from export.regression import least_turned, signals
from export.render_heads import REGIONS
from puppet.networks.encoder import Encoder
from puppet.networks.shape_regressor import ShapeRegressor
from puppet.networks.speed import fast_dtype
from puppet.pose_space import BUILTIN

CHUNK = 25
_ANGLES = 3


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is painted, against the truth; NaN where nobody judges.

    Attributes:
        face_psnr, eyes_psnr, mouth_psnr: dB.
        similarity: Mean cosine of the identity network's directions.
        angles_deg: Mean absolute error of yaw, pitch and roll.
        expression: The same of the other entries, in ranges of width 12.
    """

    face_psnr: float
    eyes_psnr: float
    mouth_psnr: float
    similarity: float
    angles_deg: float
    expression: float

    def line(self) -> str:
        """For printing."""
        return "  ".join(f"{name} {value:.3f}" for name, value in asdict(self).items())


@dataclass(frozen=True, slots=True, eq=False)
class Judges:
    """Who looks at what is painted; None: nobody.

    Attributes:
        recognition: Tells people apart.
        net3d: Reads poses.
    """

    recognition: Recognition | None
    net3d: ShapeRegressor | None


class CodeScorer:
    """Paints the codes of held-out people.

    Args:
        trained: The generator.
        judges: Who looks.
        held_out: People with `POSES` pictures each.
    """

    def __init__(self, trained: TrainedGenerator, judges: Judges, held_out: HeadBatch) -> None:
        self._trained = trained
        self._judges = judges
        portrait = least_turned(held_out)
        self._portraits = held_out.only(portrait)
        self._turned = [held_out.only((portrait + i) % POSES) for i in range(1, POSES)]
        self._device = trained.generator.pose_basis.device

    @torch.no_grad()
    def exact(self) -> Float[Tensor, "identities num_ws w_dim"]:
        """m(z): what a perfect first stage would give."""
        generator = self._trained.generator
        w: Tensor = generator.mapping(torch.from_numpy(self._portraits.z.copy()).to(self._device))
        return w[:, None].expand(-1, generator.layout.num_ws, -1)

    @torch.no_grad()
    def predicted(self, encoder: Encoder, photography: Photography) -> Float[Tensor, "identities num_ws w_dim"]:
        """What an encoder says to the portraits, photographed."""
        photographer, generator = Photographer(photography, np.random.default_rng(0)), self._trained.generator
        heads, dtype = self._portraits.rgba[:, 0], fast_dtype(self._device)
        pictures = (photographer.shoot(heads[i : i + CHUNK]) for i in range(0, len(heads), CHUNK))
        codes = [
            encoder.encode(signals(each, self._device), generator.mapping, generator.layout, dtype).c
            for each in pictures
        ]
        return torch.cat(codes)

    def score(self, c: Float[Tensor, "identities num_ws w_dim"]) -> dict[str, Likeness]:
        """The portraits themselves, and the same codes turned."""
        return {"as seen": self._score(c, [self._portraits]), "turned": self._score(c, self._turned)}

    @torch.inference_mode()
    def _score(self, c: Tensor, wanted: list[HeadBatch]) -> Likeness:
        rgba, regions, p = (
            np.concatenate([getattr(each, name)[:, 0] for each in wanted]) for name in ("rgba", "regions", "p")
        )
        size = min(self._trained.resolution, rgba.shape[2])
        ws = self._trained.generator.posed(c.repeat(len(wanted), 1, 1), scaled(p, self._device))
        rgb = torch.cat([self._trained.paint(part, size) for part in torch.split(ws, CHUNK)])
        truth = shrink(rgba, size)[..., :3]
        painted = (255 * rgb).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
        gates = measure(painted, truth, regions, REGIONS)
        similarity = self._similarity(rgb, signals(truth, self._device))
        return Likeness(gates.face_psnr, gates.eyes_psnr, gates.mouth_psnr, similarity, *self._pose_error(rgb, p))

    def _similarity(self, painted: Tensor, truth: Tensor) -> float:
        if self._judges.recognition is None:
            return np.nan
        directions = self._judges.recognition.directions
        both = zip(torch.split(painted, CHUNK), torch.split(truth, CHUNK), strict=True)
        cosines = [torch.cosine_similarity(directions(a), directions(b)) for a, b in both]
        return torch.cat(cosines).mean().item()

    def _pose_error(self, painted: Tensor, p: np.ndarray) -> tuple[float, float]:
        if (net3d := self._judges.net3d) is None:
            return np.nan, np.nan
        read = _each(painted, lambda part: net3d.coefficients(part, fast_dtype(self._device)).p_scaled)
        degrees, others = np.abs(BUILTIN.unscale(read) - p), np.abs(read - BUILTIN.scale(p))
        return float(degrees[:, :_ANGLES].mean()), float(others[:, _ANGLES:].mean())


def _each(pictures: Tensor, read: Callable[[Tensor], Tensor]) -> np.ndarray:
    values: np.ndarray = torch.cat([read(part) for part in torch.split(pictures, CHUNK)]).cpu().numpy()
    return values
