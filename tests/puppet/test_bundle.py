import hashlib
import json
import os
import time
from contextlib import suppress

import numpy as np
import pytest
from claimed_tensor import STRANGE, claimed_tensors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from puppet.bundle import (
    CHARACTERS,
    COLOURING,
    REQUIRED,
    SHAPING,
    builtin_bundle_path,
    load_bundle,
    write_manifest,
)
from puppet.bundle_files import FILE_LIMIT
from puppet.bundle_tensors import COEFFICIENTS, SHAPES, read_characters, read_directions
from puppet.errors import BundleError
from puppet.face_square import FaceSquares, SquareRule
from puppet.face_topology import SHAPE
from puppet.likeness import Scale
from puppet.manifest import MANIFEST_LIMIT
from puppet.networks.layout import GeneratorLayout
from puppet.pose_space import PoseSpace

SPACE = PoseSpace(
    ("yaw", "jaw_open", "gaze_yaw"),
    np.array([-40, 0, -1], np.float32),
    np.array([40, 1, 1], np.float32),
    np.zeros(3, np.float32),
)
LAYOUT = GeneratorLayout(
    resolution=16, channels=(8, 8, 4), img_channels=4, z_dim=5, w_dim=8, mapping_layers=1, mapping_lr_multiplier=1.0,
    normalize_z=False, use_noise=False, pose_dim=3, pose_rows=4,
)  # fmt: skip


def write_bundle(folder, directions=None):
    folder.mkdir(parents=True, exist_ok=True)
    for name in REQUIRED:
        (folder / name).write_bytes(f"the bytes of {name}".encode())
    if directions is None:
        directions = {"A": np.arange(96, dtype=np.float32).reshape(4, 8, 3)}
    save_file(directions, folder / "directions.safetensors")
    seal(folder)
    return folder


def seal(folder, identity=None):
    about = {"name": "tiny", "version": "3", "licence": "CC0-1.0", "layout": LAYOUT, "pose_space": SPACE}
    write_manifest(folder, **about, identity=identity)


def edit(folder, change):
    values = json.loads((folder / "bundle.json").read_text())
    change(values)
    (folder / "bundle.json").write_text(json.dumps(values))


@pytest.fixture
def folder(tmp_path):
    return write_bundle(tmp_path / "tiny")


def refused(folder, words):
    with pytest.raises(BundleError, match=words) as caught:
        load_bundle(folder)
    return str(caught.value)


def test_round_trip(folder):
    bundle = load_bundle(folder)
    assert (bundle.name, bundle.version, bundle.licence) == ("tiny", "3", "CC0-1.0")
    assert (bundle.resolution, bundle.channels, bundle.num_ws, bundle.w_dim, bundle.z_dim) == (16, 4, 6, 8, 5)
    assert bundle.layout == LAYOUT
    assert bundle.pose_space.names == SPACE.names
    np.testing.assert_array_equal(bundle.pose_space.lower, SPACE.lower)
    assert bundle.A.shape == (4, 8, 3)
    assert bundle.A[0, 0, 1] == 1
    assert bundle.bias is None
    for path in (bundle.generator_path, bundle.synthesis_path, bundle.pose_path, bundle.encoder_path):
        assert path.read_bytes() == f"the bytes of {path.name}".encode()
    with pytest.raises(ValueError, match="read-only"):
        bundle.A[:] = 0


def test_bias(tmp_path):
    bias = np.full((4, 8), 0.5, np.float32)
    folder = write_bundle(tmp_path, {"A": np.zeros((4, 8, 3), np.float32), "bias": bias})
    np.testing.assert_array_equal(load_bundle(folder).bias, bias)


def test_the_hash_is_of_the_whole_bundle(folder, tmp_path):
    before = load_bundle(folder).sha256
    assert load_bundle(write_bundle(tmp_path / "again")).sha256 == before
    (folder / "pose.onnx").write_bytes(b"another regressor")
    seal(folder)
    assert load_bundle(folder).sha256 != before


def test_more_files_are_hashed_too(folder):
    (folder / "LICENSE").write_text("free")
    seal(folder)
    load_bundle(folder)
    (folder / "LICENSE").write_text("FREE")
    refused(folder, "LICENSE is damaged")


@pytest.mark.parametrize("name", [*REQUIRED, "bundle.json"])
def test_missing_file(folder, name):
    (folder / name).unlink()
    refused(folder, name)


