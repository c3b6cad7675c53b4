"""A task for the Hub done in a child process, which can be stopped whatever it hangs in.

Name resolution, a host that never answers and one that trickles can each hold a thread for ever; a process can be
ended.
"""

import json
import math
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

PROGRAM = Path(__file__).with_name("hub_tasks.py")
BEAT = "."  # as in hub_tasks.py, which is not imported here because it imports the Hub's library
PATIENCE = 30.0  # seconds without a sign of life
START = 60.0  # seconds, beyond that, until the child has loaded the Hub's library, which no Hub is to blame for
SILENCE = 1 / 3  # of that after which a single request counts as failed, and is tried again
ATTEMPTS = 3
ENDING = 10.0  # seconds that a child may take to end after its output has ended
GRACE = 0.25  # seconds in which a stopped child may remove what it had downloaded so far

ENVIRONMENT = {
    "HF_HUB_DISABLE_XET": "1",  # it carries in threads that no signal stops; the plain way does as well for one file
    "HF_HUB_DISABLE_TELEMETRY": "1",  # it asks the Hub for a list of programs to look for, at up to 3 s
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}


class HubError(ValueError):
    """Something cannot be had from the Hub or brought there; ``str(error)`` is one sentence that says why."""


class Unreachable(HubError):
    """The same, where the Hub or the way there is at fault."""


def ask(task, subject, *, patience=PATIENCE, timeout=None, attempts=ATTEMPTS, **request):
    """Result of one of the tasks of ``hub_tasks.py``.

    ``subject`` begins the sentence of an error ("The model org/name cannot be had from the Hub"). ``patience`` is how
    long the child may show no sign of life (s), ``timeout`` how long everything may take (s) once it has started.
    Raises HubError.
    """
    asked = {"task": task, "attempts": attempts, "silence": patience * SILENCE, "request": request}
    child = started(asked)
    lines = queue.SimpleQueue()
    threading.Thread(target=_pass_on, args=(child.stdout, lines), daemon=True).start()
    try:
        answer = _answer(lines, patience, timeout)
        if answer is None:
            child.wait(timeout=ENDING)
    except (queue.Empty, subprocess.TimeoutExpired):
        raise Unreachable(f"{subject}: it did not get done in time.") from None
    finally:
        _stop(child)
    if answer is None:
        raise HubError(f"{subject}: the process that asks the Hub ended early, with exit code {child.returncode}.")
    if "result" in answer:
        return answer["result"]
    kind = Unreachable if answer["problem"] == "unreachable" else HubError
    raise kind(f"{subject}: {answer['reason']}.")


def started(asked):
    """The process that does what is asked."""
    return subprocess.Popen(
        [sys.executable, "-P", str(PROGRAM), json.dumps(asked)],
        env=os.environ | ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # the library's warnings, which name addresses
        text=True,
    )


def _pass_on(stream, lines):
    for line in stream:
        lines.put(line.strip())
    lines.put(None)


def _answer(lines, patience, timeout):
    """What the child answered, or None when it ended without. Raises queue.Empty when it takes too long."""
    line = lines.get(timeout=START + patience)  # the child's first beat: it has started
    deadline = time.monotonic() + (math.inf if timeout is None else timeout - GRACE)
    while True:
        if line is None:
            return None
        if line != BEAT and (answer := _parsed(line)):
            return answer
        line = lines.get(timeout=max(0.0, min(patience, deadline - time.monotonic())))


def _parsed(line):
    """The answer in a line of the child's output, or None if it is something else, which a library may print."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    problem = isinstance(answer.get("problem"), str) and isinstance(answer.get("reason"), str)
    return answer if problem or "result" in answer else None


def _stop(child):
    """Ends a child if it still runs: gently first, so that no half file stays in the cache."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
