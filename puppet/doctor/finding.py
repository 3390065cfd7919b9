"""What one look at the machine found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failure"]
"""A failure keeps portraits out of video calls; a warning costs something less."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `puppet doctor`.

    Attributes:
        name: What was looked at.
        state: How it is.
        says: What was found, in a few words.
        mend: The command or the step that mends it; empty where all is well.
    """

    name: str
    state: State
    says: str
    mend: str = ""

    def __str__(self) -> str:
        """As text; what mends it stands in a line of its own."""
        line = f"{self.state:<8} {self.name:<24} {self.says}"
        return f"{line}\n{'':<34}mend: {self.mend}" if self.mend else line
