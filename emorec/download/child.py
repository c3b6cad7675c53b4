"""The downloading process: one link into one folder, within limits on memory, time and file size.

Its environment is emptied, and it can reach public addresses only (``network_guard``). The task has ``url, folder,
max_height, sound_only, max_bytes, max_seconds, time, memory, hosts, kept``, with sizes in bytes and times in seconds;
``kept`` are the keys of earlier downloads. The answers are ``{"progress": {stage, done, total, title}}`` and last
``{"done": {key, file, title, id, duration}}`` or ``{"problem": "a sentence"}``.
"""

from __future__ import annotations

import shutil

from emorec.childprocess import child, limits
from emorec.download.errors import Problem
from emorec.download.network_guard import Guard
from emorec.download.ytdlp import download, programs

FILE_SLACK = 1 << 20  # bytes that a merged file may be larger than what was downloaded


def work(task: dict, send: child.Send) -> None:
    """Download what the task names."""
    # The limit is on data and not on address space, of which a JavaScript runtime reserves far more than it uses.
    limits.restrict(CORE=0, DATA=task["memory"], CPU=task["time"], FSIZE=task["max_bytes"] + FILE_SLACK)
    guard = Guard(map(tuple, task["hosts"]), programs=programs())
    guard.install()
    try:
        send({"done": download(task, lambda **message: send(message), guard)})
    except Problem as problem:
        send({"problem": str(problem)})
    except MemoryError:
        send({"problem": "What this link leads to takes too much memory to read; give another link."})


if __name__ == "__main__":
    child.run_task(work, orphaned=lambda task: shutil.rmtree(task["folder"], ignore_errors=True))
