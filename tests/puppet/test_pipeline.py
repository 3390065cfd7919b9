import os
import signal
import threading
import time
import tracemalloc
from contextlib import ExitStack, closing
from dataclasses import replace
from fractions import Fraction
from functools import partial

import av
import numpy as np
import pytest

from engines import open_engine
from engines.base import EngineRunError, TensorSpec
from engines.fake import FakeEngine
from puppet.backdrop import Behind, make_backdrop
from puppet.bundle import load_bundle
from puppet.compositor import Compositor
from puppet.directions import Directions
from puppet.errors import CameraError, SinkError
from puppet.file_camera import FileCamera
from puppet.frame import Frame
from puppet.opacity import GREY
from puppet.outlet import Preview
from puppet.pipeline import Pipeline
from puppet.pose import Driver, PoseReader
from puppet.settings import DirectionsSettings, PoseSettings
from puppet.sinks import NullSink
from puppet.slate import draw_slate
from puppet.stages import Scene, Stages
from puppet.state import ENDED, LIVE, PAUSED, STALLED, STARTING, Condition, State
from puppet.synthesis import Synthesis
from puppet.tracker import Tracker
from puppet.values import Moment
from puppet.watching import Watching

SIZE_WH = (160, 90)


class Gallery:
    """A sink that keeps every picture, and can be told to fail."""

    name = "gallery"
    carries_transparency = False
    standby_s = None

    def __init__(self, fail_at=None):
        self.pictures, self.moments, self.fail_at = [], [], fail_at

    def open(self, size_wh, rate):
        pass

    def close(self):
        pass

    def abort(self):
        pass

    def stand_by(self):
        pass

    def send(self, picture):
        if len(self.pictures) == self.fail_at:
            raise SinkError("the gallery is full")
        self.pictures.append(picture.rgb.copy())
        self.moments.append(picture.moment)


@pytest.fixture
def stages_of():
    """Builds the sentence for a clip and a bundle; everything is closed after the test."""
    with ExitStack() as stack:

        def build(path, folder, *, real_time=False, sinks=None, size_wh=SIZE_WH):
            bundle = load_bundle(folder)
            engines = [
                stack.enter_context(closing(open_engine(path, threads=1, precision="f32")))
                for path in (bundle.pose_path, bundle.synthesis_path)
            ]
            code = np.random.default_rng(0).normal(size=(bundle.num_ws, bundle.w_dim)).astype(np.float32)
            rest = bundle.pose_space.rest
            backdrop = np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)
            return Stages(
                source=Watching(
                    stack.enter_context(closing(FileCamera(path, real_time=real_time, fps=30.0))),
                    stack.enter_context(closing(Tracker())),
                    Driver(PoseReader(engines[0]), bundle.pose_space, PoseSettings()),
                ),
                scene=Scene(
                    Directions(
                        bundle.A, bundle.bias, bundle.pose_space, code=code, p_s=rest, settings=DirectionsSettings()
                    ),
                    Synthesis(engines[1]),
                    Compositor(backdrop, bundle.resolution, bundle.channels),
                    draw_slate(size_wh, "Ada"),
                ),
                sinks=[Gallery()] if sinks is None else sinks,
                code_shape=(bundle.num_ws, bundle.w_dim),
                size_wh=size_wh,
            )

        yield build


def filmed_by(stages, camera):
    """The same stages with another camera."""
    return replace(stages, source=Watching(camera, stages.source.tracker, stages.source.pose))


def painting(stages, handler):
    """The same stages with another generator, which paints grey and then does as it is told."""

    def paint(inputs, outputs):
        outputs["rgba"].fill(128)
        handler(inputs, outputs)

    engine = FakeEngine([TensorSpec("w", (1, 8, 16), "float32")], [TensorSpec("rgba", (1, 32, 32, 4), "uint8")], paint)
    return replace(stages, scene=replace(stages.scene, synthesis=Synthesis(engine)))


