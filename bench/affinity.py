"""Which cores a process runs on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def pinned(cores: list[int]) -> Iterator[None]:
    """A process that is started inside runs on these cores alone, from before its libraries count them.

    It inherits them from the thread that starts it. (`preexec_fn` runs Python between fork and exec, which can hang in a
    process with threads.)
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
