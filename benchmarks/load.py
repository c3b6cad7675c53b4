"""Load test of the page: does it serve one more visitor while a crowd uses it, and what does the crowd leave behind?

    python benchmarks/load.py                       # every crowd, whole
    python benchmarks/load.py --only idle,health --scale 0.1
    python benchmarks/load.py --table out/load.md

For each crowd, a server is started on a free port of the loopback interface with an empty cache. When every member is
busy or was refused, another visitor uploads a recording of two seconds and waits for its timeline. Then the crowd
leaves, and the server's memory, open descriptors and visitors' files are measured again. At the end the server is
killed and started again. Each crowd has a limited size and duration, and every process is ended, also after an error.
Linux only.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import crowd_scene, crowds  # noqa: E402
from benchmarks.crowd_server import Server, running  # noqa: E402

SERVED_WITHIN = 15.0  # seconds; the limit for the other visitor's timeline
VISIT_TIMEOUT = 120.0  # seconds before the other visitor gives up
SETTLE_TIMEOUT = 90.0  # seconds after a crowd has left until its files must be removed
GATHER_TIMEOUT = 60.0  # seconds before the other visitor comes although the crowd is not complete
STEADY = 3.0  # seconds for which the crowd is complete before the other visitor comes


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The result of one crowd.

    ``at_work``: how many members were busy when the other visitor came, and what the server held of them; ``seconds``:
    how long the other visitor waited, None if not served; ``memory`` (MB) and open ``descriptors`` before and after;
    ``left``: files that stayed; ``said``: the error of the other visitor.
    """

    crowd: str
    at_work: str
    turned_away: int
    seconds: float | None
    memory: tuple[float, ...]
    descriptors: tuple[int, int]
    left: int
    left_after_kill: int
    said: str = ""

    @property
    def passed(self) -> bool:
        """Whether the other visitor was served in time and no file stayed."""
        return self.seconds is not None and self.seconds <= SERVED_WITHIN and not self.left and not self.left_after_kill


def main(arguments: list[str] | None = None) -> int:
    """Run the crowds and print the table; the exit code is 1 if a visitor was not served in time or files stayed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(crowds.CROWDS), help="crowds to run, separated by commas")
    parser.add_argument("--scale", type=float, default=1.0, help="share of each crowd that comes (1.0)")
    parser.add_argument("--limit", type=float, default=180.0, help="longest stay of a crowd in seconds (180)")
    parser.add_argument("--times", type=int, default=1, help="visits of each crowd to its server (1)")
    parser.add_argument("--table", type=Path, help="file to write the table to")
    options = parser.parse_args(arguments)
    names = [name for name in options.only.split(",") if name]
    if unknown := set(names) - set(crowds.CROWDS):
        parser.error(f"there is no crowd {', '.join(unknown)}; there are {', '.join(crowds.CROWDS)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a started server is ended
    results = []
    with tempfile.TemporaryDirectory(prefix="emorec-load-") as folder:
        media = crowd_scene.Media(Path(folder))
        for name in names:
            own = Path(folder, name)
            own.mkdir()
            if name == "long":
                media.long  # noqa: B018 - makes the file now, since that takes long
            results.append(run_crowd(name, own, media, options.scale, options.limit, options.times))
            print(as_table(results), flush=True)
    if options.table:
        options.table.parent.mkdir(parents=True, exist_ok=True)
        options.table.write_text(as_table(results) + "\n", encoding="utf-8")
    return 0 if all(result.passed for result in results) else 1


def run_crowd(
    name: str, folder: Path, media: crowd_scene.Media, scale: float, limit: float, times: int = 1
) -> Measured:
    """Run one crowd ``times`` times on its own server."""
    kind = crowds.CROWDS[name]
    number = max(1, round(kind.number * scale))
    # Features are stored for each visitor, as on a public server; else the first analysis would serve all of them.
    settings = {"EMOREC_SHARED_STORE": "off"}
    with (
        crowd_scene.slow_site() as site,
        running(Server(folder, settings | {"EMOREC_ALLOW_HOSTS": site.address[7:]})) as server,
    ):
        crowds.visit(server.address, media.short, VISIT_TIMEOUT)  # loads what is loaded only once, which is not growth
        time.sleep(1)
        memory, descriptors = [server.memory()], server.descriptors()
        waits: list[float | None] = []
        for _ in range(times):
            tally, stop = crowd_scene.Tally(), threading.Event()
            scene = crowd_scene.Scene(address=server.address, media=media, site=site, tally=tally, stop=stop)
            timer = threading.Timer(limit, stop.set)
            timer.start()
            crowd = [
                threading.Thread(target=kind.member, args=(scene,), daemon=True)
                for _ in range(max(1, number // kind.each))
            ]
            for member in crowd:
                member.start()
            gather(scene, len(crowd), min(GATHER_TIMEOUT, limit), downloading=name == "links")
            at_work, turned_away = describe_held(name, server, scene), tally.turned_away
            seconds, said = crowds.visit(server.address, media.short, VISIT_TIMEOUT)
            waits.append(seconds)
            stop.set()
            timer.cancel()
            for member in crowd:
                member.join(30)
            deadline = time.monotonic() + SETTLE_TIMEOUT
            while (server.files() or server.descriptors() > descriptors) and time.monotonic() < deadline:
                time.sleep(1)
            memory.append(server.memory())
        open_after, left = server.descriptors(), server.files()
        server.end(signal.SIGKILL)
        server.start()
        return Measured(
            crowd=kind.words.format(number=number),
            at_work=at_work,
            turned_away=turned_away,
            seconds=None if None in waits else max(waits),
            memory=tuple(memory),
            descriptors=(descriptors, open_after),
            left=left,
            left_after_kill=server.files(),
            said=said,
        )


def gather(scene: crowd_scene.Scene, number: int, within: float, downloading: bool = False) -> None:
    """Wait until every member has been busy, finished or refused for STEADY seconds.

    With ``downloading``, also wait until the server has begun to download a link, which takes seconds.
    """
    tally, since = scene.tally, None
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        there = tally.at_work + tally.turned_away + tally.through >= number
        there = there and (scene.site.open > 0 or not downloading)
        since = (since or time.monotonic()) if there else None
        if since and time.monotonic() - since >= STEADY:
            return
        time.sleep(0.1)


def describe_held(name: str, server: Server, scene: crowd_scene.Scene) -> str:
    """How many members are busy by their own count, and what the server or the site has of them."""
    tally, seen = scene.tally, ""
    if name == "idle":
        seen = f"{server.connections()} connections"
    elif name == "uploads":
        seen = f"{server.unfinished()} unfinished files"
    elif name == "health":
        seen = f"{tally.answers} answered before"
    elif name == "links":
        seen = f"{scene.site.open} downloading"
    elif tally.through:
        seen = f"{tally.through} done before"
    return f"{tally.at_work} ({seen})" if seen else str(tally.at_work)


def as_table(results: list[Measured]) -> str:
    """A Markdown table with a row for each crowd."""
    rows = [
        "| crowd | at work | turned away | another visitor's two seconds | memory before, after (MB) "
        "| descriptors before, after | files left | after kill and restart | held |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for result in results:
        cells = (
            result.crowd,
            result.at_work,
            result.turned_away,
            "not served: " + result.said if result.seconds is None else f"{result.seconds:.1f} s",
            ", ".join(f"{memory:.0f}" for memory in result.memory),
            "{}, {}".format(*result.descriptors),
            result.left,
            result.left_after_kill,
            "yes" if result.passed else "no",
        )
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
