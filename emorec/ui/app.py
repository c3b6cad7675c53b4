"""The server of the page: ``python app.py``; with ``--share`` also under a public link, through Gradio's servers.

It is configured through variables: GRADIO_SERVER_NAME, GRADIO_SERVER_PORT (or ``--port``), EMOREC_AUTH (user:password),
GRADIO_TEMP_DIR (each server keeps its visitors' files in its own subfolder), EMOREC_MAX_UPLOAD_MB (one upload),
EMOREC_UPLOAD_QUOTA_MB (all uploads together), EMOREC_HOSTS (names that the server answers to),
EMOREC_FRAME_ANCESTORS (sites that may show the page in a frame), EMOREC_LIBRARY (a folder of results to show, also
``--library``), EMOREC_SHARED_STORE (whether visitors share stored features), and EMOREC_MODELS (see
``emorec.ui.jobs.analyzers``).
They are checked, together with those of the library, before anything is loaded.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import emorec
from emorec import standard_streams
from emorec.errors import EmorecError
from emorec.ui import live_route, settings
from emorec.ui.jobs.job_queue import BUSY
from emorec.ui.server import headers, heartbeat, hosts, log, login, ports, uploads
from emorec.ui.server.activity import StreamMiddleware, UploadMiddleware
from emorec.ui.server.gradio_import import import_gradio
from emorec.ui.server.middleware import GuardOptions, RequestGuard
from emorec.ui.server.own_requests import without_proxy
from emorec.ui.server.temp_dir import VARIABLE, ServerTempDir, check_store

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer
    from emorec.ui.service import Service

USER_ERROR = 2  # exit code
MAX_PAGES = 2_000  # whose contents are kept in memory, half a megabyte each; the least recently used is forgotten


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """The settings of the server: sizes in bytes, ``auth`` as user and password or None."""

    port: int
    auth: tuple[str, str] | None
    upload_limit: int
    upload_quota: int
    hosts: tuple[str, ...]
    frame_ancestors: tuple[str, ...]
    on_a_space: bool
    library: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ServerSettings:
        """Raises EmorecError for the first wrong setting, including those of the library."""
        settings.check(environment)
        return cls(
            port=settings.port(environment),
            auth=settings.auth(environment),
            upload_limit=settings.upload_limit(environment),
            upload_quota=settings.upload_quota(environment),
            hosts=settings.answered_hosts(environment),
            frame_ancestors=settings.frame_ancestors(environment),
            on_a_space=bool(environment.get("SPACE_HOST")),
            library=settings.library(environment),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the weights and serve the page until it is stopped, and then end the process.

    Returns USER_ERROR if the page cannot be served with these settings.
    """
    standard_streams.open_missing()
    parser = argparse.ArgumentParser(prog="app.py", description="Serve emorec's page.")
    parser.add_argument("--share", action="store_true", help="also give a public link, through Gradio's servers")
    parser.add_argument("--library", metavar="DIR", help="show the results in this folder on the tab Library")
    parser.add_argument("--port", metavar="N", help="port of the page (default: GRADIO_SERVER_PORT, or 7860)")
    options = parser.parse_args(arguments)
    environment = dict(os.environ)
    if options.port is not None:
        environment[settings.PORT] = options.port
    if options.library:
        environment[settings.LIBRARY_FOLDER] = options.library
    try:
        server_settings = ServerSettings.from_environment(environment)
        ports.check(settings.server_name(environment), server_settings.port)  # before the weights, which take a while
        check_store()
        analyzer = emorec.load()
        # Imported late: it imports torch, and wrong settings are reported before that.
        from emorec.ui.jobs.analyzers import protect_token

        protect_token()
        temp_dir = ServerTempDir()
    except EmorecError as error:
        print(f"emorec: {error}", file=sys.stderr)
        return USER_ERROR
    code = 0
    with (
        # Of ``stop``, and of Ctrl-C while the page starts or is being ended.
        contextlib.suppress(SystemExit, KeyboardInterrupt),
        contextlib.closing(temp_dir),
        temp_dir.used_for_temporary_files(),
    ):
        os.environ[VARIABLE] = str(temp_dir.path)  # before Gradio is imported, which reads it at import
        signal.signal(signal.SIGTERM, stop)
        code = serve(analyzer, temp_dir, server_settings, options.share)
    leave(code)


def stop(*_: object) -> NoReturn:
    """End the program like Ctrl-C does, so that the visitors' files are removed."""
    raise SystemExit(0)


def leave(code: int) -> NoReturn:
    """End the process at once, with an exit code.

    Analyses that run are in threads that nothing can end. If Python took their libraries down below them, these would
    abort the process with a core dump. Exit handlers are not called.
    """
    try:
        remove_semaphores()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:  # also if nobody reads the output any more
        os._exit(code)


def remove_semaphores() -> None:
    """Remove the semaphores of libraries: else Python reports them as leaked, on macOS and, with 3.14, on Linux."""
    if "multiprocessing.util" in sys.modules:
        with contextlib.suppress(Exception):  # it is no public function
            sys.modules["multiprocessing.util"]._run_finalizers(0)


