"""The real program behind the window, with a tiny bundle, a clip, and a virtual camera in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from vmc_parts import Tracker, free_port, moment

from puppet.devices import Device
from puppet.errors import AvatarError, CameraError, PictureError, PortraitError
from puppet.folders import folders
from puppet.groups import PerGroup
from puppet.settings import CompositorSettings, Settings, SinkSettings
from puppet.slate import draw_slate
from puppet.state import LIVE, PAUSED
from puppet.visible_mark import VisibleMark
from ui import live_session
from ui.live_session import LiveSession
from ui.session import AvatarCard, News, Phase, Plan, Preflight, Progress, Session

SIZE_WH = (160, 90)


@pytest.fixture
def settings(bundle_folder: Path, tmp_path: Path) -> Settings:
    return Settings(
        bundle=bundle_folder,
        data_dir=tmp_path / "data",
        compositor=CompositorSettings(SIZE_WH),
        sinks=SinkSettings(virtual_camera="if there"),
        look="avatar",
    )


@pytest.fixture
def live(settings: Settings, memory_cameras) -> Iterator[LiveSession]:
    session = LiveSession(settings)
    session.open()
    yield session
    session.close()


@pytest.fixture
def plan(data_folder: Path) -> Plan:
    """A clip of twenty seconds: longer than any test looks at it, however busy the machine is."""
    return Plan(str(data_folder / "real" / "driving_d9.mp4"), SIZE_WH, 30.0)


@pytest.fixture
def short_plan(clip: Path) -> Plan:
    """A clip that soon ends."""
    return Plan(str(clip), SIZE_WH, 30.0)


def wait_for(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def next_picture(session: LiveSession) -> np.ndarray:
    found: list[np.ndarray] = []

    def look() -> bool:
        rgb = session.newest_picture()
        if rgb is not None:
            found.append(rgb.copy())
        return bool(found)

    wait_for(look)
    return found[0]


def use_first(session: LiveSession) -> str:
    key = session.avatars()[0].key
    session.use_avatar(key)
    return key


def test_is_a_session(live: LiveSession) -> None:
    assert isinstance(live, Session)


def test_shows_the_portrait_at_rest_once(live: LiveSession) -> None:
    assert live.newest_picture() is None
    key = use_first(live)
    rest = next_picture(live)
    assert rest.shape == (90, 160, 3)
    assert rest.std() > 5
    assert live.newest_picture() is None
    assert live.status().avatar == key
    assert live.status().phase is Phase.STOPPED


def test_drives_the_portrait_into_the_virtual_camera(live: LiveSession, plan: Plan, memory_cameras) -> None:
    use_first(live)
    rest = next_picture(live)
    live.start(plan)
    wait_for(lambda: live.status().fps > 0 and live.status().latency_median_ms > 0)
    moved = next_picture(live)
    standing = live.status()
    assert standing.phase is Phase.RUNNING
    assert standing.output == "Virtual camera /dev/memory0"
    assert standing.output_works
    assert standing.latency_p95_ms >= standing.latency_median_ms > 0
    assert np.abs(moved.astype(int) - rest).max() > 0
    live.stop()
    assert live.status().phase is Phase.STOPPED
    np.testing.assert_array_equal(next_picture(live), rest)
    live.start(plan)
    live.close()
    assert len(memory_cameras) == 1
    assert not memory_cameras[0].is_open


def test_sinks_are_never_mirrored(live: LiveSession, plan: Plan, memory_cameras) -> None:
    use_first(live)
    live.mark("never")  # the window shows it as viewers see it
    live.start(plan)
    rgb = next_picture(live)
    wait_for(lambda: any(np.array_equal(sent, rgb) for sent in memory_cameras[0].frames))


def test_a_tracker_drives_the_portrait(live: LiveSession) -> None:
    port = free_port()
    use_first(live)
    live.start(Plan(f"osc://:{port}", SIZE_WH, 30.0))
    wait_for(lambda: "nothing is received" in live.status().notice)
    with closing(Tracker(port)) as tracker:

        def driven() -> bool:
            tracker.send(*moment(10.0, jawOpen=0.5))
            return live.status().condition == LIVE

        wait_for(driven)
    assert live.status().phase is Phase.RUNNING and live.status().notice == ""
    live.stop()
    assert live.status().phase is Phase.STOPPED


def test_ends_with_the_clip(live: LiveSession, short_plan: Plan) -> None:
    use_first(live)
    live.start(short_plan)
    wait_for(lambda: live.status().phase is Phase.STOPPED)
    live.stop()


def test_a_clip_without_a_face_is_said(live: LiveSession, faceless_clip: Path) -> None:
    use_first(live)
    live.start(Plan(str(faceless_clip), SIZE_WH, 30.0))
    wait_for(lambda: live.status().phase is Phase.STOPPED)
    with pytest.raises(CameraError, match="no face"):
        live.stop()
    live.stop()


def test_backdrop_gains_and_size_change(live: LiveSession, plan: Plan) -> None:
    use_first(live)
    before = next_picture(live)
    live.set_backdrop("#ff0000")
    red = next_picture(live)
    assert tuple(red[0, 0]) == (255, 0, 0)
    assert tuple(before[0, 0]) != (255, 0, 0)
    live.set_gains(PerGroup(head=0.0, mouth=0.0, eyes=0.0, brows=0.0))
    rest = next_picture(live)
    live.mark("never")
    live.start(plan)
    wait_for(lambda: live.status().condition is LIVE)
    wait_for(lambda: np.array_equal(next_picture(live), rest))  # a camera that is late would let it breathe
    live.set_gains(PerGroup(head=2.0, mouth=2.0, eyes=2.0, brows=2.0))
    wait_for(lambda: not np.array_equal(next_picture(live), rest))
    live.start(replace(plan, size_wh=(200, 100)))
    assert next_picture(live).shape == (100, 200, 3)


def test_nothing_behind_is_grey_in_the_window_and_transparent_in_a_recording(
    live: LiveSession, plan: Plan, tmp_path: Path
) -> None:
    use_first(live)
    live.set_backdrop("transparent")
    assert tuple(next_picture(live)[0, 0]) == (128, 128, 128)
    live.mark("never")
    live.start(plan)
    live.record(tmp_path / "a.mov")
    wait_for(lambda: live.status().condition is LIVE)
    wait_for(lambda: live.status().recorded_s > 0.5)
    live.pause(on=True)
    assert next_picture(live).shape == (90, 160, 3)
    live.record(None)
    live.stop()
    with av.open(str(tmp_path / "a.mov")) as container:
        alpha = next(iter(container.decode(video=0))).to_ndarray(format="rgba")[..., 3]
    assert alpha.min() == 0 and alpha.max() > 250


def test_the_pose_can_be_changed_by_hand(live: LiveSession) -> None:
    """Also while nobody drives; zero takes it back."""
    use_first(live)
    before = next_picture(live)
    assert [direction.name for direction in live.directions()][:2] == ["yaw", "pitch"]
    assert live.directions()[0].reach == 40.0 and live.directions()[0].degrees
    live.set_offset((("yaw", 30.0),))
    assert np.abs(next_picture(live).astype(int) - before).max() > 10
    live.set_offset(())
    np.testing.assert_array_equal(next_picture(live), before)


def test_a_backdrop_that_cannot_be_read_changes_nothing(live: LiveSession, tmp_path: Path) -> None:
    for _ in range(2):  # before and after the first avatar
        with pytest.raises(PictureError):
            live.set_backdrop(str(tmp_path / "missing.png"))
        use_first(live)
    next_picture(live)


def test_the_window_shows_the_visible_mark_as_viewers_see_it(live: LiveSession, plan: Plan, memory_cameras) -> None:
    letters = np.zeros((90, 160, 3), np.uint8)
    VisibleMark(SIZE_WH).draw(letters)
    ink = letters.min(axis=2) > 200
    assert ink.sum() > 10
    use_first(live)
    live.mark("always")
    live.start(plan)
    wait_for(lambda: (next_picture(live)[:, ::-1][ink] > 190).all())
    wait_for(lambda: (memory_cameras[0].frames[-1][ink] > 190).all())  # its own process is a little later
    live.mark("never")
    wait_for(lambda: not (next_picture(live)[:, ::-1][ink] > 190).all())


def test_pause_mirror_and_recentre(live: LiveSession, plan: Plan, memory_cameras) -> None:
    for act in (live.recentre, lambda: live.pause(True), lambda: live.mirror_motion(True)):
        act()  # nothing to act on yet
    use_first(live)
    live.start(plan)
    live.pause(True)
    wait_for(lambda: live.status().phase is Phase.PAUSED)
    wait_for(lambda: live.status().condition == PAUSED)
    slate = draw_slate(SIZE_WH, live.avatars()[0].name)
    wait_for(lambda: np.array_equal(memory_cameras[0].frames[-1], slate))
    wait_for(lambda: np.array_equal(next_picture(live), slate[:, ::-1]))  # the window is a mirror
    assert live.status().output == "Virtual camera /dev/memory0: slate"
    live.pause(False)
    live.recentre()
    live.mirror_motion(False)
    assert live.status().phase is Phase.RUNNING


def test_records(live: LiveSession, plan: Plan, tmp_path: Path) -> None:
    live.record(tmp_path / "early.mp4")  # nothing to record yet
    use_first(live)
    live.start(plan)
    live.record(tmp_path / "a.mp4")
    for _ in range(3):
        next_picture(live)
    assert live.status().recording == tmp_path / "a.mp4"
    assert live.status().recorded_s > 0
    live.record(None)
    assert live.status().recording is None
    live.record(tmp_path / "b.mp4")
    for _ in range(3):
        next_picture(live)
    live.stop()
    for name in ("a.mp4", "b.mp4"):
        with av.open(str(tmp_path / name)) as container:
            assert next(container.decode(video=0)).width == SIZE_WH[0]
    assert not (tmp_path / "early.mp4").exists()


def test_a_file_among_the_outputs_holds_the_first_run(
    settings: Settings, short_plan: Plan, tmp_path: Path, memory_cameras
) -> None:
    output = tmp_path / "out.mp4"
    session = LiveSession(replace(settings, sinks=SinkSettings((output,), "no")))
    session.open()
    use_first(session)
    session.start(short_plan)
    wait_for(lambda: session.status().phase is Phase.STOPPED)
    session.stop()
    length = output.stat().st_size
    session.start(short_plan)
    next_picture(session)
    session.close()
    assert output.stat().st_size == length
    assert session.status().output == "Preview only"
    assert session.status().output_works is None


def test_enrols_and_lists_the_users_portraits(live: LiveSession, portrait: Path, settings: Settings) -> None:
    told: list[object] = []
    shipped = len(live.avatars())
    card = live.enrol(portrait, "avatar", told.append)
    assert card is not None
    assert [type(news) for news in told] == [Progress, Preflight]
    assert (card.name, card.own) == (portrait.stem, True)
    cards = live.avatars()
    assert (len(cards), cards[-1].key, cards[-1].name) == (shipped + 1, card.key, card.name)
    live.use_avatar(card.key)
    again = LiveSession(settings)
    assert again.status().avatar == card.key


def test_an_own_portrait_takes_its_look_again_and_goes(live: LiveSession, portrait: Path, settings: Settings) -> None:
    shipped = len(live.avatars())
    card = live.enrol(portrait, "avatar", lambda progress: None)
    assert card is not None
    again = live.enrol_again(card.key, "avatar", lambda progress: None)
    assert again is not None
    assert (again.key, again.name, again.look) == (card.key, card.name, "avatar")
    live.remove(card.key)
    assert len(live.avatars()) == shipped
    assert not [path for path in folders(settings.data_dir).avatars.rglob("*") if path.is_file()]
    with pytest.raises(AvatarError, match="add it again"):
        live.enrol_again(card.key, "photo", lambda progress: None)


def test_a_rehearsal_moves_and_changes_nothing(live: LiveSession, portrait: Path) -> None:
    key = use_first(live)
    card = live.enrol(portrait, "avatar", lambda news: None)
    assert card is not None
    rehearsal = live.rehearse(card.key)
    assert (len(rehearsal), rehearsal[0].shape) == (90, (256, 256, 3))
    assert max(np.abs(picture.astype(int) - rehearsal[0]).max() for picture in rehearsal) > 10
    assert live.status().avatar == key
    live.remove(card.key)
    with pytest.raises(AvatarError, match="add it again"):
        live.rehearse(card.key)


def test_a_photo_whose_files_are_gone_has_to_be_made_first(live: LiveSession) -> None:
    key = use_first(live)
    assert not live.use_avatar(f"{'00' * 32} photo")
    assert live.status().avatar == key
    live.use_meanwhile()  # nothing is enrolled
    assert live.status().avatar == key


def test_a_cancelled_enrolment_has_no_result_and_is_not_stored(live: LiveSession, portrait: Path) -> None:
    shipped = len(live.avatars())
    assert live.enrol(portrait, "avatar", lambda progress: live.cancel()) is None
    assert len(live.avatars()) == shipped


def test_the_stream_goes_on_while_a_portrait_is_tuned_and_then_shows_it(
    settings: Settings, stylegan_folder: Path, portrait: Path, plan: Plan, memory_cameras
) -> None:
    session = LiveSession(replace(settings, bundle=stylegan_folder))
    session.open()
    first = use_first(session)
    session.start(plan)
    sent: list[int] = []
    told: list[Progress] = []
    quick: list[np.ndarray] = []

    def tell(news: News) -> None:
        if isinstance(news, AvatarCard):
            session.use_meanwhile()
            quick.append(next_picture(session))
        if isinstance(news, Progress):
            told.append(news)
        sent.append(len(memory_cameras[0].frames))
        if session.status().phase is Phase.STOPPED:  # the clip is over
            session.start(plan)

    card = session.enrol(portrait, "photo", tell)
    assert card is not None
    assert (card.name, card.own) == (f"{portrait.stem} (photo)", True)
    assert card.likeness.startswith("similarity ")
    assert len(told) > 2
    assert told[-1].share is not None
    assert sent[-1] > sent[0]
    assert (len(quick), session.status().avatar) == (1, first)
    session.stop()
    before = next_picture(session)
    assert session.use_avatar(card.key)
    assert not np.array_equal(next_picture(session), before)
    session.start(plan)
    for key in (first, card.key):
        session.use_avatar(key)
        next_picture(session)
    assert session.status().avatar == card.key
    assert session.avatars()[-1] != card
    assert session.avatars()[-1].key == card.key
    character = session.enrol_again(card.key, "avatar", lambda progress: None)
    assert character is not None
    assert (character.name, character.look) == (portrait.stem, "avatar")
    session.remove(card.key)
    assert session.avatars()[-1].key == character.key
    session.close()


def test_failures_leave_it_usable(live: LiveSession, plan: Plan, tmp_path: Path) -> None:
    empty = tmp_path / "grey.png"
    av.VideoFrame.from_ndarray(np.full((300, 300, 3), 99, np.uint8), format="rgb24").to_image().save(empty)
    with pytest.raises(AvatarError, match="choose one first"):
        live.start(plan)
    use_first(live)
    with pytest.raises(CameraError):
        live.start(replace(plan, camera=str(tmp_path / "missing.mp4")))
    with pytest.raises(PortraitError):
        live.enrol(empty, "avatar", lambda progress: None)
    with pytest.raises(AvatarError, match="add it again"):
        live.use_avatar("00" * 32)
    live.start(plan)
    next_picture(live)


def test_without_a_driver_there_is_a_preview_and_a_sentence(settings: Settings, plan: Plan, memory_cameras) -> None:
    memory_cameras.plug(False)
    session = LiveSession(settings)
    session.open()
    assert "virtual camera" in session.status().notice
    assert session.status().output_works is False
    use_first(session)
    memory_cameras.plug(True)
    session.start(plan)
    wait_for(lambda: len(memory_cameras[0].frames) > 2)
    assert session.status().notice == ""
    assert session.status().output_works
    session.close()


def test_cameras_are_real_and_named(live: LiveSession, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [Device(0, "Desk", None, 0), Device(1, "Twin", None, 0), Device(2, "Twin", None, 0)]
    virtual = Device(3, "OBS Virtual Camera", None, 0)
    monkeypatch.setattr(live_session, "list_devices", lambda: [*devices, virtual])
    assert [(card.key, card.name) for card in live.cameras()] == [("Desk", "Desk"), ("1", "Twin"), ("2", "Twin")]