def test_every_frame_becomes_one_picture_that_moves(stages_of, clip, bundle_folder):
    stages = stages_of(clip, bundle_folder)
    pipeline = Pipeline(stages, lossless=True)
    pipeline.run()
    gallery, status = stages.sinks[0], pipeline.status()
    assert [moment.index for moment in gallery.moments] == list(range(50))
    assert (status.frames_in, status.pictures_out, status.dropped, status.faces_lost) == (50, 50, 0, 0)
    assert (status.sinks[0].sent, status.sinks[0].dropped) == (50, 0)
    assert [span.name for span in status.stages] == [
        "camera", "tracker", "pose", "directions", "synthesis", "compositor",
    ]  # fmt: skip
    assert all(span.count >= 50 for span in status.stages)
    middle = np.stack(gallery.pictures)[:, :, 40:120].astype(int)
    assert np.abs(middle - middle[0]).max() > 10


def test_without_directions_the_portrait_stands_still(stages_of, clip, make_bundle):
    stages = stages_of(clip, make_bundle(0.0))
    Pipeline(stages, lossless=True).run()
    first, *others = stages.sinks[0].pictures
    assert len(others) == 49 and all(np.array_equal(first, other) for other in others)


def test_the_next_portrait_is_painted_while_one_is_composed(stages_of, clip, bundle_folder, monkeypatch):
    calls, begun = [], threading.Event()

    def begin(inputs, outputs):
        calls.append(1)
        if len(calls) == 2:
            begun.set()

    stages = painting(stages_of(clip, bundle_folder), begin)
    compose, met = stages.scene.compositor.compose, []

    def wait(portrait, out, p):
        met.append(begun.wait(20))
        compose(portrait, out, p)

    monkeypatch.setattr(stages.scene.compositor, "compose", wait)
    Pipeline(stages, lossless=True).run()
    assert len(met) == 50 and all(met)


def test_in_real_time_late_frames_are_dropped_and_the_newest_is_shown(stages_of, clip, bundle_folder):
    def slow(inputs, outputs):
        time.sleep(0.15)

    stages = stages_of(clip, bundle_folder, real_time=True)
    pipeline = Pipeline(painting(stages, slow), lossless=False)
    start_s = time.perf_counter()
    pipeline.run()
    elapsed_s, status = time.perf_counter() - start_s, pipeline.status()
    assert status.frames_in == 50
    assert status.pictures_out + status.dropped == 50 and status.dropped >= 30
    assert 1.6 < elapsed_s < 10
    indices = [moment.index for moment in stages.sinks[0].moments]
    assert indices == sorted(set(indices)) and indices[-1] == 49


def test_a_clip_without_a_face_is_an_error_at_its_end(stages_of, faceless_clip, bundle_folder):
    stages = stages_of(faceless_clip, bundle_folder)
    pipeline = Pipeline(stages, lossless=True)
    with pytest.raises(CameraError, match="shows no face in any of its 12 frames"):
        pipeline.run()
    assert pipeline.status().faces_lost == 12


def test_stop_ends_early_and_what_was_captured_is_sent(stages_of, clip, bundle_folder):
    stages = stages_of(clip, bundle_folder, real_time=True)
    pipeline = Pipeline(stages, lossless=False)
    timer = threading.Timer(0.7, pipeline.stop)
    timer.start()
    pipeline.run()
    timer.join()
    status = pipeline.status()
    assert 0 < status.frames_in < 50
    assert status.pictures_out + status.dropped == status.frames_in
    assert stages.sinks[0].moments[-1].index == status.frames_in - 1


def test_a_failing_engine_ends_a_lossless_run_at_once(stages_of, clip, bundle_folder):
    calls = []

    def fail(inputs, outputs):
        calls.append(1)
        if len(calls) > 3:
            raise EngineRunError("out of memory")

    with pytest.raises(EngineRunError, match="out of memory"):
        Pipeline(painting(stages_of(clip, bundle_folder), fail), lossless=True).run()
    assert len(calls) == 4


def test_a_failing_sink_ends_a_lossless_run_also_beside_a_good_one(stages_of, clip, bundle_folder):
    good = NullSink()
    good.open(SIZE_WH, Fraction(30))
    stages = stages_of(clip, bundle_folder, sinks=[good, Gallery(fail_at=2)])
    pipeline = Pipeline(stages, lossless=True)
    with pytest.raises(SinkError, match="the gallery is full"):
        pipeline.run()
    assert pipeline.status().pictures_out < 50


