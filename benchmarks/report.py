"""The results as a table, a picture, docs/PERFORMANCE.md and the README's section on speed."""

import re
import statistics
from pathlib import Path

import altair as alt

from benchmarks.plan import MINUTE, PLANS

MARKS = ("<!-- speed -->", "<!-- /speed -->")
MEGA = 1e6


def rows(results):
    """The table: (what, target, values), values being the repeats or [] where nothing was measured."""
    names = ["given"] if results["facts"]["given"] else ["720p", "360p"]
    speed, decoding = {"720p": 20, "360p": 45}, {"720p": 1.0, "360p": 3.5}
    found = []
    for name in names:
        found.append((f"{name}, end to end, times real time", _least(speed.get(name)),
                      [job["media"] / job["wall"] for job in _jobs(results, f"analyse {name}")]))  # fmt: skip
    found.append(("sound only, times real time", _least(150),
                  [job["media"] / job["wall"] for job in _jobs(results, "analyse sound")]))  # fmt: skip
    for name in names:
        pairs = zip(_jobs(results, f"analyse {name}"), _jobs(results, f"decode {name}"), strict=False)
        found.append((f"{name}, wall time over a plain full decode of it", _most(decoding.get(name)),
                      [whole["wall"] / decode["wall"] for whole, decode in pairs]))  # fmt: skip
    for name in names:
        pairs = zip(_jobs(results, f"analyse {name}"), _jobs(results, f"naive {name}"), strict=False)
        found.append((f"{name}, times the naive loop at a step of 0.5 s", _least(20),
                      [_naive_rate(naive) / (whole["wall"] / whole["media"]) for whole, naive in pairs]))  # fmt: skip
    memory = _memory(results)
    if len(memory) > 1:
        (shortest, least), (longest, most) = min(memory.items()), max(memory.items())
        found.append((f"peak memory for {longest:g} minutes over that for {shortest:g}", _most(1.10),
                      [most["peak"] / least["peak"]]))  # fmt: skip
        found.append((f"peak memory for {longest:g} minutes, MB", _most(1000), [most["peak"] / MEGA]))
        for name, seconds in most["looks"].items():
            found.append((f"second look at {longest:g} minutes: {name}, s", _most(0.5), [seconds]))
    minutes = PLANS[results["facts"]["plan"]].longest / MINUTE
    found.append((f"first window of {minutes:g} minutes of 720p, s", _most(3.0),
                  [job["wall"] for job in _jobs(results, "first window")]))  # fmt: skip
    found.append(("two at once, throughput over one after the other", _least(1.0),
                  [job["one after the other"] / job["at once"] for job in _jobs(results, "together")]))  # fmt: skip
    peer = _jobs(results, "fer 360p")
    if peer and not peer[0].get("missing"):
        found.append(("for comparison, the fer library: faces only, times real time", None,
                      [job["media"] / job["wall"] for job in peer]))  # fmt: skip
    for name in names:
        if jobs := _jobs(results, f"cuda {name}"):
            found.append((f"{name} with a GPU, times real time", None, [job["media"] / job["wall"] for job in jobs]))
    return found


def table(results):
    """The rows as a Markdown table."""
    lines = ["| what | target | measured | spread | |", "|---|---|---|---|---|"]
    for what, target, values in rows(results):
        said = f"{'at least' if target and target[0] else 'at most'} {target[1]:g}" if target else ""
        if not values:
            lines.append(f"| {what} | {said} | not measured | | |")
            continue
        middle = statistics.median(values)
        spread = f"{_number(min(values))} to {_number(max(values))}" if len(values) > 1 else ""
        met = "" if target is None else "met" if _meets(target, middle) else "**not met**"
        lines.append(f"| {what} | {said} | {_number(middle)} | {spread} | {met} |")
    return "\n".join(lines)


def stage_table(results):
    """Where the processor's time goes: ms per second of media, and the share of all."""
    lines = []
    for key, job in results["jobs"].items():
        if not key.startswith("stages ") or "stages" not in job:
            continue
        name = key.removeprefix("stages ").split(" #")[0]
        lines += [f"| {name} | ms per second | share of CPU | share of wall |", "|---|---|---|---|"]
        for stage, seconds in job["stages"].items():
            ms, share, wall = 1000 * seconds / job["media"], seconds / job["cpu"], seconds / job["wall"]
            lines.append(f"| {stage} | {ms:.2f} | {share:.1%} | {wall:.1%} |")
        lines += [f"| all | {1000 * job['cpu'] / job['media']:.2f} | 100.0% | {job['cpu'] / job['wall']:.1%} |", ""]
    return "\n".join(lines)