def serve(analyzer: Analyzer, temp_dir: ServerTempDir, server_settings: ServerSettings, share: bool) -> int:
    """Serve the page until it is stopped; returns the exit code."""
    import httpx  # late, like Gradio, which imports it too

    guard = guard_options(temp_dir, server_settings)
    guard.security_headers.public_link = share
    try:
        with without_proxy(share, settings.server_name(os.environ)):
            page, address, public = start(analyzer, server_settings, guard, share)
    except (OSError, httpx.HTTPError) as error:
        print(f"emorec: {ports.start_failure(error, server_settings.port)}", file=sys.stderr)
        return USER_ERROR
    if public:
        guard.hosts.add(urlsplit(public).netloc)
    print(f"emorec {emorec.__version__} with the weights in {Path(analyzer.model.folder or '')}")
    print(f"Open {public or address} in a browser; Ctrl-C stops.", flush=True)
    wait_until_stopped(page)
    return 0


def start(
    analyzer: Analyzer, server_settings: ServerSettings, guard: GuardOptions, share: bool
) -> tuple[Any, str, str | None]:
    """Start to serve the page: it, its address, and its public link if it is to have one (``share``)."""
    # Imported late: wrong settings are reported before Gradio is imported.
    import_gradio()
    from emorec.ui import example
    from emorec.ui.page import layout

    page = layout.build(analyzer, example.clip(), public=share, library_folder=server_settings.library)
    _, address, public = page.launch(
        server_port=server_settings.port,
        auth=login.password_checker(*server_settings.auth) if server_settings.auth else None,
        theme=layout.THEME,
        css=layout.CSS,
        js=page.script,
        max_file_size=server_settings.upload_limit,
        share=share,
        quiet=True,
        ssr_mode=False,
        run_history=False,
        footer_links=[],
        prevent_thread_lock=True,
        max_threads=layout.THREADS,
        state_session_capacity=MAX_PAGES,
        app_kwargs=app_options(page.service, guard),
        _frontend=False,  # without a last check, which fails on a computer that is busy for three seconds
    )
    return page, address, public


def wait_until_stopped(page: Any) -> None:
    """Wait until the page is stopped, and end the programs of its public link.

    Gradio ends these after Ctrl-C and in an exit handler, which ``leave`` does not call. The link would then lead to
    whatever is served at the port next.
    """
    from gradio import tunneling

    with log.filtered():
        try:
            page.block_thread()
        finally:
            for tunnel in tunneling.CURRENT_TUNNELS:
                tunnel.kill()


def guard_options(temp_dir: ServerTempDir, server_settings: ServerSettings) -> GuardOptions:
    """The options of the server's RequestGuard."""
    allowed = hosts.AllowedHosts(server_settings.hosts)
    return GuardOptions(
        folder=temp_dir.path.resolve(),
        hosts=allowed,
        behind_proxy=allowed.allows_any or server_settings.on_a_space,
        uploads=uploads.Uploads(temp_dir, max_bytes=server_settings.upload_limit, quota=server_settings.upload_quota),
        security_headers=headers.SecurityHeaders(server_settings.frame_ancestors),
    )


def app_options(service: Service, guard: GuardOptions) -> dict[str, Any]:
    """Arguments for Gradio's Starlette application: routes, middleware, and the removal of unfinished uploads."""

    @contextlib.asynccontextmanager
    async def lifespan(server: Starlette) -> AsyncIterator[None]:
        # Not one of the ``middleware`` below: Gradio puts its own around those, and that would allow other origins.
        assert server.middleware_stack is not None
        server.middleware_stack = RequestGuard(server.middleware_stack, guard)
        sweeping = asyncio.create_task(guard.uploads.keep_sweeping())
        yield
        sweeping.cancel()

    page_routes = heartbeat.page_routes(service.open_pages.heartbeats, service.open_pages.seen)
    return {
        "routes": [Route("/health", health), live_route.route(service), *page_routes],
        "middleware": [
            Middleware(headers.PagePolicyMiddleware, security_headers=guard.security_headers),
            Middleware(UploadMiddleware, register=service.files.register_upload),
            Middleware(StreamMiddleware, presence=service.open_pages),
            Middleware(heartbeat.HeartbeatMiddleware, pages=service.open_pages.heartbeats),
        ],
        "exception_handlers": {503: queue_full},
        "lifespan": lifespan,
    }


async def queue_full(request: Request, error: HTTPException) -> JSONResponse:
    """Report a full queue in the same sentence as the page; Gradio's own sentence does not say what to do."""
    sentence = BUSY if "queue is full" in str(error.detail).lower() else error.detail
    return JSONResponse({"detail": sentence}, status_code=503)


def health(request: Request) -> JSONResponse:
    """Health check; needs no login, and returns nothing about visitors."""
    return JSONResponse({"status": "ok", "version": emorec.__version__})


if __name__ == "__main__":
    sys.exit(main())
