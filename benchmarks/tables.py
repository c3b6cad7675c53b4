"""The results as tables: targets and measurements, stages, and memory."""

import statistics

from benchmarks.plan import MINUTE, PLANS

MEGA = 1e6
PEAKS = ("peak", "peak together", "peak with looks")
PICTURES = 5  # sampled per second of media


def rows(results):
    """The table: (what, target, values), ``values`` are those of the repeats, [] if nothing was measured."""
    names = ["given"] if results["facts"]["given"] else ["720p", "360p"]
    speed, decoding = {"720p": 20, "360p": 45}, {"720p": 1.0, "360p": 3.5}
    found = []
    for name in names:
        found.append(
            (
                f"{name}, end to end, times real time",
                _at_least(speed.get(name)),
                [job["media"] / job["wall"] for job in _jobs(results, f"analyse {name}")],
            )
        )
    found.append(
        (
            "sound only, times real time",
            _at_least(150),
            [job["media"] / job["wall"] for job in _jobs(results, "analyse sound")],
        )
    )
    for name in names:
        pairs = _pairs(results, f"analyse {name}", f"decode {name}")
        found.append(
            (
                f"{name}, wall time over a plain full decode of it",
                _at_most(decoding.get(name)),
                [whole["wall"] / decode["wall"] for whole, decode in pairs],
            )
        )
    for name in names:
        pairs = _pairs(results, f"analyse {name}", f"naive {name}")
        found.append(
            (
                f"{name}, times the naive loop at a step of 0.5 s",
                _at_least(20),
                [_naive_rate(naive) / (whole["wall"] / whole["media"]) for whole, naive in pairs],
            )
        )
    long = memory(results)
    if len(long) > 1:
        shortest, longest = min(long), max(long)
        pairs = _pairs(results, f"memory {longest:g} minutes", f"memory {shortest:g} minutes")
        found.append(
            (
                f"peak memory for {longest:g} minutes over that for {shortest:g}",
                _at_most(1.10),
                [most["peak"] / least["peak"] for most, least in pairs],
            )
        )
        found.append(
            (f"peak memory for {longest:g} minutes, MB", _at_most(1000), [job["peak"] / MEGA for job in long[longest]])
        )
        for name in long[longest][0]["looks"]:
            seconds = [second for job in long[longest] for second in job["looks"][name]]
            found.append((f"second look at {longest:g} minutes: {name}, s", _at_most(0.5), seconds))
    minutes = PLANS[results["facts"]["plan"]].longest / MINUTE
    found.append(
        (
            f"first window of {minutes:g} minutes of 720p, s",
            _at_most(3.0),
            [job["wall"] for job in _jobs(results, "first window")],
        )
    )
    found.append(
        (
            "two at once, throughput over one after the other",
            _at_least(1.0),
            [job["one after the other"] / job["at once"] for job in _jobs(results, "together")],
        )
    )
    peer = _jobs(results, "fer 360p")
    if peer and not peer[0].get("missing"):
        found.append(
            (
                "for comparison, the fer library: faces only, times real time",
                None,
                [job["media"] / job["wall"] for job in peer],
            )
        )
    for name in names:
        if jobs := _jobs(results, f"cuda {name}"):
            rates = [job["media"] / job["wall"] for job in jobs]
            found.append((f"{name} with a GPU, times real time", None, rates))
            found.append((f"{name} with a GPU, sampled pictures a second", None, [PICTURES * rate for rate in rates]))
    return found


def table(results):
    """The rows as a Markdown table."""
    lines = ["| what | target | measured | spread | |", "|---|---|---|---|---|"]
    for what, target, values in rows(results):
        target_text = f"{'at least' if target and target[0] else 'at most'} {target[1]:g}" if target else ""
        if not values:
            lines.append(f"| {what} | {target_text} | not measured | | |")
            continue
        middle = statistics.median(values)
        spread = f"{number(min(values))} to {number(max(values))}" if len(values) > 1 else ""
        verdict = "" if target is None else "met" if _is_met(target, middle) else "**not met**"
        lines.append(f"| {what} | {target_text} | {number(middle)} | {spread} | {verdict} |")
    return "\n".join(lines)


def stage_table(results):
    """The processor time of each stage: ms per second of media, and its share."""
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


def _jobs(results, name):
    """The successful repeats of a job."""
    return [*_numbered(results, name).values()]


def _pairs(results, name, other):
    """The repeats in which both jobs succeeded; they ran one after the other."""
    these, those = _numbered(results, name), _numbered(results, other)
    return [(job, those[repeat]) for repeat, job in these.items() if repeat in those]


def _numbered(results, name):
    """{repeat: job} of a job's successful repeats."""
    found = {key.rpartition(" #")[2]: job for key, job in results["jobs"].items() if key.rpartition(" #")[0] == name}
    return {repeat: job for repeat, job in found.items() if "failed" not in job}


def detector(results):
    return next((job["detector"] for job in results["jobs"].values() if "detector" in job), "no detector")


def memory(results):
    """{minutes: its successful repeats}."""
    found = {}
    for key, job in results["jobs"].items():
        if key.startswith("memory ") and "failed" not in job:
            found.setdefault(float(key.split()[1]), []).append(job)
    return found


def failures(results):
    """A line on every job that failed."""
    return "\n".join(f"{key} failed: {job['failed']}" for key, job in results["jobs"].items() if "failed" in job)


def memory_table(results):
    lines = [
        "| recording | peak of the analysing process, MB | with its decoding processes, MB | after second looks, MB |",
        "|---|---|---|---|",
    ]
    for minutes, jobs in sorted(memory(results).items()):
        peaks = [statistics.median(job[name] for job in jobs) / MEGA for name in PEAKS]
        lines.append(f"| {minutes:g} minutes | " + " | ".join(f"{peak:.0f}" for peak in peaks) + " |")
    return "\n".join(lines)


def _naive_rate(job):
    """Seconds of work that the naive loop needs for a second of media."""
    return job["wall"] / job["windows"] / job["step"]


def _at_least(value):
    return value and (True, value)


def _at_most(value):
    return value and (False, value)


def _is_met(target, value):
    at_least, bound = target
    return value >= bound if at_least else value <= bound


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
