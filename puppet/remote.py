"""Remote control in JSON: one request in, one answer out.

    {"do": "state"}                     {"ok": true, "state": {…}}
    {"do": "avatars"}                   {"ok": true, "avatars": [{"key": "…", "name": "Ada"}, …]}
    {"do": "use", "avatar": "Ada"}      {"ok": true}
    {"do": "recentre"}, "pause", "resume"
    anything else                       {"ok": false, "error": "a sentence"}

An `id` comes back in the answer. Knows neither a network nor a window.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

from engines.base import EngineError
from puppet.avatar import Avatar
from puppet.errors import PuppetError, RemoteError
from puppet.gallery import Entry

LONGEST = 4096
"""Characters of a request; none needs more."""


@dataclass(frozen=True, slots=True)
class RemoteState:
    """How things stand.

    Attributes:
        phase: `running`, `paused` or `stopped`.
        avatar: Key of the avatar in use.
        shows: What the outputs show: `live`, `holding`, `resting` or `slate`.
        reason: Why, in a few words; empty while all is well.
        fps: Pictures a second, lately.
        notice: A sentence that the user should read, or nothing.
    """

    phase: str
    avatar: str
    shows: str
    reason: str
    fps: float
    notice: str


@runtime_checkable
class Remote(Protocol):
    """What can be controlled. One thread calls, one verb at a time; each may take seconds."""

    def state(self) -> RemoteState:
        """How things stand."""

    def avatars(self) -> Sequence[Entry]:
        """Everything that can be used."""

    def use(self, entry: Entry) -> None:
        """Show another avatar.

        Raises:
            PuppetError: It is gone or damaged.
            EngineError: It cannot be painted.
        """

    def recentre(self) -> None:
        """Take the driver's next second as the neutral."""

    def pause(self, on: bool) -> None:
        """Show the slate, or the portrait again."""


def obey(remote: Remote, words: str | bytes) -> str:
    """Do what a request says; the answer.

    Args:
        remote: Does it.
        words: One request, from anybody who has the token.
    """
    request: Mapping[str, Any] = {}
    try:
        request = _read(words)
        answer: dict[str, object] = {"ok": True, **_do(remote, request)}
    except (PuppetError, EngineError) as error:
        answer = {"ok": False, "error": str(error)}
    if isinstance(request.get("id"), str | int):
        answer["id"] = request["id"]
    return json.dumps(answer)


def key_of(avatar: Avatar | Entry) -> str:
    """What names an avatar, whatever its name."""
    return f"{avatar.portrait_sha256} {avatar.look}"


def _read(words: str | bytes) -> dict[str, Any]:
    try:
        request = json.loads(words) if len(words) <= LONGEST else None
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise RemoteError('expected an object in JSON such as {"do": "state"}')
    return request


def _do(remote: Remote, request: Mapping[str, Any]) -> dict[str, object]:
    match request:
        case {"do": "state"}:
            return {"state": asdict(remote.state())}
        case {"do": "avatars"}:
            return {"avatars": [{"key": key_of(entry), "name": entry.name} for entry in remote.avatars()]}
        case {"do": "use", "avatar": str(wanted)}:
            remote.use(_chosen(remote.avatars(), wanted))
        case {"do": "recentre"}:
            remote.recentre()
        case {"do": "pause" | "resume" as verb}:
            remote.pause(verb == "pause")
        case _:
            raise RemoteError('expected "do" to be state, avatars, use (with "avatar"), recentre, pause or resume')
    return {}


def _chosen(entries: Sequence[Entry], wanted: str) -> Entry:
    fitting = [entry for entry in entries if wanted == key_of(entry)]
    fitting = fitting or [entry for entry in entries if wanted.casefold() == entry.name.casefold()]
    if len(fitting) != 1:
        what = "no avatar is" if not fitting else "several avatars are"
        raise RemoteError(f'{what} called {wanted!r}; take a key of "avatars"')
    return fitting[0]
