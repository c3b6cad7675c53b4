"""The process that downloads: one link, told on standard input, into one folder; what happens goes to standard output.

It runs yt-dlp under limits on memory, time and file size, behind ``source_guard``, and with an environment that was
emptied. It ends, with everything that it started, when its standard input closes: then whoever asked is gone.

Lines of JSON both ways. In: ``url, folder, max_height, sound_only, max_bytes, max_seconds, time, memory, hosts``. Out:
``{"progress": {stage, done, total, title}}``, and last ``{"done": {file, title, id, duration}}`` or ``{"problem": "a
sentence"}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import threading

from emorec.download.errors import Problem
from emorec.download.network_guard import Guard
from emorec.download.ytdlp import download, programs

FILE_SLACK = 1 << 20
"""Bytes that a merged file may be larger than what was downloaded."""


def main() -> None:
    """Do what standard input says."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing else may write between the lines
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, args=(task["folder"],), daemon=True).start()
    _limit(task)

    def tell(**message):
        out.write(json.dumps(message) + "\n")
        out.flush()

    guard = Guard(map(tuple, task["hosts"]), programs=programs())
    guard.install()
    try:
        tell(done=download(task, tell, guard))
    except Problem as problem:
        tell(problem=str(problem))
    except MemoryError:
        tell(problem="What this link leads to takes too much memory to read; give another link.")


def _end_with_parent(folder: str) -> None:
    sys.stdin.read()
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def _limit(task: dict) -> None:
    """Limits of the kernel on this process and all that it starts. Data rather than address space is limited, for a
    JavaScript runtime reserves far more addresses than it uses."""
    for kind, most in {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: task["memory"],
        resource.RLIMIT_CPU: task["time"],
        resource.RLIMIT_FSIZE: task["max_bytes"] + FILE_SLACK,
    }.items():
        hard = resource.getrlimit(kind)[1]
        most = int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard)
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
    # Threads of libraries must not hold up the end.
    os._exit(0)
