"""What the program remembers from one start to the next: which avatar was used last.

last.json    {"portrait_sha256": "…", "look": "…"}    in the folder for data; written whole, never half a file
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from puppet.partial import write_whole
from puppet.settings import Look
from puppet.sha256 import is_sha256

FILE = "last.json"

_LONGEST = 10_000

_log = logging.getLogger(__name__)


def last_avatar(folder: Path) -> tuple[str, Look] | None:
    """The hash of the portrait that was used last, and its look; None when there is none, or the file is damaged."""
    try:
        with (folder / FILE).open(encoding="utf-8") as file:
            values = json.loads(file.read(_LONGEST))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        _log.warning("%s cannot be read (%s)", folder / FILE, error)
        return None
    sha256 = values.get("portrait_sha256") if isinstance(values, dict) else None
    if not isinstance(sha256, str) or not is_sha256(sha256):
        return None
    return sha256, "photo" if values.get("look") == "photo" else "avatar"


def remember_avatar(folder: Path, sha256: str, look: Look) -> None:
    """Note the avatar in use. A folder that cannot be written only costs the memory: the log says so."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / FILE, json.dumps({"portrait_sha256": sha256, "look": look}).encode())
    except OSError as error:
        _log.warning("the last avatar is not remembered: %s", error)
