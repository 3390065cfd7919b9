"""What stages and engines may do while a run goes on."""

import time
from itertools import product

import numpy as np
import pytest
from memory_driver import wait_for
from safety_parts import Gallery, failing

from engines.base import EngineRunError
from puppet import grace
from puppet.errors import StageError, StuckError
from puppet.state import STALLED, UNPAINTED, State

STAGES = ("tracker", "pose", "directions", "generator", "compositor")


def fault(live, stage):
    scene = live.stages.scene
    places = {"tracker": live.tracker, "pose": live.pose, "directions": scene.directions}
    return (places | {"generator": live.generator, "compositor": scene.compositor})[stage]


def once(error):
    """Fails at the first call."""
    left = [error]

    def fail(*given):
        if left:
            raise left.pop()

    return fail


def test_a_stage_that_fails_once_is_not_seen(live_with):
    live = live_with()
    live.wait_for_life()
    changes = len(live.pipeline.status().changes)
    errors = (RuntimeError("lost"), MemoryError(), EngineRunError("gone"))
    for failures, (stage, error) in enumerate(product(STAGES, errors), 1):
        fault(live, stage).does = once(error)
        wait_for(lambda failures=failures: live.pipeline.status().failures == failures)
        out = live.pipeline.status().pictures_out
        wait_for(lambda out=out: live.pipeline.status().pictures_out > out + 1)
    shown = {change.condition for change in live.pipeline.status().changes[changes:]}
    assert UNPAINTED not in shown and {condition.state for condition in shown - {STALLED}} <= {
        State.HOLDING,
        State.LIVE,
    }


@pytest.mark.parametrize(
    ("stage", "words"), [("tracker", "the face tracker fails"), ("pose", "the pose cannot be read")]
)
def test_perception_that_fails_is_a_lost_face_with_its_reason_and_comes_back(live_with, stage, words):
    live = live_with()
    live.wait_for_life()
    lost = live.pipeline.status().faces_lost
    fault(live, stage).does = failing(RuntimeError("lost"))
    wait_for(lambda: live.reason == f"holding: {words}")
    wait_for(lambda: live.reason == f"resting: {words}")
    fault(live, stage).does = lambda *given: None
    live.wait_for_life()
    assert live.pipeline.status().faces_lost == lost


@pytest.mark.parametrize("stage", ["generator", "compositor"])
def test_painting_that_fails_is_the_slate_with_its_reason_and_comes_back(live_with, stage):
    live = live_with()
    live.wait_for_life()
    fault(live, stage).does = failing(EngineRunError("gone"))
    wait_for(lambda: live.pipeline.condition == UNPAINTED)
    wait_for(live.is_the_slate)
    fault(live, stage).does = lambda *given: None
    live.wait_for_life()


@pytest.mark.parametrize("stage", ["tracker", "pose", "generator", "compositor"])
def test_a_stage_that_goes_on_failing_ends_the_run_in_one_sentence(live_with, stage, monkeypatch):
    monkeypatch.setattr(grace, "LASTING_S", 0.5)
    live = live_with()
    live.wait_for_life()
    fault(live, stage).does = failing(MemoryError())
    with pytest.raises(StageError, match=r"^the [a-z ]+ has failed for 0.5 s \(out of memory\); start puppet again$"):
        live.pipeline.wait()


def nan(result):
    """The same outputs, no numbers any more."""
    return {name: np.full_like(value, np.nan) for name, value in result.items()}


def test_a_pose_that_is_no_number_is_dropped_and_the_filter_stays_clean(live_with):
    live = live_with()
    live.wait_for_life()
    live.pose.then = nan
    wait_for(lambda: live.reason == "holding: the pose cannot be read")
    live.pose.then = lambda result: result
    live.wait_for_life()
    live.camera.shows = "face"
    wait_for(lambda: (picture := live.preview.newest()) is not None and picture.rgb[:, 80:176].std() > 1)


def test_landmarks_that_are_no_numbers_are_dropped(live_with):
    live = live_with()
    live.wait_for_life()

    def spoil(face):
        face.landmarks_px[:] = np.nan
        return face

    live.tracker.then = spoil
    wait_for(lambda: live.reason == "holding: the pose cannot be read")
    live.tracker.then = lambda face: face
    live.wait_for_life()


def test_a_code_that_is_no_number_is_not_painted(live_with):
    live = live_with()
    live.wait_for_life()
    live.stages.scene.directions.then = lambda result: None
    real = live.stages.scene.directions._real

    def spoil(p, w):
        real._base[:] = np.nan

    live.stages.scene.directions.does = spoil
    wait_for(lambda: live.pipeline.condition == UNPAINTED)
    wait_for(live.is_the_slate)


def test_a_generator_that_paints_nothing_is_the_slate(live_with):
    live = live_with()
    live.wait_for_life()
    live.generator.then = lambda result: {"rgba": np.zeros_like(result["rgba"])}  # what a NaN inside becomes
    wait_for(lambda: live.pipeline.condition == UNPAINTED)
    live.generator.then = lambda result: result
    live.wait_for_life()


def test_an_engine_that_is_closed_under_a_run_ends_it_in_one_sentence(live_with, monkeypatch):
    monkeypatch.setattr(grace, "LASTING_S", 0.5)
    live = live_with()
    live.wait_for_life()
    live.generator.does = lambda *given: live.generator._real.close()
    with pytest.raises(StageError, match=r"the generator has failed for 0.5 s \(this openvino engine is closed"):
        live.pipeline.wait()


def test_a_generator_that_hangs_is_left_behind_when_the_run_is_ended(live_with, monkeypatch):
    monkeypatch.setattr("puppet.pipeline.STAGE_LEAVE_S", 0.5)
    gallery = Gallery()
    gallery.free.clear()
    live = live_with()
    live.wait_for_life()
    live.generator.does = lambda *given: gallery.free.wait(60)
    time.sleep(0.1)
    live.pipeline.stop()
    try:
        with pytest.raises(StuckError, match=r"^painting did not answer any more and had to be left behind$"):
            live.pipeline.wait()
    finally:
        gallery.free.set()
    wait_for(lambda: not live.pipeline.status().running)
