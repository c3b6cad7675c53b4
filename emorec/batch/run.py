"""A batch from its inputs to its folder of results: what is due is run, recorded at once, and summed up."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from emorec import download, files
from emorec.batch import choices, items, local_engine, manifest, model, temporary
from emorec.batch.choices import Choices
from emorec.batch.engine import DONE, Engine, Outcome, Task
from emorec.batch.inputs import Source, list_sources
from emorec.batch.progress import Progress
from emorec.batch.state import NO_FOLDER, State
from emorec.errors import EmorecError, require
from emorec.extraction import people_file

EXTRA = "batch"  # the extra that installs what the manifest needs
LOCK_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)  # of a lock that another process has
MEMORY = "memory://"  # objects that only this process has

NOTHING = "There is no recording in what was given; check the names."
BUSY = "Another batch is running in {folder}; wait until it has ended, or use another folder."
SAME_NAME = "{names} would have the same folder of results; rename one, or give them to batches with other folders."
NO_LOCKS = "{folder} is on a disk without locks ({reason}), so take care that no other batch works in it."
OPEN = (
    "{names} could not be brought up to date; another program may be using it. No result is lost. Close that "
    "program and run the same command again."
)
OUTDATED = (
    "The results of {outdated} of {all} recordings were made with other choices or another model; these recordings are "
    "analyzed again, and their new results replace the earlier ones."
)
ELSEWHERE = "{address} exists only in the process that made it; analyze it without workers (workers=0)."


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a batch: its ``folder``, and how many items of the inputs are ``done``.

    ``analyzed`` counts the items of this run. ``failed`` has a sentence for each item that failed, by its source.
    ``notes`` are sentences about what was left out or kept. ``listed`` says whether the manifest is up to date.
    """

    folder: Path
    done: int
    analyzed: int
    failed: Mapping[str, str]
    notes: tuple[str, ...] = ()
    listed: bool = True

    @property
    def manifest(self) -> Path:
        """The path of the Parquet file with one row per item."""
        return self.folder / manifest.PARQUET


def run_with_keywords(
    given: str | PathLike[str] | Iterable[str | PathLike[str]],
    out: str | PathLike[str],
    inferring: Mapping[str, Any],
    extracting: Mapping[str, Any],
    formats: str | Iterable[str],
    model_path: str | PathLike[str] | None,
    device: str,
    workers: int,
    retry: bool,
    progress: Callable[[Progress], object] | None,
    written: Mapping[str, Any],
) -> Result:
    """Run a batch with the arguments of ``emorec.analyze_batch``; ``written`` are the other keywords of Choices."""
    named = None if model_path is None else fspath(model_path)
    chosen, left_out = choices.build(inferring, extracting, formats, model=named, device=device, **written)
    engine, chosen = local_engine.build_engine(workers, chosen)
    inputs = [given] if isinstance(given, str | PathLike) else given
    result = run([fspath(name) for name in inputs], Path(out), chosen, engine, retry=retry, progress=progress)
    return replace(result, notes=(left_out, *result.notes)) if left_out else result


def run(
    given: Iterable[str],
    folder: Path,
    chosen: Choices,
    engine: Engine,
    *,
    retry: bool = False,
    progress: Callable[[Progress], object] | None = None,
    notice: Callable[[str], object] | None = None,
) -> Result:
    """Analyze what the inputs name, and write results and a manifest to a folder.

    Items that are done with the same choices and the same source are left out, and so are those that failed, unless
    ``retry`` is set. ``progress`` is called at the beginning and after every item, ``notice`` with sentences for the
    user before the first item and after the last one.

    Raises EmorecError if the inputs, the choices or the folder cannot be used, or if the disk is full; what is done by
    then is kept.
    """
    require(EXTRA, "pyarrow")
    manifest.check(folder)
    notes: list[str] = []

    def tell(sentence: str) -> None:
        notes.append(sentence)
        if notice:
            notice(sentence)

    with _locked(folder, tell):
        state = _prepare(given, folder, chosen, engine, tell)
        counts = _run(state, engine, retry, progress)
        for note in state.notes:
            tell(note)
        if state.unwritten:
            tell(OPEN.format(names=" and ".join(str(folder / name) for name in state.unwritten)))
        failed = {record.source: record.outcome.error for record in state.ended if record.outcome.status != DONE}
        return Result(
            folder=folder,
            done=len(state.ended) - len(failed),
            analyzed=counts.analyzed,
            failed=failed,
            notes=tuple(notes),
            listed=manifest.PARQUET not in state.unwritten,
        )


