"""One recording of a batch as a task that any process can do, and the interface of an engine that runs many of them.

``run_task`` depends on its task alone: it may run in any process on any machine that sees the same folders.
"""

from __future__ import annotations

import errno
import functools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from emorec._version import __version__
from emorec.errors import EmorecError

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer
    from emorec.batch.choices import Choices
    from emorec.extraction.features import Features

DONE, FAILED, WAITING, RUNNING = "done", "failed", "waiting", "running"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
OS_PROBLEM = "{what} cannot be used ({reason})."
UNEXPECTED = "The analysis broke off ({kind}: {reason}), which is a fault of emorec and not of the recording."
TOO_LONG = "The recording is longer than the memory of this machine allows; give a part of it with --start and --end."
MAX_ERROR = 500  # characters

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class Task:
    """A recording to analyze: the name of its ``item``, its ``source`` (a path, a link or the URL of an object), the
    ``folder`` of its results, and the ``choices`` of the batch."""

    item: str
    source: str
    folder: Path
    choices: Choices


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a task ended.

    ``status`` is DONE, or FAILED with a sentence in ``error``. ``disk_full`` says that it failed because no more can be
    written, which is no fault of the recording: the batch ends, and its next run does this item again. ``duration`` (s)
    is that of the media, ``seconds`` what the task took. ``started`` and ``finished`` are UTC in ISO 8601. ``model`` is
    the checkpoint's fingerprint, ``features`` the key of the stored features, ``choices`` JSON of all choices of the
    result. ``files`` are the names of the files in the folder, ``notes`` sentences for the user about them.
    """

    item: str
    status: str
    error: str = ""
    disk_full: bool = False
    duration: float | None = None
    seconds: float = 0.0
    started: str = ""
    finished: str = ""
    persons: int | None = None
    face_share: float | None = None
    speech_share: float | None = None
    emorec_version: str = __version__
    model: str = ""
    features: str = ""
    choices: str = ""
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Engine(Protocol):
    """Runs tasks somewhere."""

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Yield one Outcome for every task, in the order in which they end; a failed task ends nothing else.

        Closing the iterator stops the work.
        """
        ...


def run_task(task: Task) -> Outcome:
    """Analyze one recording and write its results. Raises nothing that a recording could cause."""
    return attempt(task, lambda: _analyze(task))


def failure(item: str, error: str) -> Outcome:
    """The outcome of an item that failed now, without being analyzed to the end; ``error`` is a sentence."""
    return Outcome(item=item, status=FAILED, error=error, started=utc_now(), finished=utc_now())


def attempt(task: Task, work: Callable[[], Made | Outcome]) -> Made | Outcome:
    """Do the ``work`` of a task; return its result, or an Outcome that says why it raised. Outcomes get their times."""
    begin, started = time.monotonic(), utc_now()
    try:
        result = work()
    except (EmorecError, OSError, MemoryError) as error:
        result = Outcome(item=task.item, status=FAILED, error=sentence(error), disk_full=is_full(error))
    except Exception as error:  # a batch of thousands must not end because of one
        text = UNEXPECTED.format(kind=type(error).__name__, reason=" ".join(str(error).split())[:MAX_ERROR])
        result = Outcome(item=task.item, status=FAILED, error=text)
    if not isinstance(result, Outcome):
        return result
    return replace(result, seconds=round(time.monotonic() - begin, 3), started=started, finished=utc_now())


def _analyze(task: Task) -> Outcome:
    from emorec.batch import fetching

    loaded = load_analyzer(task.choices)
    with fetching.local_file(task.source, task.choices) as (path, facts):
        growing = loaded.extract(path, task.choices.cache, task.choices.extracting)
        return infer_and_write(task, deque(growing, maxlen=1).pop(), facts)  # the last Features are complete


def infer_and_write(task: Task, features: Features, facts: dict[str, Any] | None = None) -> Outcome:
    """Infer a timeline from the complete features of a task's recording, and write all results.

    ``facts`` are added to what results say of the recording, such as the link that it is from. If some of the files
    cannot be written, the outcome has failed; the other files are written all the same. Raises EmorecError or OSError.
    """
    from emorec.batch import writing
    from emorec.extraction import people_file

    loaded = load_analyzer(task.choices)
    if people := task.choices.inferring.get("people"):  # also for the tables and the manifest
        features = people_file.apply(people, features)[0]
    timeline = loaded.infer(features, **task.choices.inferring)
    timeline = replace(timeline, media=timeline.media | (facts or {}))
    notes: list[str] = []
    files, problems = writing.write(task.folder, task.choices, loaded, timeline, features, notes.append)
    if full := next(filter(is_full, problems), None):
        raise full
    status, error = FAILED if problems else DONE, " ".join(dict.fromkeys(map(str, problems)))
    facts_of_result = writing.facts(timeline, features)
    return Outcome(item=task.item, status=status, error=error, files=files, notes=tuple(notes), **facts_of_result)


def load_analyzer(choices: Choices) -> Analyzer:
    """The Analyzer of the choices; a process loads it once. Raises EmorecError."""
    return _loaded(choices.model, choices.device, choices.threads)


@functools.lru_cache(maxsize=1)
def _loaded(model: str | None, device: str, threads: int) -> Analyzer:
    import torch

    from emorec import analyzer as analyzers

    if threads:
        torch.set_num_threads(threads)
    return analyzers.load(model, device)


def sentence(error: BaseException) -> str:
    """What went wrong with a task, as one sentence."""
    if isinstance(error, OSError):
        return OS_PROBLEM.format(what=error.filename or "The system", reason=error.strerror or error)
    if isinstance(error, MemoryError):
        return TOO_LONG
    return str(error)


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that a disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            return True
        error = error.__cause__ or error.__context__
    return False


def utc_now() -> str:
    """The time in UTC, in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
