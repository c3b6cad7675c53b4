"""The command line in this process: the same words as in a shell, without the seconds that a new Python takes."""

import contextlib
import io
import os
from pathlib import Path
from unittest import mock

from emorec import cli
from support.paths import ROOT


def emorec(*arguments: object, cwd: Path = ROOT, **environment: str) -> tuple[int, str, str]:
    """Run ``emorec ARGUMENTS`` in ``cwd``; gives the exit code, standard output and standard error."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with (
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, environment),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as ended:  # argparse refuses unknown options this way
            code = ended.code
    printed, errors = (stream.buffer.getvalue().decode() for stream in (out, err))
    return code, printed, errors
