"""The networks of the authors' system as graphs of a bundle: bytes of a picture in, what the program needs out.

synthesis   w → picture; ψ and w̄ are part of the weights, see `with_truncation`
encoder     picture → w_s by e4e, before truncation
pose        picture of the face's square → p by E_flame
identity    picture → unit vector by ArcFace
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from export.authors_pose import pose_vector
from puppet.networks.arcface import ArcFace
from puppet.networks.deca import FaceRegressor
from puppet.networks.e4e import E4E, RESOLUTION
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import PoseSpace


@torch.no_grad()
def with_truncation(generator: Generator, centre: Float[Tensor, "w_dim"], psi: float) -> None:
    """Build truncation into a generator: from now on it paints w as before w̄ + ψ (w − w̄).

    A code enters through the affine layer a(w) = s W w + b of each convolution alone, so that

        a(w̄ + ψ (w − w̄)) = s (ψ W) w + (b + (1 − ψ) s W w̄)

    is exact, and whatever paints, tunes or trains directions with these weights has it, after every shift of the code.

    Args:
        generator: Changed in place; its mapping network is not.
        centre: w̄.
        psi: ψ.
    """
    synthesis = generator.synthesis
    for layer in (*synthesis.convs, *synthesis.to_rgbs):
        affine = layer.affine
        affine.bias += (1.0 - psi) * affine.weight_scale / affine.bias_scale * (affine.weight @ centre)
        affine.weight *= psi


class PictureCode(nn.Module):
    """e4e as it is shipped.

    Args:
        encoder: Reads pictures of 256 px; others are averaged or enlarged first.
        resolution: Edge of the picture in pixels.
    """

    def __init__(self, encoder: E4E, resolution: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.resolution = resolution

    def forward(self, picture: UInt8[Tensor, "batch r r 3"]) -> Float[Tensor, "batch num_ws w_dim"]:
        """The code w_s of RGB crops."""
        code: Tensor = self.encoder(to_signal(picture, self.resolution))
        return code


class PictureIdentity(nn.Module):
    """ArcFace as it is shipped; arguments as of `PictureCode`."""

    def __init__(self, network: ArcFace, resolution: int) -> None:
        super().__init__()
        self.network = network
        self.resolution = resolution

    def forward(self, picture: UInt8[Tensor, "batch r r 3"]) -> Float[Tensor, "batch dimensions"]:
        """The unit vectors of RGB crops."""
        identity: Tensor = self.network(to_signal(picture, self.resolution))
        return identity


class PicturePose(nn.Module):
    """E_flame as it is shipped.

    Args:
        network: Reads crops of 224 px.
        space: Whose entries come out.
    """

    def __init__(self, network: FaceRegressor, space: PoseSpace) -> None:
        super().__init__()
        self.network = network
        self.space = space

    def forward(self, picture: UInt8[Tensor, "batch 224 224 3"]) -> Float[Tensor, "batch k"]:
        """The poses of RGB crops, in the units of the pose space."""
        return pose_vector(self.network.read(picture.permute(0, 3, 1, 2).float() / 255.0), self.space)


def to_signal(picture: UInt8[Tensor, "batch r r 3"], resolution: int) -> Float[Tensor, "batch 3 256 256"]:
    """Bytes to [−1, 1], at the edge that e4e and ArcFace take: larger pictures averaged as the authors do."""
    signal = picture.permute(0, 3, 1, 2).float() / 127.5 - 1.0
    if resolution > RESOLUTION:
        return F.avg_pool2d(signal, resolution // RESOLUTION)
    if resolution < RESOLUTION:
        return F.interpolate(signal, (RESOLUTION, RESOLUTION), mode="bilinear")
    return signal
