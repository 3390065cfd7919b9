import numpy as np
import pytest

from puppet.breathing import Breathing
from puppet.groups import one_sided
from puppet.pose_space import BUILTIN, PoseSpace
from puppet.settings import BreathingSettings

TIMES_S = np.arange(0.0, 60.0, 1 / 30)


@pytest.fixture
def waves():
    breathing = Breathing(BUILTIN, BreathingSettings())
    return np.stack([breathing.at(float(time_s)) for time_s in TIMES_S])


def test_it_begins_at_rest_and_never_stands_still(waves):
    assert not waves[0].any()
    steps = np.abs(np.diff(BUILTIN.scale(BUILTIN.rest + waves), axis=0)).max(axis=1)
    assert steps.min() > 0


def test_it_is_slow_and_small_and_moves_three_entries(waves):
    moving = {name for name, wave in zip(BUILTIN.names, waves.T, strict=True) if np.ptp(wave) > 0}
    assert moving == {"pitch", "jaw_open", "brow_raise"}
    settings = BreathingSettings()
    assert np.abs(waves).max(axis=0)[BUILTIN.index("pitch")] == pytest.approx(settings.pitch_deg, abs=0.01)
    assert np.abs(np.diff(waves, axis=0)).max() < 0.1


def test_one_sided_entries_only_go_up(waves):
    assert waves[:, one_sided(BUILTIN)].min() >= 0


def test_entries_that_a_space_lacks_are_no_trouble():
    space = PoseSpace(("yaw", "jaw_open"), *(np.array(v, np.float32) for v in ([-40, 0], [40, 1], [0, 0])))
    assert Breathing(space, BreathingSettings()).at(2.0)[1] > 0
