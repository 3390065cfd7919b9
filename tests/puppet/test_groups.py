from puppet.groups import PerGroup, blinks, group_of, one_sided
from puppet.pose_space import BUILTIN


def test_every_builtin_entry_has_its_group():
    groups = {name: group_of(name) for name in BUILTIN.names}
    assert [name for name, group in groups.items() if group == "head"] == ["yaw", "pitch", "roll"]
    assert [name for name, group in groups.items() if group == "brows"] == ["brow_raise", "brow_lower"]
    assert [name for name, group in groups.items() if group == "eyes"] == [
        "blink_left", "blink_right", "gaze_yaw", "gaze_pitch",
    ]  # fmt: skip
    assert groups["jaw_open"] == groups["mouth_shift"] == groups["pucker"] == "mouth"


def test_numbers_reach_their_entries():
    values = PerGroup(head=1.0, mouth=2.0, eyes=3.0, brows=4.0).per_entry(BUILTIN)
    assert values[BUILTIN.index("roll")] == 1
    assert values[BUILTIN.index("frown")] == 2
    assert values[BUILTIN.index("gaze_pitch")] == 3
    assert values[BUILTIN.index("brow_lower")] == 4


def test_one_sided_entries_are_those_that_start_at_rest():
    assert {name for name, yes in zip(BUILTIN.names, blinks(BUILTIN), strict=True) if yes} == {
        "blink_left", "blink_right",
    }  # fmt: skip
    signed = {name for name, yes in zip(BUILTIN.names, one_sided(BUILTIN), strict=True) if not yes}
    assert signed == {"yaw", "pitch", "roll", "mouth_shift", "gaze_yaw", "gaze_pitch"}
