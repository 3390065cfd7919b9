"""What outputs, disks and folders may do while a run goes on."""

import shutil

import pytest
from full_disk import disk
from memory_driver import wait_for
from safety_parts import Gallery
from taint import SIZE_WH, Scripted

from puppet.cli import main
from puppet.errors import SinkError, StuckError
from puppet.settings import CompositorSettings, Settings, SinkSettings
from puppet.sinks import VideoSink
from puppet.state import LIVE
from ui import run as run_module
from ui.live_session import LiveSession
from ui.session import Phase, Plan

PLAN = Plan("scripted", SIZE_WH, 30.0)


@pytest.fixture
def session(bundle_folder, memory_cameras, neutral_reels, tmp_path, monkeypatch):
    """A session that drives a portrait into the virtual camera."""
    monkeypatch.setattr(run_module, "open_camera", lambda *given: Scripted(neutral_reels))
    settings = Settings(
        bundle=bundle_folder,
        data_dir=tmp_path / "data",
        compositor=CompositorSettings(SIZE_WH),
        sinks=SinkSettings(virtual_camera="required"),
        look="avatar",
    )
    session = LiveSession(settings)
    session.open()
    session.use_avatar(session.avatars()[0].key)
    session.start(PLAN)
    wait_for(lambda: session.status().condition == LIVE)
    yield session
    session.close()


def goes_on(session, device):
    """Whether pictures arrive."""
    before = len(device.frames)
    wait_for(lambda: len(device.frames) > before + 5)
    return session.status().phase is Phase.RUNNING


def test_a_sink_that_blocks_does_not_stop_the_others_and_is_left_behind_at_the_end(live_with, monkeypatch):
    monkeypatch.setattr("puppet.crew.LEAVE_S", 0.5)
    blocked, good = Gallery(), Gallery()
    live = live_with(sinks=[blocked, good])
    live.wait_for_life()
    blocked.free.clear()
    seen = len(good.pictures)
    wait_for(lambda: len(good.pictures) > seen + 10)
    live.pipeline.stop()
    try:
        with pytest.raises(StuckError, match=r"^gallery did not answer any more and had to be left behind$"):
            live.pipeline.wait()
        assert live.pipeline.ended_sinks == [good]
    finally:
        blocked.free.set()


def test_a_full_disk_ends_the_recording_and_not_the_stream(session, memory_cameras, decoded, tmp_path):
    session.record(tmp_path / "a.mp4")
    wait_for(lambda: any(path.stat().st_size > 2_000 for path in tmp_path.glob("a.*.part.mp4")))
    with disk(sum(path.stat().st_size for path in tmp_path.glob("a.*.part.mp4")) + 500):
        wait_for(lambda: "cannot be written any more" in session.status().notice)
        assert session.status().recording is None
        wait_for((tmp_path / "a.mp4").exists)
        assert len(decoded(tmp_path / "a.mp4")) > 5 and goes_on(session, memory_cameras[0])
    session.record(tmp_path / "b.mp4")
    assert goes_on(session, memory_cameras[0]) and session.status().notice == ""
    session.record(None)
    assert len(decoded(tmp_path / "b.mp4")) > 1


def test_a_full_disk_ends_a_headless_run_and_keeps_the_video(bundle_folder, portrait, clip, decoded, tmp_path, capfd):
    words = [
        "--source",
        portrait,
        "--look",
        "avatar",
        "--camera",
        clip,
        "--bundle",
        bundle_folder,
        "--data-dir",
        tmp_path / "data",
    ]
    words += ["--headless", "--every-frame", "--size", "320x180", "--output"]
    assert main([*map(str, words), str(tmp_path / "whole.mp4")]) == 0
    with disk((tmp_path / "whole.mp4").stat().st_size * 9 // 10):
        assert main([*map(str, words), str(tmp_path / "a.mp4")]) == 1
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith(f"puppet: {tmp_path / 'a.mp4'} cannot be written any more (File too large); make room, what")
    assert len(decoded(tmp_path / "a.mp4")) > 10
    assert not list(tmp_path.glob("*.part*"))


def test_a_disk_that_is_full_from_the_start_leaves_no_broken_file(live_with, tmp_path):
    sink = VideoSink(tmp_path / "a.mp4")
    sink.open(SIZE_WH, 30)
    live = live_with(sinks=[sink], begin=False)
    with disk(1_000):
        live.pipeline.start()
        wait_for(lambda: live.pipeline.status().sinks[0].error)
        live.pipeline.stop()
        with pytest.raises(SinkError, match=r"cannot be written any more \(File too large\); make room$"):
            live.pipeline.wait()
        sink.close()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_removed_while_recording_is_made_again(session, memory_cameras, decoded, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    session.record(folder / "a.mp4")
    assert goes_on(session, memory_cameras[0])
    shutil.rmtree(folder)
    assert goes_on(session, memory_cameras[0])
    session.record(None)
    assert len(decoded(folder / "a.mp4")) > 5 and session.status().notice == ""


def test_files_that_vanish_while_it_runs_are_not_needed(session, memory_cameras, bundle_folder, tmp_path):
    hidden = bundle_folder.with_name("hidden")
    bundle_folder.rename(hidden)
    shutil.rmtree(tmp_path / "data")
    try:
        assert goes_on(session, memory_cameras[0])
        session.pause(True)
        session.pause(False)
        session.recentre()
        assert goes_on(session, memory_cameras[0])
    finally:
        hidden.rename(bundle_folder)


def test_a_driver_that_refuses_a_picture_is_opened_again_and_the_window_says_so(session, memory_cameras):
    memory_cameras.fail(True)
    wait_for(lambda: not memory_cameras[0].is_open)
    memory_cameras.fail(False)
    wait_for(lambda: len(memory_cameras) > 1 and len(memory_cameras[-1].frames) > 3)
    notice = session.status().notice
    assert notice.startswith("the process of virtual camera /dev/memory0 ended (") and "started again" in notice
    assert session.status().output_works


def test_a_device_that_goes_on_refusing_is_said_and_the_preview_goes_on(session, memory_cameras):
    memory_cameras.fail(True)
    wait_for(lambda: "takes no more pictures" in session.status().notice, 60)
    seen = []
    wait_for(lambda: seen.append(1) or len(seen) > 5 if session.newest_picture() is not None else False)
    assert session.status().phase is Phase.RUNNING and session.status().output_works is False
    memory_cameras.fail(False)


def test_two_files_one_full_disk(live_with, tmp_path):
    good, bad = Gallery(), VideoSink(tmp_path / "a.mp4")
    bad.open(SIZE_WH, 30)
    live = live_with(sinks=[good, bad])
    live.wait_for_life()
    with disk(4_000):
        wait_for(lambda: any(sink.error for sink in live.pipeline.status().sinks))
        seen = len(good.pictures)
        wait_for(lambda: len(good.pictures) > seen + 5)
        live.pipeline.stop()
        with pytest.raises(SinkError, match="make room"):
            live.pipeline.wait()
    bad.abort()
