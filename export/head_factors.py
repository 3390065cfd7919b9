"""From z ~ N(0, I) to what is visible: every used entry of z is one factor of the rendered head, and nothing else is.

Each factor is a monotone map of Φ(z) (a Gaussian copula), so that G(z) has one exact target. Entries behind the last
factor have no effect yet: they are kept for richer heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float32
from scipy.special import ndtr, ndtri

Z_DIM = 96
IDENTITY_MODES = 40
TRUNCATION = 2.0
"""Identity coefficients are N(0, 1) truncated at two sigmas."""

NAMES = (
    "skin_tone", "skin_warmth", "blush", "gloss", "hair_melanin", "hair_red", "hair_grey", "hair_length",
    "hair_volume_top", "hair_volume_side", "hair_fringe", "hair_part", "hair_wave", "hair_recede", "brow_width",
    "brow_dark", "iris_colour", "iris_light", "iris_size", "lashes", "lip_red", "lip_dark", "beard",
    "cloth_colour", "cloth_light", "cloth_neck", "cloth_vee", "light_azimuth", "light_elevation", "light_key",
    "light_warmth", "lens", "texture_amount", "texture_1", "texture_2", "texture_3", "texture_4", "texture_5",
    "texture_6", "nose_red", "glasses", "glasses_shape", "glasses_colour", "headwear", "headwear_shape",
    "headwear_colour", "beard_length", "beard_shape", "wrinkles", "freckles", "hair_curl", "hair_parting",
    "light_window", "light_rim",
)  # fmt: skip
"""Factors after the identity modes, in the order of z."""

_FIRST = IDENTITY_MODES
assert _FIRST + len(NAMES) <= Z_DIM

_VARIES = ("light_", "lens", "cloth_", "glasses", "headwear")
VARYING = np.zeros(Z_DIM, bool)
"""The entries of z that differ between two pictures of one person: light, lens, clothes, what is worn."""
VARYING[_FIRST : _FIRST + len(NAMES)] = [name.startswith(_VARIES) for name in NAMES]

PLAIN: Mapping[str, float] = MappingProxyType(
    {
        "glasses": 0.5, "headwear": 0.5, "beard_length": 0.3, "beard_shape": 0.6, "wrinkles": 0.3, "freckles": 0.3,
        "hair_curl": 0.3, "hair_parting": 0.3, "light_window": 0.5, "light_rim": 0.5,
    }
)  # fmt: skip
"""Factors, from 0 to 1, of a head with nothing on, smooth skin, straight hair, at most stubble, under one lamp."""

_INSIDE = 1e-5
"""So far within its limits a squeezed factor stays, or its rounding would put it outside."""

Colour = Float32[np.ndarray, "3"]


def _ramp(*stops: str) -> Float32[np.ndarray, "stops 3"]:
    """Linear light in [0, 1] of sRGB hex colours."""
    srgb = np.array([[int(stop[i : i + 2], 16) for i in (0, 2, 4)] for stop in stops], np.float32) / 255
    return (srgb**2.2).astype(np.float32)


SKIN = _ramp("3a2219", "553424", "75492f", "96633f", "b58056", "cf9d73", "e0b592", "eec8aa", "f6d9c4")
HAIR = _ramp("0c0908", "1c120d", "33211a", "4d3323", "6f4b2e", "9a7142", "c39f64", "dcc391")
IRIS = _ramp("24140c", "3f2414", "5d3d1e", "66603a", "4a6a50", "4c7482", "5b86ab", "8398a8")
CLOTH = _ramp("1d2330", "2f4a6d", "3f7d86", "4f7a4f", "b9a05a", "b5623f", "9c3442", "6d3a6b", "5b5f66", "c9c5bc")


def pick(ramp: Float32[np.ndarray, "stops 3"], u: float) -> Colour:
    """The colour at u in [0, 1] of a ramp."""
    position = float(np.clip(u, 0, 1)) * (len(ramp) - 1)
    low = min(int(position), len(ramp) - 2)
    colour: Colour = ramp[low] + np.float32(position - low) * (ramp[low + 1] - ramp[low])
    return colour


@dataclass(frozen=True, eq=False)
class Factors:
    """What z says about one person: shape coefficients, colours (linear light), and amounts.

    Attributes:
        identity: p_i, [IDENTITY_MODES].
        amount: Every named factor in [0, 1], even where z is Gaussian.
        skin, hair, brow, iris, lips, cloth: Albedo in linear RGB.
        texture: Coefficients of the random skin texture, 0 for 85 % of all heads.
    """

    identity: Float32[np.ndarray, "modes"]
    amount: dict[str, float]
    skin: Colour
    hair: Colour
    brow: Colour
    iris: Colour
    lips: Colour
    cloth: Colour
    texture: Float32[np.ndarray, "6"]

    def between(self, name: str, low: float, high: float) -> float:
        """A named factor, spread evenly over [low, high]."""
        return low + (high - low) * self.amount[name]

    def above(self, name: str, share: float) -> float:
        """How far a factor is into its upper `share`: 0 below, rising to 1. For things only some people have."""
        return max(0.0, (self.amount[name] - (1 - share)) / share)


def entry(name: str) -> int:
    """Where a named factor stands in z."""
    return _FIRST + NAMES.index(name)


def with_amounts(z: Float32[np.ndarray, "z_dim"], amounts: Mapping[str, float]) -> Float32[np.ndarray, "z_dim"]:
    """The latent code z with some of its named factors, from 0 to 1, chosen."""
    out = z.copy()
    for name, u in amounts.items():
        out[entry(name)] = ndtri(u)
    return out


def squeezed(
    z: Float32[np.ndarray, "*batch z_dim"], name: str, low: float, high: float
) -> Float32[np.ndarray, "*batch z_dim"]:
    """The latent codes z with a named factor, evenly spread over [0, 1], spread over [low, high] instead."""
    out = z.copy()
    u = ndtr(z[..., entry(name)].astype(np.float64)).clip(_INSIDE, 1 - _INSIDE)
    out[..., entry(name)] = ndtri(low + (high - low) * u)
    return out


def identity_coefficients(z: Float32[np.ndarray, "*batch z_dim"]) -> Float32[np.ndarray, "*batch modes"]:
    """p_i of latent codes: the first entries of z, their normal distribution truncated."""
    low, high = ndtr(-TRUNCATION), ndtr(TRUNCATION)
    u = ndtr(z[..., :IDENTITY_MODES].astype(np.float64))
    return np.asarray(ndtri(low + (high - low) * u), np.float32)


def read_factors(z: Float32[np.ndarray, "z_dim"]) -> Factors:
    """The factors of a latent code z [Z_DIM].

    Raises:
        ValueError: z has another length.
    """
    if z.shape != (Z_DIM,):
        raise ValueError(f"expected z of shape ({Z_DIM},), got {z.shape}")
    u = ndtr(z.astype(np.float64))
    identity = identity_coefficients(z)
    amount = {name: float(u[_FIRST + i]) for i, name in enumerate(NAMES)}

    skin = pick(SKIN, amount["skin_tone"])
    warm = amount["skin_warmth"] - 0.5
    skin = skin * np.array([1 + 0.10 * warm, 1.0, 1 - 0.24 * warm], np.float32)
    grey = max(0.0, (amount["hair_grey"] - 0.85) / 0.15)
    hair = pick(HAIR, amount["hair_melanin"] ** 1.3 * min(1.0, 0.15 + 1.1 * amount["skin_tone"]))
    red = 0.6 * amount["hair_red"] ** 2 * min(1.0, 2 * amount["skin_tone"])
    hair = hair * np.array([1 + 1.1 * red, 1 - 0.15 * red, 1 - 0.5 * red], np.float32)
    hair = hair * (1 - grey) + grey * np.array([0.55, 0.54, 0.52], np.float32)
    brow = hair * (0.85 - 0.55 * amount["brow_dark"]) * np.float32(1 - 0.5 * grey)
    iris = pick(IRIS, amount["iris_colour"] * min(1.0, 0.2 + 1.2 * amount["skin_tone"])) * (
        0.7 + 0.7 * amount["iris_light"]
    )
    red_lips = amount["lip_red"] ** 2
    natural = skin * np.array([0.92, 0.62, 0.62], np.float32)
    lipstick = np.array([0.55, 0.08, 0.10], np.float32)
    lips = (natural + 0.75 * red_lips * (lipstick - natural)) * (1.05 - 0.4 * amount["lip_dark"])
    cloth = pick(CLOTH, amount["cloth_colour"]) * (0.45 + 0.9 * amount["cloth_light"])
    strength = max(0.0, (amount["texture_amount"] - 0.85) / 0.15)
    texture = np.array([z[entry(f"texture_{i}")] for i in range(1, 7)], np.float32) * strength
    return Factors(
        identity=identity,
        amount=amount,
        skin=skin.astype(np.float32),
        hair=hair.astype(np.float32),
        brow=brow.astype(np.float32),
        iris=iris.astype(np.float32),
        lips=lips.astype(np.float32),
        cloth=cloth.astype(np.float32),
        texture=texture,
    )
