"""The import of Gradio: without the stub files that it writes, and with a lock that every system has."""

import contextlib
import inspect
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock


def import_gradio() -> None:
    """Import Gradio; other modules may import it afterwards as usual."""
    with without_stub_files():
        from gradio import flagging
    # A list of examples has a lock for several processes. It needs a writable /dev/shm, which some containers lack. The
    # page is served by one process.
    flagging.Lock = threading.Lock  # type: ignore[reportAttributeAccessIssue]


@contextlib.contextmanager
def without_stub_files() -> Iterator[None]:
    """Within this context, Gradio's components are defined without ``.pyi`` files.

    For each component, Gradio parses the source and writes such a file beside it, for editors. It does not do so for a
    class whose source file is unknown.
    """
    source_file = inspect.getfile

    def unknown_for_components(object: Any) -> str:
        if type(object).__name__ == "ComponentMeta":
            raise OSError("the source file is hidden")
        return source_file(object)

    with mock.patch.object(inspect, "getfile", unknown_for_components):
        yield
