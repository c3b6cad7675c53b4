"""Standard streams whose reader has ended, as after ``| head``."""

import contextlib
import os
import sys
from unittest import mock


@contextlib.contextmanager
def unread(*names):
    """Within, these of ``sys.stdout`` and ``sys.stderr`` are pipes that nobody reads."""
    with contextlib.ExitStack() as stack:
        for name in names:
            reading, writing = os.pipe()
            os.close(reading)
            stream = stack.enter_context(open(writing, "w"))
            stack.enter_context(mock.patch.object(sys, name, stream))
        yield