@pytest.mark.parametrize("name", REQUIRED)
def test_one_changed_byte(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    refused(folder, f"{name} is damaged")


@pytest.mark.parametrize("name", [*REQUIRED, "bundle.json"])
def test_truncated_file(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    refused(folder, name)


def test_no_bundle_at_all(tmp_path):
    refused(tmp_path / "nowhere", "expected a model bundle in .*nowhere")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "expected a model bundle")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this file system")
def test_a_pipe_is_not_waited_for(folder):
    (folder / "pose.onnx").unlink()
    os.mkfifo(folder / "pose.onnx")
    refused(folder, "pose.onnx is missing or not a file")


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/etc/passwd",
        "sub/file",
        "a\\b",
        "..",
        ".",
        "",
        "C:x",
        ".hidden",
        "a\nb",
        "x" * 200,
        "bundle.json",
    ],
)
def test_names_that_leave_the_folder(folder, name):
    (folder.parent / "outside").write_text("secret")
    entry = {"sha256": hashlib.sha256(b"secret").hexdigest(), "bytes": 6}
    edit(folder, lambda values: values["files"].update({name: entry}))
    refused(folder, "only plain names")


@pytest.mark.parametrize("size", [-1, FILE_LIMIT + 1, 10**30, 1.5, True, "6", None])
def test_sizes(folder, size):
    edit(folder, lambda values: values["files"]["pose.onnx"].update(bytes=size))
    refused(folder, "for pose.onnx, a sha256 and a size")


def test_too_many_files(folder):
    edit(folder, lambda values: values["files"].update({f"f{i}": {"sha256": "", "bytes": 0} for i in range(40)}))
    refused(folder, "at most 32 files")


def test_a_size_is_compared_before_anything_is_read(folder):
    with (folder / "pose.onnx").open("wb") as file:
        file.truncate(8 << 30)
    started_s = time.monotonic()
    refused(folder, "pose.onnx should have")
    assert time.monotonic() - started_s < 2


def test_a_huge_manifest_is_not_read(folder):
    with (folder / "bundle.json").open("wb") as file:
        file.truncate(MANIFEST_LIMIT * 1000)
    refused(folder, "larger than the 1 MiB")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("format", 2, "format 1"),
        ("format", None, "format 1"),
        ("name", "", "name"),
        ("name", ["x"], "name"),
        ("version", 3, "version"),
        ("licence", "a\nb", "licence"),
        ("files", [], "table"),
        ("files", {}, "lists no generator.safetensors"),
        ("files", {"pose.onnx": 3}, "for pose.onnx"),
        ("generator", None, "does not describe a model"),
        ("generator", {}, "does not describe a model"),
        ("pose_space", {"names": ["a"], "lower": [0], "upper": [10**400], "rest": [0]}, "does not describe a model"),
        ("pose_space", {"names": ["a"], "lower": [0], "upper": [1e300], "rest": [0]}, "does not describe a model"),
        ("pose_space", {"names": ["a"], "lower": ["x"], "upper": [1], "rest": [0]}, "does not describe a model"),
        ("pose_space", {"names": ["a"], "lower": [0], "upper": [1], "rest": [0]}, "3 pose entries and 1 of them"),
    ],
)
def test_wrong_values(folder, key, value, words):
    edit(folder, lambda values: values.update({key: value}))
    assert "bundle.json" in refused(folder, words)


@pytest.mark.parametrize(
    ("key", "value"),
    [("resolution", 17), ("resolution", "16"), ("channels", 3), ("w_dim", -1), ("w_dim", 2.5),
     ("mapping_lr_multiplier", "1"), ("surprise", 1)],
)  # fmt: skip
def test_wrong_layout(folder, key, value):
    edit(folder, lambda values: values["generator"].update({key: value}))
    refused(folder, "does not describe a model")


def test_a_generator_that_no_machine_holds(folder):
    layout = {"resolution": 1 << 40, "channels": [1] * 39}
    edit(folder, lambda values: values["generator"].update(layout))
    refused(folder, "at most 4096")


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"format": NaN}', "[" * 100_000, "1" * 10_000, "\ufeff{}"])
def test_manifests_that_are_none(folder, text):
    (folder / "bundle.json").write_text(text)
    refused(folder, "bundle.json")


def test_infinite_ranges(folder):
    edit(folder, lambda values: values["pose_space"].update(upper=["@", 1, 1]))
    path = folder / "bundle.json"
    path.write_text(path.read_text().replace('"@"', "1e999"))
    refused(folder, "needs ranges")


