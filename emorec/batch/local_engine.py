"""Runs tasks on this machine: in processes side by side, or one after the other in this process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import connection

from emorec.batch.choices import Choices
from emorec.batch.engine import Engine, Outcome, Task, failure, run_task
from emorec.batch.worker import Worker
from emorec.errors import EmorecError
from emorec.prefetch import processors

ATTEMPTS = 2  # for a recording whose process dies; the sentence DIED says "twice"
# Windows waits for at most 63 things at once, so Python's own pools have at most 61 processes there.
MAX_WORKERS = 61 if sys.platform == "win32" else 256
WRONG_NUMBER = "There cannot be {workers} workers; give 1 to {most}, or 0 to use this process alone."
DIED = (
    "The process that analyzed this recording ended twice ({how}); if memory is short, use fewer workers or give a "
    "part of it with --start and --end."
)


def build_engine(workers: int, choices: Choices) -> tuple[Engine, Choices]:
    """Build the engine for a number of processes (0: this process alone); also the choices with the threads of each.

    The processors are divided between the processes. Raises EmorecError for an impossible number.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or not 0 <= workers <= MAX_WORKERS:
        raise EmorecError(WRONG_NUMBER.format(workers=workers, most=MAX_WORKERS))
    if workers == 0:
        return InlineEngine(), choices
    return LocalEngine(workers=workers), replace(choices, threads=max(1, processors() // workers))


class InlineEngine:
    """Runs tasks one after the other in this process."""

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """As ``Engine.run``."""
        yield from map(run_task, tasks)


@dataclass(kw_only=True)
class LocalEngine:
    """Runs tasks in ``workers`` processes of this machine.

    A process that dies is replaced and its recording tried once more, then it counts as failed.
    """

    workers: int = 1
    _running: list[Worker] = field(default_factory=list[Worker], init=False, repr=False)

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """As ``Engine.run``."""
        remaining, retries, attempts = iter(tasks), list[Task](), dict[str, int]()
        try:
            while self._assign(remaining, retries):
                busy = {worker.pipe: worker for worker in self._running if worker.task is not None}
                for pipe in connection.wait(list(busy)):
                    worker = busy[pipe]  # type: ignore[index]
                    task = worker.task
                    assert task is not None  # that of a busy worker
                    try:
                        outcome = worker.take()
                    except (EOFError, OSError):
                        self._running.remove(worker)
                        code = worker.end()
                        attempts[task.item] = attempts.get(task.item, 0) + 1
                        if attempts[task.item] < ATTEMPTS:
                            retries.append(task)
                            continue
                        outcome = failure(task.item, DIED.format(how=_describe_exit(code)))
                    yield outcome
        finally:
            for worker in self._running:
                worker.end()
            self._running.clear()

    def _assign(self, remaining: Iterator[Task], retries: list[Task]) -> bool:
        """Give a task to every idle worker, and start workers as needed; return False if no worker has a task."""
        while True:
            idle = next((worker for worker in self._running if worker.task is None), None)
            if idle is None and len(self._running) >= self.workers:
                return True
            task = retries.pop() if retries else next(remaining, None)
            if task is None:
                return any(worker.task is not None for worker in self._running)
            fresh = idle is None
            if idle is None:
                idle = Worker()
                self._running.append(idle)
            try:
                idle.give(task)
            except OSError:
                if fresh:  # it died over its task: ``run`` learns that from its pipe, and counts the attempt
                    continue
                # It died while it was idle, so this attempt does not count.
                self._running.remove(idle)
                idle.end()
                idle.task = None
                retries.append(task)


def _describe_exit(code: int | None) -> str:
    """How a process ended, in words, by its exit code."""
    if code is None or code >= 0:
        return f"exit code {code}"
    names = {number.value: number.name for number in signal.Signals}
    return f"killed by {names.get(-code, f'signal {-code}')}"