def test_in_real_time_a_sink_may_fail_while_another_takes_the_pictures(stages_of, clip, bundle_folder):
    good, bad = Gallery(), Gallery(fail_at=2)
    pipeline = Pipeline(stages_of(clip, bundle_folder, real_time=True, sinks=[good, bad]), lossless=False)
    told = []
    pipeline.tell = told.append
    with pytest.raises(SinkError, match="the gallery is full"):
        pipeline.run()
    status = pipeline.status()
    assert status.frames_in == 50 and len(good.pictures) > len(bad.pictures) == 2
    assert [sink.error for sink in status.sinks] == [None, "the gallery is full"]
    assert [str(error) for error in told] == ["the gallery is full"]


def test_the_last_sink_that_fails_ends_the_run(stages_of, clip, bundle_folder):
    stages = stages_of(clip, bundle_folder, real_time=True, sinks=[Gallery(fail_at=2), Gallery(fail_at=4)])
    pipeline = Pipeline(filmed_by(stages, Endless(stages.source.camera)), lossless=False)
    with pytest.raises(SinkError, match="the gallery is full"):
        pipeline.run()


def test_an_interrupt_leaves_no_thread_behind(stages_of, clip, bundle_folder, request):
    class Interrupting(Gallery):
        def send(self, picture):
            super().send(picture)
            if len(self.pictures) == 3:
                os.kill(os.getpid(), signal.SIGINT)

    # A shell starts background jobs with SIGINT ignored.
    request.addfinalizer(
        partial(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
    )
    stages = stages_of(clip, bundle_folder, sinks=[Interrupting()])
    with pytest.raises(KeyboardInterrupt):
        Pipeline(stages, lossless=True).run()
    for thread in threading.enumerate():
        if thread.name in {"capture", "perception", "painting", "composing", "sink"}:
            thread.join(0.1)
            assert not thread.is_alive()


def test_two_sinks_get_the_same_pictures(stages_of, clip, bundle_folder):
    stages = stages_of(clip, bundle_folder, sinks=[Gallery(), Gallery()])
    Pipeline(stages, lossless=True).run()
    first, second = (np.stack(sink.pictures) for sink in stages.sinks)
    np.testing.assert_array_equal(first, second)


def test_the_loops_allocate_nothing_of_a_pictures_size(stages_of, clip, bundle_folder):
    sink = NullSink()
    sink.open((1280, 720), Fraction(30))
    stages = stages_of(clip, bundle_folder, sinks=[sink], size_wh=(1280, 720))
    camera, peaks = stages.source.camera, []

    class Checking:
        """The camera; between reads it looks at the peak of all allocations."""

        trouble = None
        name, size_wh, rate, count = camera.name, camera.size_wh, camera.rate, 0

        def close(self):
            pass

        def read(self, out):
            if tracemalloc.is_tracing():
                now, peak = tracemalloc.get_traced_memory()
                peaks.append(peak - now)
                tracemalloc.reset_peak()
            elif self.count > 20:
                tracemalloc.start()
            self.count += 1
            return camera.read(out)

    try:
        Pipeline(filmed_by(stages, Checking()), lossless=True).run()
    finally:
        tracemalloc.stop()
    assert len(peaks) > 20
    assert np.percentile(peaks, 80) < 64 << 10
    assert max(peaks) < 256 << 10


class Endless:
    """A camera that plays a clip's frames in a loop at its rate, and can be told to be away, faceless, or blocked."""

    def __init__(self, camera):
        width, height = camera.size_wh
        self.name, self.size_wh, self.rate, self.trouble = "endless", camera.size_wh, camera.rate, None
        self.frames = []
        while (frame := camera.read(np.empty((height, width, 3), np.uint8))) is not None:
            self.frames.append(frame.rgb)
        self.index, self.start_s, self.faceless, self.free = 0, time.perf_counter(), False, threading.Event()
        self.free.set()

    def read(self, out):
        self.free.wait(60)
        due_s = self.start_s + self.index / 30
        moment = Moment(self.index, self.index / 30, due_s)
        self.index += 1
        if self.trouble is not None:
            return Frame(None, moment)
        np.copyto(out, self.frames[self.index % len(self.frames)])
        if self.faceless:
            out.fill(90)
        return Frame(out, moment)

    def close(self):
        pass


@pytest.fixture
def live(stages_of, clip, bundle_folder):
    """A pipeline that runs in real time until the test ends, with a preview and its camera."""
    stages = stages_of(clip, bundle_folder, sinks=[])
    camera, preview = Endless(stages.source.camera), Preview(SIZE_WH)
    pipeline = Pipeline(filmed_by(stages, camera), lossless=False, taps=[preview])
    pipeline.start()
    yield pipeline, preview, camera, stages.scene
    camera.free.set()
    pipeline.stop()
    pipeline.wait()
    assert not pipeline.status().running


def wait_for(there, limit_s=20.0):
    deadline_s = time.monotonic() + limit_s
    while not there():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def next_picture(preview):
    """A picture that was painted after this call."""
    preview.newest()
    shown = []
    for _ in range(2):
        wait_for(lambda: shown.append(preview.newest()) or shown[-1] is not None)
    return shown[-1]


def corner(picture):
    """Whether the visible mark is in the right corner: white letters, which nothing else has there."""
    return picture[3:15, 120:].max() > 230


def test_the_visible_mark_is_in_what_is_sent_and_not_in_a_mirror(stages_of, clip, bundle_folder):
    stages, mirror = stages_of(clip, bundle_folder), Gallery()
    mirror.put = lambda rgb, moment: mirror.pictures.append(rgb.copy())
    Pipeline(stages, lossless=True, mirrors=[mirror]).run()
    assert all(corner(picture) for picture in stages.sinks[0].pictures)  # less than five seconds
    assert not any(corner(picture) for picture in mirror.pictures) and len(mirror.pictures) == 50


def test_the_visible_mark_comes_when_it_is_wanted_and_after_a_pause(stages_of, clip, bundle_folder):
    stages = replace(stages_of(clip, bundle_folder, sinks=[]), mark="never")
    preview = Preview(SIZE_WH)
    pipeline = Pipeline(filmed_by(stages, Endless(stages.source.camera)), lossless=False, taps=[preview])
    pipeline.start()
    wait_for(lambda: pipeline.condition == LIVE)
    assert not corner(next_picture(preview).rgb) and not pipeline.marked
    pipeline.mark("always")
    assert corner(next_picture(preview).rgb) and pipeline.marked
    pipeline.pause()
    wait_for(lambda: pipeline.condition == PAUSED)
    assert not corner(next_picture(preview).rgb) and not pipeline.marked
    pipeline.mark("regularly")
    pipeline.resume()
    wait_for(lambda: pipeline.condition != PAUSED)
    assert corner(next_picture(preview).rgb)
    pipeline.stop()
    pipeline.wait()


def test_a_window_sees_pictures_and_how_things_stand(live):
    pipeline, preview, _, _ = live
    assert next_picture(preview).rgb.shape == (90, 160, 3)
    wait_for(lambda: pipeline.status().face)
    status = pipeline.status()
    assert status.running and not status.paused and status.trouble is None
    wait_for(lambda: pipeline.status().fps > 1)


def test_another_scene_is_shown_from_the_next_picture_on(live):
    pipeline, preview, _, scene = live
    blue = np.full((90, 160, 3), (0, 0, 255), np.uint8)
    assert (np.abs(next_picture(preview).rgb[:, :30].astype(int) - 90) <= 1).all()
    pipeline.show(replace(scene, compositor=Compositor(blue, 32, 4)))
    assert (np.abs(next_picture(preview).rgb[:, :30].astype(int) - (0, 0, 255)) <= 1).all()


def test_a_transparent_scene_takes_turns_with_others_and_is_recorded_as_it_is(live, tmp_path):
    pipeline, preview, _, scene = live
    clear = make_backdrop("transparent", SIZE_WH, Behind(np.zeros(3, np.uint8)))
    slate = np.dstack([scene.slate, np.full((90, 160), 255, np.uint8)])
    pipeline.mark("always")
    pipeline.record(tmp_path / "a.mov")
    pipeline.show(replace(scene, compositor=Compositor(clear, 32, 4), slate=slate))
    assert (np.abs(next_picture(preview).rgb[:, :30].astype(int) - GREY) <= 1).all()
    time.sleep(0.5)
    pipeline.show(scene)
    assert (np.abs(next_picture(preview).rgb[:, :30].astype(int) - 90) <= 1).all()
    time.sleep(0.2)
    pipeline.end_recording()
    with av.open(str(tmp_path / "a.mov")) as container:
        alphas = [frame.to_ndarray(format="rgba")[..., 3] for frame in container.decode(video=0)]
    seen = next(alpha for alpha in alphas if alpha.min() == 0)
    assert (seen[:, :30] == 0).all() and seen[:45, 80:].max() > 250  # the visible mark
    assert alphas[-1].min() >= 254


def test_pause_shows_the_slate_at_once_and_looks_for_no_face(live, tmp_path):
    pipeline, preview, _, scene = live
    wait_for(lambda: pipeline.status().face)
    pipeline.record(tmp_path / "a.mp4")
    pipeline.pause()
    wait_for(lambda: not pipeline.status().face)
    lost = pipeline.status().faces_lost
    for _ in range(5):
        np.testing.assert_array_equal(next_picture(preview).rgb, scene.slate)
    status = pipeline.status()
    assert status.paused and status.faces_lost == lost and status.condition == PAUSED
    pipeline.resume()
    wait_for(lambda: pipeline.status().face)
    assert not np.array_equal(next_picture(preview).rgb, scene.slate)
    wait_for(lambda: pipeline.status().condition == LIVE)
    pipeline.end_recording()
    with av.open(str(tmp_path / "a.mp4")) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert any(np.abs(picture.astype(int) - scene.slate).mean() < 3 for picture in pictures)


def test_it_goes_from_the_slate_to_live_holding_resting_and_back(live):
    pipeline, preview, camera, _ = live
    assert pipeline.status().changes[0].condition == STARTING
    wait_for(lambda: pipeline.status().condition == LIVE)
    camera.faceless = True
    wait_for(lambda: pipeline.status().condition == Condition(State.HOLDING, "no face is seen"))
    wait_for(lambda: pipeline.status().condition == Condition(State.RESTING, "no face is seen"))
    time.sleep(1.5)  # six times as long as the way to rest
    breaths = [next_picture(preview).rgb.astype(int) for _ in range(20)]
    assert max(np.abs(breath - breaths[0]).max() for breath in breaths) > 0
    camera.faceless = False
    wait_for(lambda: pipeline.status().condition == LIVE)
    pipeline.stop()
    pipeline.wait()
    status = pipeline.status()
    assert [change.condition.state for change in status.changes][-5:] == [
        State.LIVE, State.HOLDING, State.RESTING, State.LIVE, State.SLATE,
    ]  # fmt: skip
    assert status.condition == ENDED
    held_s = [change.time_s for change in status.changes][-4:-2]
    assert 0.8 < held_s[1] - held_s[0] < 1.5
    assert sum(status.pictures.values()) == status.pictures_out and status.pictures[State.SLATE] == 0


@pytest.mark.parametrize("pause", [False, True])
def test_a_camera_that_blocks_lets_the_portrait_hold_and_rest(live, pause):
    pipeline, preview, camera, scene = live
    wait_for(lambda: pipeline.status().condition == LIVE)
    camera.free.clear()
    wait_for(lambda: pipeline.status().condition == Condition(State.RESTING, "the camera gives no picture"))
    before = pipeline.status()
    next_picture(preview)
    if pause:
        pipeline.pause()
        wait_for(lambda: np.array_equal(next_picture(preview).rgb, scene.slate))
        pipeline.resume()
    camera.free.set()
    wait_for(lambda: pipeline.status().condition == LIVE)
    after = pipeline.status()
    assert after.faces_lost == before.faces_lost
    times_s = [change.time_s for change in after.changes]
    assert times_s == sorted(times_s)


def test_a_painting_thread_that_hangs_is_a_stall(stages_of, clip, bundle_folder):
    stages = stages_of(clip, bundle_folder, sinks=[])
    free, hung = threading.Event(), threading.Event()

    def hang(inputs, outputs):
        if hung.is_set():
            free.wait(60)

    pipeline = Pipeline(filmed_by(painting(stages, hang), Endless(stages.source.camera)), lossless=False)
    pipeline.start()
    try:
        wait_for(lambda: pipeline.status().pictures_out > 2)
        hung.set()
        wait_for(lambda: pipeline.status().condition == STALLED)
        free.set()
        wait_for(lambda: pipeline.status().condition == LIVE)
        assert STALLED in [change.condition for change in pipeline.status().changes]
    finally:
        free.set()
        pipeline.stop()
        pipeline.wait()


def test_while_the_camera_is_away_the_portrait_lives_on_and_is_no_lost_face(live):
    pipeline, preview, camera, _ = live
    wait_for(lambda: pipeline.status().face)
    camera.trouble = "camera 0 is away"
    wait_for(lambda: not pipeline.status().face)
    wait_for(lambda: pipeline.status().condition == Condition(State.RESTING, "the camera is away"))
    next_picture(preview)
    status = pipeline.status()
    assert status.trouble == "camera 0 is away" and status.faces_lost == 0
    camera.trouble = None
    wait_for(lambda: pipeline.status().face)


def test_mirror_and_recentre_reach_the_driver(stages_of, clip, bundle_folder):
    stages = stages_of(clip, bundle_folder)
    pipeline = Pipeline(stages, lossless=True)
    pipeline.mirror(True)
    pipeline.recentre()
    pipeline.run()
    plain = stages_of(clip, bundle_folder)
    Pipeline(plain, lossless=True).run()
    assert any(
        not np.array_equal(*pair) for pair in zip(stages.sinks[0].pictures, plain.sinks[0].pictures, strict=True)
    )


def test_a_recording_begins_and_ends_while_it_runs(live, tmp_path):
    pipeline, preview, _, _ = live
    next_picture(preview)
    pipeline.record(tmp_path / "a.mp4")
    with pytest.raises(SinkError, match="goes on already"):
        pipeline.record(tmp_path / "b.mp4")
    assert pipeline.recording
    wait_for(lambda: pipeline.status().sinks and pipeline.status().sinks[0].sent > 4)
    assert pipeline.status().sinks[0].name == str(tmp_path / "a.mp4")
    pipeline.end_recording()
    pipeline.end_recording()
    assert not pipeline.recording and pipeline.status().sinks == ()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) > 4


