"""Tool tips of words from files: Qt takes what looks like HTML for it, and loads the pictures that it names."""

from __future__ import annotations

import html


def plain_tip(words: str) -> str:
    """Words that a tool tip shows as they are."""
    if "<" not in words and "&lt;" not in words:
        return words
    return f"<p>{html.escape(words)}</p>".replace("\n", "<br>")
