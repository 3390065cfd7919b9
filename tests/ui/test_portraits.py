"""The gallery and a session together, as the user meets them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PyQt6.QtCore import QPoint, Qt, QTimer
from PyQt6.QtGui import QContextMenuEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QMenu, QMessageBox
from pytestqt.qtbot import QtBot

from puppet.preflight import Score, Verdict
from ui import portraits as portraits_module
from ui.controller import Controller
from ui.dialogs import confirm_removal
from ui.memory import Choices, Memory
from ui.panels.avatar_tile import AvatarTile
from ui.portraits import READY
from ui.session import Preflight
from ui.window import Window

Drop = Callable[..., bool]


def accept(controller: Controller, window: Window, qtbot: QtBot) -> None:
    """Accept what is tried."""
    window.trial.accept.click()
    qtbot.waitUntil(lambda: not controller.busy)


def test_of_many_clicks_only_the_last_counts(running: Controller, window: Window, session, qtbot: QtBot) -> None:
    session.step_s = 0.05
    for tile in window.gallery.tiles[1:]:
        tile.click()
    qtbot.waitUntil(lambda: not running.busy)
    keys = [card.key for card in session.cards]
    assert session.calls == [("use_avatar", keys[1]), ("use_avatar", keys[-1])]
    assert session.standing.avatar == keys[-1]
    assert window.gallery.tiles[-1].isChecked()


def test_an_avatar_that_fails_is_not_chosen(running: Controller, window: Window, session, qtbot: QtBot) -> None:
    session.fail = "use_avatar"
    window.gallery.tiles[2].click()
    qtbot.waitUntil(lambda: not running.busy)
    assert window.gallery.tiles[0].isChecked()
    assert window.notice.sentence.text() == "The avatar is damaged"


def test_a_dropped_picture_is_enrolled_tried_and_used(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    tiles = len(window.gallery.tiles)
    assert drop(tmp_path / "notes.txt", tmp_path / "me.png")
    assert window.enrolment.isVisible()
    qtbot.waitUntil(lambda: not running.busy)
    assert session.calls == [("enrol", tmp_path / "me.png", "photo"), ("rehearse", "key-me")]
    assert window.trial.isVisible() and not window.enrolment.isVisible()
    assert len(window.gallery.tiles) == tiles and window.gallery.tiles[0].isChecked()
    accept(running, window, qtbot)
    assert session.calls[2:] == [("use_avatar", "key-me")]
    assert window.gallery.tiles[-1].isChecked() and not window.trial.isVisible()


def test_what_is_discarded_is_removed_and_the_portrait_before_stays(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    tiles, before = len(window.gallery.tiles), session.standing.avatar
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: not running.busy)
    window.trial.discard.click()
    qtbot.waitUntil(lambda: not running.busy)
    assert session.names() == ["enrol", "rehearse", "remove"]
    assert session.standing.avatar == before
    assert len(window.gallery.tiles) == tiles and not window.trial.isVisible()


def test_who_cancels_during_the_rehearsal_keeps_nothing(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    begun, go, rehearse = threading.Event(), threading.Event(), session.rehearse

    def slow(key: str) -> object:
        begun.set()
        go.wait(30)
        return rehearse(key)

    session.rehearse = slow
    drop(tmp_path / "me.png")
    qtbot.waitUntil(begun.is_set)
    window.enrolment.cancel.click()
    go.set()
    qtbot.waitUntil(lambda: not running.busy)
    assert session.names() == ["enrol", "rehearse", "remove"]
    assert not window.trial.isVisible() and not window.enrolment.isVisible()


def test_a_trial_moves(running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path) -> None:
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: not running.busy)
    first = window.trial.picture.grab().toImage()
    qtbot.waitUntil(lambda: window.trial.picture.grab().toImage() != first)
    qtbot.waitUntil(lambda: window.trial.picture.grab().toImage() == first)  # a loop


def test_a_new_trial_keeps_the_one_before(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    for name in ("me.png", "you.png"):
        drop(tmp_path / name)
        qtbot.waitUntil(lambda: not running.busy)
    assert window.gallery.tiles[-1].accessibleName() == "me"
    assert "you" in window.trial.title.text()


def test_a_portrait_that_is_there_already_is_used_at_once(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: not running.busy)
    accept(running, window, qtbot)
    window.gallery.choose_nth(0)
    qtbot.waitUntil(lambda: not running.busy)
    session.calls.clear()
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: not running.busy)
    assert session.names() == ["enrol", "use_avatar"]


def test_hints_stand_beside_the_enrolment_and_the_trial(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    glasses = Score("glasses", Verdict.POOR, "4.1%", "Take glasses off.")
    session.preflight = Preflight((Score("face size", Verdict.GOOD, "400 px", ""), glasses))
    session.steps, session.step_s = 1000, 0.02
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: window.enrolment.hints.isVisible())
    assert window.enrolment.hints.text() == "Take glasses off."
    session.steps = session.step_s = 0
    window.enrolment.cancel.click()
    qtbot.waitUntil(lambda: not running.busy)
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: window.trial.isVisible())
    assert window.trial.hints.text() == "Take glasses off."
    assert window.trial.hints.toolTip() == "glasses: poor (4.1%)"


def test_a_quick_avatar_is_used_meanwhile_and_leaves_with_a_cancelled_enrolment(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    before = session.standing.avatar
    session.steps, session.step_s = 1000, 0.02
    window.gallery.look.show_look("photo")
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: window.enrolment.meanwhile.isVisible())
    assert "use_meanwhile" not in session.names()
    window.enrolment.meanwhile.click()
    qtbot.waitUntil(lambda: "use_meanwhile" in session.names())
    window.enrolment.cancel.click()
    qtbot.waitUntil(lambda: not running.busy)
    assert session.calls[-1] == ("use_avatar", before)


@pytest.mark.parametrize("kept", [True, False])
def test_a_quick_avatar_gives_way_when_the_photo_was_tried(
    kept: bool, running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    before = session.standing.avatar
    session.step_s = 0.1
    window.gallery.look.show_look("photo")
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: window.enrolment.meanwhile.isVisible())
    window.enrolment.meanwhile.click()
    qtbot.waitUntil(lambda: not running.busy)
    assert session.calls[-1] != ("use_avatar", before)
    (window.trial.accept if kept else window.trial.discard).click()
    qtbot.waitUntil(lambda: not running.busy)
    assert session.calls[-1] == ("use_avatar", "key-me" if kept else before)


def test_a_portrait_on_the_command_line_is_driven_quickly_and_then_as_the_photo(
    session, window: Window, memory: Memory, qtbot: QtBot
) -> None:
    session.step_s = 0.05
    controller = Controller(session, window, memory, Choices(look="photo"))
    controller.begin(Path("me.png"), start=True)
    qtbot.waitUntil(lambda: not controller.busy)
    names = [name for name in session.names() if name in ("use_meanwhile", "start", "use_avatar", "rehearse")]
    controller.end()
    assert names == ["use_avatar", "use_meanwhile", "start", "use_avatar"]
    assert session.standing.avatar == "key-me"
    assert window.notice.sentence.text() == READY.capitalize()


def test_a_photo_whose_weights_are_gone_is_made_anew_with_progress(
    running: Controller, window: Window, session, qtbot: QtBot
) -> None:
    key = session.cards[2].key
    session.stale.add(key)
    session.step_s = 0.05
    window.gallery.choose_nth(2)
    qtbot.waitUntil(lambda: window.enrolment.isVisible() and window.enrolment.left.text() != "")
    qtbot.waitUntil(lambda: not running.busy)
    again = "key-Chidi-avatar"  # what the session of these tests calls it
    assert session.calls == [("use_avatar", key), ("enrol_again", key, "avatar"), ("use_avatar", again)]


def test_an_enrolment_can_be_cancelled(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    session.steps, session.step_s = 1000, 0.02
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: window.enrolment.left.text() != "")
    window.enrolment.cancel.click()
    qtbot.waitUntil(lambda: not running.busy)
    assert session.names() == ["enrol"]
    assert not window.enrolment.isVisible()
    assert window.gallery.tiles[0].isChecked()


def test_other_things_go_on_beside_an_enrolment(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    session.steps, session.step_s = 1000, 0.02
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: window.enrolment.left.text() != "")
    window.gallery.choose_nth(2)
    qtbot.waitUntil(lambda: window.gallery.tiles[2].isChecked() and "use_avatar" in session.names())
    assert window.enrolment.isVisible()
    window.enrolment.cancel.click()
    qtbot.waitUntil(lambda: not running.busy)


def test_an_enrolment_that_waits_can_be_cancelled(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    session.step_s = 0.2
    window.gallery.choose_nth(2)
    drop(tmp_path / "me.png")
    window.enrolment.cancel.click()
    assert not window.enrolment.isVisible()
    qtbot.waitUntil(lambda: not running.busy)
    assert "enrol" not in session.names()


def test_an_enrolment_can_be_cancelled_before_it_listens(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    session.steps, session.step_s = 1000, 0.02
    begun, go, enrol = threading.Event(), threading.Event(), session.enrol

    def deaf_at_first(*asked: object) -> object:
        begun.set()
        go.wait(30)
        session.forget_cancel()
        return enrol(*asked)

    session.enrol = deaf_at_first
    drop(tmp_path / "me.png")
    qtbot.waitUntil(begun.is_set)
    window.enrolment.cancel.click()
    go.set()
    qtbot.waitUntil(lambda: not running.busy)
    assert session.names() == ["enrol"]
    assert not window.enrolment.isVisible()


def test_a_likeness_is_said_and_stays_at_its_portrait(
    running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    session.likeness = "similarity 0.71; strangers score about 0.2"
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: not running.busy)
    assert window.trial.likeness.text() == "Similarity 0.71; strangers score about 0.2"
    accept(running, window, qtbot)
    assert window.gallery.tiles[-1].toolTip() == (
        "me (7)\nSimilarity 0.71; strangers score about 0.2\nRight click for more, Delete removes it"
    )
    assert window.gallery.tiles[0].toolTip() == "Ada (1)"


def test_a_portrait_that_cannot_be_enrolled_is_not_replaced_by_another(
    session, window: Window, memory: Memory, qtbot: QtBot
) -> None:
    session.fail = "enrol"
    controller = Controller(session, window, memory, Choices())
    controller.begin(Path("me.png"), start=True)
    qtbot.waitUntil(lambda: not controller.busy)
    controller.end()
    assert "start" not in session.names()


@pytest.fixture
def own(running: Controller, window: Window, session, qtbot: QtBot, drop: Drop, tmp_path: Path) -> Controller:
    """A portrait of the user's own is in use, as a character."""
    window.gallery.look.show_look("avatar")
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: not running.busy)
    accept(running, window, qtbot)
    session.calls.clear()
    return running


