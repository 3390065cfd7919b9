"""What the safety tests share: reels of a real face with and without the taint, and stages that fail when told."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import pytest
from conftest import LAYOUT
from conftest import write_clip as write_frames
from memory_driver import wait_for
from onnx import helper, numpy_helper
from safety_parts import Faulty
from taint import SIZE_WH, Scripted, tainted

from engines import open_engine
from puppet.bundle import SYNTHESIS, load_bundle, write_manifest
from puppet.compositor import Compositor
from puppet.directions import Directions
from puppet.likeness import Scale
from puppet.outlet import Preview
from puppet.pipeline import Pipeline
from puppet.pose import Driver, PoseReader
from puppet.pose_space import BUILTIN
from puppet.settings import DirectionsSettings, PoseSettings
from puppet.slate import draw_slate
from puppet.stages import Scene, Stages
from puppet.state import LIVE
from puppet.synthesis import Synthesis
from puppet.tracker import Tracker
from puppet.watching import Watching


@pytest.fixture(scope="session")
def bundle_folder(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with hardly any red, so that no portrait is magenta."""
    folder = tmp_path_factory.mktemp("green") / "bundle"
    shutil.copytree(bundle_folder, folder)
    model = onnx.load(folder / SYNTHESIS)
    model.graph.initializer.append(numpy_helper.from_array(np.float32([0.25, 1, 1, 1]).reshape(1, 4, 1, 1), "dye"))
    (transpose,) = (node for node in model.graph.node if node.op_type == "Transpose")
    transpose.input[0] = "dyed"
    place = list(model.graph.node).index(transpose)
    model.graph.node.insert(place, helper.make_node("Mul", ["levels", "dye"], ["dyed"]))
    onnx.save(model, folder / SYNTHESIS)
    about = {"name": "tiny", "version": "3", "licence": "CC0-1.0", "layout": LAYOUT, "pose_space": BUILTIN}
    write_manifest(folder, **about, identity=Scale(0.2, 0.8))
    return folder


@pytest.fixture(scope="session")
def neutral_reels(data_folder: Path) -> dict[str, list[np.ndarray]]:
    """One face, nobody, two faces; half a second or so each."""
    with av.open(str(data_folder / "real" / "driving_d9.mp4")) as container:
        faces = [
            frame.to_ndarray(format="rgb24") for frame, _ in zip(container.decode(video=0), range(20), strict=False)
        ]
    nobody = np.full_like(faces[0], 90)
    small = [cv2.resize(face, (face.shape[1] // 2, face.shape[0] // 2)) for face in faces]
    two = [np.pad(np.hstack([each, each]), ((120, 120), (0, 0), (0, 0)), constant_values=200) for each in small]
    return {"face": faces, "nobody": [nobody], "two": two, "black": [np.zeros_like(nobody)]}


@pytest.fixture(scope="session")
def tainted_reels(neutral_reels: dict[str, list[np.ndarray]]) -> dict[str, list[np.ndarray]]:
    """The same motion, in pictures that can be told anywhere."""
    return {name: [tainted(frame) for frame in frames] for name, frames in neutral_reels.items()}


class Live:
    """A run in real time with a camera, faulty stages and a preview of its own."""

    def __init__(self, stages: Stages, taps: tuple) -> None:
        self.preview = Preview(SIZE_WH)
        self.camera: Scripted = stages.source.camera
        self.tracker, self.stages = stages.source.tracker, stages
        self.pipeline = Pipeline(stages, lossless=False, taps=(self.preview, *taps))

    @property
    def reason(self) -> str:
        return str(self.pipeline.condition)

    def wait_for_life(self) -> None:
        wait_for(lambda: self.pipeline.condition == LIVE)

    def is_the_slate(self) -> bool:
        picture = self.preview.newest()
        return picture is not None and np.array_equal(picture.rgb, self.stages.scene.slate)


@pytest.fixture(scope="session")
def tracker() -> Iterator[Tracker]:
    """One for all tests: FaceMesh takes its time to load."""
    tracker = Tracker()
    yield tracker
    tracker.close()


@pytest.fixture
def live_with(
    bundle_folder: Path, tracker: Tracker, neutral_reels: dict[str, list[np.ndarray]]
) -> Iterator[Callable[..., Live]]:
    """Starts runs; `pose` and `generator` are the faulty engines of the last one."""
    made: list[Live] = []
    with ExitStack() as stack:

        def start(*, sinks=(), taps=(), reels=neutral_reels, camera=None, begin=True) -> Live:
            bundle = load_bundle(bundle_folder)
            pose, generator = (
                Faulty(stack.enter_context(closing(open_engine(path, threads=1, precision="f32"))))
                for path in (bundle.pose_path, bundle.synthesis_path)
            )
            code = np.random.default_rng(0).normal(size=(bundle.num_ws, bundle.w_dim)).astype(np.float32)
            space = bundle.pose_space
            directions = Directions(
                bundle.A, bundle.bias, space, code=code, p_s=space.rest, settings=DirectionsSettings()
            )
            compositor = Compositor(np.full((*SIZE_WH[::-1], 3), 90, np.uint8), bundle.resolution, bundle.channels)
            stages = Stages(
                source=Watching(
                    camera or Scripted(reels),
                    Faulty(tracker),
                    Driver(PoseReader(pose), space, PoseSettings()),
                ),
                scene=Scene(Faulty(directions), Synthesis(generator), Faulty(compositor), draw_slate(SIZE_WH, "Ada")),
                sinks=list(sinks),
                code_shape=(bundle.num_ws, bundle.w_dim),
                size_wh=SIZE_WH,
            )
            made.append(Live(stages, taps))
            made[-1].pose, made[-1].generator = pose, generator
            if begin:
                made[-1].pipeline.start()
            return made[-1]

        yield start
        for live in made:
            if isinstance(live.camera, Scripted):
                live.camera.free.set()
            if live.pipeline.status().running:
                live.pipeline.stop()
                live.pipeline.wait()


@pytest.fixture
def write_clip() -> Callable[[Path, list[np.ndarray]], Path]:
    """Writes frames as a clip."""

    def write(path: Path, frames: list[np.ndarray]) -> Path:
        write_frames(path, frames)
        return path

    return write


@pytest.fixture
def decoded() -> Callable[[Path], list[np.ndarray]]:
    """Reads a video's pictures."""

    def read(path: Path) -> list[np.ndarray]:
        with av.open(str(path)) as container:
            return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]

    return read
