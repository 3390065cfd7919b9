from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from puppet.head_turn import quaternion_of
from puppet.pose_space import BUILTIN, PoseSpace
from puppet.vmc import READ, WRITTEN, Figure, Translation

poses = st.tuples(*[st.floats(float(low), float(high)) for low, high in zip(BUILTIN.lower, BUILTIN.upper, strict=True)])


def figure_of(translation, p):
    shapes = translation.shapes_of(p).tolist()
    named = {name.lower(): value for name, value in zip(translation.names, shapes, strict=True)}
    return Figure(translation.head_of(p), named)


@given(poses)
def test_a_pose_that_is_sent_comes_back(numbers):
    p = np.array(numbers, np.float32)
    translation = Translation(BUILTIN)
    np.testing.assert_allclose(translation.pose_of(figure_of(translation, p)), p, atol=1e-2)


@given(poses)
def test_vrms_own_names_lose_only_what_they_cannot_say(numbers):
    p = np.array(numbers, np.float32)
    translation = Translation(BUILTIN, "vrm")
    back = translation.pose_of(figure_of(translation, p))
    said = [name not in {"smile_left", "smile_right", "mouth_shift"} for name in BUILTIN.names]
    np.testing.assert_allclose(back[said], p[said], atol=1e-2)


@pytest.mark.parametrize(
    ("shapes", "moved"),
    [
        ({"jawopen": 0.5}, {"jaw_open": 0.5}),
        ({"eyeblinkleft": 1.0}, {"blink_left": 1.0}),
        ({"mouthleft": 0.5}, {"mouth_shift": -0.5}),
        ({"eyelookinright": 1.0, "eyelookoutleft": 1.0}, {"gaze_yaw": -1.0}),  # both eyes to the subject's left
        ({"eyelookdownleft": 0.4, "eyelookdownright": 0.4}, {"gaze_pitch": 0.4}),
        ({"aa": 0.5}, {"jaw_open": 0.5}),
        ({"blink": 1.0}, {"blink_left": 1.0, "blink_right": 1.0}),
        ({"happy": 1.0}, {"smile_left": 1.0, "smile_right": 1.0}),
        ({"jawopen": 0.2, "a": 1.0, "blink": 1.0}, {"jaw_open": 0.2}),  # ARKit's names count alone
        ({"a": 1.0, "o": 1.0}, {"jaw_open": 1.0, "pucker": 0.5}),
    ],
)
def test_each_name_moves_its_entry(shapes, moved):
    p = Translation(BUILTIN).pose_of(Figure(shapes=shapes))
    np.testing.assert_allclose(p, BUILTIN.pose(**moved), atol=1e-6)


def test_every_name_of_the_tables_is_one_of_our_entries():
    for table in (*WRITTEN.values(), *READ.values()):
        assert {name for weights in table.values() for name in weights} <= set(BUILTIN.names)


def test_another_pose_space_takes_what_it_has():
    space = PoseSpace(
        ("yaw", "jaw", "expression_00"),
        np.array([-60, 0, -3], np.float32),
        np.array([60, 0.4, 3], np.float32),
        np.zeros(3, np.float32),
    )
    translation = Translation(space)
    p = translation.pose_of(Figure(quaternion_of(20.0, 5.0, 0.0), {"jawopen": 0.5, "mouthpucker": 1.0}))
    np.testing.assert_allclose(p, [20.0, 0.2, 0.0], atol=1e-3)
    assert translation.names == ("jawOpen",)
    np.testing.assert_allclose(translation.shapes_of(p), [0.5], atol=1e-6)
    assert translation.pose_of(replace(Figure(), shapes={"jawopen": 9.0}))[1] == pytest.approx(0.4)