def open_menu(window: Window, tile: AvatarTile) -> QMenu | None:
    """What a right click on a portrait opens."""
    inside = tile.mapTo(window, QPoint(20, 20))
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, tile.mapFrom(window, inside), window.mapToGlobal(inside))
    QApplication.sendEvent(tile, event)
    menu = QApplication.activePopupWidget()
    assert menu is None or isinstance(menu, QMenu)
    return menu


def trigger(menu: QMenu, begins: str) -> None:
    """Choose what begins with these words."""
    (action,) = [action for action in menu.actions() if action.text().startswith(begins)]
    action.trigger()
    menu.close()


def test_the_look_of_new_portraits_is_chosen_by_key_and_kept(
    running: Controller, window: Window, session, memory: Memory, qtbot: QtBot, drop: Drop, tmp_path: Path
) -> None:
    choice = window.gallery.look
    assert (choice.look, running.choices.look) == ("photo", "photo")
    choice.setFocus()
    QTest.keyClick(choice, Qt.Key.Key_Space)
    QTest.keyClick(choice.menu, Qt.Key.Key_Down)
    QTest.keyClick(choice.menu, Qt.Key.Key_Return)
    assert (choice.look, running.choices.look, memory.recall().look) == ("avatar", "avatar", "avatar")
    drop(tmp_path / "me.png")
    qtbot.waitUntil(lambda: not running.busy)
    assert session.calls[0] == ("enrol", tmp_path / "me.png", "avatar")


