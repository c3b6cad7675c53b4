"""What the workers of a Ray cluster do with an item: analyze it, or extract and join the parts of a long one."""

from __future__ import annotations

import dataclasses
import platform
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emorec._version import __version__
from emorec.batch import fetching, storage
from emorec.batch.engine import Outcome, Task, attempt, infer_and_write, load_analyzer
from emorec.errors import EmorecError

if TYPE_CHECKING:
    from emorec.extraction.parts import Part, PartFeatures

OTHER_VERSION = "The machine {node} has emorec {there}, and this one {here}; install the same version on all."
NOT_SHARED = "There is no folder {folder} on the machine {node}; the folder of a batch must be shared by all machines."


def analyze(task: Task, version: str, length: float) -> Outcome | list[Part]:
    """Analyze an item, or return the parts of one that is longer than ``length`` (s) and can be divided.

    ``version`` is that of emorec where the batch was started. Raises nothing that a recording could cause.
    """

    def work() -> Outcome | list[Part]:
        _check(task, version)
        loaded = load_analyzer(task.choices)
        with fetching.local_file(task.source, task.choices) as (path, facts):
            if parts := _divide(task, path, length):
                return [*parts]
            growing = loaded.extract(path, task.choices.cache, task.choices.extracting)
            return infer_and_write(task, deque(growing, maxlen=1).pop(), facts)

    return attempt(task, work)


def extract(task: Task, part: Part) -> PartFeatures | Outcome:
    """Extract one part of an item; an Outcome says why that failed.

    An object in a store is fetched again for each part.
    """

    def work() -> PartFeatures:
        from emorec.extraction import parts
        from emorec.face import detection

        loaded = load_analyzer(task.choices)
        with fetching.local_file(task.source, task.choices) as (path, _):
            info = dataclasses.replace(part.recording.info, path=path)
            local_part = dataclasses.replace(part, recording=dataclasses.replace(part.recording, info=info))
            extracted = parts.extract_part(local_part, loaded.model, detection.detector(loaded.detector_file))
            return dataclasses.replace(extracted, part=part)

    return attempt(task, work)


def finish(task: Task, *parts: PartFeatures | Outcome) -> Outcome:
    """Join the parts of an item and write its results; the outcome of a part that failed is that of the item."""

    def work() -> Outcome:
        from emorec.extraction import joining

        loaded = load_analyzer(task.choices)
        facts = {"source": task.source} if storage.is_object(task.source) else {}
        extracted = [part for part in parts if not isinstance(part, Outcome)]
        return infer_and_write(task, joining.join(extracted, loaded.model, task.choices.cache), facts)

    failed = next((part for part in parts if isinstance(part, Outcome)), None)
    return failed or attempt(task, work)


def _check(task: Task, version: str) -> None:
    """Raise EmorecError if this machine is not set up as the one where the batch was started."""
    if version != __version__:
        raise EmorecError(OTHER_VERSION.format(node=platform.node(), there=__version__, here=version))
    if not task.folder.parent.is_dir():
        raise EmorecError(NOT_SHARED.format(folder=task.folder.parent, node=platform.node()))


def _divide(task: Task, path: Path, length: float) -> Sequence[Part]:
    """The parts of a recording, none if it is to be extracted as a whole."""
    from emorec.extraction import parts, sources
    from emorec.face import detection

    # A recording from a link is not divided, because it would be downloaded again for every part.
    if path != Path(task.source) and not storage.is_object(task.source):
        return []
    settings, loaded = task.choices.extracting, load_analyzer(task.choices)
    info = sources.as_source(path).probe(settings.selection)
    if min(settings.until, info.duration or 0.0) - settings.start <= length:
        return []
    detector = detection.detector(loaded.detector_file)
    found = parts.parts(path, loaded.model, detector, settings, length, task.choices.cache)
    return found if len(found) > 1 else []
