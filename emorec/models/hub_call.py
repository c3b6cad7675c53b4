"""Calls of the Hub's own library that end in time, whatever the Hub does.

A call runs in a thread, and its caller waits only as long as data keeps coming. Requests get a timeout, and a transfer
that was given up stops at its next byte. A name resolution that hangs cannot be stopped: its thread is left behind, and
the end of the program does not wait for it.

The library's client and settings belong to the whole process, so what is changed here concerns these threads alone or
is restored after a call.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx2
import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from emorec.models.hub_errors import HubError, Unreachable, explain
from emorec.running_time import LOOK, RunningTime

REQUEST_SHARE = 1 / 3  # of the patience of a call; after that time a single request fails, and is tried again
ATTEMPTS = 3
WAITS = (0.5, 2.0, 4.0)  # seconds before the second attempt, the third, ...
SIGN_BYTES = 65_536  # so much data counts as a sign of life; a Hub that sends next to nothing does not reach it
GRACE = 0.25  # seconds in which a call that was given up may remove what it had downloaded so far

# Settings of the library during a call. Xet transfers in its own threads, which cannot be stopped; telemetry asks the
# Hub for one file more.
SETTINGS = ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY")

Result = TypeVar("Result")

_thread = threading.local()  # ``call`` is the _Call that runs in this thread
_settings_lock = threading.Lock()
_settings_users = 0
_settings_before: list = []


def call(
    work: Callable[[int], Result],
    subject: str,
    *,
    patience: float,
    timeout: float = math.inf,
    attempts: int = ATTEMPTS,
) -> Result:
    """The result of ``work``, which calls the Hub's library and gets the number of the attempt, from 0.

    ``subject`` begins the sentence of an error ("The model org/name is not available from the Hub"). ``patience`` is
    how long no data may come (s), ``timeout`` how long everything may take (s), both as RunningTime counts them. It is
    tried again only if the Hub or the network is at fault. Raises HubError.
    """
    running = _Call(work, attempts, patience * REQUEST_SHARE)
    with _settings():
        try:
            return running.wait(patience, timeout)
        except HubError as error:
            raise type(error)(f"{subject}: {error}.") from None


class _Call:
    def __init__(self, work: Callable[[int], Any], attempts: int, request_seconds: float):
        self._work, self._attempts, self.request_seconds = work, attempts, request_seconds
        self._result: Any = None
        self._error: HubError | None = None
        self._done, self.given_up = threading.Event(), threading.Event()
        self._time = RunningTime()
        self._last_sign = 0.0

    def wait(self, patience: float, timeout: float) -> Any:
        threading.Thread(target=self._run, daemon=True).start()
        left = min(patience, timeout - GRACE)
        while not self._done.wait(min(max(0.0, left), LOOK)):
            left = min(timeout - GRACE, self._last_sign + patience) - self._time.passed()
            if left <= 0:
                self.given_up.set()
                self._done.wait(GRACE)
                raise Unreachable("it was not done in time")
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        _thread.call = self
        for attempt in range(self._attempts):
            if attempt and self.given_up.wait(WAITS[min(attempt, len(WAITS)) - 1]):
                break
            try:
                _add_hooks(huggingface_hub.get_session())
                self._result, self._error = self._work(attempt), None
                break
            except Exception as error:
                self._error = explain(error)
                if not isinstance(self._error, Unreachable):
                    break
        self._done.set()

    def note_data(self) -> None:
        """Note that data came. Raises Unreachable if the caller has given up."""
        self._last_sign = self._time.passed()
        if self.given_up.is_set():
            raise Unreachable("it was given up")


class _WatchedStream(httpx2.SyncByteStream):
    """The bytes of a request or an answer, which are signs of life as they pass."""

    def __init__(self, stream: httpx2.SyncByteStream, running: _Call):
        self._stream, self._running = stream, running

    def __iter__(self) -> Iterator[bytes]:
        passed = 0
        for part in self._stream:
            passed += len(part)
            if passed >= SIGN_BYTES or self._running.given_up.is_set():
                passed = 0
                self._running.note_data()
            yield part

    def close(self) -> None:
        self._stream.close()


def _add_hooks(client: httpx2.Client) -> None:
    """Let the library's client call the hooks below, which do nothing in threads without a call."""
    hooks = client.event_hooks
    if _on_request not in hooks["request"]:
        client.event_hooks = {
            "request": [*hooks["request"], _on_request],
            "response": [*hooks["response"], _on_response],
        }
    for handler in logging.getLogger("huggingface_hub").handlers:
        handler.addFilter(_is_from_other_thread)  # the same filter is added once only


def _on_request(request: httpx2.Request) -> None:
    running = getattr(_thread, "call", None)
    if running is not None:
        running.note_data()
        given, longest = request.extensions.get("timeout", {}), running.request_seconds
        limits = {kind: min(given.get(kind) or longest, longest) for kind in ("connect", "read", "write", "pool")}
        request.extensions["timeout"] = limits
        request.stream = _WatchedStream(request.stream, running)  # type: ignore[arg-type]


def _on_response(response: httpx2.Response) -> None:
    running = getattr(_thread, "call", None)
    if running is not None:
        running.note_data()
        response.stream = _WatchedStream(response.stream, running)  # type: ignore[arg-type]


def _is_from_other_thread(_: logging.LogRecord) -> bool:
    """Whether a warning comes from a thread without a call: those of a call are dropped, as they name addresses."""
    return getattr(_thread, "call", None) is None


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """A context with SETTINGS on and the library's progress bars off; the last call that ends restores them."""
    global _settings_users
    with _settings_lock:
        _settings_users += 1
        if _settings_users == 1:
            _settings_before[:] = [*(getattr(constants, name) for name in SETTINGS), are_progress_bars_disabled()]
            for name in SETTINGS:
                setattr(constants, name, True)
            disable_progress_bars()
    try:
        yield
    finally:
        with _settings_lock:
            _settings_users -= 1
            if _settings_users == 0:
                for name, before in zip(SETTINGS, _settings_before, strict=False):
                    setattr(constants, name, before)
                if not _settings_before[-1]:
                    enable_progress_bars()