def test_begins_with_the_look_that_was_chosen(session, window: Window, memory: Memory, qtbot: QtBot) -> None:
    controller = Controller(session, window, memory, Choices(look="avatar"))
    controller.begin(Path("me.png"), start=False)
    qtbot.waitUntil(lambda: not controller.busy)
    controller.end()
    assert ("enrol", Path("me.png"), "avatar") in session.calls


def test_an_own_portrait_gets_the_other_look(own: Controller, window: Window, session, qtbot: QtBot) -> None:
    for begins, look in (("Make it look like the photo", "photo"), ("Make a character", "avatar")):
        tile = window.gallery.tiles[-1]
        menu = open_menu(window, tile)
        assert menu is not None
        trigger(menu, begins)
        qtbot.waitUntil(lambda: not own.busy)
        accept(own, window, qtbot)
        key = f"{tile.key}-{look}"
        assert session.calls[-3:] == [("enrol_again", tile.key, look), ("rehearse", key), ("use_avatar", key)]
        assert window.gallery.tiles[-1].isChecked()
    assert len(window.gallery.tiles) == 9


def test_a_shipped_character_has_no_menu_and_stays(running: Controller, window: Window, session) -> None:
    assert open_menu(window, window.gallery.tiles[0]) is None
    QTest.keyClick(window, Qt.Key.Key_Delete)
    assert not session.calls


