"""What a user reads when a checkpoint cannot be used: what was expected, what came, what to do, in one sentence."""

from __future__ import annotations


class CheckpointError(Exception):
    """A file is no checkpoint that can be read, or not the one that was expected."""