def test_a_recording_is_completed_when_the_run_ends(stages_of, clip, bundle_folder, tmp_path):
    pipeline = Pipeline(stages_of(clip, bundle_folder), lossless=True)
    pipeline.record(tmp_path / "a.mp4")
    pipeline.run()
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) > 1


def test_a_recording_that_cannot_be_written_does_not_end_the_run(live, tmp_path):
    pipeline, preview, _, _ = live
    with pytest.raises(SinkError, match="cannot be written"):
        pipeline.record(tmp_path / "absent" / "a.mp4")
    assert not pipeline.recording
    next_picture(preview)


class Blind:
    """A tracker that sees nobody, and takes no time."""

    def find(self, rgb):
        return None


def test_a_machine_that_cannot_keep_up_paints_every_second_frame_until_there_is_room(
    stages_of, clip, bundle_folder, monkeypatch, caplog
):
    monkeypatch.setattr("puppet.budget.WINDOW_S", 0.2)
    caplog.set_level("INFO", "puppet.budget")
    slow_s = [0.05]
    stages = stages_of(clip, bundle_folder)
    stages = painting(stages, lambda inputs, outputs: time.sleep(slow_s[0]))
    stages = replace(stages, source=Watching(Endless(stages.source.camera), Blind(), stages.source.pose))
    pipeline, gallery = Pipeline(stages, lossless=False), stages.sinks[0]
    pipeline.start()
    assert pipeline.status().slowed == ""
    wait_for(lambda: pipeline.status().slowed.startswith("every second"))
    first = len(gallery.moments) + 2
    wait_for(lambda: len(gallery.moments) > first + 5)
    painted = np.diff([moment.index for moment in gallery.moments[first:]])
    slow_s[0] = 0.0
    wait_for(lambda: not pipeline.status().slowed)
    pipeline.stop()
    pipeline.wait()
    status = pipeline.status()
    assert (painted >= 2).all() and 0 < status.left_out <= status.dropped
    assert status.pictures_out + status.dropped == status.frames_in
    said = [record.message for record in caplog.records if record.name == "puppet.budget"]
    assert said[:2] == [f"{which}: the machine is busy" for which in ("two of three frames", "every second frame")]
    assert said[-1] == "every frame again: the machine has room"


def test_every_frame_is_never_left_out(stages_of, clip, bundle_folder, monkeypatch):
    monkeypatch.setattr("puppet.budget.WINDOW_S", 0.1)
    stages = painting(stages_of(clip, bundle_folder), lambda inputs, outputs: time.sleep(0.05))
    pipeline = Pipeline(stages, lossless=True)
    pipeline.run()
    status = pipeline.status()
    assert (status.pictures_out, status.left_out, status.slowed) == (50, 0, "")
