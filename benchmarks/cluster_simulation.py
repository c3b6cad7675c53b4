"""``python -m benchmarks.cluster_simulation``: how long a cluster takes for recordings of many lengths, on paper.

The cluster gives the next item in the queue to the first free core (list scheduling). An item takes a fixed time to
start and a time that grows with its length; one of more than 20 minutes is divided, its parts are items of their own,
and it is joined when the last one ends. ``--check`` compares this with a batch on a Ray cluster of this machine.
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

DESCRIPTION = "How long a cluster takes for recordings of many lengths, on paper."
HOUR = 3600.0
# A mix of lengths: shares of the items, the median (s) and the spread (of the logarithm) of each kind.
MIX = ((0.55, 90.0, 0.9), (0.30, 900.0, 0.7), (0.15, 3600.0, 0.5))
LONGEST = 6 * HOUR
AHEAD = 2  # items in work for each core


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Core seconds: of an item's ``start``, ``rate`` for each second of media, of a part's ``join``, and of the driver
    for each item. ``lead`` (s of media) is decoded before a part for its tracker, ``divide`` (s) is the longest item
    that stays whole, ``worker`` (s) the start of a worker process."""

    start: float = 0.25
    rate: float = 0.031
    join: float = 0.1
    driver: float = 0.002
    lead: float = 20.0
    divide: float = 1200.0
    worker: float = 6.0


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """The result of a simulated batch: its ``seconds``, and the core seconds in which a core was ``busy``.

    ``wait`` (s) begins when the first core has nothing more to do. ``pieces`` is how many tasks were run.
    """

    seconds: float
    busy: float
    wait: float
    pieces: int


def lengths(hours: float, seed: int = 0) -> np.ndarray:
    """Lengths (s) of recordings of the MIX, that last so many hours together: the last one is cut to fit."""
    random = np.random.default_rng(seed)
    shares, medians, spreads = (np.array(column) for column in zip(*MIX, strict=True))
    mean = float((shares * medians * np.exp(spreads**2 / 2)).sum())
    drawn = np.zeros(0)
    while drawn.sum() < hours * HOUR:
        kinds = random.choice(len(MIX), size=max(16, math.ceil(hours * HOUR / mean)), p=shares)
        more = medians[kinds] * np.exp(spreads[kinds] * random.standard_normal(len(kinds)))
        drawn = np.concatenate([drawn, np.clip(more, 2.0, LONGEST)])
    ends = np.cumsum(drawn)
    count = int(np.searchsorted(ends, hours * HOUR)) + 1
    drawn = drawn[:count]
    drawn[-1] -= ends[count - 1] - hours * HOUR
    return drawn


def pieces(length: float, costs: Costs) -> list[float]:
    """Core seconds of an item's tasks: one if it stays whole, else one of each of its equal parts."""
    count = max(1, math.ceil(length / costs.divide))
    part = length / count
    first = costs.start + costs.rate * part
    return [first] + [first + costs.rate * min(costs.lead, part * number) for number in range(1, count)]


def simulate(media: Sequence[float], slots: int, costs: Costs) -> Simulated:
    """Run items of the given lengths (s), in their order, on so many cores.

    As in the batch, AHEAD items for each core are started at once, by the driver one after the other. The parts of
    an item are started when its first task has ended, and joined when the last part has.
    """
    free = [costs.worker] * slots
    waiting = deque(media)
    ready: deque[tuple[float, int, float]] = deque()  # since when, item, core seconds
    running: list[tuple[float, int]] = []  # end of a piece, and its item
    left: dict[int, int] = {}  # unfinished pieces of an item
    divided: dict[int, list[float]] = {}  # parts that the first task of an item will give
    joins: set[int] = set()
    driver, busy, count, last = 0.0, 0.0, 0, 0.0
    active, started = 0, 0  # items in work, and all that were ever started
    heapq.heapify(free)

    def refill(now: float) -> None:
        nonlocal driver, active, started
        while waiting and active < AHEAD * slots:
            parts = pieces(waiting.popleft(), costs)
            driver = max(driver, now) + costs.driver
            active, item = active + 1, started
            started += 1
            if len(parts) > 1:
                divided[item] = parts
            left[item] = 1
            ready.append((driver, item, costs.start if len(parts) > 1 else parts[0]))

    refill(0.0)
    while ready or running:
        while ready and (not running or max(free[0], ready[0][0]) <= running[0][0]):
            since, item, cost = ready.popleft()
            end = max(heapq.heappop(free), since) + cost
            heapq.heappush(free, end)
            heapq.heappush(running, (end, item))
            busy, count = busy + cost, count + 1
        now, item = heapq.heappop(running)
        last = max(last, now)
        left[item] -= 1
        if left[item]:
            continue
        if item in divided:
            parts = divided.pop(item)
            left[item] = len(parts)
            joins.add(item)
            ready.extend((now, item, cost) for cost in parts)
        elif item in joins:
            joins.remove(item)
            left[item] = 1
            ready.append((now, item, costs.join))
        else:
            active -= 1
            refill(now)
    return Simulated(seconds=last, busy=busy, wait=last - min(free), pieces=count)


def table(hours: float, nodes: Iterable[int], cores: int, costs: Costs) -> str:
    """The simulated batches as a table in Markdown."""
    media = [float(length) for length in lengths(hours)]
    out = ["| nodes | cores | wall time, h | cores busy | idle at the end, min | h of media an hour |"]
    out.append("|---:|---:|---:|---:|---:|---:|")
    for count in nodes:
        found = simulate(media, count * cores, costs)
        share = found.busy / (found.seconds * count * cores)
        speed = hours * HOUR / found.seconds
        row = f"{count} | {count * cores} | {found.seconds / HOUR:.2f} | {share:.1%} | {found.wait / 60:.1f}"
        out.append(f"| {row} | {speed:,.0f} |")
    return f"{len(media):,} recordings, {hours:,.0f} h of media\n\n" + "\n".join(out)


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, or check the simulation, and print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_simulation", description=DESCRIPTION)
    known = Costs()
    parser.add_argument("--hours", type=float, default=20_000.0, help="hours of media (20000)")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 10, 100, 1000], help="numbers of machines")
    parser.add_argument("--cores", type=int, default=16, help="cores of a machine (16)")
    parser.add_argument("--start", type=float, default=known.start, help="core seconds to start an item")
    parser.add_argument("--rate", type=float, default=known.rate, help="core seconds for a second of media")
    parser.add_argument("--driver", type=float, default=known.driver, help="seconds of the driver for an item")
    parser.add_argument("--whole", action="store_true", help="do not divide long recordings")
    parser.add_argument("--check", action="store_true", help="measure eight recordings on a Ray cluster, and compare")
    options = parser.parse_args(arguments)
    if options.check:
        from benchmarks import cluster_check

        print(cluster_check.check())
        return
    divide = LONGEST if options.whole else known.divide
    costs = Costs(start=options.start, rate=options.rate, driver=options.driver, divide=divide)
    print(table(options.hours, options.nodes, options.cores, costs))


if __name__ == "__main__":
    main()
