"""The server of the page: ``python app.py``; with ``--share`` also under a public address, through Gradio's servers.

Its settings are variables: GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, EMOREC_AUTH (user:password), GRADIO_TEMP_DIR
(a folder; every server keeps its visitors' files in a folder of its own below it), EMOREC_MAX_UPLOAD_MB (largest
upload), EMOREC_UPLOAD_QUOTA_MB (all uploads together), EMOREC_HOSTS (names that the server answers to),
EMOREC_FRAME_ANCESTORS (sites that may show the page in a frame), and EMOREC_MODELS (see ``emorec.ui.jobs.analyzers``).
All of them, and those of the library, are checked before anything is loaded.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

import emorec
from emorec import settings as shared
from emorec.errors import EmorecError
from emorec.ui.jobs.job_queue import BUSY
from emorec.ui.server import headers, hosts, log, login, uploads
from emorec.ui.server.activity import Noticing
from emorec.ui.server.middleware import Doors, Rules
from emorec.ui.server.temp_dir import SETTING, Room

USER_ERROR = 2  # exit code


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment says of the server: sizes in bytes, ``auth`` as user and password or None."""

    port: int
    auth: tuple[str, str] | None
    upload_limit: int
    upload_quota: int
    hosts: tuple[str, ...]
    frame_ancestors: tuple[str, ...]
    on_a_space: bool

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises EmorecError about the first wrong one, those of the library included."""
        shared.check(environment, page=True)
        return cls(
            port=shared.port(environment),
            auth=shared.auth(environment),
            upload_limit=shared.upload_limit(environment),
            upload_quota=shared.upload_quota(environment),
            hosts=shared.answered_hosts(environment),
            frame_ancestors=shared.frame_ancestors(environment),
            on_a_space=bool(environment.get("SPACE_HOST")),
        )


def main(arguments=None):
    """Load the weights, serve the page until it is stopped, return the exit code."""
    parser = argparse.ArgumentParser(prog="app.py", description="Serve emorec's page.")
    parser.add_argument("--share", action="store_true", help="also give a public link, through Gradio's servers")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.of(os.environ)
        analyzer = emorec.load()
        from emorec.ui.jobs.analyzers import (
            guard_token,  # imported late: it takes torch, and the settings are told of at once
        )

        guard_token()
        room = Room()
    except EmorecError as error:
        print(f"emorec: {error}", file=sys.stderr)
        return USER_ERROR
    with contextlib.closing(room), room.holding_temporary_files():
        os.environ[SETTING] = str(room.path)  # before Gradio is imported, which reads it then
        signal.signal(signal.SIGTERM, stop)
        return serve(analyzer, room, settings, options.share)


def stop(*_):
    """End as after Ctrl-C: the visitors' files go, too."""
    raise SystemExit(0)


def serve(analyzer, room, settings, share):
    """Serve the page until it is stopped, return the exit code."""
    from emorec.ui import example  # imported late: mistakes in the settings are told at once
    from emorec.ui.page import style  # imported late: mistakes in the settings are told at once
    from emorec.ui.page.layout import THREADS, build

    rules = rules_of(room, settings)
    rules.policies.shared = share
    try:
        page = build(analyzer, example.clip(), public=share)
        _, address, public = page.launch(
            server_port=settings.port,
            auth=login.checker(*settings.auth) if settings.auth else None,
            theme=style.THEME,
            css=style.CSS,
            js=style.JS,
            max_file_size=settings.upload_limit,
            share=share,
            quiet=True,
            ssr_mode=False,
            run_history=False,
            footer_links=[],
            prevent_thread_lock=True,
            max_threads=THREADS,
            app_kwargs=around(page, rules),
        )
    except OSError:
        print(f"emorec: The port {settings.port} is taken; set GRADIO_SERVER_PORT to another one.", file=sys.stderr)
        return USER_ERROR
    if public:
        rules.hosts.add(urlsplit(public).netloc)
    print(f"emorec {emorec.__version__} with the weights in {Path(analyzer.model.folder)}")
    print(f"Open {public or address} in a browser; Ctrl-C stops.", flush=True)
    with log.alone():
        page.block_thread()
    return 0


def rules_of(room, settings):
    """What the server's doors go by, from its room and settings."""
    names = hosts.Hosts(settings.hosts)
    return Rules(
        folder=room.path.resolve(),
        hosts=names,
        proxied=names.any or settings.on_a_space,
        uploads=uploads.Uploads(room, most=settings.upload_limit, quota=settings.upload_quota),
        policies=headers.Policies(settings.frame_ancestors),
    )


def around(page, rules):
    """What the server does beside serving the page."""

    @contextlib.asynccontextmanager
    async def behind_doors(server):
        # Not as one of the middlewares below: Gradio puts its own around those, which would let other origins read.
        server.middleware_stack = Doors(server.middleware_stack, rules)
        sweeping = asyncio.create_task(rules.uploads.keep_sweeping())
        yield
        sweeping.cancel()

    return {
        "routes": [Route("/health", health)],
        "middleware": [
            Middleware(headers.PagePolicy, policies=rules.policies),
            Middleware(Noticing, brought=page.brought, presence=page.presence),
        ],
        "exception_handlers": {503: unavailable},
        "lifespan": behind_doors,
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
