"""The layout of a generator: what is read is what was written, and nonsense is refused."""

import json
import math

import pytest

from puppet.networks.layout import GeneratorLayout, builtin_layout

BUILTIN = builtin_layout(z_dim=100, pose_dim=15)


def test_json_round_trip() -> None:
    assert GeneratorLayout.from_json(json.loads(json.dumps(BUILTIN.to_json()))) == BUILTIN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 96}, "power of two"),
        ({"resolution": 4, "channels": [8]}, "power of two"),
        ({"channels": [256, 256]}, "needs 7 channel counts"),
        ({"channels": 256}, "must be a list"),
        ({"channels": [256, 256, 256, 128, 64, 0]}, "positive integer"),
        ({"img_channels": 2}, "must be 3"),
        ({"z_dim": "100"}, "positive integer"),
        ({"pose_dim": True}, "positive integer"),
        ({"pose_rows": 15}, "at most num_ws = 14"),
        ({"mapping_lr_multiplier": 0.0}, "must be positive"),
        ({"sharpness": -0.5}, "sharpness must be from 0 to 4"),
        ({"sharpness": math.nan}, "sharpness must be from 0 to 4"),
        ({"colour": 1}, "unknown: \\['colour'\\]"),
    ],
)
def test_nonsense_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GeneratorLayout.from_json(BUILTIN.to_json() | change)


def test_a_missing_key_is_named() -> None:
    values = BUILTIN.to_json()
    del values["w_dim"]
    with pytest.raises(ValueError, match="missing: \\['w_dim'\\]"):
        GeneratorLayout.from_json(values)


def test_a_layout_from_before_sharpening_paints_as_before() -> None:
    values = BUILTIN.to_json()
    del values["sharpness"]
    assert GeneratorLayout.from_json(values).sharpness == 0
