"""The import of Gradio without the stub files that it writes each time, which take half of the import."""

import inspect
from typing import Any
from unittest import mock


def import_gradio() -> None:
    """Import Gradio; other modules may import it afterwards as usual.

    Whenever Gradio defines a component, it parses the component's source and writes a ``.pyi`` file beside it, for
    editors. It leaves this out for a class whose source file is unknown.
    """
    source_file = inspect.getfile

    def unknown_for_components(of: Any) -> str:
        if type(of).__name__ == "ComponentMeta":
            raise OSError("not looked for")
        return source_file(of)

    with mock.patch.object(inspect, "getfile", unknown_for_components):
        import gradio  # noqa: F401