@pytest.mark.parametrize("key", [None, Qt.Key.Key_Delete, Qt.Key.Key_Backspace])
def test_an_own_portrait_is_removed_once_confirmed(
    own: Controller, window: Window, session, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, key: Qt.Key | None
) -> None:
    answers, asked = [False, True], []

    def confirm(parent: Window, name: str) -> bool:
        asked.append(name)
        return answers.pop(0)

    monkeypatch.setattr(portraits_module, "confirm_removal", confirm)
    for _ in range(2):
        assert "remove" not in session.names()
        if key is None:
            menu = open_menu(window, window.gallery.tiles[-1])
            assert menu is not None
            trigger(menu, "Remove")
        else:
            QTest.keyClick(window, key)
        qtbot.waitUntil(lambda: not own.busy)
    assert asked == ["me", "me"]
    assert session.calls == [("use_avatar", session.cards[0].key), ("remove", "key-me")]
    assert [tile.key for tile in window.gallery.tiles] == [card.key for card in session.cards]
    assert window.gallery.tiles[0].isChecked()


def test_a_portrait_that_cannot_be_removed_stays(
    own: Controller, window: Window, session, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.fail = "remove"
    monkeypatch.setattr(portraits_module, "confirm_removal", lambda parent, name: True)
    QTest.keyClick(window, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: not own.busy)
    assert window.notice.sentence.text() == "The avatar cannot be deleted"
    assert window.gallery.tiles[-1].key == "key-me"


@pytest.mark.parametrize("answer", ["Remove", "Cancel"])
def test_the_question_before_a_removal(window: Window, answer: str) -> None:
    def reply() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        assert "Zoë" in box.text()
        (button,) = [button for button in box.buttons() if button.text().strip("&") == answer]
        button.click()

    QTimer.singleShot(0, reply)
    assert confirm_removal(window, "Zoë") is (answer == "Remove")
