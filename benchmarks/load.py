"""Crowds of visitors on a page of its own on the loopback: is one more visitor still served, and what stays behind?

    python benchmarks/load.py                       # every crowd, whole
    python benchmarks/load.py --only idle,health --scale 0.1
    python benchmarks/load.py --table out/load.md

For each crowd the server is started on a free port with an empty cache. Once every member is at work or was turned
away, another visitor uploads a recording of two seconds and waits for its timeline. Then the crowd leaves, and the
server's memory, open descriptors and visitors' files are looked at once more; in the end it is killed and started
again. Every crowd is bounded in number and in time, and everything that was started is ended however the run ends.
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

SERVED_WITHIN = 15.0  # seconds that the other visitor may wait
WATCHED = 120.0  # seconds that the other visitor is waited for at most
SETTLES_WITHIN = 90.0  # seconds after a crowd has left, until its files must be gone
GATHERS = 60.0  # seconds after which the other visitor comes although not everybody of the crowd is there
STAYS = 3.0  # seconds that everybody has been there before the other visitor comes


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one crowd did: seconds that the other visitor waited (None: not served), MB, descriptors, files left.

    ``at_work`` says how many members, and what of theirs the server held, when the other visitor came.
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
    def held(self) -> bool:
        """Whether the other visitor was served in time and nothing stayed."""
        return self.seconds is not None and self.seconds <= SERVED_WITHIN and not self.left and not self.left_after_kill


def main(arguments: list[str] | None = None) -> int:
    """Try the crowds and print the table; the exit code is 1 where one of them was not held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(crowds.CROWDS), help="crowds to try, with commas between them")
    parser.add_argument("--scale", type=float, default=1.0, help="share of every crowd that comes (1.0)")
    parser.add_argument("--limit", type=float, default=180.0, help="seconds that a crowd stays at most (180)")
    parser.add_argument("--times", type=int, default=1, help="how often each crowd comes to its server (1)")
    parser.add_argument("--table", type=Path, help="file to write the table to")
    options = parser.parse_args(arguments)
    names = [name for name in options.only.split(",") if name]
    if unknown := set(names) - set(crowds.CROWDS):
        parser.error(f"there is no crowd {', '.join(unknown)}; there are {', '.join(crowds.CROWDS)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a server that was started is ended then, too
    results = []
    with tempfile.TemporaryDirectory(prefix="emorec-load-") as folder:
        media = crowd_scene.Media(Path(folder))
        for name in names:
            own = Path(folder, name)
            own.mkdir()
            if name == "long":
                media.long  # noqa: B018 - made before its crowd comes, since that takes long
            results.append(tried(name, own, media, options.scale, options.limit, options.times))
            print(as_table(results), flush=True)
    if options.table:
        options.table.parent.mkdir(parents=True, exist_ok=True)
        options.table.write_text(as_table(results) + "\n", encoding="utf-8")
    return 0 if all(result.held for result in results) else 1


def tried(name: str, folder: Path, media: crowd_scene.Media, scale: float, limit: float, times: int = 1) -> Measured:
    """One crowd on a server of its own, which comes ``times`` times."""
    kind = crowds.CROWDS[name]
    number = max(1, round(kind.number * scale))
    # What is stored is each visitor's own, as on a server for strangers; else one analysis would do for all of them.
    settings = {"EMOREC_SHARED_STORE": "off"}
    with (
        crowd_scene.slow_site() as site,
        running(Server(folder, settings | {"EMOREC_ALLOW_HOSTS": site.address[7:]})) as server,
    ):
        crowds.visit(server.address, media.short, WATCHED)  # what is loaded once for all is no growth
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
            gather(scene, len(crowd), min(GATHERS, limit), downloading=name == "links")
            at_work, turned_away = held_by(name, server, scene), tally.turned_away
            seconds, said = crowds.visit(server.address, media.short, WATCHED)
            waits.append(seconds)
            stop.set()
            timer.cancel()
            for member in crowd:
                member.join(30)
            deadline = time.monotonic() + SETTLES_WITHIN
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
    """Wait until every member is at work or was turned away, and has been for STAYS seconds.

    ``downloading`` also waits until the server has begun to fetch a link, since starting that takes seconds.
    """
    tally, since = scene.tally, None
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        there = tally.at_work + tally.turned_away + tally.through >= number
        there = there and (scene.site.open > 0 or not downloading)
        since = (since or time.monotonic()) if there else None
        if since and time.monotonic() - since >= STAYS:
            return
        time.sleep(0.1)


def held_by(name: str, server: Server, scene: crowd_scene.Scene) -> str:
    """How many members are at work by their own count, and what the server or the site has of them."""
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
    """Markdown: a row a crowd."""
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
            "yes" if result.held else "no",
        )
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