def picture(results, path):
    """Draw the memory over the share of each run that is done."""
    values = [
        {"minutes": f"{minutes:g} minutes", "done": 100 * time / job["wall"], "MB": resident / MEGA}
        for minutes, job in sorted(_memory(results).items())
        for time, resident in job["memory"]
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
    facts, shortcuts = results["facts"], Path(__file__).parent / "shortcuts.md"
    machine = facts["machine"]
    return f"""# Performance

Written by `{_command(facts)}` on {machine["cores"]} cores ({machine["processor"]}), CPU only unless a row says otherwise.
Faces were found by {_detector(results)}. Face and voice both on, five pictures a second, every person followed, observations stored. Medians over the repeats,
and the spread from the least to the most; targets compare with the median. Ratios are between runs that
follow each other.

{table(results)}

The naive loop opens, seeks, decodes, detects and encodes for every window of 3 s with the same networks; its cost is
that of some windows spread over the recording. A second look decides again over stored observations.

## Where the time goes

CPU time of one analysis, by stage. For this table alone the recording is decoded in the analysing process, where it can
be watched. What no stage claims is the codec's own threads and a little Python; with it the stages sum up to all.

{stage_table(results)}
## Memory

![Memory over the run](memory.png)

{_memory_lines(results)}

## What the shortcuts cost

{shortcuts.read_text().strip() if shortcuts.exists() else "Not measured."}

## Commands

```
make bench           # everything, into out/bench; goes on where an interrupted one stopped
make bench QUICK=1   # about two minutes
make bench DOCS=1    # everything, and this file and the README's section from it
python -m benchmarks --media FILE     # on a recording of your own
python -m benchmarks.shortcuts DATA   # the cost of each shortcut, on the JavaneseAV clips in DATA
```
"""  # noqa: E501


def section(results):
    """The README's lines on speed."""
    chosen = [row for row in rows(results) if row[2] and "times real time" in row[0]]
    lines = ["| two-core CPU, face and voice both on | times real time |", "|---|---|"]
    lines[0] = lines[0].replace("two-core", f"{results['facts']['machine']['cores']}-core")
    lines += [
        f"| {what.removesuffix(', times real time')} | {_number(statistics.median(values))} |"
        for what, _, values in chosen
    ]
    return "\n".join(
        [*lines, "", "More in [docs/PERFORMANCE.md](docs/PERFORMANCE.md); `make bench` measures it again."]
    )


def with_section(readme, text):
    """The README with what stands between the marks replaced."""
    begin, end = (re.escape(mark) for mark in MARKS)
    return re.sub(f"{begin}.*?{end}", lambda _: f"{MARKS[0]}\n{text}\n{MARKS[1]}", readme, flags=re.DOTALL)


def _command(facts):
    given = " --media FILE" if facts["given"] else ""
    return (
        "make bench"
        if (facts["plan"], given) == ("full", "")
        else f"python -m benchmarks --plan {facts['plan']}{given}"
    )


def _jobs(results, name):
    """The repeats of a job that worked."""
    found = [job for key, job in results["jobs"].items() if key.rpartition(" #")[0] == name]
    return [job for job in found if "failed" not in job]


def _detector(results):
    return next((job["detector"] for job in results["jobs"].values() if "detector" in job), "no detector")


def _memory(results):
    """{minutes: job}."""
    found = {}
    for key, job in results["jobs"].items():
        if key.startswith("memory ") and "failed" not in job:
            found[float(key.split()[1])] = job
    return found


def _memory_lines(results):
    lines = ["| recording | peak of the analysing process, MB | with its decoding processes, MB |", "|---|---|---|"]
    lines += [
        f"| {minutes:g} minutes | {job['peak'] / MEGA:.0f} |" for minutes, job in sorted(_memory(results).items())
    ]
    return "\n".join(lines)


def _naive_rate(job):
    """Seconds of work that the naive loop needs for a second of media."""
    return job["wall"] / job["windows"] / job["step"]


def _least(value):
    return value and (True, value)


def _most(value):
    return value and (False, value)


def _meets(target, value):
    at_least, bound = target
    return value >= bound if at_least else value <= bound


def _number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
