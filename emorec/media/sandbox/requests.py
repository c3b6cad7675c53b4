"""One request to a decoding process: its answers, each checked, and one sentence if there is none."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

import numpy as np

from emorec.childprocess import messages
from emorec.childprocess.child import NO_FORK
from emorec.childprocess.forkserver import CannotStart, ForkServer
from emorec.childprocess.process import sentence
from emorec.errors import EmorecError

SILENT_FOR = 600.0  # seconds in which an answer must arrive; a limit on processor time ends most children sooner

DECODERS = ForkServer(
    (sys.executable, "-P", "-m", "emorec.media.sandbox.server"),
    keep=("HOME", "GCONV_PATH"),
    # A process with threads must not be forked.
    OMP_NUM_THREADS="1",
    OPENBLAS_NUM_THREADS="1",
)

Answer = TypeVar("Answer")


def ask_decoder(do: str, path: Path, make: Callable[[dict, list[np.ndarray]], Answer], **choices) -> Generator[Answer]:
    """Yield what a fresh process answers, each message turned into a result by ``make``.

    ``make`` may raise ValueError, KeyError or TypeError for an answer that no decoder gives. Raises EmorecError.
    """
    try:
        child = DECODERS.ask({"do": do, "path": str(path.absolute()), "choices": choices})
    except CannotStart as error:
        raise EmorecError(f"The process that decodes cannot be started ({error}); install emorec again.") from None
    except OSError as error:
        raise _no_process(error) from error
    try:
        while True:
            header, arrays = child.receive(SILENT_FOR)
            if NO_FORK in header:
                raise _no_process(sentence(header[NO_FORK]))
            if "problem" in header:
                raise EmorecError(sentence(header["problem"]))
            if "failed" in header:
                logging.getLogger("emorec").warning("A decoder failed: %.80r", header["failed"])
                raise EmorecError(f"{path.name} cannot be decoded: the file is damaged; was it copied completely?")
            if "end" in header:
                return
            yield make(header, arrays)
    except EmorecError:  # a ValueError too, but already the sentence for the user
        raise
    except messages.ERRORS as error:
        raise EmorecError(
            f"{path.name} cannot be decoded: reading it takes too much time or memory, or makes the decoder fail; "
            "convert it with another program, or give another file."
        ) from error
    finally:
        child.end()


def _no_process(reason: object) -> EmorecError:
    return EmorecError(f"No process can be started to decode in ({reason}); end other programs.")
