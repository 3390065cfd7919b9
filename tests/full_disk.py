"""A disk that is nearly full, for tests."""

import resource
from contextlib import contextmanager


@contextmanager
def disk(size):
    """Limits the size of every file that this process writes. No test ends inside: pytest's own output may be one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
