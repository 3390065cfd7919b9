"""Detail that moves: against the place where each point of the surface comes to be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from puppet.compositor import Compositor
from puppet.detail import (
    CELLS,
    KINDS,
    NONE,
    PER_CELL,
    SHARES,
    SIDE_PX,
    TINT_PER_CELL,
    Detail,
    Opening,
    Part,
    Patch,
    decode_detail,
    encode_detail,
)
from puppet.errors import AvatarError
from puppet.face_motion import rotation
from puppet.moving_detail import MovingDetail
from puppet.perspective import lifted, projected
from puppet.pose_space import BUILTIN

PIVOT = np.array((0.5, 0.55, 0.35), np.float32)
P_S = BUILTIN.pose(yaw=5.0, pitch=-3.0, smile_left=0.3)
SPREAD = 6.0
"""Of a bright spot, in pixels."""

TINTED = np.array((40, 0, -20))
MOUTH, EYE = np.s_[18:46, 18:46], np.s_[14:26, 14:34]
"""Rows and columns of cells."""


def detail(residual: np.ndarray) -> Detail:
    """A face that bulges towards the viewer, smiles to the side, and has one eye, lids and ball, in the upper left."""
    middle = (np.arange(CELLS) + 0.5) / CELLS
    x, y = np.meshgrid(middle, middle)
    z = 0.8 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    X = lifted(np.stack([x, y, z], -1).reshape(-1, 3)).reshape(CELLS, CELLS, 3)
    expression = np.zeros((BUILTIN.dim, CELLS, CELLS, 3), np.float32)
    expression[BUILTIN.index("smile_left"), ..., 0] = 0.03
    shares = np.zeros((SHARES, CELLS, CELLS), np.float32)
    shares[0] = 1
    shares[0, 16:24, 16:32] = 0
    shares[1, 16:24, 16:24] = shares[4, 16:24, 24:32] = 1
    return Detail(residual, X.astype(np.float32), np.ones((CELLS, CELLS), np.float32), expression, shares)


def cut(before: Detail, cells: tuple[slice, slice]) -> dict[str, np.ndarray]:
    """What a patch has of it."""
    rows, columns = (slice(part.start * PER_CELL, part.stop * PER_CELL) for part in cells)
    return {
        "residual": before.residual[rows, columns].copy(), "X": before.X[cells].copy(),
        "follow": before.follow[cells].copy(), "expression": before.expression[:, *cells].copy(),
        "corner": np.array([part.start for part in reversed(cells)], np.uint8),
    }  # fmt: skip


def opening(before: Detail, cells: tuple[slice, slice], p: np.ndarray) -> Opening:
    """All of it there, in another colour, looks about with the eye, or nothing does."""
    part = cut(before, cells)
    size = part["follow"].shape
    tint = np.full((*(side * TINT_PER_CELL for side in size), 3), NONE + TINTED, np.uint8)
    ball = before.shares[4][cells].copy()
    return Opening(**part, share=1 - ball, ball=ball, tint=tint, p=p)


def elsewhere(before: Detail) -> Detail:
    """The same with a mouth that opens, in the middle, the eye closed, and a side that it turns."""
    mouths = tuple(opening(before, MOUTH, BUILTIN.pose(jaw_open=jaw)) for jaw in (0.7, 0.9))
    eye = opening(before, EYE, BUILTIN.pose(blink_right=1.0))
    side = cut(before, np.s_[0:CELLS, 30:50])
    sides = (Patch(**side, share=before.shares[0][:, 30:50].copy(), p=BUILTIN.pose(yaw=25.0)),)
    looks = tuple(opening(before, EYE, BUILTIN.pose(gaze_yaw=look)) for look in (-0.5, 0.5))
    smiles = ((opening(before, MOUTH, BUILTIN.pose(smile_left=smile, smile_right=smile)),) for smile in (0.5, 1))
    return replace(before, openings=((eye,), (), mouths, *smiles), looks=looks, sides=sides)


def spot(x: float, y: float) -> np.ndarray:
    """A residual that is bright around one place, in pixels."""
    across, down = np.meshgrid(np.arange(SIDE_PX), np.arange(SIDE_PX))
    bright = 100 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * SPREAD**2))
    return (NONE + bright).round().astype(np.uint8)


def moving(residual: np.ndarray) -> MovingDetail:
    return MovingDetail(detail(residual), BUILTIN, P_S, PIVOT)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    grain = np.random.default_rng(3).normal(NONE, 20, (SIDE_PX, SIDE_PX)).clip(0, 255).astype(np.float32)
    return cv2.GaussianBlur(grain, (0, 0), 1.0).round().astype(np.uint8)


def test_in_the_portraits_own_pose_nothing_moves(noise: np.ndarray) -> None:
    np.testing.assert_allclose(moving(noise).layers(P_S).fine.astype(int), noise.astype(int) - NONE, atol=0)


@given(
    yaw=st.floats(-20, 20), pitch=st.floats(-12, 12), roll=st.floats(-15, 15), smile=st.floats(0, 1),
    x=st.floats(180, 330), y=st.floats(180, 330),
)  # fmt: skip
def test_a_spot_is_seen_where_its_point_comes_to(
    yaw: float, pitch: float, roll: float, smile: float, x: float, y: float
) -> None:
    p = BUILTIN.pose(yaw=yaw, pitch=pitch, roll=roll, smile_left=smile)
    place = (np.array((x, y)) + 0.5) / SIDE_PX
    X = lifted(np.array([[*place, 0.8 * ((place - 0.5) ** 2).sum()]]))
    X[:, 0] += (smile - P_S[BUILTIN.index("smile_left")]) * 0.03
    pivot = lifted(PIVOT[None].astype(np.float64))
    R = rotation(p, BUILTIN) @ rotation(P_S, BUILTIN).T
    wanted = projected((X - pivot) @ R.T + pivot)[0, :2] * SIDE_PX - 0.5
    seen = moving(spot(x, y)).layers(p).fine.astype(np.float64)
    assert seen.max() > 80
    down, across = np.indices(seen.shape)
    middle = np.array([(seen * across).sum(), (seen * down).sum()]) / seen.sum()
    np.testing.assert_allclose(middle, wanted, atol=1.5)


@pytest.mark.parametrize(("name", "lids"), [("blink_right", True), ("gaze_yaw", False), ("blink_left", None)])
def test_an_eye_that_closes_or_looks_aside_loses_its_detail(noise: np.ndarray, name: str, lids: bool | None) -> None:
    p = P_S.copy()
    p[BUILTIN.index(name)] = 1
    seen = np.abs(moving(noise).layers(p).fine.astype(int))
    assert (seen[140:180, 140:180].max() <= 1) == (lids is True)
    assert (seen[140:180, 204:244].max() <= 1) == (lids is not None)
    np.testing.assert_allclose(seen[220:], np.abs(noise[220:].astype(int) - NONE), atol=1)


def test_what_was_hidden_has_no_detail(noise: np.ndarray) -> None:
    """Turned to the side, the surface is folded at one edge and stretched at the other."""
    turned = np.abs(moving(noise).layers(BUILTIN.pose(yaw=40.0)).fine.astype(int))
    assert turned[200:300, :20].max() <= 1 < turned[200:300, 200:300].max()


def test_it_is_added_as_far_as_the_portrait_is_opaque(noise: np.ndarray) -> None:
    portrait = np.zeros((64, 64, 4), np.uint8)
    portrait[...] = (100, 120, 140, 255)
    portrait[:, :16] = (NONE, NONE, NONE, 0)
    backdrop = np.full((SIDE_PX, SIDE_PX, 3), 60, np.uint8)
    plain, fine = np.empty((2, *backdrop.shape), np.uint8)
    Compositor(backdrop, 64, 4).compose(portrait, plain)
    composing = Compositor(backdrop, 64, 4, moving(noise))
    composing.compose(portrait, fine, P_S)
    added = fine.astype(int) - plain
    np.testing.assert_allclose(added[:, 200:], (noise[:, 200:].astype(int) - NONE)[..., None].repeat(3, 2), atol=2)
    assert np.abs(added[:, :100]).max() <= 1
    composing.compose(portrait, fine)
    assert np.array_equal(fine, plain)


@pytest.mark.parametrize(("height", "width"), [(96, 160), (160, 100), (720, 1280)])
@pytest.mark.parametrize("depth", [3, 4])
def test_pictures_of_every_size_and_transparent_ones_have_it(
    noise: np.ndarray, height: int, width: int, depth: int
) -> None:
    portrait = np.full((64, 64, 4), (100, 120, 140, 255), np.uint8)
    backdrop = np.full((height, width, depth), 60, np.uint8)
    plain, fine = np.empty((2, *backdrop.shape), np.uint8)
    Compositor(backdrop, 64, 4).compose(portrait, plain)
    Compositor(backdrop, 64, 4, moving(noise)).compose(portrait, fine, P_S)
    wanted = cv2.resize(noise, (height, height), interpolation=cv2.INTER_AREA if height < SIDE_PX else cv2.INTER_CUBIC)
    cut = max(height - width, 0) // 2
    middle = slice(width // 2 - 10, width // 2 + 10)
    added = fine[:, middle, :3].astype(int) - plain[:, middle, :3]
    there = wanted[:, cut:][:, min(width, height) // 2 - 10 : min(width, height) // 2 + 10].astype(int) - NONE
    np.testing.assert_allclose(added, there[..., None].repeat(3, 2), atol=2)
    assert np.array_equal(fine[..., 3:], plain[..., 3:])


def test_it_comes_back_from_its_file(noise: np.ndarray) -> None:
    before = detail(noise)
    after = decode_detail(encode_detail(before), BUILTIN.dim)
    assert np.array_equal(after.residual, before.residual)
    for name in ("X", "follow", "expression", "shares"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), atol=1e-3)
    assert after.openings == ((),) * len(KINDS) and after.looks == after.sides == ()
    more = elsewhere(before)
    again = decode_detail(encode_detail(more), BUILTIN.dim)
    assert [len(openings) for openings in again.openings] == [1, 0, 2, 1, 1]
    for patch, other in zip(
        *((*chain(*part.openings), *part.looks, *part.sides) for part in (more, again)), strict=True
    ):
        assert type(patch) is type(other)
        own = Opening.__slots__ if isinstance(patch, Opening) else ()
        for name in (*Part.__slots__, *Patch.__slots__, *own):
            np.testing.assert_allclose(getattr(other, name), getattr(patch, name), atol=1e-3)


def test_a_mouth_from_before_there_were_tints_has_none(noise: np.ndarray) -> None:
    tensors = load(encode_detail(elsewhere(detail(noise))))
    before = save({name: tensor for name, tensor in tensors.items() if not name.endswith(("tint", "ball"))})
    for mouth in decode_detail(before, BUILTIN.dim).openings[2]:
        assert (mouth.tint == NONE).all() and not mouth.ball.any()


def test_an_eye_that_closes_has_other_detail_and_its_ball_while_it_looks_ahead(noise: np.ndarray) -> None:
    bright = elsewhere(detail(np.full_like(noise, NONE + 100)))
    moving = MovingDetail(
        replace(bright, residual=np.full_like(noise, NONE), looks=(), sides=()), BUILTIN, BUILTIN.pose(), PIVOT
    )
    for motion, lids, ball in (
        ({"gaze_yaw": 0.5}, 0, 0), ({"blink_left": 1.0}, 0, 0), ({"blink_right": 0.5}, 50, 50),
        ({"blink_right": 1.0}, 100, 100), ({"blink_right": 1.0, "gaze_yaw": 0.5}, 100, 0),
    ):  # fmt: skip
        fine = moving.layers(BUILTIN.pose(**motion)).fine
        np.testing.assert_allclose(fine[150:170, 140:170], lids, atol=1)
        np.testing.assert_allclose(fine[150:170, 210:240], ball, atol=1)


def test_eyes_that_look_aside_have_other_detail_as_long_as_they_are_open(noise: np.ndarray) -> None:
    bright = elsewhere(detail(np.full_like(noise, NONE + 100)))
    mine = replace(bright, residual=np.full_like(noise, NONE + 40), openings=((),) * len(KINDS), sides=())
    moving = MovingDetail(mine, BUILTIN, BUILTIN.pose(), PIVOT)
    for motion, lids, ball in (
        ({}, 40, 40), ({"gaze_yaw": 0.25}, 70, 70), ({"gaze_yaw": -0.5}, 100, 100), ({"gaze_pitch": 0.5}, 40, 40),
        ({"gaze_yaw": 0.9}, 100, 0), ({"gaze_yaw": 0.25, "gaze_pitch": 0.5}, 70, 70),
        ({"gaze_yaw": 0.5, "blink_right": 1.0}, 0, 0),
    ):  # fmt: skip
        fine = moving.layers(BUILTIN.pose(**motion)).fine
        np.testing.assert_allclose(fine[150:170, 140:170], lids, atol=1)
        np.testing.assert_allclose(fine[150:170, 210:240], ball, atol=1)


def test_a_mouth_that_smiles_has_other_detail_the_more_it_does(noise: np.ndarray) -> None:
    bright = elsewhere(detail(np.full_like(noise, NONE)))
    *others, mouths, smile, laugh = bright.openings
    kinds = (
        tuple(replace(part, residual=np.full_like(part.residual, NONE + level)) for part in parts)
        for parts, level in ((mouths, 20), (smile, 60), (laugh, 100))
    )
    moving = MovingDetail(
        replace(bright, openings=(*others, *kinds), looks=(), sides=()), BUILTIN, BUILTIN.pose(), PIVOT
    )
    for smiles, jaw, level in (
        (0.0, 0.0, 0), (0.0, 0.7, 20), (0.5, 0.7, 60), (0.25, 0.7, 40), (0.75, 0.0, 80), (1.0, 0.3, 100), (0.25, 0, 30),
    ):  # fmt: skip
        fine = moving.layers(BUILTIN.pose(jaw_open=jaw, smile_left=smiles, smile_right=smiles)).fine
        np.testing.assert_allclose(fine[240:270, 240:270].mean(), level, atol=2)


def test_a_turned_head_does_not_smile(noise: np.ndarray) -> None:
    """Poses are stored in half: other entries of a smile are not quite the portrait's."""
    smiling = elsewhere(detail(noise))
    *others, smile, laugh = smiling.openings
    inexact = ((replace(part, p=part.p + BUILTIN.pose(yaw=0.01)) for part in parts) for parts in (smile, laugh))
    turned, without = (
        MovingDetail(replace(smiling, openings=(*others, *kinds)), BUILTIN, BUILTIN.pose(), PIVOT)
        for kinds in (tuple(tuple(parts) for parts in inexact), ((), ()))
    )
    p = BUILTIN.pose(yaw=20.0, jaw_open=0.7)
    np.testing.assert_array_equal(turned.layers(p).fine, without.layers(p).fine)


