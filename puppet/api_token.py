"""The token of remote control: who can read the user's own files may control the user's program, and nobody else."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from puppet.errors import RemoteError
from puppet.partial import write_whole

FILE = "api-token"
PRIVATE = 0o600

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def api_token(folder: Path) -> str:
    """The token, made when it is first asked for; its file is the user's alone.

    Args:
        folder: The folder for settings.

    Raises:
        RemoteError: It can be neither read nor written.
    """
    path = folder / FILE
    try:
        if path.is_file() and _TOKEN.fullmatch(known := path.read_text(encoding="ascii", errors="replace").strip()):
            path.chmod(PRIVATE)
            return known
        token = secrets.token_urlsafe(32)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, f"{token}\n".encode(), PRIVATE)
    except OSError as error:
        raise RemoteError(f"{path} cannot be used ({error.strerror}); look at its permissions") from error
    return token
