"""A child process that builds an engine: opens it once, which leaves what was built in the cache, and ends.

    python -m puppet.engine_child MODEL ENGINE CACHE        tells {"built": true} or {"error": "…"}

A builder takes gigabytes and minutes, and may crash on a strange graph; here it does so alone.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

from engines import open_engine
from engines.base import EngineError
from puppet.child import Parent

NICENESS = 19
"""The lowest priority: the stream comes first."""


def main() -> None:
    """Build, and tell the parent how it went."""
    parent = Parent()
    if sys.platform != "win32":
        os.nice(NICENESS)
    model, engine, cache = sys.argv[1:]
    try:
        with closing(open_engine(Path(model), engine, cache=Path(cache))):
            parent.tell({"built": True})
    except (EngineError, MemoryError) as error:
        parent.tell({"error": str(error) or "out of memory"})


if __name__ == "__main__":
    main()
