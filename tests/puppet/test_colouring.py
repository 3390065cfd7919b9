"""A person's colours, as they are measured, and a code that gets them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from itertools import permutations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from usual_cutout import usual_cutout

from engines import open_engine
from puppet.bundle import builtin_bundle_path, load_bundle
from puppet.bundle_tensors import COLOURS, Colouring
from puppet.colouring import LIMIT, SIDE, coloured, colours_of, painted_colours, portrait_colours
from puppet.face_topology import CHIN
from puppet.portrait_checks import face_mask
from puppet.rest import rest_code
from puppet.synthesis import Synthesis

SKIN, HAIR, SHIRT, BEARD = (
    np.array(colour, np.float32) for colour in ((210, 160, 130), (60, 40, 30), (30, 60, 150), (90, 70, 60))
)
ROWS, WIDTH = 4, 16


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return usual_cutout(SIDE).points[:, :2]


def head(points: np.ndarray, **colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A person of four flat colours, and opacity."""
    px = (points * SIDE).astype(np.float32)
    y = np.mgrid[:SIDE, :SIDE][0]
    rgb = np.full((SIDE, SIDE, 3), 255, np.float32)
    opacity = np.zeros((SIDE, SIDE), np.float32)
    middle = px.mean(0)
    around = face_mask((px - middle) * 1.7 + middle, SIDE) & (y < px[CHIN, 1])
    below = y > px[CHIN, 1] + 2
    face = face_mask(px, SIDE)
    for mask, colour in ((around, HAIR), (below, SHIRT), (face, SKIN), (face & (y > px[2, 1]), BEARD)):
        opacity[mask], rgb[mask] = 1, colour
    return rgb, opacity


def test_each_part_has_its_own_colour(points: np.ndarray) -> None:
    found = colours_of(*head(points), points)
    np.testing.assert_allclose(found * 255, np.concatenate([SKIN, HAIR, SHIRT, BEARD]), atol=1)


def test_a_forehead_is_no_hair_and_a_bald_head_is_skin(points: np.ndarray) -> None:
    rgb, opacity = head(points)
    hair = (rgb == HAIR).all(-1)
    high = hair & (np.arange(SIDE)[:, None] > np.flatnonzero(hair.any(1))[0] + 6)
    rgb[high] = SKIN
    np.testing.assert_allclose(colours_of(rgb, opacity, points)[3:6] * 255, HAIR, atol=1)
    rgb[hair] = SKIN
    np.testing.assert_allclose(colours_of(rgb, opacity, points)[3:6] * 255, SKIN, atol=1)


def test_what_is_not_seen_has_no_colour(points: np.ndarray) -> None:
    rgb, opacity = head(points)
    opacity[(rgb == SHIRT).all(-1)] = 0
    found = colours_of(rgb, opacity, points)
    assert np.isnan(found[6:9]).all() and np.isfinite(np.delete(found, [6, 7, 8])).all()


def test_colours_are_the_same_over_grey_and_in_a_portrait(points: np.ndarray) -> None:
    rgb, opacity = head(points)
    over_grey = np.dstack([128 + opacity[..., None] * (rgb - 128), 255 * opacity]).astype(np.uint8)
    found = colours_of(rgb, opacity, points)
    np.testing.assert_allclose(painted_colours(over_grey, points), found, atol=0.01)
    crop = cv2.resize(rgb.astype(np.uint8), (512, 512), interpolation=cv2.INTER_NEAREST)
    np.testing.assert_allclose(portrait_colours(crop, points)[:3], found[:3], atol=0.01)


def model(bend: float) -> tuple[Colouring, Callable[[np.ndarray], np.ndarray]]:
    """People whose colours are nearly linear in their code."""
    rng = np.random.default_rng(3)
    seen = rng.normal(0, 0.1, (WIDTH, COLOURS))
    mean = np.full(COLOURS, 0.5)
    people = Colouring(
        np.linalg.pinv(seen).astype(np.float32), mean.astype(np.float32), (0.2 * np.eye(COLOURS)).astype(np.float32)
    )

    def colours(code: np.ndarray) -> np.ndarray:
        linear = code[0] @ seen
        return mean + linear + bend * np.sin(9 * linear)

    return people, colours


@pytest.mark.parametrize("bend", [0.0, 0.06])
def test_a_code_gets_the_colours_that_are_wanted(bend: float) -> None:
    people, colours = model(bend)
    wanted = np.linspace(0.3, 0.7, COLOURS)
    code = coloured(np.zeros((ROWS, WIDTH), np.float32), wanted, people, colours)
    assert code.dtype == np.float32 and (code == code[0]).all()
    np.testing.assert_allclose(colours(code), wanted, atol=0.03)


def test_nobody_loses_hair_for_a_better_match() -> None:
    people, colours = model(0.0)

    def with_little_hair(code: np.ndarray) -> np.ndarray:
        found = colours(code)
        return np.where((np.arange(COLOURS) // 3 == 1) & (found[0] > 0.55), np.nan, found)

    wanted = np.full(COLOURS, 0.5)
    wanted[[0, 4]] = 0.75
    code = coloured(np.zeros((ROWS, WIDTH), np.float32), wanted, people, with_little_hair)
    assert np.isfinite(with_little_hair(code)).all() and with_little_hair(code)[0] > 0.5


def test_colours_that_nobody_has_are_limited() -> None:
    people, colours = model(0.0)
    code = coloured(np.zeros((ROWS, WIDTH), np.float32), np.full(COLOURS, 5.0), people, colours)
    np.testing.assert_allclose(colours(code), 0.5 + 0.2 * LIMIT, atol=0.04)


@given(wanted=arrays(float, COLOURS, elements=st.floats(0, 1) | st.just(np.nan)), bend=st.floats(-0.3, 0.3))
@settings(max_examples=40)
def test_no_code_gets_further_from_what_is_wanted(wanted: np.ndarray, bend: float) -> None:
    people, colours = model(bend)
    before = np.zeros((ROWS, WIDTH), np.float32)
    after = coloured(before, wanted, people, colours)
    seen = ~np.isnan(wanted)
    limited = np.clip(wanted, 0.5 - 0.2 * LIMIT, 0.5 + 0.2 * LIMIT)
    far = [np.linalg.norm((colours(code) - limited)[seen]) for code in (before, after)]
    assert np.isfinite(after).all() and far[1] <= far[0] + 1e-3


def test_the_shipped_models_people_get_one_anothers_colours(points: np.ndarray) -> None:
    bundle = load_bundle(builtin_bundle_path())
    people = list(bundle.characters.values())[:3]
    before, after = [], []
    with closing(open_engine(bundle.synthesis_path)) as engine:
        synthesis = Synthesis(engine)

        def colours(code: np.ndarray) -> np.ndarray:
            return painted_colours(synthesis.paint(rest_code(bundle, code, bundle.pose_space.rest)), points)

        for one, other in permutations(people, 2):
            wanted = colours(other.code)
            before.append(np.abs(colours(one.code) - wanted).mean())
            after.append(np.abs(colours(coloured(one.code, wanted, bundle.colouring, colours)) - wanted).mean())
    assert np.mean(after) < 0.3 * np.mean(before)
