"""Files that another program has open, as Windows treats them."""

import contextlib
import os
import shutil
from pathlib import Path
from unittest import mock


@contextlib.contextmanager
def held_open(*paths, tries=None):
    """As on Windows while these files are open: they, and the folders of them, are not replaced, renamed or removed.

    After ``tries`` refusals they are closed. Yields the list of what was refused.
    """
    held, refused = {os.path.abspath(path) for path in paths}, []

    def guarded(function):
        def called(*places, **options):
            for place in map(os.path.abspath, places):
                if held and any(path == place or Path(place) in Path(path).parents for path in held):
                    refused.append(place)
                    if tries is not None and len(refused) >= tries:
                        held.clear()
                    error = PermissionError(13, "The process cannot access the file", str(place))
                    error.winerror = 32
                    raise error
            return function(*places, **options)

        return called

    with contextlib.ExitStack() as stack:
        for name in ("replace", "rename", "unlink"):
            stack.enter_context(mock.patch.object(os, name, guarded(getattr(os, name))))
        # Else it removes files by their names in an open folder, which Windows cannot.
        stack.enter_context(mock.patch.object(shutil, "_use_fd_functions", False))
        if hasattr(shutil, "_rmtree_impl"):  # Python 3.14, which chooses at import
            stack.enter_context(mock.patch.object(shutil, "_rmtree_impl", shutil._rmtree_unsafe))
        yield refused