@pytest.mark.parametrize(
    ("directions", "words"),
    [
        ({"B": np.zeros((4, 8, 3), np.float32)}, "should hold a float32 matrix A"),
        ({"A": np.zeros((4, 8, 3), np.float64)}, "should hold a float32 matrix A"),
        ({"A": np.zeros((4, 8, 2), np.float32)}, "A should hold"),
        ({"A": np.full((4, 8, 3), np.nan, np.float32)}, "finite"),
        ({"A": np.zeros((4, 8, 3), np.float32), "bias": np.zeros(8, np.float32)}, "bias should hold"),
    ],
)
def test_wrong_directions(tmp_path, directions, words):
    assert "directions.safetensors" in refused(write_bundle(tmp_path, directions), words)


def test_directions_that_are_no_safetensors(folder):
    (folder / "directions.safetensors").write_bytes(b"\xff" * 100)
    seal(folder)
    refused(folder, "directions.safetensors is not a safetensors file")


def test_nothing_is_sealed_without_all_files(folder):
    (folder / "encoder.onnx").unlink()
    with pytest.raises(BundleError, match=r"has no encoder\.onnx"):
        seal(folder)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_anywhere_in_the_manifest_loads_or_is_refused(folder, data):
    path = folder / "bundle.json"
    original = path.read_text()
    values = json.loads(original)
    place = values
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    path.write_text(json.dumps(values))
    try:
        load_bundle(folder)
    except BundleError as error:
        assert "tiny" in str(error)
    finally:
        path.write_text(original)


def test_the_builtin_bundle_is_part_of_the_package():
    assert builtin_bundle_path().parts[-3:] == ("puppet", "bundles", "builtin")


def test_an_identity_network_is_optional_and_comes_with_its_numbers(folder):
    assert load_bundle(folder).identity_path is None
    (folder / "identity.onnx").write_bytes(b"a graph")
    seal(folder, Scale(0.2, 0.7))
    bundle = load_bundle(folder)
    assert (bundle.identity, bundle.identity_path) == (Scale(0.2, 0.7), folder / "identity.onnx")


@pytest.mark.parametrize("numbers", [{}, {"strangers": 0.7, "same": 0.2}, {"strangers": "0", "same": 1}, 3, [0.1, 0.2]])
def test_identity_numbers_that_mean_nothing(folder, numbers):
    (folder / "identity.onnx").write_bytes(b"a graph")
    seal(folder, Scale(0.2, 0.7))
    edit(folder, lambda values: values.update(identity=numbers))
    refused(folder, "does not describe its identity network")


def test_an_identity_network_without_numbers_or_numbers_without_it(folder):
    seal(folder, Scale(0.2, 0.7))
    refused(folder, "or neither")
    (folder / "identity.onnx").write_bytes(b"a graph")
    seal(folder)
    refused(folder, "or neither")


KEY = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({f"{KEY}.code": np.zeros((6, 8), np.float16)}, "lacks one"),
        ({f"{KEY}.code": np.full((6, 8), np.nan, np.float16)}, "finite"),
        ({f"{KEY}.code": np.zeros((6, 8), np.int8)}, "finite"),
        ({f"{KEY}.code": np.zeros((1, 8), np.float16)}, "no code or pose"),
        ({f"{KEY}.extra": np.zeros(3, np.float16)}, "no code or pose"),
        ({"ada.code": np.zeros((6, 8), np.float16)}, "no code or pose"),
    ],
)
def test_wrong_characters(folder, tensors, words):
    save_file(tensors, folder / CHARACTERS)
    seal(folder)
    with pytest.raises(BundleError, match=words):
        load_bundle(folder)


@pytest.mark.parametrize("kind", STRANGE)
def test_characters_in_numbers_of_another_kind(folder, kind):
    (folder / CHARACTERS).write_bytes(claimed_tensors(kind, **{f"{KEY}__code": (6, 8)}))
    seal(folder)
    refused(folder, "float16 or float32")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), at=st.integers(0, 200), byte=st.integers(0, 255), random=st.booleans())