def test_a_mouths_colours_are_there_where_it_is_open(noise: np.ndarray) -> None:
    tinted = elsewhere(detail(noise))
    right, left, mouths, *smiles = tinted.openings
    plain = tuple(replace(mouth, tint=np.full_like(mouth.tint, NONE)) for mouth in mouths)
    plain = replace(tinted, openings=(right, left, plain, *smiles))
    portrait = np.full((64, 64, 4), (100, 120, 140, 255), np.uint8)
    backdrop = np.full((SIDE_PX, SIDE_PX, 3), 60, np.uint8)
    for jaw, share in ((0.0, 0.0), (0.35, 0.5), (0.7, 1.0), (0.8, 1.0)):
        pictures = np.empty((2, *backdrop.shape), np.uint8)
        for part, picture in zip((plain, tinted), pictures, strict=True):
            moving = MovingDetail(part, BUILTIN, BUILTIN.pose(), PIVOT)
            Compositor(backdrop, 64, 4, moving).compose(portrait, picture, BUILTIN.pose(jaw_open=jaw))
        added = np.subtract(*pictures[::-1].astype(int))
        np.testing.assert_allclose(added[220:290, 220:290].mean((0, 1)), share * TINTED, atol=1)
        assert np.abs(added[:100]).max() <= 1