def _prepare(
    given: Iterable[str], folder: Path, chosen: Choices, engine: Engine, tell: Callable[[str], object]
) -> State:
    """Read the records in the folder, load the model, and list the inputs. Raises EmorecError."""
    temporary.remove_leftovers()
    records = items.Records(folder)
    records.remove_leftovers()
    manifest.remove_leftovers(folder)
    chosen, fingerprints, notices = model.pin(chosen)
    # Only the items' own folders are left out: recordings may lie beside them.
    inputs = list_sources(given, leave_out=[folder / record.outcome.item for record in records])
    for sentence in (*notices, *inputs.notes):
        tell(sentence)
    if not inputs.sources:
        raise EmorecError(NOTHING)
    sources = {items.item_name(source.address): _check_reachable(source, engine) for source in inputs.sources}
    if len(sources) < len(inputs.sources):
        raise EmorecError(SAME_NAME.format(names=_same_named(inputs.sources)))
    if people := chosen.inferring.get("people"):
        names = [Path(source.address).name for source in inputs.sources if not download.is_link(source.address)]
        if sentence := people_file.wrong_recording_note(people_file.resolve(people), names):
            tell(sentence)
    _forget_expanded(records, inputs.expanded)
    settings, digest = map(chosen.digest, fingerprints)
    state = State(folder=folder, choices=chosen, settings=settings, digest=digest, records=records, sources=sources)
    if outdated := state.count_outdated():
        tell(OUTDATED.format(outdated=outdated, all=len(sources)))
    return state


def _run(state: State, engine: Engine, retry: bool, progress: Callable[[Progress], object] | None) -> Progress:
    """Run what is due, and store every outcome at once; return the final counts."""
    due, refused = state.select_due(retry)
    done = sum(record.outcome.status == DONE for record in state.ended)
    sizes = {item: state.sources[item].size for item in due}
    counts = Progress(total=len(state.sources), done=done, failed=len(state.ended) - done - len(refused), sizes=sizes)
    try:
        state.write()
        if progress:
            progress(counts)
        for outcome in refused:
            counts.add(outcome)
            if progress:
                progress(counts)
        with contextlib.closing(_outcomes(engine, state.tasks(due))) as outcomes:
            for outcome in outcomes:
                state.store(outcome)
                counts.add(outcome)
                if progress:
                    progress(counts)
                state.write(now=False)
    finally:
        state.stop()
    return counts


def _forget_expanded(records: items.Records, expanded: frozenset[str]) -> None:
    """Drop the failures of inputs that could not be listed before, now that they name recordings."""
    for record in list(records):
        if record.outcome.status != DONE and record.source in expanded:
            with contextlib.suppress(OSError):  # one that stays is listed in the manifest, and does no other harm
                records.drop(record.outcome.item)


def _same_named(sources: Iterable[Source]) -> str:
    """The first two addresses whose items have the same name."""
    taken: dict[str, str] = {}
    for source in sources:
        if (other := taken.setdefault(items.item_name(source.address), source.address)) != source.address:
            return f"{files.shown(other)} and {files.shown(source.address)}"
    return ""


def _outcomes(engine: Engine, tasks: Iterable[Task]) -> Generator[Outcome]:
    """The outcomes of an engine, as a generator that can be closed."""
    yield from engine.run(tasks)


def _check_reachable(source: Source, engine: Engine) -> Source:
    """The source, with a problem if the engine's processes cannot read it."""
    if source.address.lower().startswith(MEMORY) and not isinstance(engine, local_engine.InlineEngine):
        return replace(source, problem=ELSEWHERE.format(address=source.address))
    return source


@contextlib.contextmanager
def _locked(folder: Path, notice: Callable[[str], object] | None) -> Iterator[None]:
    """A context in which no other batch works in a folder. Raises EmorecError if one does, or if it cannot be made."""
    path = folder / items.FOLDER / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("ab")
    except OSError as error:
        raise EmorecError(NO_FOLDER.format(folder=folder, reason=error.strerror or error)) from None
    with lock:
        try:
            files.lock(lock.fileno())
        except OSError as error:
            if error.errno in LOCK_HELD:
                raise EmorecError(BUSY.format(folder=folder)) from None
            if notice:  # shared folders of some systems have no locks
                notice(NO_LOCKS.format(folder=folder, reason=error.strerror or error))
        yield
