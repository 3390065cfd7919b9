import json
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puppet.api_token import api_token
from puppet.errors import AvatarError, RemoteError
from puppet.gallery import Entry
from puppet.remote import LONGEST, Remote, RemoteState, key_of, obey

ADA, BOB, BOB_TOO = (
    Entry(letter * 64, name, Path("a.png"), own=True, look=look)
    for letter, name, look in (("a", "Ada", "avatar"), ("b", "Bob", "avatar"), ("b", "Bob", "photo"))
)


class Noted:
    """Notes what it is told."""

    def __init__(self):
        self.calls = []

    def state(self):
        return RemoteState("running", key_of(ADA), "live", "", 30.0, "")

    def avatars(self):
        return [ADA, BOB, BOB_TOO]

    def use(self, entry):
        if entry is BOB_TOO:
            raise AvatarError("Bob is gone")
        self.calls.append(entry)

    def recentre(self):
        self.calls.append("recentre")

    def pause(self, on):
        self.calls.append(on)


def asked(remote, **request):
    return json.loads(obey(remote, json.dumps(request)))


def test_every_verb_has_its_answer():
    remote = Noted()
    assert isinstance(remote, Remote)
    assert asked(remote, do="state", id=7) == {
        "ok": True, "id": 7, "state": {
            "phase": "running", "avatar": f"{'a' * 64} avatar", "shows": "live", "reason": "", "fps": 30.0,
            "notice": "",
        },
    }  # fmt: skip
    assert asked(remote, do="avatars")["avatars"][2] == {"key": f"{'b' * 64} photo", "name": "Bob"}
    for request in ({"do": "use", "avatar": "ada"}, {"do": "use", "avatar": key_of(BOB)}, {"do": "recentre"},
                    {"do": "pause"}, {"do": "resume"}):  # fmt: skip
        assert asked(remote, **request) == {"ok": True}
    assert remote.calls == [ADA, BOB, "recentre", True, False]


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"do": "use", "avatar": "Zoe"}, "no avatar is called 'Zoe'"),
        ({"do": "use", "avatar": "Bob"}, "several avatars are called 'Bob'"),
        ({"do": "use", "avatar": f"{'b' * 64} photo"}, "Bob is gone"),
        ({"do": "use"}, 'expected "do" to be'),
        ({"do": ["state"]}, 'expected "do" to be'),
        ({}, 'expected "do" to be'),
    ],
)
def test_what_cannot_be_done_is_a_sentence(request_, sentence):
    remote = Noted()
    answer = asked(remote, id="x", **request_)
    assert answer["ok"] is False and answer["id"] == "x" and sentence in answer["error"]
    assert remote.calls == []


@given(st.one_of(st.binary(max_size=50), st.text(max_size=50), st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda inner:
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["do", "avatar", "id", "x"]), inner, max_size=3),
).map(json.dumps)))  # fmt: skip
def test_any_request_has_one_answer(words):
    assert json.loads(obey(Noted(), words))["ok"] in (True, False)


def test_what_is_too_long_or_too_deep_is_no_request():
    for words in ("[" * LONGEST, '{"do": "state"' + " " * LONGEST + "}"):
        assert "expected an object in JSON" in json.loads(obey(Noted(), words))["error"]


def test_the_token_stays_and_is_the_users_alone(tmp_path):
    folder = tmp_path / "config"
    token = api_token(folder)
    assert len(token) == 43 and api_token(folder) == token
    path = folder / "api-token"
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)
        assert api_token(folder) == token and stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"\xff damaged")
    assert len(other := api_token(folder)) == 43 and other != token
    (tmp_path / "file").touch()
    with pytest.raises(RemoteError, match="cannot be used"):
        api_token(tmp_path / "file")
