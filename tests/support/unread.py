"""Standard streams whose reader has ended, as after ``| head``, or whose disk is full."""

import contextlib
import errno
import io
import os
import sys
from unittest import mock


@contextlib.contextmanager
def unread(*names):
    """A context in which these of ``sys.stdout`` and ``sys.stderr`` are pipes that nobody reads."""
    with contextlib.ExitStack() as stack:
        for name in names:
            reading, writing = os.pipe()
            os.close(reading)
            stream = stack.enter_context(open(writing, "w"))
            stack.enter_context(mock.patch.object(sys, name, stream))
        yield


class Full(io.StringIO):
    """A stream to a disk without space."""

    def write(self, _):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextlib.contextmanager
def full():
    """A context in which ``sys.stdout`` is a file on a full disk."""
    with mock.patch.object(sys, "stdout", Full()):
        yield
