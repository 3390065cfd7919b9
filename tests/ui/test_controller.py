"""The window and a session together, as the user meets them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtTest import QTest
from pytestqt.qtbot import QtBot

from puppet.groups import PerGroup
from puppet.state import Condition, State
from ui import controller as controller_module
from ui.controller import Controller
from ui.memory import Choices, Memory
from ui.preview import Badge
from ui.session import Phase, Plan, Session, Standing
from ui.window import Window, badges


def test_painted_session_is_a_session(session) -> None:
    assert isinstance(session, Session)


def test_begins_with_the_first_avatar_and_camera(controller: Controller, window: Window, session) -> None:
    assert [tile.accessibleName() for tile in window.gallery.tiles] == [card.name for card in session.cards]
    assert window.gallery.tiles[0].isChecked()
    assert session.standing.avatar == session.cards[0].key
    assert window.camera.camera.currentText() == "Integrated Camera"
    assert ("set_backdrop", "own") in session.calls
    assert window.transport.start.isEnabled()
    assert not window.transport.pause.isEnabled()


def test_begins_with_what_was_remembered(session, window: Window, memory: Memory, qtbot: QtBot) -> None:
    gains = PerGroup(head=0.5, mouth=1.5, eyes=1.0, brows=2.0)
    remembered = Choices(Plan("2", (640, 480), 24.0), "#101214", gains, True, mark="never")
    session.change(avatar=session.cards[3].key)
    controller = Controller(session, window, memory, remembered)
    controller.begin(None, start=True)
    qtbot.waitUntil(lambda: not controller.busy)
    controller.end()
    assert ("use_avatar", session.cards[3].key) in session.calls
    assert ("start", remembered.plan) in session.calls
    assert ("set_gains", gains) in session.calls
    assert ("mirror_motion", True) in session.calls
    assert ("mark", "never") in session.calls and window.mark.choice.currentText() == "Never"
    assert window.transport.mirror.isChecked()
    assert window.backdrop.kinds["Colour"].isChecked()
    assert memory.recall() == remembered


def test_the_mark_is_chosen_and_kept(running: Controller, window: Window, session, memory: Memory) -> None:
    window.mark.choice.chosen.emit("always")
    assert session.calls[-1] == ("mark", "always")
    assert (running.choices.mark, memory.recall().mark) == ("always", "always")


def test_start_shows_moving_pictures(running: Controller, window: Window, qtbot: QtBot) -> None:
    seen = set()

    def collect() -> bool:
        seen.add(window.preview.grab().toImage().copy(window.preview.frame().toRect()).cacheKey())
        shown = window.preview.grab().toImage()
        seen.add(bytes(shown.constScanLine(shown.height() // 2).asarray(4 * shown.width())))
        return len(seen) > 6

    qtbot.waitUntil(collect)
    assert window.transport.start.text() == "Stop"
    assert window.numbers.rate.number.text() == "30 fps"
    assert window.numbers.latency.number.text() == "61 ms"
    assert window.numbers.delay.number.text() == "40 ms"
    window.numbers.copy.click()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == "40"


@pytest.mark.parametrize(
    ("key", "call"),
    [
        (Qt.Key.Key_3, "use_avatar"),
        (Qt.Key.Key_P, "pause"),
        (Qt.Key.Key_R, "recentre"),
        (Qt.Key.Key_M, "mirror_motion"),
        (Qt.Key.Key_V, "record"),
        (Qt.Key.Key_S, "stop"),
    ],
)
def test_keys(key: Qt.Key, call: str, running: Controller, window: Window, session, qtbot: QtBot) -> None:
    QTest.keyClick(window, key)
    qtbot.waitUntil(lambda: not running.busy)
    assert session.names() == [call]


def test_a_key_without_a_portrait_does_nothing(running: Controller, window: Window, session) -> None:
    QTest.keyClick(window, Qt.Key.Key_9)
    assert not session.calls


def test_pause_and_resume(running: Controller, window: Window, session) -> None:
    window.transport.pause.click()
    assert window.transport.pause.text() == "Resume"
    window.transport.pause.click()
    assert window.transport.pause.text() == "Pause"
    assert session.calls == [("pause", True), ("pause", False)]


def test_record(
    running: Controller, window: Window, session, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(controller_module, "recording_path", lambda now, transparent: tmp_path / "puppet.mp4")
    window.transport.record.click()
    qtbot.waitUntil(lambda: window.transport.record.text() == "Stop recording")
    window.transport.record.click()
    qtbot.waitUntil(lambda: window.transport.record.text() == "Record")
    assert session.calls == [("record", tmp_path / "puppet.mp4"), ("record", None)]
    assert window.notice.sentence.text() == f"Recorded to {tmp_path / 'puppet.mp4'}"


@pytest.mark.parametrize(
    ("verb", "act"),
    [
        ("enrol", lambda window: window.dropped.emit(Path("me.png"))),
        ("set_backdrop", lambda window: window.backdrop.choose("/no/picture.png")),
        ("start", lambda window: window.camera.changed.emit(Plan("0", (640, 360), 15.0))),
    ],
)
def test_failures_are_said(
    verb: str, act: Callable[[Window], object], running: Controller, window: Window, session, qtbot: QtBot
) -> None:
    session.fail = verb
    act(window)
    qtbot.waitUntil(lambda: not running.busy)
    assert window.notice.isVisible()
    assert len(window.notice.sentence.text()) > 10
    assert not window.enrolment.isVisible()
    assert running.choices.backdrop == window.backdrop.backdrop == "own"
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.notice.isVisible()


def test_nothing_can_be_started_without_the_model(session, window: Window, memory: Memory, qtbot: QtBot) -> None:
    session.fail = "open"
    controller = Controller(session, window, memory, Choices())
    controller.begin(None, start=True)
    qtbot.waitUntil(lambda: not controller.busy)
    controller.end()
    assert window.notice.sentence.text() == "The model is damaged; install puppet again"
    assert not window.transport.start.isEnabled()


def test_a_session_that_ends_by_itself_is_cleared_up(
    running: Controller, window: Window, session, qtbot: QtBot
) -> None:
    session.change(phase=Phase.STOPPED)
    qtbot.waitUntil(lambda: "stop" in session.names())
    qtbot.waitUntil(lambda: window.transport.start.text() == "Start")


@pytest.mark.parametrize(
    ("name", "text", "change"),
    [
        ("size_choice", "640 × 480", {"size_wh": (640, 480)}),
        ("rate", "15 fps", {"fps": 15.0}),
        ("camera_size", "1280 × 720", {"camera_size_wh": (1280, 720)}),
        ("codec", "Raw", {"codec": "raw"}),
    ],
)
def test_changes_of_the_plan_start_anew(
    running: Controller, window: Window, session, qtbot: QtBot, name: str, text: str, change: dict
) -> None:
    choice = getattr(window.camera, name)
    choice.setCurrentIndex(choice.findText(text))
    choice.activated.emit(choice.currentIndex())
    qtbot.waitUntil(lambda: not running.busy)
    assert ("start", replace(Plan("0", (1280, 720), 30.0), **change)) in session.calls


def test_a_video_file_is_not_asked_for_size_and_format(running: Controller, window: Window) -> None:
    plan = window.camera.plan
    for camera, asked in ((plan.camera, True), ("clip.mp4", False), ("Desk", True), ("osc://:1", False)):
        window.camera.show_plan(replace(plan, camera=camera))
        assert (window.camera.camera_size.isEnabled(), window.camera.codec.isEnabled()) == (asked, asked)


def test_a_tracker_can_be_chosen(running: Controller, window: Window, session, qtbot: QtBot) -> None:
    choice = window.camera.camera
    choice.setCurrentIndex(choice.findText("A tracker at osc://:39539"))
    choice.activated.emit(choice.currentIndex())
    qtbot.waitUntil(lambda: not running.busy)
    assert ("start", Plan("osc://:39539", (1280, 720), 30.0)) in session.calls
    assert choice.currentText() == "A tracker at osc://:39539" and choice.findText(choice.currentText()) == 0


def test_what_the_portrait_has_behind_it_is_one_of_three(
    running: Controller, window: Window, session, qtbot: QtBot
) -> None:
    for word in ("blur", "portrait", "own"):
        window.backdrop.own[word].click()
        qtbot.waitUntil(lambda word=word: running.choices.backdrop == word)
        assert session.calls[-1] == ("set_backdrop", word) and window.backdrop.own[word].isChecked()
    window.backdrop.own["blur"].click()
    window.backdrop.kinds["Colour"].click()
    window.backdrop.kinds["Own"].click()
    qtbot.waitUntil(lambda: running.choices.backdrop == window.backdrop.backdrop == "blur")


def test_before_nothing_recordings_carry_transparency(
    running: Controller, window: Window, session, qtbot: QtBot
) -> None:
    for kind, suffix in (("None", ".mov"), ("Own", ".mp4")):
        window.backdrop.kinds[kind].click()
        qtbot.waitUntil(lambda kind=kind: (running.choices.backdrop == "transparent") == (kind == "None"))
        assert window.backdrop.kinds[kind].isChecked()
        window.transport.record.click()
        qtbot.waitUntil(lambda: window.transport.record.text() == "Stop recording")
        assert session.calls[-1][1].suffix == suffix
        window.transport.record.click()
        qtbot.waitUntil(lambda: window.transport.record.text() == "Record")


def test_gains_and_backdrop_go_to_the_session(running: Controller, window: Window, session, qtbot: QtBot) -> None:
    window.gains.sliders["mouth"].setFocus()
    QTest.keyClick(window.gains.sliders["mouth"], Qt.Key.Key_Right)
    window.backdrop.kinds["Colour"].click()
    qtbot.waitUntil(lambda: not running.busy)
    assert session.calls == [
        ("set_gains", PerGroup(head=1.0, mouth=1.05, eyes=1.0, brows=1.0)),
        ("set_backdrop", window.backdrop.backdrop),
    ]


def test_a_notice_is_said_once(running: Controller, window: Window, session, qtbot: QtBot) -> None:
    session.change(notice="the camera was unplugged; waiting for it")
    qtbot.waitUntil(window.notice.isVisible)
    window.notice.dismiss.click()
    qtbot.wait(600)
    assert not window.notice.isVisible()


def test_end_closes_the_session_last(session, window: Window, memory: Memory, qtbot: QtBot) -> None:
    controller = Controller(session, window, memory, Choices())
    controller.begin(None, start=True)
    qtbot.waitUntil(lambda: not controller.busy)
    controller.end()
    assert session.calls[-1] == ("close",)


LOST = Condition(State.HOLDING, "no face is seen")


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (Standing(), (Badge("Stopped"),)),
        (Standing(Phase.RUNNING), ()),
        (Standing(Phase.RUNNING, condition=LOST), (Badge("Holding: no face is seen"),)),
        (Standing(Phase.PAUSED, condition=LOST), (Badge("Paused"),)),
        (Standing(Phase.RUNNING, slowed="every second frame"), (Badge("Every second frame"),)),
        (
            Standing(Phase.RUNNING, recording=Path("a.mp4"), recorded_s=83.9),
            (Badge("01:23", light=True),),
        ),
    ],
)
def test_badges(standing: Standing, expected: tuple[Badge, ...]) -> None:
    assert badges(standing) == expected
