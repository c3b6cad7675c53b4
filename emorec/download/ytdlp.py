"""One link downloaded by yt-dlp, within limits. Used in the downloading process only; see ``child``."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from emorec.download.errors import Problem, sentence, too_large, too_long
from emorec.download.network_guard import Guard

REPORT_EVERY = 0.25  # seconds between two reports of progress

RESPONSE_TIMEOUT = 20.0  # seconds without data from a server

RETRIES = 2  # of a request, and of each fragment
PROTOCOLS = {"http", "https", "m3u8", "m3u8_native", "http_dash_segments"}

# What ffmpeg may open when it merges: local files in the expected formats.
FFMPEG_IN = ["-protocol_whitelist", "file", "-format_whitelist", "mov,matroska,webm,mpegts,aac,mp3,ogg,flac"]


def programs() -> tuple[str, str]:
    """The programs that may be started: the JavaScript runtime for YouTube, and the ffmpeg that merges picture and
    sound."""
    import deno
    import imageio_ffmpeg

    return deno.find_deno_bin(), imageio_ffmpeg.get_ffmpeg_exe()


def download(task: dict, tell: Callable[..., None], guard: Guard) -> dict:
    """Download as ``task`` says; returns the key, file, title, id and duration. Raises Problem.

    ``tell`` sends a message to the parent. ``guard`` must be installed.
    """
    from yt_dlp.networking.exceptions import RequestError
    from yt_dlp.utils import YoutubeDLError

    watch = _Watch(task, tell)
    options = _options(task, watch, *programs())
    try:
        with _Downloader(options, auto_init="no_verbose_header") as downloader:
            info = _extract_single(downloader, task["url"])
            _check_limits(info, task)
            watch.title = _title_of(info)
            kept = _kept_result(task, info)
            if kept is not None:
                return kept
            watch.report("downloading")
            downloader.process_info(info)  # type: ignore[arg-type]
        return _result(task, info)
    except Problem:
        raise
    except (YoutubeDLError, RequestError, OSError, ValueError) as error:
        raise Problem(watch.problem or sentence(error, guard)) from error


def _options(task: dict, watch: _Watch, javascript: str, ffmpeg: str) -> dict:
    height = f"[height<=?{task['max_height']}]"
    return {
        "format": "ba/b" + height if task["sound_only"] else f"bv*{height}+ba/b{height}",
        # Among formats of the same size, the codecs that are decoded fastest.
        "format_sort": ["res", "vcodec:avc1", "acodec:m4a"],
        "outtmpl": {"default": os.path.join(task["folder"], "media.%(ext)s")},
        "merge_output_format": "mkv",
        "noplaylist": True,
        "playlist_items": "1:2",
        "default_search": "error",
        "hls_prefer_native": True,
        "skip_unavailable_fragments": False,
        "socket_timeout": RESPONSE_TIMEOUT,
        "retries": RETRIES,
        "fragment_retries": RETRIES,
        "extractor_retries": 1,
        "file_access_retries": 0,
        "proxy": "",
        "cachedir": False,
        "fixup": "never",
        "updatetime": False,
        "ffmpeg_location": ffmpeg,
        "js_runtimes": {"deno": {"path": javascript}},
        "postprocessor_args": {"merger+ffmpeg_i": FFMPEG_IN},
        "progress_hooks": [watch],
        "postprocessor_hooks": [watch.merging],
        "compat_opts": {"no-certifi"} if os.environ.get("SSL_CERT_FILE") else set(),
        "logger": _Silence(),
        "quiet": True,
        "noprogress": True,
        "no_warnings": True,
        "color": "never",
    }


def _Downloader(options, **settings):
    """A ``YoutubeDL`` for http and https only, through the library whose connections the guard checks."""
    import yt_dlp
    from yt_dlp.networking._requests import RequestsRH

    class Downloader(yt_dlp.YoutubeDL):
        def build_request_director(self, handlers, preferences=None):
            return super().build_request_director([RequestsRH], preferences)  # type: ignore[list-item]

    return Downloader(options, **settings)


def _extract_single(downloader, url: str) -> dict:
    """The metadata of the only video at ``url``. Raises Problem if there are several."""
    info = downloader.extract_info(url, download=False, process=False)
    for _ in range(5):
        kind = info.get("_type", "video")
        if kind in ("url", "url_transparent"):
            info = downloader.extract_info(info["url"], download=False, process=False, ie_key=info.get("ie_key"))
        elif kind in ("playlist", "multi_video"):
            entries = [entry for entry, _ in zip(info.get("entries") or (), range(2), strict=False)]
            if len(entries) != 1:
                what = "a list of several videos" if entries else "an empty list"
                raise Problem(f"This link leads to {what}; give the link of one video.")
            info = entries[0]
        else:
            break
    # yt-dlp chooses the format; nothing is downloaded yet.
    return downloader.process_ie_result(dict(info), download=False)


def _check_limits(info: dict, task: dict) -> None:
    """Raise Problem if the video is too long, too large or a live stream, if its site states that."""
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
        raise Problem("This link is a live stream; give the link of a recording.")
    if (info.get("duration") or 0) > task["max_seconds"]:
        raise Problem(too_long(task["max_seconds"]))
    chosen = info.get("requested_formats") or [info]
    stated = sum(part.get("filesize") or 0 for part in chosen)
    if stated > task["max_bytes"]:
        raise Problem(too_large(task["max_bytes"]))
    if any(set((part.get("protocol") or "http").split("+")) - PROTOCOLS for part in chosen):
        raise Problem("What this link leads to is not sent over http or https; give another link.")
    if not task["sound_only"] and any((part.get("height") or 0) > task["max_height"] for part in chosen):
        raise Problem(f"This video is not offered at {task['max_height']} lines or fewer; raise --max_height.")


def _key(task: dict, info: dict) -> str:
    """The name of a video's folder. Only a site's own ids identify a video; those of the generic extractor do not."""
    generic = (info.get("extractor_key") or "Generic").lower() == "generic"
    identity = task["url"] if generic else info["id"]
    facts = [info.get("extractor_key"), identity, task["max_height"], task["sound_only"]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


def _facts(task: dict, info: dict) -> dict:
    return {
        "key": _key(task, info),
        "title": _title_of(info),
        "id": info.get("id"),
        "duration": info.get("duration"),
    }


def _title_of(info: dict) -> str | None:
    """The title, without the number that yt-dlp adds to the only video on a page of an unknown site."""
    title = info.get("title")
    return title.removesuffix(" (1)") if title and str(info.get("id")).endswith("-1") else title


def _kept_result(task: dict, info: dict) -> dict | None:
    """The result if the video was downloaded before and is still there."""
    facts = _facts(task, info)
    return facts | {"file": None} if facts["key"] in task["kept"] else None


def _result(task: dict, info: dict) -> dict:
    """The result: the only file in the folder."""
    files = [path for path in Path(task["folder"]).glob("media*") if path.is_file() and path.stat().st_size]
    if len(files) != 1:
        raise Problem("Nothing could be downloaded from this link; try again later, or give another one.")
    return _facts(task, info) | {"file": files[0].name}


class _Watch:
    """Follows the download: reports its progress, and stops it at the limits, whatever the server's headers say."""

    def __init__(self, task: dict, tell):
        self._task, self._tell = task, tell
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._reported = 0.0
        self.title: str | None = None
        self.problem: str | None = None
        self.report("looking")

    def report(self, stage: str, done: int = 0, total: int | None = None) -> None:
        self._reported = time.monotonic()
        self._tell(progress={"stage": stage, "done": done, "total": total, "title": self.title})

    def __call__(self, state: dict) -> None:
        """yt-dlp's hook for progress. Raises DownloadCancelled at the limit of size."""
        from yt_dlp.utils import DownloadCancelled

        name = state.get("filename") or ""
        self._done[name] = max(self._done.get(name, 0), int(state.get("downloaded_bytes") or 0))
        self._total[name] = int(state.get("total_bytes") or state.get("total_bytes_estimate") or 0)
        done, total = sum(self._done.values()), sum(self._total.values())
        if done > self._task["max_bytes"] or (state.get("total_bytes") or 0) > self._task["max_bytes"]:
            self.problem = too_large(self._task["max_bytes"])
            raise DownloadCancelled(self.problem)
        if time.monotonic() - self._reported >= REPORT_EVERY:
            self.report("downloading", done, total or None)

    def merging(self, state: dict) -> None:
        """yt-dlp's hook for its steps after the download."""
        if state.get("postprocessor") == "Merger" and state.get("status") == "started":
            self.report("merging", sum(self._done.values()), sum(self._done.values()))


class _Silence:
    """A logger for yt-dlp that discards everything: errors arrive as exceptions, and links are private."""

    def debug(self, message):
        pass

    info = warning = error = debug