def test_a_turned_heads_side_is_seen_where_its_own_detail_is_not(noise: np.ndarray) -> None:
    """One half of its own detail is not believed; there the side's takes over as the head turns to it."""
    before = detail(noise)
    before.shares[:, :, 32:] = 0
    (side,) = elsewhere(before).sides
    side = replace(side, residual=np.full_like(side.residual, NONE + 40), share=np.ones_like(side.share))
    for yaw, strength in ((-25.0, 0), (2.0, 0), (5.5, 0.5), (9.0, 1), (25.0, 1)):
        one, both = (
            MovingDetail(part, BUILTIN, BUILTIN.pose(), PIVOT).layers(BUILTIN.pose(yaw=yaw)).fine.astype(int)
            for part in (before, replace(before, sides=(side,)))
        )
        added = both - one
        own = np.abs(one) > 5
        assert np.abs(added[own]).mean() < 4
        assert np.percentile(added, 99) == pytest.approx(40 * strength, abs=2)


def mouth_damaged(part: Detail, **changes: np.ndarray) -> Detail:
    right, left, (first, *_), *smiles = part.openings
    return replace(part, openings=(right, left, (replace(first, **changes),), *smiles))


@given(content=st.binary(max_size=200))
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(AvatarError, match="detail is damaged"):
        decode_detail(content, BUILTIN.dim)


