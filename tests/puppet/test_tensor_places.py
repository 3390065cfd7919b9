"""Where numbers are replaced in place, they lie inside the file, whatever its header says."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from puppet.errors import AvatarError
from puppet.tensor_places import half_places
from puppet.weights_difference import difference, restore

TENSORS = {"weight": np.arange(80, dtype=np.float16).reshape(8, 10), "bias": np.ones(3, np.float16)}
FILE = save(TENSORS | {"other": np.zeros(2, np.float32)}, {"by": "nobody"})


def with_header(words: bytes) -> bytes:
    return len(words).to_bytes(8, "little") + words + bytes(160)


def test_halves_are_where_they_are() -> None:
    places = half_places(FILE)
    assert places.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        place = places[name]
        np.testing.assert_array_equal(np.frombuffer(FILE[place.begin : place.end], "<f2").reshape(place.shape), tensor)


HOSTILE = [
    b"",
    b"\xff" * 8,
    (1 << 62).to_bytes(8, "little") + b"{}",
    with_header(b"[" * 100_000),
    with_header(b"[]"),
    with_header(b'{"a": 3}'),
    with_header(b'{"a": {"dtype": "F16"}}'),
    *(
        with_header(json.dumps({"a": {"dtype": "F16", "shape": shape, "data_offsets": offsets}}).encode())
        for shape, offsets in (
            ([2], [0, 5]),
            ([2], [-4, 0]),
            ([-2], [4, 0]),
            ([2], [158, 162]),
            ([2.0], [0, 4]),
            ([True, 2], [0, 4]),
            ([2], [0]),
            (None, [0, 4]),
            ([1 << 62, 1 << 62], [0, 4]),
        )
    ),
]


@pytest.mark.parametrize("content", HOSTILE)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"header|inside|unpack"):
        half_places(content)


def test_a_model_with_damaged_weights_takes_no_difference() -> None:
    packed = difference(FILE, save({**TENSORS, "bias": np.zeros(3, np.float16), "other": np.zeros(2, np.float32)}))
    with pytest.raises(AvatarError, match="the model's weights are damaged"):
        restore(with_header(b'{"bias": {}}'), packed)


@given(st.data())
def test_any_damage_is_refused_or_harmless(data: st.DataObject) -> None:
    content = bytearray(FILE)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        places = half_places(content[: data.draw(st.integers(0, len(content)))])
    except ValueError:
        return
    for place in places.values():
        assert place.begin <= place.end <= len(content) and place.end - place.begin == 2 * math.prod(place.shape)
