"""A small page behind the middleware of the real one, served in this process: for tests of the middleware."""

import contextlib
import os
import time
from types import SimpleNamespace
from unittest import mock

import gradio as gr

from emorec.ui import app
from emorec.ui.jobs.presence import Presence
from emorec.ui.server import temp_dir
from emorec.ui.server.heartbeat import Pages
from emorec.ui.server.own_requests import without_proxy
from support.page_process import free_port

API = "/gradio_api"


@contextlib.contextmanager
def serving(common, **environment):
    """Serve a small page with these settings; yields its ``address``, ``port``, ``temp_dir``, ``guard``, ``left``,
    ``pages``, ``seen`` and ``heartbeats``.

    Its endpoints: /where returns the path of a file, /name too, through Gradio's own component, and /fail raises an
    error with a text. ``left`` has the name of every session that was ended; ``pages`` stay without a heartbeat;
    ``seen`` are those that said that they are open.
    """
    port = free_port()
    settings = app.ServerSettings.from_environment({"GRADIO_SERVER_PORT": str(port)} | environment)
    left = []
    with (
        contextlib.closing(temp_dir.ServerTempDir(common)) as own,
        mock.patch.dict(os.environ, {temp_dir.VARIABLE: str(own.path)}),
    ):
        guard = app.guard_options(own, settings)
        page = small(left)
        live = SimpleNamespace(receive=lambda session, sent: {"session": session, "picture": len(sent.picture)})
        files = SimpleNamespace(register_upload=lambda path: path)
        pages = set()
        seen, heartbeats = [], Pages(pages.__contains__)
        open_pages = SimpleNamespace(connected=Presence().connected, heartbeats=heartbeats, seen=seen.append)
        service = SimpleNamespace(files=files, live=live, open_pages=open_pages)
        auth = app.login.password_checker(*settings.auth) if settings.auth else None
        with own.used_for_temporary_files(), without_proxy():
            page.launch(
                server_port=port,
                auth=auth,
                quiet=True,
                ssr_mode=False,
                run_history=False,
                prevent_thread_lock=True,
                max_file_size=settings.upload_limit,
                app_kwargs=app.app_options(service, guard),
                inbrowser=False,
                _frontend=False,
            )
            try:
                address = f"http://127.0.0.1:{port}"
                yield SimpleNamespace(
                    address=address,
                    port=port,
                    temp_dir=own,
                    guard=guard,
                    left=left,
                    pages=pages,
                    seen=seen,
                    heartbeats=heartbeats,
                )
            finally:
                page.close(verbose=False)


def small(left):
    with gr.Blocks(analytics_enabled=False) as page:
        file, name_box = gr.File(), gr.Textbox()
        file.change(lambda given: given and given.name, file, name_box, api_name="name")
        gr.api(where, api_name="where")
        gr.api(fail, api_name="fail")

        def leave(request: gr.Request):
            left.append(request.session_hash)

        page.unload(leave)
    return page.queue()


def where(file: gr.FileData) -> str:
    return file["path"]


def fail(text: str) -> str:
    raise ValueError(text)


def wait_for(true, seconds=20.0):
    """Wait until ``true()`` is true; returns whether it became true."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(true())


def file_of(path, **more):
    return {"path": path, "meta": {"_type": "gradio.FileData"}} | more


def upload(client, content=b"words", name="mine.txt"):
    (path,) = client.post(f"{API}/upload", files={"files": (name, content)}).json()
    return path
