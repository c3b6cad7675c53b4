"""Runs tasks on a Ray cluster: an item is a task of Ray's, and so is every part of a long one.

Ray decides what runs where and when, and starts what is lost once more. Here only as many items are started as keep the
cluster busy.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from emorec import settings
from emorec._version import __version__
from emorec.batch import ray_outcomes, ray_tasks, temporary
from emorec.batch.choices import Choices
from emorec.batch.engine import Outcome, Task
from emorec.batch.local_engine import MAX_WORKERS
from emorec.errors import EmorecError, require

EXTRA = "ray"
RETRIES = 1  # of a task whose worker dies; the sentence ray_outcomes.DIED says "twice"
PART_SECONDS = 1200.0  # recordings that are longer are divided
AHEAD = 2  # items that are started for each that the cluster can do at the same time
CONNECT_SECONDS = 10.0
CHECK_SECONDS = 60.0  # in which a cluster must answer; Ray itself would try for several minutes
MIN_SHARE = 0.0001  # of a processor or a GPU: the precision of Ray
LOST_AFTER = 3  # checks in a row without an answer
WAIT_SECONDS = 30.0  # between two checks while nothing ends
OBJECT_MEMORY = 1 << 30  # bytes in a local cluster; what does not fit is kept on disk
# Nothing is reported to anybody, and a worker that is ended for lack of memory is lost like any other.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_task_oom_retries": str(RETRIES)}

NO_CLUSTER = "The Ray cluster {address} cannot be reached ({reason}); check the address, or leave out --ray-address."
NO_LOCAL = "No Ray cluster can be started here ({reason})."
LOST = "The Ray cluster no longer answers; what is done is kept, and the same command continues."
TOO_MUCH = "No machine of the Ray cluster has {cpus:g} processors and {gpus:g} GPUs for an item; ask for less."
WRONG_NUMBER = "There cannot be {workers} workers on a Ray cluster; give 1 to {most}."
PART_OF_GPUS = "An item cannot have {given:g} GPUs; give a whole number, or a share below 1."
WRONG_SHARE = "{what} per item cannot be {given:g}; give {least} or more."


@dataclass(kw_only=True)
class RayEngine:
    """Runs tasks on the cluster at ``address`` (None: one of its own on this machine, for ``workers`` items at a time).

    Each task has ``cpus`` processors and ``gpus`` GPUs of a machine; recordings longer than ``length`` (s) are divided.
    If this process is connected to a cluster already, that one is used and stays connected.
    """

    address: str | None = None
    workers: int = 1
    cpus: float = 1.0
    gpus: float = 0.0
    length: float = PART_SECONDS
    _ours: bool = field(default=False, init=False, repr=False)

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """As ``Engine.run``. Raises EmorecError if there is no cluster, or if it no longer answers."""
        import ray

        self._connect(ray)
        try:
            yield from self._run(ray, tasks)
        finally:
            if self._ours:
                ray.shutdown()
            temporary.remove_leftovers()

    def _run(self, ray: Any, tasks: Iterable[Task]) -> Iterator[Outcome]:
        remote = {
            name: ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=RETRIES)(getattr(ray_tasks, name))
            for name in ("analyze", "extract", "finish")
        }
        most = AHEAD * self._slots(ray)
        remaining = iter(tasks)
        running: dict[Any, Task] = {}
        parts: dict[Any, list[Any]] = {}  # the tasks that one in ``running`` waits for
        try:
            while True:
                while len(running) < most and (task := next(remaining, None)) is not None:
                    task = replace(task, folder=task.folder.absolute())
                    running[remote["analyze"].remote(task, __version__, self.length)] = task
                if not running:
                    return
                for ref in self._wait(ray, list(running)):
                    task, _ = running.pop(ref), parts.pop(ref, None)
                    result = ray_outcomes.get_result(ray, ref, task)
                    if isinstance(result, Outcome):
                        yield result
                    else:  # the parts of a long recording
                        extracting = [remote["extract"].remote(task, part) for part in result]
                        ref = remote["finish"].remote(task, *extracting)
                        running[ref], parts[ref] = task, extracting
        finally:
            for ref in [*running, *itertools.chain.from_iterable(parts.values())]:
                with contextlib.suppress(Exception):  # the cluster may be gone
                    ray.cancel(ref, force=True)

    def _wait(self, ray: Any, refs: list[Any]) -> list[Any]:
        """Wait for the end of at least one task; return those that ended. Raises EmorecError for a lost cluster."""
        silent = 0
        while True:
            ended, _ = ray.wait(refs, num_returns=1, timeout=WAIT_SECONDS)
            if ended:
                return ended
            silent = 0 if _connection_problem(ray.get_runtime_context().gcs_address) is None else silent + 1
            if silent == LOST_AFTER:
                raise EmorecError(LOST)

    def _slots(self, ray: Any) -> int:
        """How many items the cluster can do at the same time. Raises EmorecError if no machine can do one."""
        fits = 0
        most = self.workers if self._ours and self.address is None else float("inf")
        for node in ray.nodes():
            resources = node["Resources"] if node["Alive"] else {}
            cpus, gpus = resources.get("CPU", 0.0), resources.get("GPU", 0.0)
            if cpus >= self.cpus and gpus >= self.gpus:
                fits += int(min(cpus / self.cpus, gpus / self.gpus if self.gpus else cpus / self.cpus))
        if not fits:
            raise EmorecError(TOO_MUCH.format(cpus=self.cpus, gpus=self.gpus))
        return int(min(fits, most))

    def _connect(self, ray: Any) -> None:
        if ray.is_initialized():
            return
        os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
        quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        # So that the settings of emorec are the same in every worker.
        variables = settings.library_variables()
        if self.address is not None:
            if reason := _cluster_problem(self.address):
                raise EmorecError(NO_CLUSTER.format(address=self.address, reason=reason))
            quiet |= {"address": self.address, "runtime_env": {"env_vars": variables}}
        else:
            quiet |= {"address": "local", "num_cpus": max(1, math.ceil(self.workers * self.cpus))}
            quiet |= {"include_dashboard": False, "object_store_memory": OBJECT_MEMORY}
        try:
            # A local cluster has the environment of this process.
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
                _without_variables(settings.PAGE),
            ):
                ray.init(**quiet)
        except (Exception, SystemExit) as error:
            reason = ray_outcomes.first_sentence(error)
            if self.address is None:
                raise EmorecError(NO_LOCAL.format(reason=reason)) from None
            raise EmorecError(NO_CLUSTER.format(address=self.address, reason=reason)) from None
        # Standard output is for results, but Ray prints there that a worker died, whatever the settings above say.
        private = sys.modules.get("ray._private.worker")
        if hasattr(private, "_worker_logs_enabled"):
            private._worker_logs_enabled = False  # type: ignore[union-attr]
        self._ours = True


def build_engine(
    choices: Choices,
    *,
    address: str | None = None,
    workers: int = 1,
    cpus: float = 1.0,
    gpus: float | None = None,
    length: float = PART_SECONDS,
) -> tuple[RayEngine, Choices]:
    """Build the engine for a cluster (see ``RayEngine``); also the choices with the device and threads of each item.

    ``gpus`` is by default 1 if the device of the choices is "cuda", else 0. Without a GPU, items run on the processor.
    Raises EmorecError for impossible numbers, and if Ray is not installed.
    """
    require(EXTRA, "ray")
    if not 1 <= workers <= MAX_WORKERS:
        raise EmorecError(WRONG_NUMBER.format(workers=workers, most=MAX_WORKERS))
    if gpus is None:
        gpus = float(choices.device == "cuda")
    _check_shares(cpus, gpus)
    device = "cpu" if choices.device == "auto" and not gpus else choices.device
    cache = choices.cache or settings.cache_folder()
    if choices.cache is None and not settings.library_variables().get("EMOREC_CACHE"):
        cache = None  # each machine uses its usual folder
    engine = RayEngine(address=address, workers=workers, cpus=cpus, gpus=gpus, length=length)
    return engine, replace(
        choices, device=device, threads=max(1, int(cpus)), cache=None if cache is None else cache.absolute()
    )


def _check_shares(cpus: float, gpus: float) -> None:
    """Raise EmorecError for shares of a machine that Ray does not accept."""
    if not MIN_SHARE <= cpus < float("inf"):
        raise EmorecError(WRONG_SHARE.format(what="The CPUs", given=cpus, least=f"a number such as 1, {MIN_SHARE}"))
    if not (gpus == 0 or MIN_SHARE <= gpus < float("inf")):
        raise EmorecError(WRONG_SHARE.format(what="The GPUs", given=gpus, least=f"0, or {MIN_SHARE}"))
    if gpus > 1 and gpus != int(gpus):
        raise EmorecError(PART_OF_GPUS.format(given=gpus))


@contextlib.contextmanager
def _without_variables(names: Iterable[str]) -> Iterator[None]:
    """A context in which this process lacks the environment variables of these names."""
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def _cluster_problem(address: str) -> str | None:
    """Why the cluster at an address cannot be reached, None if it can."""
    if reason := _connection_problem(address):
        return reason
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    if ":" not in address or "://" in address:  # a name that only Ray knows, such as auto
        return None
    try:
        subprocess.run(command, capture_output=True, timeout=CHECK_SECONDS, check=True)
    except subprocess.TimeoutExpired:
        return "it does not answer"
    except (OSError, subprocess.CalledProcessError):
        return "what answers there is no Ray cluster of the same version"
    return None


def _connection_problem(address: str) -> str | None:
    """Why nothing answers at an address, None if something does."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdigit():
        return None if not colon else f"{port!r} is no port"
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except OverflowError:
        return f"{port} is no port"
    except OSError as error:
        return str(error.strerror or error)
    return None
