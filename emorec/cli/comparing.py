"""The command ``emorec compare``."""

from __future__ import annotations

import argparse
import sys

from emorec.output import names

SUFFIXES = (".json", ".csv", ".png")


def run(options: argparse.Namespace) -> int:
    """Compare a result with labels, print the comparison, and write what the options ask for. Raises EmorecError."""
    from emorec.agreement.compare import compare

    if options.save_plot:
        from emorec.output import chart_files

        chart_files.check_suffix(options.save_plot)
    comparison = compare(options.result, options.labels, options.map, options.tier, options.person)
    written = []
    if options.out:
        owner = f"{options.result.resolve()}\n{options.labels.resolve()}"
        # A folder such as "." gets its full name; a link to a file keeps the name by which it was given.
        named = options.result.resolve() if options.result.is_dir() else options.result
        name = names.claim(options.out, named, owner, lambda stem: f"{stem}.compare", SUFFIXES)
        written = [options.out / f"{name}{suffix}" for suffix in SUFFIXES]
        for path, write in zip(written, (comparison.to_json, comparison.to_csv, comparison.save_plot), strict=True):
            write(path)
    if options.save_plot:
        comparison.save_plot(options.save_plot)
        written.append(options.save_plot)
    if options.json:
        sys.stdout.write(comparison.to_json())
    else:
        print(comparison)
        for path in written:
            print(f"wrote {path}")
    sys.stdout.flush()
    return 0
