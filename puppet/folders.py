"""Where puppet keeps things on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True, slots=True)
class Folders:
    """The user's folders; they may not exist yet.

    Attributes:
        data: Avatars and bundles.
        cache: What can be made again, such as engine files.
        config: Remembered settings.
        logs: What happened.
        locks: Marks of what this user's programs have in use; the same wherever the others are.
    """

    data: Path
    cache: Path
    config: Path
    logs: Path
    locks: Path

    @property
    def avatars(self) -> Path:
        """Enrolled portraits."""
        return self.data / "avatars"

    @property
    def bundles(self) -> Path:
        """Bundles that the user has installed."""
        return self.data / "bundles"


def folders(data_dir: Path | None) -> Folders:
    """The folders of this user, or all but the locks inside `data_dir`."""
    own = platformdirs.PlatformDirs("puppet", appauthor=False)
    locks = own.user_cache_path / "locks"
    if data_dir is not None:
        return Folders(data_dir, data_dir / "cache", data_dir / "config", data_dir / "logs", locks)
    return Folders(own.user_data_path, own.user_cache_path, own.user_config_path, own.user_log_path, locks)
