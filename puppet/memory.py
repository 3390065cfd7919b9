"""What the program remembers from one start to the next: which avatar was used last.

last.json    {"portrait_sha256": "…"}    in the folder for data; written whole, so that it is never half a file
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

from puppet.partial import write_whole

FILE = "last.json"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST = 10_000

_log = logging.getLogger(__name__)


def last_portrait(folder: Path) -> str | None:
    """The hash of the portrait that was used last; None when there is none, or the file is damaged."""
    try:
        with (folder / FILE).open(encoding="utf-8") as file:
            values = json.loads(file.read(_LONGEST))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        _log.warning("%s cannot be read (%s)", folder / FILE, error)
        return None
    sha256 = values.get("portrait_sha256") if isinstance(values, dict) else None
    return sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else None


def remember_portrait(folder: Path, sha256: str) -> None:
    """Note the portrait in use. A folder that cannot be written only costs the memory: the log says so."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / FILE, json.dumps({"portrait_sha256": sha256}).encode())
    except OSError as error:
        _log.warning("the last avatar is not remembered: %s", error)
