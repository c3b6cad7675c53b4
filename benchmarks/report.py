"""The results as a table, a picture, docs/PERFORMANCE.md and the README's section on speed."""

import re
import statistics
from pathlib import Path

import altair as alt

from benchmarks import tables

MARKS = ("<!-- speed -->", "<!-- /speed -->")


def picture(results, path):
    """Draw the memory over the share of each run that is done."""
    values = [
        {"minutes": f"{minutes:g} minutes", "done": 100 * time / jobs[0]["wall"], "MB": resident / tables.MEGA}
        for minutes, jobs in sorted(tables.memory(results).items())
        for time, resident in jobs[0]["memory"]
    ]
    encoding = {
        "x": alt.X("done:Q", title="share of the run (%)"),
        "y": alt.Y("MB:Q", title="memory, decoding processes included (MB)"),
        "color": alt.Color("minutes:N", title="recording", sort=None),
    }
    alt.Chart(alt.Data(values=values)).mark_line().encode(**encoding).properties(width=640, height=260).save(str(path))


def write(results, folder, root=None):
    """Write the table, the picture and the document to ``folder``; with ``root`` also into docs and the README."""
    picture(results, folder / "memory.png")
    (folder / "PERFORMANCE.md").write_text(document(results))
    if root is None:
        return
    (root / "docs").mkdir(exist_ok=True)
    picture(results, root / "docs" / "memory.png")
    (root / "docs" / "PERFORMANCE.md").write_text(document(results))
    readme = root / "README.md"
    readme.write_text(with_section(readme.read_text(), section(results)))


def document(results):
    """docs/PERFORMANCE.md."""
    facts = results["facts"]
    machine = facts["machine"]
    return f"""# Performance

Written by `{_command(facts)}` on {machine["cores"]} cores ({machine["processor"]}), CPU only unless a row says otherwise.
Faces were found by {tables.detector(results)}. Face and voice both on, five pictures a second, every person followed, observations stored. Medians over the repeats,
and the spread from the least to the most; targets compare with the median. Ratios are between runs that
follow each other.

{tables.table(results)}

The naive loop opens, seeks, decodes, detects and encodes for every window of 3 s with the same networks; its cost is
that of some windows spread over the recording. A second look decides again over stored observations.

## Where the time goes

CPU time of one analysis, by stage. For this table alone the recording is decoded in the analysing process, where it can
be watched. What no stage claims is the codec's own threads and a little Python; with it the stages sum up to all.

{tables.stage_table(results)}
### What remains, and why

{_beside("profile.md")}

## Memory

![Memory over the run](memory.png)

{tables.memory_table(results)}

## What the shortcuts cost

{_beside("shortcuts.md")}

## Commands

```
make bench           # everything, into out/bench; begins no job after 25 minutes: run it again until all is done
make bench QUICK=1   # about two minutes
make bench DOCS=1    # everything, and this file and the README's section from it
make bench DOCS=1 MEDIA=FILE          # the same on a recording of your own
python -m benchmarks --fresh          # forget what was measured so far
python -m benchmarks --only 'memory*' # some jobs only
python -m benchmarks --page            # the page in Chromium on an hour: first points, redraws, zooming, opening
python -m benchmarks.shortcuts DATA   # the cost of each shortcut, on the JavaneseAV clips in DATA
py-spy record --rate 25 --output profile.svg -- python -m emorec analyze FILE
```
"""  # noqa: E501


def _beside(name):
    """The text that another measurement wrote into a file in this folder."""
    file = Path(__file__).parent / name
    return file.read_text().strip() if file.exists() else "Not measured."


def section(results):
    """The README's lines on speed."""
    chosen = [row for row in tables.rows(results) if row[2] and "times real time" in row[0]]
    lines = ["| two-core CPU, face and voice both on | times real time |", "|---|---|"]
    lines[0] = lines[0].replace("two-core", f"{results['facts']['machine']['cores']}-core")
    lines += [
        f"| {what.removesuffix(', times real time')} | {tables.number(statistics.median(values))} |"
        for what, _, values in chosen
    ]
    return "\n".join(
        [*lines, "", "More in [docs/PERFORMANCE.md](docs/PERFORMANCE.md); `make bench` measures it again."]
    )


def with_section(readme, text):
    """The README with the text between the marks replaced."""
    begin, end = (re.escape(mark) for mark in MARKS)
    return re.sub(f"{begin}.*?{end}", lambda _: f"{MARKS[0]}\n{text}\n{MARKS[1]}", readme, flags=re.DOTALL)


def _command(facts):
    given = " --media FILE" if facts["given"] else ""
    return (
        "make bench"
        if (facts["plan"], given) == ("full", "")
        else f"python -m benchmarks --plan {facts['plan']}{given}"
    )
