"""One step of the authors' training, from A to the loss, with filled networks and a small generator."""

from __future__ import annotations

import dataclasses

import flame_arrays
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from reference_fill import fill, filled, generator_weight, picture

from export.authors_keys import from_rosinality, rosinality_shapes
from export.authors_losses import AuthorsLosses, AuthorsWeights, read_faces
from export.authors_pose import VOXCELEB, full_change, pose_vector, single_change, single_truth
from export.deca_crop import crop_face
from export.flame import Flame
from puppet.alignment import Square
from puppet.networks.arcface import ArcFace
from puppet.networks.deca import FaceRegressor
from puppet.networks.layout import stylegan2_layout
from puppet.networks.perceptual import perceptual
from puppet.networks.stylegan2 import Generator

LAYOUT = dataclasses.replace(stylegan2_layout(64, 1, 15), channels=(16, 16, 16, 16, 8))
SQUARES = [Square(128, 128, 200), Square(120, 131, 180)]


@pytest.fixture(scope="module")
def regressor() -> FaceRegressor:
    return filled(FaceRegressor())


@pytest.fixture(scope="module")
def generator() -> Generator:
    generator = Generator(LAYOUT)
    state = from_rosinality(fill(rosinality_shapes(LAYOUT), generator_weight), LAYOUT)
    generator.load_state_dict(state, strict=False)
    return generator.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def losses() -> AuthorsLosses:
    flame = Flame(flame_arrays.model(), flame_arrays.embedding(), shapes=100, expressions=50)
    return AuthorsLosses(flame, filled(ArcFace()), perceptual(None))


def test_faces_are_read_off_the_authors_crop(regressor: FaceRegressor) -> None:
    pictures = torch.cat([picture(), picture(0.8)])
    read = read_faces(regressor, pictures, SQUARES, "authors")
    levels = (pictures.clamp(-1, 1) + 1) / (2 + 1e-5)
    for row, square in enumerate(SQUARES):
        alone = regressor.read(crop_face(levels[row : row + 1], square, "authors"))
        torch.testing.assert_close(read.pose[row], alone.pose[0], rtol=1e-3, atol=1e-5)


def test_weights_are_the_authors(losses: AuthorsLosses) -> None:
    names = [field.name for field in dataclasses.fields(AuthorsWeights)]
    terms = {name: torch.tensor(10.0**i) for i, name in enumerate(names)}
    assert names == ["shape", "eye", "mouth", "identity", "perceptual"]
    assert losses.total(terms).item() == 1 + 10 + 100 + 10 * 1000 + 10 * 10_000


def test_the_gradient_of_the_direction_matrix(
    regressor: FaceRegressor, generator: Generator, losses: AuthorsLosses
) -> None:
    """Half of the batch takes the target's pose, half moves by one entry; L changes along A as its gradient says."""

    def paint(w: torch.Tensor) -> torch.Tensor:
        return F.interpolate(generator.synthesis(w), (256, 256), mode="bilinear") / 4

    codes = generator.codes(torch.randn(3, 512, generator=torch.Generator().manual_seed(0)), torch.zeros(3, 15))
    source = paint(codes[:2])
    with torch.no_grad():
        face = read_faces(regressor, source, SQUARES, "authors")
        target = read_faces(regressor, paint(codes[2:]), SQUARES[:1], "authors")
    p, p_t = pose_vector(face, VOXCELEB), pose_vector(target, VOXCELEB)
    single = (np.array([0]), np.array([1.5]))
    second = dataclasses.replace(face, **{f.name: getattr(face, f.name)[1:] for f in dataclasses.fields(face)})
    turned = single_truth(second, *single, VOXCELEB, "exact")
    wanted = dataclasses.replace(
        face, pose=torch.cat([target.pose, turned.pose]), expression=torch.cat([target.expression, turned.expression])
    )
    change = torch.cat([full_change(p[:1], p_t, VOXCELEB), single_change(p[1:], *single, VOXCELEB)])

    def loss(A: torch.Tensor) -> torch.Tensor:
        moved = torch.cat([codes[:2, :8] + torch.einsum("rwk,bk->brw", A, change), codes[:2, 8:]], 1)
        reenacted = paint(moved)
        read = read_faces(regressor, reenacted, SQUARES, "authors")
        terms = losses.terms(reenacted, read, wanted, source)
        assert all(term.isfinite() and term > 0 for term in terms.values())
        return losses.total(terms)

    draw = torch.Generator().manual_seed(1)
    A = (0.003 * torch.randn(8, 512, 15, generator=draw)).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(A), A)
    way = gradient / gradient.norm()
    step = 1e-3
    with torch.no_grad():
        rise = (loss(A + step * way) - loss(A - step * way)) / (2 * step)
    assert rise.item() == pytest.approx(gradient.norm().item(), rel=0.05)