@pytest.mark.parametrize(
    "damage",
    [
        lambda part: replace(part, shares=part.shares[:3]),
        lambda part: replace(part, residual=part.residual[:100]),
        lambda part: replace(part, X=np.full_like(part.X, np.nan)),
        lambda part: replace(part, expression=part.expression + 50),
        lambda part: replace(part, follow=np.full_like(part.follow, np.inf)),
        lambda part: mouth_damaged(part, corner=np.array((0, 37), np.uint8)),
        lambda part: mouth_damaged(part, p=part.openings[2][0].p * np.nan),
        lambda part: mouth_damaged(part, X=part.openings[2][0].X * 100),
        lambda part: mouth_damaged(part, residual=part.openings[2][0].residual[1:]),
        lambda part: replace(part, sides=(replace(part.sides[0], corner=np.array((45, 0), np.uint8)),)),
        lambda part: replace(part, sides=(replace(part.sides[0], corner=np.array((0, 1), np.uint8)),)),
        lambda part: replace(part, sides=(replace(part.sides[0], share=part.sides[0].share[:0]),)),
        lambda part: replace(part, sides=(replace(part.sides[0], share=part.sides[0].share[0]),)),
        lambda part: replace(part, sides=(replace(part.sides[0], p=part.sides[0].p + 100),)),
    ],
)
def test_numbers_that_no_surface_has_are_refused(noise: np.ndarray, damage: Callable[[Detail], Detail]) -> None:
    with pytest.raises(AvatarError, match="detail is damaged"):
        decode_detail(encode_detail(damage(elsewhere(detail(noise)))), BUILTIN.dim)


def test_another_kind_of_file_is_refused() -> None:
    with pytest.raises(AvatarError, match="it holds other tensors"):
        decode_detail(save({"residual": np.zeros((2, 2), np.uint8)}), BUILTIN.dim)
