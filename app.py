"""Serve the page: ``python app.py``, or ``python app.py --share`` for a public link through Gradio's servers.

Settings come from the environment: GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, EMOREC_AUTH=user:password, and
GRADIO_TEMP_DIR, a folder below which every server keeps its visitors' files in one of its own,
EMOREC_MAX_UPLOAD_MB, how large one of them may be, and EMOREC_MODELS (see ``ui.engines``). ``emorec.settings`` reads
and checks them.
"""

import argparse
import contextlib
import os
import signal
import sys
from pathlib import Path

from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

import emorec
from emorec import settings
from emorec.errors import EmorecError
from ui.noticing import Noticing
from ui.room import SETTING, Room
from ui.turns import BUSY

USER_ERROR = 2  # exit code


def main(arguments=None):
    """Load the weights, serve the page until it is stopped, return the exit code."""
    parser = argparse.ArgumentParser(prog="app.py", description="Serve emorec's page.")
    parser.add_argument("--share", action="store_true", help="also give a public link, through Gradio's servers")
    options = parser.parse_args(arguments)
    try:
        settings.check(page=True)
        port, auth, limit = settings.port(), settings.auth(), settings.upload_limit()
        engine = emorec.load()
        from ui.engines import guard_token  # imported late: it takes torch, and the settings are told of at once

        guard_token()
        room = Room()
    except EmorecError as error:
        print(f"emorec: {error}", file=sys.stderr)
        return USER_ERROR
    with contextlib.closing(room):
        os.environ[SETTING] = str(room.path)  # before Gradio is imported, which reads it then
        signal.signal(signal.SIGTERM, stop)
        return serve(engine, port, auth, limit, options.share)


def stop(*_):
    """End as after Ctrl-C: the visitors' files go, too."""
    raise SystemExit(0)


def serve(engine, port, auth, limit, share):
    """Serve the page until it is stopped, return the exit code; ``limit`` is how many bytes an upload may have."""
    from ui import example, style  # imported late: mistakes in the settings are told at once
    from ui.page import build

    try:
        page = build(engine, example.clip())
        _, address, public = page.launch(
            server_port=port, auth=auth, theme=style.THEME, css=style.CSS, js=style.JS, max_file_size=limit,
            share=share, quiet=True, ssr_mode=False, run_history=False, footer_links=[],
            prevent_thread_lock=True,
            app_kwargs=around(page),
        )  # fmt: skip
    except OSError:
        print(f"emorec: The port {port} is taken; set GRADIO_SERVER_PORT to another one.", file=sys.stderr)
        return USER_ERROR
    print(f"emorec {emorec.__version__} with the weights in {Path(engine.model.folder)}")
    print(f"Open {public or address} in a browser; Ctrl-C stops.", flush=True)
    page.block_thread()
    return 0


def around(page):
    """What the server does beside serving the page."""
    return {
        "routes": [Route("/health", health)],
        "middleware": [Middleware(Noticing, brought=page.brought)],
        "exception_handlers": {503: unavailable},
    }


async def unavailable(request, error):
    """Say that the queue is full in a sentence that tells what to do; Gradio's own counts events."""
    words = BUSY if "queue is full" in str(error.detail).lower() else error.detail
    return JSONResponse({"detail": words}, status_code=503)


def health(request):
    """Tell whoever watches over the program that it answers; asks for no password, tells nothing of anybody."""
    return JSONResponse({"status": "ok", "version": emorec.__version__})


if __name__ == "__main__":
    sys.exit(main())
