from contextlib import closing

import numpy as np
import pytest

from engines import open_engine
from engines.base import TensorSpec
from engines.fake import FakeEngine
from puppet.frame import Face
from puppet.pose import Driver, PoseReader
from puppet.pose_space import BUILTIN
from puppet.settings import PoseSettings
from puppet.state import State
from puppet.stills import read_still
from puppet.tracker import PortraitTracker
from puppet.values import Moment

YAW = BUILTIN.index("yaw")


def reader_of_x():
    """A pose graph that reads yaw as the first landmark's x."""

    def read(inputs, outputs):
        outputs["p"][:] = BUILTIN.rest
        outputs["p"][0, YAW] = inputs["landmarks"][0, 0, 0]
        outputs["crop"][:] = (10.0, 20.0, 30.0)

    specs = TensorSpec("p", (1, BUILTIN.dim), "float32"), TensorSpec("crop", (1, 3), "float32")
    return PoseReader(FakeEngine([TensorSpec("landmarks", (1, 478, 3), "float32")], specs, read))


def face(yaw):
    return Face(np.full((478, 3), yaw, np.float32), (640, 480))


def drive(driver, yaws, start_s=0.0):
    """One frame each thirtieth of a second; None is no face."""
    return [
        driver.read(None if yaw is None else face(yaw), Moment(i, start_s + i / 30, 0.0)) for i, yaw in enumerate(yaws)
    ]


@pytest.fixture
def driver():
    return Driver(reader_of_x(), BUILTIN, PoseSettings())


def test_a_reading_does_not_change_with_the_next_one():
    reader = reader_of_x()
    first = reader.read(face(3.0))
    reader.read(face(4.0))
    assert first.p[YAW] == 3.0
    assert (first.square.x, first.square.y, first.square.side) == (10.0, 20.0, 30.0)


def test_the_pose_follows_and_the_neutral_is_learned(driver):
    poses = drive(driver, [4.0] * 60 + [20.0] * 30)
    assert poses[59].neutral[YAW] == pytest.approx(4.0, abs=0.01)
    assert poses[-1].neutral[YAW] == pytest.approx(4.0, abs=0.01)
    assert poses[-1].p[YAW] == pytest.approx(20.0, abs=0.5)
    assert poses[-1].presence == pytest.approx(1.0, abs=0.01)


def test_without_a_face_the_pose_is_held_for_a_second_and_then_fades(driver):
    drive(driver, [4.0] * 60)
    lost = drive(driver, [None] * 90, 2.0)
    assert all(pose.p[YAW] == lost[0].p[YAW] for pose in lost)
    assert lost[25].presence > 0.98
    presences = [pose.presence for pose in lost]
    assert presences[-1] < 0.01
    assert [pose.condition.state for pose in lost[::28]] == [State.HOLDING] * 2 + [State.RESTING] * 2
    assert lost[0].condition.reason == "no face is seen"
    assert max(-np.diff(presences)) < 0.2


def test_a_face_that_comes_back_fades_in_from_where_it_is(driver):
    drive(driver, [4.0] * 60)
    drive(driver, [None] * 90, 2.0)
    back = drive(driver, [25.0] * 60, 5.0)
    assert back[0].p[YAW] == 25.0
    assert back[0].presence < 0.2 and back[-1].presence > 0.99
    assert max(np.diff([pose.presence for pose in back])) < 0.2


def test_a_single_lost_frame_goes_unnoticed(driver):
    poses = drive(driver, [4.0] * 60 + [None] + [4.0] * 10)
    assert min(pose.presence for pose in poses[59:]) > 0.98


def test_before_the_first_face_there_is_nobody(driver):
    assert all(pose.presence == 0.0 for pose in drive(driver, [None] * 10))


def test_recentre_takes_the_next_second_as_the_neutral_without_a_jump(driver):
    drive(driver, [4.0] * 60)
    before = drive(driver, [16.0] * 30, 2.0)
    assert before[-1].neutral[YAW] == pytest.approx(4.0, abs=0.01)
    driver.recentre()
    after = drive(driver, [16.0] * 90, 3.0)
    neutrals = [pose.neutral[YAW] for pose in [*before, *after]]
    assert neutrals[-1] == pytest.approx(16.0, abs=0.1)
    assert max(np.diff(neutrals)) < 3.0
    moved = drive(driver, [30.0] * 60, 6.0)
    assert moved[-1].neutral[YAW] == pytest.approx(16.0, abs=0.1)


def test_let_go_goes_to_rest_without_holding(driver):
    drive(driver, [4.0] * 60)
    driver.let_go()
    assert drive(driver, [None] * 30, 2.0)[-1].presence < 0.05


def test_mirrored_is_the_mirror_image_and_can_change_at_any_time(driver):
    plain = drive(driver, [4.0] * 40 + [12.0] * 20)
    driver.mirrored = True
    (mirrored,) = drive(driver, [12.0], 2.0)
    driver.mirrored = False
    (back,) = drive(driver, [12.0], 2.1)
    assert mirrored.p[YAW] == pytest.approx(-plain[-1].p[YAW], abs=0.5)
    assert mirrored.neutral[YAW] == pytest.approx(-plain[-1].neutral[YAW], abs=0.1)
    assert back.p[YAW] == pytest.approx(plain[-1].p[YAW], abs=0.5)
    np.testing.assert_array_equal(Driver(reader_of_x(), BUILTIN, PoseSettings(mirrored=True)).mirrored, True)


def test_a_bundles_graph_reads_a_real_face(bundle_folder, portrait):
    rgb = read_still(portrait)
    with (
        closing(PortraitTracker()) as tracker,
        closing(open_engine(bundle_folder / "pose.onnx", threads=1, precision="f32")) as engine,
    ):
        found = tracker.find(rgb)
        reading = PoseReader(engine).read(found)
        mirrored = PoseReader(engine).read(tracker.find(np.ascontiguousarray(rgb[:, ::-1])))
    assert found.height_px < reading.square.side < 2.5 * found.height_px
    assert 0 < reading.square.x < rgb.shape[1] and 0 < reading.square.y < rgb.shape[0]
    assert reading.p[YAW] == pytest.approx(-mirrored.p[YAW], abs=3.0)
