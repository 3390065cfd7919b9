import hashlib
import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load, save

from puppet.errors import AvatarError
from puppet.weights_difference import LEVELS, SMALL, difference, restore, restored

RNG = np.random.default_rng(4)
BASE = {
    "synthesis.weight": RNG.normal(size=(64, 80)).astype(np.float16),
    "synthesis.bias": RNG.normal(size=12).astype(np.float16),
    "mapping.weight": RNG.normal(size=(64, 64)).astype(np.float16),
}
CONTENT = save(BASE, {"made": "here"})


def with_changes(**changes):
    """The file with other numbers, laid out as it was."""
    return save({**BASE, **{f"synthesis.{name}": value for name, value in changes.items()}}, {"made": "here"})


halves = st.floats(-8, 8, width=16)


@given(arrays(np.float16, (64, 80), elements=halves), arrays(np.float16, 12, elements=halves))
def test_a_difference_brings_the_weights_back(weight, bias):
    tuned = with_changes(weight=weight, bias=bias)
    back = restore(CONTENT, difference(CONTENT, tuned))
    start = 8 + int.from_bytes(tuned[:8], "little")
    assert len(back) == len(tuned) and back[:start] == tuned[:start]
    found = load(back)
    step = np.abs(weight.astype(np.float32) - BASE["synthesis.weight"]).max() / LEVELS
    rounding = np.abs(weight.astype(np.float32)) / 2**10 + 1e-6
    error = np.abs(found["synthesis.weight"].astype(np.float32) - weight)
    assert (error <= step / 2 * 1.001 + rounding).all()
    np.testing.assert_array_equal(found["synthesis.bias"], bias)
    np.testing.assert_array_equal(found["mapping.weight"], BASE["mapping.weight"])


def test_nothing_changed_is_almost_nothing():
    packed = difference(CONTENT, CONTENT)
    assert len(packed) < 200 and restore(CONTENT, packed) == CONTENT


def test_a_difference_is_smaller_than_the_weights():
    tuned = with_changes(weight=BASE["synthesis.weight"] + RNG.normal(0, 0.03, (64, 80)).astype(np.float16))
    assert len(difference(CONTENT, tuned)) < 0.6 * BASE["synthesis.weight"].nbytes


def packed(tensors, scales=None, metadata=None):
    return zlib.compress(save(tensors, {"scales": json.dumps(scales or {})} if metadata is None else metadata))


ONES = np.ones((64, 80), np.int8)
WHOLE = packed({"synthesis.weight": ONES}, {"synthesis.weight": (0.5).hex()})

HOSTILE = {
    "empty": b"",
    "cut off": WHOLE[:-9],
    "no zlib": b"PK" + WHOLE,
    "no safetensors": zlib.compress(b"x" * 100),
    "huge": zlib.compress(bytes(1 << 26)),
    "huge claims": zlib.compress((1 << 62).to_bytes(8, "little") + b"{}"),
    "deep": zlib.compress((200000).to_bytes(8, "little") + b"[" * 200000),
    "no scales": packed({}, metadata={"other": "thing"}),
    "scales are no table": packed({}, metadata={"scales": "[1]"}),
    "scale is missing": packed({"synthesis.weight": ONES}),
    "scale is no number": packed({"synthesis.weight": ONES}, {"synthesis.weight": "nan"}),
    "scale is endless": packed({"synthesis.weight": ONES}, {"synthesis.weight": "inf"}),
    "scale is beyond": packed({"synthesis.weight": ONES}, {"synthesis.weight": "0x1p+2000"}),
    "scale is large": packed({"synthesis.weight": ONES}, {"synthesis.weight": "0x1p+100"}),
    "other shape": packed({"synthesis.weight": ONES.T.copy()}, {"synthesis.weight": "0x1p-4"}),
    "other name": packed({"synthesis.wait": ONES}, {"synthesis.wait": "0x1p-4"}),
    "metadata as a tensor": packed({"__other__": ONES}),
    "other type": packed({"synthesis.bias": np.zeros(12, np.float32)}),
    "no numbers": packed({"synthesis.bias": np.full(12, np.nan, np.float16)}),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_damage_is_one_sentence(hostile):
    with pytest.raises(AvatarError, match="the tuned weights") as raised:
        restore(CONTENT, hostile)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_never_do_more_than_raise(content, compressed):
    with pytest.raises(AvatarError):
        restore(CONTENT, zlib.compress(content) if compressed else content)


def test_a_model_that_is_gone_is_said(tmp_path):
    with pytest.raises(AvatarError, match="cannot be read"):
        restored(tmp_path / "none.safetensors", WHOLE)


def test_the_same_weights_give_the_same_file():
    tuned = with_changes(bias=np.zeros(12, np.float16))
    hashes = {hashlib.sha256(difference(CONTENT, tuned)).hexdigest() for _ in range(3)}
    assert len(hashes) == 1 and BASE["synthesis.bias"].size < SMALL
