"""The processor time of one analysis by stage: each stage is timed in the thread that it runs in."""

import contextlib
import functools
import threading
import time

from emorec.extraction import faces as seeing
from emorec.extraction import feature_folder
from emorec.face import alignment, detection, tracking
from emorec.media import sampling, sandbox, streams
from emorec.models.networks import VoiceNet
from emorec.voice import features as voice

# The stages that are timed: their names, and the functions.
WATCHED = (
    ("convert pictures", streams, "picture"),
    ("detect faces", detection.YuNet, "detect"),
    ("detect faces", detection.BundledDetector, "detect"),
    ("follow persons", tracking.Tracker, "update"),
    ("cut faces out", alignment, "align"),
    ("judge faces", alignment, "quality"),
    ("encode faces", seeing, "encode_faces"),
    ("log-mel", voice, "log_mel"),
    ("speech activity", voice, "speech"),
    ("encode voice", VoiceNet, "embed"),
    ("store", feature_folder.Folder, "append"),
)
SOUND, READING, REST = "decode sound", "decode pictures", "other, a codec's further threads among it"


class Spent:
    """Seconds of processor time by stage; if a stage runs within another one, its time counts for itself alone."""

    def __init__(self):
        self._seconds = {}
        self._lock = threading.Lock()
        self._inner = threading.local()

    @contextlib.contextmanager
    def stage(self, name):
        """A context in which the time of this thread counts for that stage."""
        outer = getattr(self._inner, "seconds", 0.0)
        self._inner.seconds = 0.0
        begin = time.thread_time()
        try:
            yield
        finally:
            spent = time.thread_time() - begin
            with self._lock:
                self._seconds[name] = self._seconds.get(name, 0.0) + spent - self._inner.seconds
            self._inner.seconds = outer + spent

    def seconds(self, total):
        """{stage: seconds}, the longest first; they sum to ``total``."""
        rest = total - sum(self._seconds.values())
        return dict(sorted((self._seconds | {REST: max(rest, 0.0)}).items(), key=lambda item: -item[1]))


@contextlib.contextmanager
def watch_stages():
    """A Spent that collects times while the block runs."""
    spent = Spent()
    with contextlib.ExitStack() as stack:
        for name, place, function in WATCHED:
            _put(stack, place, function, _in_stage(spent, name, getattr(place, function)))
        # Decoding runs in this process, where it can be timed, instead of in the sandbox.
        _put(stack, sandbox, "frames", streams.frames)
        _put(stack, sampling, "sample_frames", _each_in_stage(spent, READING, sampling.sample_frames))
        _put(stack, sandbox, "audio", _each_in_stage(spent, SOUND, streams.audio))
        yield spent


def _put(stack, place, name, function):
    stack.callback(setattr, place, name, getattr(place, name))
    setattr(place, name, function)


def _in_stage(spent, name, function):
    @functools.wraps(function)
    def watching(*arguments, **options):
        with spent.stage(name):
            return function(*arguments, **options)

    return watching


def _each_in_stage(spent, name, generator):
    @functools.wraps(generator)
    def watching(*arguments, **options):
        items = generator(*arguments, **options)
        try:
            while True:
                with spent.stage(name):
                    item = next(items, None)
                if item is None:
                    return
                yield item
        finally:
            items.close()

    return watching
