"""Another program controls the window."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from pytestqt.qtbot import QtBot
from websockets.sync.client import connect

from puppet.api_server import ApiServer
from puppet.gallery import Entry
from puppet.remote import Remote
from ui.controller import Controller
from ui.remote import WindowRemote
from ui.session import Phase
from ui.window import Window


def test_a_client_presses_the_windows_buttons(
    running: Controller, window: Window, session, qtbot: QtBot, tmp_path: Path
) -> None:
    remote = WindowRemote(session, window, tmp_path)
    assert isinstance(remote, Remote)

    def talk(port: int) -> list[dict]:
        headers, verbs = {"Authorization": "Bearer token"}, ("pause", "recentre", "resume", "state")
        with connect(f"ws://127.0.0.1:{port}", additional_headers=headers, proxy=None) as connection:
            answers = []
            for verb in verbs:
                connection.send(json.dumps({"do": verb}))
                answers.append(json.loads(connection.recv(10)))
        return answers

    with closing(ApiServer(0, "token", remote)) as server, ThreadPoolExecutor(1) as other:
        answers = other.submit(talk, server.port)
        qtbot.waitUntil(answers.done)
        assert [answer["ok"] for answer in answers.result()] == [True] * 4
        assert answers.result()[3]["state"]["phase"] in {phase.value for phase in Phase}
        qtbot.waitUntil(lambda: ("pause", False) in session.calls)
        assert session.calls == [("pause", True), ("recentre",), ("pause", False)]


def test_an_avatar_is_chosen_as_in_the_gallery(
    controller: Controller, window: Window, session, qtbot: QtBot, tmp_path: Path
) -> None:
    remote = WindowRemote(session, window, tmp_path)
    assert {entry.name for entry in remote.avatars()} >= {"Juno", "Iris"}
    session.cards[2] = type(session.cards[2])("abc avatar", "Chidi", session.cards[2].still, own=True)
    with ThreadPoolExecutor(1) as other:
        other.submit(remote.use, Entry("abc", "Chidi", tmp_path, own=True)).result()
    qtbot.waitUntil(lambda: ("use_avatar", "abc avatar") in session.calls and not controller.busy)
    assert remote.state().avatar == "abc avatar"
    assert (remote.state().phase, remote.state().shows) == ("stopped", "slate")
