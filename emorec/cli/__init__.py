"""The command line: ``emorec analyze MEDIA ...``, ``batch``, ``image``, ``compare``, ``live``, ``info``,
``query``, ``serve``."""

from __future__ import annotations

import argparse
import contextlib
import sys

# Only what --help and mistakes in the options need; torch, numpy and Altair are imported inside the functions.
from emorec import settings, standard_streams
from emorec.cli import analyzing, comparing, failures, printing, query, streams
from emorec.cli import options as cli_options
from emorec.errors import EmorecError, require

INTERRUPTED = 130  # exit code that shells expect after Ctrl-C
CONTINUES = "stopped; what was extracted is kept, and the same command continues from there."
STOPPED = "stopped."


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; what the user can correct is one sentence and code 2."""
    standard_streams.open_missing()
    with contextlib.suppress(AttributeError):  # a program that calls this may have replaced stdout
        # A terminal without emoji, or a file name that is not text, must not cost a finished result.
        sys.stdout.reconfigure(errors=streams.PLAIN)  # pyright: ignore[reportAttributeAccessIssue]
    commands = {
        "analyze": analyzing.run,
        "batch": _batch,
        "image": _image,
        "compare": comparing.run,
        "info": _info,
        "live": _live,
        "query": query.run,
        "serve": _serve,
    }
    options = cli_options.parse(arguments, commands)
    try:
        settings.check()
        with streams.broken_pipe_is_told():
            return options.run(options)
    except KeyboardInterrupt:
        extracts = options.run in (commands["analyze"], commands["batch"])
        print(f"emorec: {CONTINUES if extracts else STOPPED}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has ended, as `| head` does, and there was nothing else to do.
        streams.discard(sys.stdout)
        return 0
    except (EmorecError, OSError) as error:
        streams.print_to_stderr(f"emorec: {failures.sentence(error)}")
        return failures.USER_ERROR


def _batch(options: argparse.Namespace) -> int:
    from emorec.cli import batch

    return batch.run(options)


def _image(options: argparse.Namespace) -> int:
    from emorec.cli import image

    return image.run(options)


def _live(options: argparse.Namespace) -> int:
    from emorec.cli import live

    return live.run(options)


def _info(options: argparse.Namespace) -> int:
    from emorec import analyzer

    printing.print_info(analyzer.load(options.model_path, options.device))
    return 0


def _serve(options: argparse.Namespace) -> int:
    require("app", "gradio", "starlette", "anyio")
    from emorec.ui import app

    library = ["--library", str(options.library)] if options.library else []
    port = ["--port", options.port] if options.port is not None else []
    return app.main([*(["--share"] if options.share else []), *port, *library])
