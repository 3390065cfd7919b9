from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.beard import SHARE, bearded, has_shell
from export.head_factors import PLAIN, Z_DIM, Factors, entry, read_factors, with_amounts
from export.render_heads import REGIONS, HeadRenderer
from export.shape_model import load_shape_model
from export.worn import GLASSES, HATS, HEADPHONES, bare, wears_glasses, wears_hat, wears_headphones
from puppet.pose_space import BUILTIN

NOBODY = with_amounts(np.zeros(Z_DIM, np.float32), dict(PLAIN) | {"beard": 0.5})
REST = BUILTIN.rest
GLASSES_CODE = REGIONS.index("glasses")

EVERYTHING = {
    "glasses": 0.95, "headwear": 0.97, "beard": 0.95, "beard_length": 0.9, "wrinkles": 0.95, "freckles": 0.95,
    "hair_curl": 0.95, "hair_parting": 0.95, "light_window": 0.9, "light_rim": 0.9,
}  # fmt: skip


@pytest.fixture(scope="module")
def real(data_folder: Path) -> HeadRenderer:
    return HeadRenderer(load_shape_model(data_folder / "ict_facekit"), 128)


def pose(**entries: float) -> np.ndarray:
    p = REST.copy()
    for name, value in entries.items():
        p[BUILTIN.index(name)] = value
    return p


def test_things_are_worn_as_often_as_said() -> None:
    everybody = np.random.default_rng(0).standard_normal((4000, Z_DIM)).astype(np.float32)
    people: list[Factors] = [read_factors(z) for z in everybody]
    for worn, share in (
        (wears_glasses, GLASSES),
        (wears_hat, HATS),
        (wears_headphones, HEADPHONES),
        (has_shell, SHARE / 2),
    ):
        assert np.mean([worn(person) for person in people]) == pytest.approx(share, abs=0.015)
    assert not any(wears_hat(person) and wears_headphones(person) for person in people)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_people_are_the_same_with_nothing_on_and_with_a_beard(seed: int) -> None:
    z = 3 * np.random.default_rng(seed).standard_normal(Z_DIM).astype(np.float32)
    factors = read_factors(bare(z))
    assert not (wears_glasses(factors) or wears_hat(factors) or wears_headphones(factors))
    assert has_shell(read_factors(bearded(z)))
    for changed, names in ((bare(z), ("glasses", "headwear")), (bearded(z), ("beard", "beard_length"))):
        same = ~np.isin(np.arange(Z_DIM), [entry(name) for name in names])
        np.testing.assert_array_equal(changed[same], z[same])


def test_what_is_absent_has_no_effect(real: HeadRenderer) -> None:
    names = ("glasses_shape", "glasses_colour", "headwear_shape", "headwear_colour", "beard_length", "beard_shape")
    other = with_amounts(NOBODY, dict.fromkeys(names, 0.9))
    one, two = (real.paint(real.person(z), REST).rgba for z in (NOBODY, other))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("p", [REST, pose(yaw=35, roll=-15), pose(jaw_open=1, pitch=-20)], ids=["rest", "side", "up"])
def test_glasses_hide_regions_and_move_none(real: HeadRenderer, p: np.ndarray) -> None:
    plain = real.paint(real.person(NOBODY), p).regions
    worn = real.paint(real.person(with_amounts(NOBODY, {"glasses": 0.95})), p).regions
    rim = worn == GLASSES_CODE
    assert 60 < rim.sum() < 900
    assert not (plain == GLASSES_CODE).any()
    np.testing.assert_array_equal(worn[~rim], plain[~rim])


@pytest.mark.parametrize("headwear", [0.03, 0.97])
def test_what_is_on_the_head_leaves_the_face_free(real: HeadRenderer, headwear: float) -> None:
    face = [REGIONS.index(name) for name in ("mouth", "eyes")]
    plain = real.paint(real.person(NOBODY), REST).regions
    worn = real.paint(real.person(with_amounts(NOBODY, {"headwear": headwear, "headwear_shape": 0.9})), REST)
    assert np.isin(plain, face).sum() > 300
    np.testing.assert_array_equal(worn.regions[np.isin(plain, face)], plain[np.isin(plain, face)])
    assert (worn.regions == REGIONS.index("hair")).sum() > (plain == REGIONS.index("hair")).sum()
    assert worn.rgba[0, :, 3].max() == 0  # nothing is cut off at the top


def test_everything_at_once_has_an_exact_matte_and_is_painted_twice(real: HeadRenderer) -> None:
    z, p = with_amounts(NOBODY, EVERYTHING), pose(yaw=-25, pitch=10, jaw_open=0.5)
    first = real.paint(real.person(z), p)
    real.paint(real.person(NOBODY), REST)
    again = real.paint(real.person(z), p)
    np.testing.assert_array_equal(first.rgba, again.rgba)
    alpha = first.rgba[..., 3]
    assert set(np.unique(alpha)) <= {0, 64, 128, 191, 255}
    np.testing.assert_array_equal(first.regions == 0, alpha == 0)
    assert np.all(np.abs(first.rgba[alpha == 0][:, :3].astype(int) - 128) <= 1)


def test_a_mouth_has_teeth_and_is_dark_behind_them(real: HeadRenderer) -> None:
    mouth = REGIONS.index("mouth")
    person = real.person(NOBODY)
    smile = real.paint(person, pose(jaw_open=0.4, smile_left=0.8, smile_right=0.8))
    wide = real.paint(person, pose(jaw_open=1))
    closed = real.paint(person, REST)
    brightest = [picture.rgba[picture.regions == mouth][:, :3].min(1).max() for picture in (smile, closed)]
    assert brightest[0] > 170 > brightest[1]
    inside = wide.rgba[wide.regions == mouth][:, :3].max(1)
    assert (inside < 70).sum() > 40


def test_the_upper_lid_shades_the_eye_and_closed_eyes_show_lashes(real: HeadRenderer) -> None:
    person, eyes = real.person(NOBODY), REGIONS.index("eyes")
    opened, closed = (real.paint(person, pose(blink_left=shut, blink_right=shut)) for shut in (0, 1))
    bright = [picture.rgba[picture.regions == eyes][:, :3].min(1) for picture in (opened, closed)]
    assert bright[0].max() > bright[1].max() + 20  # a catchlight, and none on a lid
    assert (bright[1] < 60).sum() >= 12
