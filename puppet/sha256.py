"""Hashes in files, where they are names of other files or parts of paths."""

from __future__ import annotations

import re

_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_sha256(word: str) -> bool:
    """Whether a word is a hash in hexadecimal digits, and nothing else."""
    return _SHA256.fullmatch(word) is not None
