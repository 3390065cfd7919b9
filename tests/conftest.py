"""What all tests share: real clips and portraits where they are, and a tiny bundle made of real graphs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import onnx
import pytest
from hypothesis import settings
from memory_driver import Driver, install
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from puppet.bundle import DIRECTIONS, ENCODER, GENERATOR, IDENTITY, POSE, SYNTHESIS, write_manifest
from puppet.likeness import Scale
from puppet.networks.layout import GeneratorLayout
from puppet.pose_space import BUILTIN

# Tests run side by side, and threads that wait for one that was pushed aside cost more than they bring: each worker has
# a core of its own, where the system can say so, and what it starts shares it.
os.environ["OMP_NUM_THREADS"] = "1"
if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # some tests import the runtime by themselves

settings.register_profile("puppet", deadline=None)  # no test is about speed
settings.load_profile("puppet")

LAYOUT = GeneratorLayout(
    resolution=32,
    channels=(4, 4, 4, 4),
    img_channels=4,
    z_dim=4,
    w_dim=16,
    mapping_layers=1,
    mapping_lr_multiplier=1.0,
    normalize_z=False,
    use_noise=False,
    pose_dim=BUILTIN.dim,
)

SEEN_PX = 24
"""Sides of a picture as the tiny bundle's encoder and identity network see it: not as large as the portrait."""


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with `real/` and `ict_facekit/`; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("PUPPET_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}; set PUPPET_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def portrait(data_folder: Path) -> Path:
    """A portrait with one face."""
    return data_folder / "real" / "source_s7.jpg"


@pytest.fixture(scope="session")
def clip(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty frames of a moving face, 512 × 480 at 30 a second."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with av.open(str(data_folder / "real" / "driving_d9.mp4")) as container:
        frames = (
            frame.to_ndarray(format="rgb24") for frame, _ in zip(container.decode(video=0), range(50), strict=False)
        )
        write_clip(path, frames)
    return path


@pytest.fixture(scope="session")
def faceless_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of moving colours, 96 × 64 at 30 a second."""
    path = tmp_path_factory.mktemp("clips") / "faceless.mp4"
    ramp = np.add.outer(np.arange(64), np.arange(96)).astype(np.uint8)
    write_clip(path, (np.stack([ramp + 8 * i, ramp, 255 - ramp], axis=-1) for i in range(12)))
    return path


@pytest.fixture(scope="session")
def latin_clip(faceless_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a title that is not in UTF-8."""
    folder = tmp_path_factory.mktemp("clips")
    titled, path = folder / "titled.mp4", folder / "latin.mp4"
    with av.open(str(faceless_clip)) as source, av.open(str(titled), "w") as out:
        out.metadata["title"] = "A title"
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    path.write_bytes(titled.read_bytes().replace(b"A title", b"\xc4 t\xeftle"))
    return path


@pytest.fixture(autouse=True, scope="session")
def brief() -> Iterator[None]:
    """Engines are measured for a moment only, and tiny generators tuned for some seconds: no test is about speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("puppet.painter.MEASURED_S", 0.0)
        patch.setattr("puppet.tuning.STEPS", 250)
        yield


@pytest.fixture
def memory_cameras(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterable[Driver]:
    """The only virtual-camera driver while the test runs, for child processes too; gives what was opened."""
    folder = tmp_path_factory.mktemp("driver")
    monkeypatch.setenv("PYTHONPATH", install(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))  # the user's own locks have nothing to do with this device
    driver = Driver(folder)
    yield driver
    driver.end()


def write_clip(path: Path, frames: Iterable[np.ndarray], rate: int = 30) -> None:
    """Write RGB pictures as an H.264 clip."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate, {"crf": "12", "preset": "ultrafast"})
        stream.pix_fmt = "yuv420p"
        for i, rgb in enumerate(frames):
            if i == 0:
                stream.height, stream.width = rgb.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture(scope="session")
def make_bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Path]:
    """Makes a tiny bundle; its argument scales A, and with 0 the pose moves nothing."""

    def make(strength: float) -> Path:
        folder = tmp_path_factory.mktemp("bundle")
        rng = np.random.default_rng(7)
        A = rng.normal(0.0, 0.05, (LAYOUT.pose_rows, LAYOUT.w_dim, LAYOUT.pose_dim)).astype(np.float32)
        save_file({"A": A * np.float32(strength)}, folder / DIRECTIONS)
        save_file({"const": np.zeros(1, np.float32)}, folder / GENERATOR)
        onnx.save(_synthesis(rng), folder / SYNTHESIS)
        onnx.save(_pose(), folder / POSE)
        onnx.save(_encoder(rng), folder / ENCODER)
        onnx.save(_identity(rng), folder / IDENTITY)
        about = {"name": "tiny", "version": "1", "licence": "CC0-1.0", "layout": LAYOUT, "pose_space": BUILTIN}
        write_manifest(folder, **about, identity=Scale(0.2, 0.8))
        return folder

    return make


@pytest.fixture(scope="session")
def bundle_folder(make_bundle: Callable[[float], Path]) -> Path:
    """A tiny bundle whose portraits move."""
    return make_bundle(1.0)


def _model(name: str, nodes: list, inputs: list, outputs: list, constants: dict[str, np.ndarray]) -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _tensor(name: str, dtype: int, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def _synthesis(rng: np.random.Generator) -> onnx.ModelProto:
    """W -> 4 × 8 × 8 by a matrix, enlarged four times, one convolution, sigmoid, bytes."""
    node = helper.make_node
    length = LAYOUT.num_ws * LAYOUT.w_dim
    constants = {
        "matrix": rng.normal(0.0, 1 / np.sqrt(length), (length, 256)).astype(np.float32),
        "small": np.array([1, 4, 8, 8], np.int64),
        "scales": np.array([1, 1, 4, 4], np.float32),
        "kernel": rng.normal(0.0, 0.5, (4, 4, 3, 3)).astype(np.float32),
        "full": np.float32(255.0),
    }
    nodes = [
        node("Flatten", ["w"], ["flat"]),
        node("MatMul", ["flat", "matrix"], ["features"]),
        node("Reshape", ["features", "small"], ["grid"]),
        node("Resize", ["grid", "", "scales"], ["enlarged"], mode="nearest"),
        node("Conv", ["enlarged", "kernel"], ["convolved"], pads=[1, 1, 1, 1]),
        node("Sigmoid", ["convolved"], ["opened"]),
        node("Mul", ["opened", "full"], ["levels"]),
        node("Transpose", ["levels"], ["pixels"], perm=[0, 2, 3, 1]),
        node("Cast", ["pixels"], ["rgba"], to=TensorProto.UINT8),
    ]
    inputs = [_tensor("w", TensorProto.FLOAT, 1, LAYOUT.num_ws, LAYOUT.w_dim)]
    return _model("synthesis", nodes, inputs, [_tensor("rgba", TensorProto.UINT8, 1, 32, 32, 4)], constants)


def _pose() -> onnx.ModelProto:
    """Landmarks, centred and scaled by the face's height, times a matrix that knows a few distances."""
    node = helper.make_node
    x, y = 0, 1
    matrix = np.zeros((478, 3, BUILTIN.dim), np.float32)

    def add(name: str, point: int, axis: int, weight: float) -> None:
        matrix[point, axis, BUILTIN.index(name)] += weight

    for point, weight in ((1, -1.0), (234, 0.5), (454, 0.5)):  # nose against the cheeks
        add("yaw", point, x, 150.0 * weight)
    for point, weight in ((1, 1.0), (10, -0.5), (152, -0.5)):  # nose against forehead and chin
        add("pitch", point, y, 150.0 * weight)
    for point, weight in ((263, 1.0), (33, -1.0)):  # outer corners of the eyes
        add("roll", point, y, 100.0 * weight)
    for point, weight in ((14, 1.0), (13, -1.0)):  # lips
        add("jaw_open", point, y, 5.0 * weight)
    for name, lower, upper in (("blink_left", 374, 386), ("blink_right", 145, 159)):
        add(name, lower, y, -15.0)
        add(name, upper, y, 15.0)
    offset = np.zeros(BUILTIN.dim, np.float32)
    offset[[BUILTIN.index("blink_left"), BUILTIN.index("blink_right")]] = 1.0
    constants = {
        "matrix": matrix.reshape(-1, BUILTIN.dim),
        "offset": offset,
        "half": np.float32(0.5),
        "margin": np.float32(1.8),
        "y_index": np.array([1], np.int64),
        "xy_index": np.array([0, 1], np.int64),
        "line": np.array([1, -1], np.int64),
    }
    nodes = [
        node("ReduceMin", ["landmarks"], ["low"], axes=[1], keepdims=1),
        node("ReduceMax", ["landmarks"], ["high"], axes=[1], keepdims=1),
        node("Sub", ["high", "low"], ["extent"]),
        node("Gather", ["extent", "y_index"], ["height"], axis=2),
        node("Add", ["low", "high"], ["sum"]),
        node("Mul", ["sum", "half"], ["centre"]),
        node("Sub", ["landmarks", "centre"], ["centred"]),
        node("Div", ["centred", "height"], ["normal"]),
        node("Flatten", ["normal"], ["flat"]),
        node("MatMul", ["flat", "matrix"], ["weighed"]),
        node("Add", ["weighed", "offset"], ["p"]),
        node("Mul", ["height", "margin"], ["side"]),
        node("Gather", ["centre", "xy_index"], ["xy"], axis=2),
        node("Concat", ["xy", "side"], ["square"], axis=2),
        node("Reshape", ["square", "line"], ["crop"]),
    ]
    outputs = [_tensor("p", TensorProto.FLOAT, 1, BUILTIN.dim), _tensor("crop", TensorProto.FLOAT, 1, 3)]
    return _model("pose", nodes, [_tensor("landmarks", TensorProto.FLOAT, 1, 478, 3)], outputs, constants)


def _encoder(rng: np.random.Generator) -> onnx.ModelProto:
    """The mean colour times a matrix."""
    node = helper.make_node
    constants = {
        "matrix": rng.normal(0.0, 1.0, (3, LAYOUT.num_ws * LAYOUT.w_dim)).astype(np.float32),
        "full": np.float32(255.0),
        "code": np.array([1, LAYOUT.num_ws, LAYOUT.w_dim], np.int64),
    }
    nodes = [
        node("Cast", ["picture"], ["levels"], to=TensorProto.FLOAT),
        node("Div", ["levels", "full"], ["colours"]),
        node("ReduceMean", ["colours"], ["mean"], axes=[1, 2], keepdims=0),
        node("MatMul", ["mean", "matrix"], ["flat"]),
        node("Reshape", ["flat", "code"], ["c"]),
    ]
    inputs = [_tensor("picture", TensorProto.UINT8, 1, SEEN_PX, SEEN_PX, 3)]
    outputs = [_tensor("c", TensorProto.FLOAT, 1, LAYOUT.num_ws, LAYOUT.w_dim)]
    return _model("encoder", nodes, inputs, outputs, constants)


def _identity(rng: np.random.Generator) -> onnx.ModelProto:
    """The pixels, centred, times a matrix, of unit length."""
    node = helper.make_node
    matrix = rng.normal(0.0, 1.0, (SEEN_PX * SEEN_PX * 3, 8)).astype(np.float32)
    constants = {"matrix": matrix, "grey": np.float32(127.5)}
    nodes = [
        node("Cast", ["picture"], ["levels"], to=TensorProto.FLOAT),
        node("Sub", ["levels", "grey"], ["centred"]),
        node("Flatten", ["centred"], ["flat"]),
        node("MatMul", ["flat", "matrix"], ["seen"]),
        node("LpNormalization", ["seen"], ["identity"], axis=1, p=2),
    ]
    inputs = [_tensor("picture", TensorProto.UINT8, 1, SEEN_PX, SEEN_PX, 3)]
    return _model("identity", nodes, inputs, [_tensor("identity", TensorProto.FLOAT, 1, 8)], constants)


@pytest.fixture(scope="session")
def stylegan_folder(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with a real generator, which can be tuned."""
    import torch

    from export.to_onnx import export_synthesis
    from puppet.networks.stylegan2 import Generator

    folder = tmp_path_factory.mktemp("stylegan") / "bundle"
    shutil.copytree(bundle_folder, folder)
    torch.manual_seed(0)
    export_synthesis(Generator(LAYOUT).eval(), folder)
    about = {"name": "tiny", "version": "2", "licence": "CC0-1.0", "layout": LAYOUT, "pose_space": BUILTIN}
    write_manifest(folder, **about, identity=Scale(0.2, 0.8))
    return folder
