"""A driver's neutral that outlives the program."""

from __future__ import annotations

import json
import logging
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from puppet.file_camera import FileCamera
from puppet.neutral_memory import NeutralMemory
from puppet.parts import Parts
from puppet.pose_space import BUILTIN
from puppet.settings import CameraSettings, CompositorSettings, Settings

SHA256 = "0123456789abcdef" * 4
NUMBERS = st.floats(-1e30, 1e30) | st.integers(-(10**30), 10**30)


def memory(folder: Path, camera: str = "Desk", sha256: str = SHA256) -> NeutralMemory:
    return NeutralMemory(folder, camera, sha256, BUILTIN)


def neutral(yaw: float) -> np.ndarray:
    return BUILTIN.pose(yaw=yaw)


def test_each_camera_and_model_has_its_own(tmp_path):
    folder = tmp_path / "data"
    assert memory(folder).recall() is None
    memory(folder).keep(neutral(3.0))
    memory(folder).keep(neutral(4.0))
    memory(folder, "Door").keep(neutral(-5.0))
    np.testing.assert_array_equal(memory(folder).recall(), neutral(4.0))
    np.testing.assert_array_equal(memory(folder, "Door").recall(), neutral(-5.0))
    assert memory(folder, sha256=SHA256[::-1]).recall() is None
    files = list((folder / "neutrals").iterdir())
    assert len(files) == 2
    for path in files:
        values = json.loads(path.read_text())
        assert set(values) == set(BUILTIN.names)
        assert all(isinstance(value, float) for value in values.values())
        assert path.stat().st_mode & 0o077 == 0


@given(content=st.binary(max_size=80))
def test_a_damaged_file_is_forgotten(content, tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    memory(folder).keep(neutral(3.0))
    (path,) = (folder / "neutrals").iterdir()
    path.write_bytes(content)
    assert memory(folder).recall() is None


@pytest.mark.parametrize("value", ["NaN", "-Infinity", '"3"', "null", "true", "[]", "1" + 400 * "0", "1" + 5000 * "0"])
def test_what_is_no_finite_number_makes_the_file_a_damaged_one(value, tmp_path):
    memory(tmp_path).keep(neutral(3.0))
    (path,) = (tmp_path / "neutrals").iterdir()
    path.write_text(path.read_text().replace("3.0", value))
    assert value in path.read_text()
    assert memory(tmp_path).recall() is None


def test_a_damaged_file_is_logged(tmp_path, caplog):
    memory(tmp_path).keep(neutral(3.0))
    (path,) = (tmp_path / "neutrals").iterdir()
    path.write_text(path.read_text()[:-5])
    assert memory(tmp_path).recall() is None
    assert "is forgotten" in caplog.text and caplog.records[0].levelno == logging.WARNING


@given(
    numbers=st.lists(
        st.floats(-1e30, 1e30) | st.integers(-(10**30), 10**30), min_size=BUILTIN.dim, max_size=BUILTIN.dim
    )
)
def test_what_is_recalled_lies_in_the_pose_space(numbers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    memory(folder).keep(neutral(3.0))
    (path,) = (folder / "neutrals").iterdir()
    path.write_text(json.dumps(dict(zip(BUILTIN.names, numbers, strict=True))))
    p = memory(folder).recall()
    assert p is not None and np.all((BUILTIN.lower <= p) & (p <= BUILTIN.upper))


def test_a_place_that_cannot_be_written_only_costs_the_memory(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    memory(tmp_path / "file").keep(neutral(3.0))
    assert "the neutral is not kept" in caplog.text


class Desk(FileCamera):
    """A camera that shows a clip."""

    name = "Desk"


@pytest.fixture
def drive(bundle_folder, portrait, clip, tmp_path, monkeypatch):
    """Drives a portrait with the clip, shown by a camera that the user calls so; the neutrals of all pictures."""

    def drive(source: str, recentre: bool = False) -> np.ndarray:
        camera_settings = CameraSettings(source, every_frame=True)
        settings = Settings(portrait, camera_settings, bundle_folder, tmp_path / "data")
        settings = replace(settings, compositor=CompositorSettings((160, 90)))
        neutrals = []
        with closing(Parts(settings)) as parts, closing(Desk(clip, real_time=False, fps=30.0)) as camera:
            scene = parts.scene(settings, parts.avatar(portrait))
            move = scene.directions.move

            def watch(p, out):
                neutrals.append(p.neutral)
                move(p, out=out)

            monkeypatch.setattr(scene.directions, "move", watch)
            pipeline = parts.pipeline(settings, camera, scene)
            if recentre:
                pipeline.recentre()
            pipeline.run()
        return np.stack(neutrals)

    return drive


def test_the_next_start_begins_with_the_neutral_of_the_last_one(drive, tmp_path, clip):
    first = drive("0")
    (path,) = (tmp_path / "data" / "neutrals").iterdir()
    kept = json.loads(path.read_text())
    head = slice(0, 3)
    wanted = [kept["yaw"], kept["pitch"], kept["roll"]]
    assert np.abs(first[0, head] - wanted).max() > 0.05
    np.testing.assert_allclose(first[-1, head], wanted, atol=0.5)
    second = drive("0")
    np.testing.assert_allclose(second[:, head], np.tile(wanted, (len(second), 1)), atol=1e-3)
    before = path.stat().st_mtime_ns
    of_a_file = drive(str(clip))
    assert np.abs(of_a_file[0, head] - wanted).max() > 0.05
    assert path.stat().st_mtime_ns == before and len(list(path.parent.iterdir())) == 1
    retaken = drive("0", recentre=True)
    assert np.ptp(retaken[:, head], axis=0).max() > 0.01
    assert path.stat().st_mtime_ns > before
