"""The networks of the authors' system against numbers that the authors' own modules produced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from reference_fill import P, fill, filled, generator_weight, network_weight, normal, picture

from export.authors_keys import directions_from_linear, from_rosinality, rosinality_shapes
from puppet.networks.arcface import ArcFace, identity_loss, pooling_matrix
from puppet.networks.deca import FaceRegressor
from puppet.networks.e4e import E4E
from puppet.networks.layout import stylegan2_layout
from puppet.networks.stylegan2 import Generator
from puppet.networks.truncation import mean_code, truncate

LAYOUT = stylegan2_layout(256, 1, 15)
PSI = 0.7
PIXELS = ((0, 0, 0), (1, 17, 200), (2, 128, 128), (0, 255, 255))
CENTRE = normal("trunc", 1, 512, scale=0.1)[0]


def agrees(ours: torch.Tensor, *theirs: float) -> None:
    torch.testing.assert_close(ours.double().reshape(-1), torch.tensor(theirs).double(), rtol=1e-4, atol=0)


@pytest.fixture(scope="module", autouse=True)
def no_grad() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def generator() -> Generator:
    generator = Generator(LAYOUT)
    state = from_rosinality(fill(rosinality_shapes(LAYOUT), generator_weight), LAYOUT)
    missing, unknown = generator.load_state_dict(state, strict=False, assign=True)
    assert missing == ["pose_basis"] and not unknown
    return generator.eval()


@pytest.fixture(scope="module")
def directions() -> tuple[torch.Tensor, torch.Tensor]:
    state = fill({"linear.weight": (4096, 15), "linear.bias": (4096,)}, network_weight)
    return directions_from_linear(state["linear.weight"], state["linear.bias"], rows=8)


def test_direction_matrix(directions: tuple[torch.Tensor, torch.Tensor]) -> None:
    A, bias = directions
    shift = A @ P + bias
    agrees(torch.stack([shift.mean(), shift.std()]), 0.02950831, 2.254328)
    agrees(shift[0, :3], 4.863788, 0.03487149, 0.6277195)
    agrees(torch.stack([shift[3, 5], shift[7, 511]]), -1.224756, 0.3511599)
    agrees(bias[0, :3], 0.08825372, -0.1876348, 0.0484965)


def test_mapping(generator: Generator) -> None:
    w = generator.mapping(normal("z", 1, 512))
    agrees(torch.stack([w.mean(), w.std()]), 0.6384895, 1.186395)
    agrees(w[0, :3], -0.1189781, 2.419574, 0.04271888)


def test_generator(generator: Generator) -> None:
    ws = generator.codes(normal("z", 1, 512), torch.zeros(1, 15))
    painted = generator.synthesis(truncate(ws, CENTRE, PSI))
    assert painted.shape == (1, 3, 256, 256)
    agrees(torch.stack([painted.mean(), painted.std(), painted.abs().max()]), 1.433821, 1.341817, 5.907843)
    agrees(torch.stack([painted[0][pixel] for pixel in PIXELS]), 0.242437, 1.37131, 2.98838, 0.21199)


def test_generator_with_a_shift(generator: Generator, directions: tuple[torch.Tensor, torch.Tensor]) -> None:
    A, bias = directions
    ws = normal("wplus", 1, 14, 512, scale=0.5)
    ws[:, :8] += 0.05 * (A @ P + bias)
    used = truncate(ws, CENTRE, PSI)
    agrees(used[0, [0, 7, 8], 0], -0.2404713, 0.1915448, 0.4845019)
    painted = generator.synthesis(used)
    agrees(torch.stack([painted.mean(), painted.std()]), 1.657854, 1.272541)
    agrees(torch.stack([painted[0][pixel] for pixel in PIXELS]), 0.198786, 0.606929, 2.56523, 0.313666)


def test_e4e() -> None:
    with torch.device("meta"):  # saves the drawing of weights that are replaced
        encoder = E4E(num_ws=14)
    encoder = filled(encoder)
    assert len(encoder.state_dict()) == 565
    assert sum(p.numel() for p in encoder.parameters()) == 209_450_688
    code = encoder(picture())
    assert code.shape == (1, 14, 512)
    agrees(torch.stack([code.mean(), code.std()]), 0.01670999, 0.9289954)
    agrees(code[0, 0, :3], 1.278407, -0.9295533, -1.010905)
    agrees(code[0, 5, :3], 1.193696, -0.286957, -1.384057)
    agrees(code[0, 13, :3], 1.005749, -1.414888, -1.709335)


def test_identity() -> None:
    arcface = filled(ArcFace())
    assert len(arcface.state_dict()) == 397
    features = arcface(picture())
    agrees(features[0, :3], 0.07517303, 0.07823511, 0.01062333)
    agrees(features.std(), 0.04423737)
    agrees(identity_loss(arcface, picture(), picture(0.8)), 0.2184282)


def test_pooling_is_adaptive() -> None:
    x, matrix = normal("pooled", 2, 3, 188, 188), pooling_matrix(188, 112)
    torch.testing.assert_close(matrix @ x @ matrix.T, F.adaptive_avg_pool2d(x, 112))


def test_face_regressor() -> None:
    regressor = filled(FaceRegressor())
    assert len(regressor.state_dict()) == 322
    assert sum(p.numel() for p in regressor.parameters()) == 25_848_108
    crop = (picture(edge=224) + 1) / 2
    everything = regressor(crop)
    agrees(torch.stack([everything.mean(), everything.std()]), 2.876398e-4, 0.4376677)
    face = regressor.read(crop)
    agrees(face.shape[0, :2], 0.7610573, -0.7359005)
    agrees(face.expression[0, :2], 0.3559847, 0.3303117)
    agrees(face.pose, 0.2414927, 0.3085791, 0.1003428, -0.6434607, 0.7404336, 0.1567938)
    agrees(face.camera, -0.41358, 0.0410777, -0.261071)


@pytest.mark.parametrize(
    ("resolution", "multiplier", "parameters"),
    [(256, 1, 24_767_458), (256, 2, 30_034_338), (1024, 2, 30_370_060)],
    ids=["voxceleb", "ffhq 256", "ffhq 1024"],
)
def test_released_layouts(resolution: int, multiplier: int, parameters: int) -> None:
    layout = stylegan2_layout(resolution, multiplier, 15)
    shapes = rosinality_shapes(layout)
    kernels = 2 * (len(layout.channels) - 1)
    assert len(shapes) + kernels == {256: 135, 1024: 171}[resolution]
    with torch.device("meta"):
        generator = Generator(layout)
    assert sum(p.numel() for name, p in generator.named_parameters() if name != "pose_basis") == parameters


def test_the_mean_code_is_that_of_its_seed(generator: Generator) -> None:
    centre = mean_code(generator.mapping, 512)
    assert torch.equal(centre, mean_code(generator.mapping, 512))
    other = mean_code(generator.mapping, 512, seed=1)
    spread = generator.mapping(normal("some", 512, 512)).std(0)
    # Two means of 4096 differ by √2 σ / 64.
    assert 0.7 < ((centre - other) / spread).std() / (2**0.5 / 64) < 1.4


def test_truncation_goes_from_the_mean_to_the_code() -> None:
    ws = normal("wplus", 1, 14, 512)
    torch.testing.assert_close(truncate(ws, CENTRE, 1.0), ws)
    torch.testing.assert_close(truncate(ws, CENTRE, 0.0), CENTRE.expand_as(ws))
    torch.testing.assert_close(truncate(ws, CENTRE, 0.5), (ws + CENTRE) / 2)
