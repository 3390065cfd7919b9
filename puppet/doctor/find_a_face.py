"""A child process that finds a face in a shipped portrait: MediaPipe is noisy, and where it is broken may crash."""

from __future__ import annotations

from contextlib import closing

from puppet.child import Parent
from puppet.gallery import characters
from puppet.stills import read_still
from puppet.tracker import PortraitTracker


def main() -> None:
    """Look, and tell the parent whether there is one."""
    parent = Parent()
    with closing(PortraitTracker()) as tracker:
        face = tracker.find(read_still(characters()[0].picture))
    parent.tell({"found": face is not None})


if __name__ == "__main__":
    main()
