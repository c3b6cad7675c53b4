"""Runs tasks on this machine: in processes side by side, or one after the other in this process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import connection

from emorec.batch.choices import Choices
from emorec.batch.engine import FAILED, Engine, Outcome, Task, now, run_task
from emorec.batch.worker import Worker
from emorec.errors import EmorecError
from emorec.prefetch import processors

ATTEMPTS = 2  # of a recording whose process dies; DIED says it in words
# Windows waits for at most 63 things at once, so Python's own pools have at most 61 processes there.
MAX_WORKERS = 61 if sys.platform == "win32" else 256
WRONG_NUMBER = "There cannot be {workers} workers; give 1 to {most}, or 0 to use this process alone."
DIED = (
    "The process that analyzed this recording ended twice ({how}); if memory is short, use fewer workers or give a "
    "part of it with --start and --end."
)


def local(workers: int, choices: Choices) -> tuple[Engine, Choices]:
    """The engine for so many processes, 0 for this one, and the choices with the threads of each.

    The processors are divided between the processes. Raises EmorecError for a number of workers that cannot be.
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
        left, again, attempts = iter(tasks), list[Task](), dict[str, int]()
        try:
            while self._fill(left, again):
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
                            again.append(task)
                            continue
                        outcome = _died(task, code)
                    yield outcome
        finally:
            for worker in self._running:
                worker.end()
            self._running.clear()

    def _fill(self, left: Iterator[Task], again: list[Task]) -> bool:
        """Give a task to every worker that has none, starting workers as needed; False if nothing is in work."""
        while True:
            idle = next((worker for worker in self._running if worker.task is None), None)
            if idle is None and len(self._running) >= self.workers:
                return True
            task = again.pop() if again else next(left, None)
            if task is None:
                return any(worker.task is not None for worker in self._running)
            fresh = idle is None
            if idle is None:
                idle = Worker()
                self._running.append(idle)
            try:
                idle.give(task)
            except OSError:
                if fresh:  # it died over its task: its pipe says so, and the attempt counts
                    continue
                # It died while it had nothing to do.
                self._running.remove(idle)
                idle.end()
                idle.task = None
                again.append(task)


def _died(task: Task, code: int | None) -> Outcome:
    how = f"exit code {code}"
    if code is not None and code < 0:
        names = {number.value: number.name for number in signal.Signals}
        how = f"killed by {names.get(-code, f'signal {-code}')}"
    text = DIED.format(how=how)
    return Outcome(item=task.item, status=FAILED, error=text, started=now(), finished=now())