def test_any_damage_of_tensors_is_refused_or_harmless(folder, content, at, byte, random):
    save_file({f"{KEY}.code": np.zeros((6, 8), np.float16)}, folder / CHARACTERS)
    for read, name in ((read_characters, CHARACTERS), (read_directions, "directions.safetensors")):
        damaged = bytearray((folder / name).read_bytes())
        damaged[at] = byte
        path = folder / "damaged.safetensors"
        path.write_bytes(content if random else damaged)
        with suppress(BundleError):
            read(path, LAYOUT)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("axes", None),
        ("more", np.zeros(3, np.float32)),
        ("mean", np.zeros(11, np.float32)),
        ("mean", np.full(12, np.nan, np.float32)),
        ("axes", np.full((12, 12), 2, np.float32)),
        ("moves", np.zeros((12, 8), np.float16)),
        ("moves", np.full((12, 8), np.inf, np.float32)),
    ],
)
def test_wrong_colouring(folder, name, tensor):
    shapes = {"moves": (12, 8), "mean": 12, "axes": (12, 12)}
    tensors = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()} | {name: tensor}
    save_file({key: value for key, value in tensors.items() if value is not None}, folder / COLOURING)
    seal(folder)
    refused(folder, "should hold")


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("jacobian", None),
        ("more", np.zeros(3, np.float32)),
        ("mean", np.full((len(SHAPE), 3), np.nan, np.float32)),
        ("axes", np.zeros((SHAPES, 3), np.float32)),
        ("moves", np.zeros((COEFFICIENTS, 8), np.float16)),
        ("moves", np.full((COEFFICIENTS, 8), np.inf, np.float32)),
    ],
)
def test_wrong_shaping(folder, name, tensor):
    n = len(SHAPE)
    shapes = {"mean": (n, 3), "axes": (SHAPES, 3 * n), "jacobian": (SHAPES, COEFFICIENTS), "moves": (COEFFICIENTS, 8)}
    tensors = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()} | {name: tensor}
    save_file({key: value for key, value in tensors.items() if value is not None}, folder / SHAPING)
    seal(folder)
    refused(folder, "should hold")


def test_characters_are_known_by_their_portraits(folder):
    code, p_s = np.ones((6, 8), np.float16), np.full(3, 0.5, np.float16)
    save_file({f"{KEY}.code": code, f"{KEY}.p_s": p_s}, folder / CHARACTERS)
    seal(folder)
    character = load_bundle(folder).characters[KEY]
    np.testing.assert_array_equal(character.code, code)
    np.testing.assert_array_equal(character.p_s, p_s)


def test_the_builtin_bundle_does_not_say_where_it_was_made():
    traces = [path.name for path in builtin_bundle_path().iterdir() if b'File "/' in path.read_bytes()]
    assert not traces


SQUARES = FaceSquares(SquareRule((1, 2), "mean", 1.375, 0.0), SquareRule((3, 4, 5), "longest", 2.0, 1 / 6))


def test_where_networks_look_what_the_encoder_gives_and_the_origin(folder):
    plain = load_bundle(folder)
    assert plain.squares is None and not plain.codes_are_posed and plain.origin == "" and not plain.later
    about = {"name": "tiny", "version": "1", "licence": "CC0-1.0", "layout": LAYOUT, "pose_space": SPACE}
    write_manifest(folder, **about, squares=SQUARES, codes_are_posed=True, origin="a test")
    bundle = load_bundle(folder)
    assert bundle.squares == SQUARES and bundle.codes_are_posed and bundle.origin == "a test"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("face_squares", None, "where its networks look"),
        ("face_squares", {"pose": 1, "portrait": 2}, "where its networks look"),
        ("encoder_gives", "w", "encoder_gives"),
        ("encoder_gives", None, "encoder_gives"),
        ("tuning", "none", "one of views, paper, authors as tuning"),
        ("origin", "", "origin"),
        ("origin", "two\nlines", "origin"),
    ],
)
def test_what_an_import_says_is_checked(folder, key, value, words):
    edit(folder, lambda manifest: manifest.update({key: value}))
    refused(folder, words)


def test_large_files_for_enrolment_are_hashed_when_they_are_used(folder, monkeypatch):
    monkeypatch.setattr("puppet.bundle.LARGE", 1)
    content = (folder / "encoder.onnx").read_bytes()
    (folder / "encoder.onnx").write_bytes(bytes(len(content)))
    bundle = load_bundle(folder)
    with pytest.raises(BundleError, match=r"encoder\.onnx is damaged"):
        bundle.checked(bundle.encoder_path)
    (folder / "encoder.onnx").write_bytes(content)
    assert bundle.checked(bundle.encoder_path) == bundle.encoder_path
    (folder / "encoder.onnx").write_bytes(b"")
    refused(folder, "should have")
