"""A small page behind the doors of the real one, served in this process: for tests of the doors themselves."""

import contextlib
import os
import socket
import time
from types import SimpleNamespace
from unittest import mock

import gradio as gr

from emorec.ui import app
from emorec.ui.jobs.presence import Presence
from emorec.ui.server import temp_dir

API = "/gradio_api"


@contextlib.contextmanager
def serving(common, **environment):
    """Serve a small page with settings as in an environment; gives ``address``, ``room``, ``rules`` and what ``left``.

    Its endpoints: /where gives the path of a file, /name too, through Gradio's own component, and /fail raises what it
    is given. ``left`` has the name of every session that was ended.
    """
    port = free_port()
    settings = app.Settings.of({"GRADIO_SERVER_PORT": str(port)} | environment)
    left = []
    with (
        contextlib.closing(temp_dir.Room(common)) as own,
        mock.patch.dict(os.environ, {temp_dir.SETTING: str(own.path)}),
    ):
        rules = app.rules_of(own, settings)
        page = small(left)
        auth = app.login.checker(*settings.auth) if settings.auth else None
        with own.holding_temporary_files():
            page.launch(
                server_port=port,
                auth=auth,
                quiet=True,
                ssr_mode=False,
                run_history=False,
                prevent_thread_lock=True,
                max_file_size=settings.upload_limit,
                app_kwargs=app.around(page, rules),
                inbrowser=False,
            )
            try:
                yield SimpleNamespace(address=f"http://127.0.0.1:{port}", port=port, room=own, rules=rules, left=left)
            finally:
                page.close(verbose=False)


def small(left):
    with gr.Blocks(analytics_enabled=False) as page:
        file, told = gr.File(), gr.Textbox()
        file.change(lambda given: given and given.name, file, told, api_name="name")
        gr.api(where, api_name="where")
        gr.api(fail, api_name="fail")

        def leave(request: gr.Request):
            left.append(request.session_hash)

        page.unload(leave)
    page.brought, page.presence = lambda path: path, Presence()
    return page.queue()


def where(file: gr.FileData) -> str:
    return file["path"]


def fail(text: str) -> str:
    raise ValueError(text)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(true, seconds=20.0):
    """Wait until something is true; tell whether it became so."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(true())


def file_of(path, **more):
    return {"path": path, "meta": {"_type": "gradio.FileData"}} | more


def upload(client, content=b"words", name="mine.txt"):
    (path,) = client.post(f"{API}/upload", files={"files": (name, content)}).json()
    return path
