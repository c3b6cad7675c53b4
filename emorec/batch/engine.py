"""One recording of a batch as a task that any process can do, and what an engine is that runs many of them.

``run_task`` is a function of its task alone: it may run in any process on any machine that sees the same folders.
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
    """What became of a task.

    ``status`` is DONE, or FAILED with a sentence in ``error``. ``disk_full`` says that it failed because no more can be
    written, which is no fault of the recording: a batch ends, and does this item again. ``duration`` (s) is that of the
    media, ``seconds`` what the task took. ``started`` and ``finished`` are UTC in ISO 8601. ``model`` is the
    checkpoint's fingerprint, ``features`` the key of the stored features, ``choices`` JSON of all choices of the
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
    return outcome(task, lambda: _analyze(task))


def outcome(task: Task, work: Callable[[], Made | Outcome]) -> Made | Outcome:
    """What ``work()`` returns, or the Outcome that says why it raised; an Outcome gets its times."""
    begin, started = time.monotonic(), now()
    try:
        made = work()
    except (EmorecError, OSError, MemoryError) as error:
        made = Outcome(item=task.item, status=FAILED, error=sentence(error), disk_full=is_full(error))
    except Exception as error:  # a batch of thousands must not end because of one
        text = UNEXPECTED.format(kind=type(error).__name__, reason=" ".join(str(error).split())[:MAX_ERROR])
        made = Outcome(item=task.item, status=FAILED, error=text)
    if not isinstance(made, Outcome):
        return made
    return replace(made, seconds=round(time.monotonic() - begin, 3), started=started, finished=now())


def _analyze(task: Task) -> Outcome:
    from emorec.batch import fetching

    loaded = analyzer(task.choices)
    with fetching.local(task.source, task.choices) as (path, facts):
        growing = loaded.extract(path, task.choices.cache, task.choices.extracting)
        return conclude(task, deque(growing, maxlen=1).pop(), facts)  # the last Features are complete


def conclude(task: Task, features: Features, facts: dict[str, Any] | None = None) -> Outcome:
    """Infer a timeline from the complete features of a task's recording, and write all results.

    ``facts`` are added to what results say of the recording, such as the link that it is from. If some of the files
    cannot be written, the outcome failed, and the others are there. Raises EmorecError or OSError.
    """
    from emorec.batch import writing
    from emorec.extraction import people_file

    loaded = analyzer(task.choices)
    if people := task.choices.inferring.get("people"):  # the tables and the manifest follow them too
        features = people_file.apply(people, features)[0]
    timeline = loaded.infer(features, **task.choices.inferring)
    timeline = replace(timeline, media=timeline.media | (facts or {}))
    notes: list[str] = []
    files, problems = writing.write(task.folder, task.choices, loaded, timeline, features, notes.append)
    if full := next(filter(is_full, problems), None):
        raise full
    status, error = FAILED if problems else DONE, " ".join(dict.fromkeys(map(str, problems)))
    made = writing.facts(timeline, features)
    return Outcome(item=task.item, status=status, error=error, files=files, notes=tuple(notes), **made)


def analyzer(choices: Choices) -> Analyzer:
    """The Analyzer of the choices, which a process loads once. Raises EmorecError."""
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


def now() -> str:
    """The time in UTC, in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
