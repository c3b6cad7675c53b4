"""The options that ``emorec batch`` has beside those of ``emorec analyze``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from emorec import download

INPUTS_HELP = (
    "files; folders, with the folders in them; patterns such as 'videos/**/*.mp4'; lists of these in text files "
    "(list.txt or @list), one a line (a list cannot contain lists); links; and s3://, "
    "gs://, hf:// URLs of objects, folders and patterns"
)
OUT_HELP = (
    "folder for a folder of results for each recording and the manifest; the same command continues there, and does "
    "nothing twice that is done with the same choices and has not changed"
)
WORKERS_HELP = "recordings analyzed side by side, each in a process of its own (default 1; 0: in this process)"
ENGINE_HELP = "local: processes of this machine (default); ray: a Ray cluster, which divides long recordings"
ADDRESS_HELP = "HOST:PORT of a Ray cluster, or auto for one of this machine (default: start one for --workers)"
CPUS_HELP = "processors for a recording, or a part of one, in a Ray cluster (default 1)"
GPUS_HELP = "GPUs for it, also a share of one such as 0.25 (default 0; with --device cuda 1)"
HEIGHT_HELP = f"a link's video is at most so many pixels high (default {download.MAX_HEIGHT})"
RETRY_HELP = "also try again what failed earlier (default: only if its file or a choice has changed)"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument("media", nargs="*", metavar="INPUT", help=INPUTS_HELP)
    group = parser.add_argument_group("how the batch runs, and what it writes")
    group.add_argument("--out", "-o", type=Path, required=True, metavar="DIR", help=OUT_HELP)
    group.add_argument("--workers", type=int, default=1, metavar="N", help=WORKERS_HELP)
    group.add_argument("--engine", choices=("local", "ray"), default="local", help=ENGINE_HELP)
    group.add_argument("--ray_address", "--ray-address", metavar="ADDRESS", help=ADDRESS_HELP)
    cpus, gpus = ("--cpus_per_item", "--cpus-per-item"), ("--gpus_per_item", "--gpus-per-item")
    group.add_argument(*cpus, type=float, metavar="N", help=CPUS_HELP)
    group.add_argument(*gpus, type=float, metavar="N", help=GPUS_HELP)
    group.add_argument("--retry", action="store_true", help=RETRY_HELP)
    group.add_argument("--quiet", action="store_true", help="print only failures, and why a batch ends early")
    group.add_argument(
        "--format",
        action=Listed,
        default="csv,json",
        metavar="F",
        help="formats as of emorec analyze (default csv,json)",
    )
    group.add_argument("--locale", default="en", metavar="L", help="numbers in CSV and TSV: en or de (default en)")
    group.add_argument("--plot", action="store_true", help="also write a chart (.png) of each recording")
    group.add_argument("--report", action="store_true", help="also write a report (.report.html) of each recording")
    group.add_argument(
        "--blur", action="store_true", help="hide the faces in the reports, .report.faces-hidden.html, behind a mosaic"
    )
    group.add_argument(
        *("--max_height", "--max-height"),
        type=int,
        default=download.MAX_HEIGHT,
        metavar="N",
        help=HEIGHT_HELP,
    )


class Listed(argparse.Action):
    """An option with commas between its values that may be given several times: all of them count."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        given = [*getattr(namespace, f"all_{self.dest}", ()), str(values)]
        setattr(namespace, f"all_{self.dest}", given)
        setattr(namespace, self.dest, ",".join(given))
