"""Which jobs a bench runs on which recordings, in the quick form and in the full one."""

from dataclasses import dataclass

import numpy as np

HD, SMALL = (1280, 720), (640, 360)
BOTH, SOUND = ("video", "audio"), ("audio",)
NAIVE_STEP = 0.5  # seconds
MINUTE = 60.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Lengths in seconds, ``repeats`` of every timed job and of those that measure memory, and ``limit`` (s) for one
    job."""

    name: str
    speed: float
    sound: float
    memory: tuple
    longest: float
    naive_windows: int
    repeats: int
    memory_repeats: int
    limit: float


FULL = Plan(
    name="full",
    speed=90.0,
    sound=600.0,
    memory=(5 * MINUTE, 20 * MINUTE, 60 * MINUTE),
    longest=120 * MINUTE,
    naive_windows=6,
    repeats=5,
    memory_repeats=2,
    limit=420.0,
)
QUICK = Plan(
    name="quick",
    speed=30.0,
    sound=120.0,
    memory=(1 * MINUTE, 4 * MINUTE),
    longest=20 * MINUTE,
    naive_windows=4,
    repeats=1,
    memory_repeats=1,
    limit=120.0,
)
TINY = Plan(
    name="tiny",
    speed=2.0,
    sound=2.0,
    memory=(2.0, 3.0),
    longest=3.0,
    naive_windows=1,
    repeats=1,
    memory_repeats=1,
    limit=120.0,
)
PLANS = {plan.name: plan for plan in (FULL, QUICK, TINY)}


def recordings(plan, given=None):
    """The recordings that are needed: {name: ((width, height), seconds, kinds)}."""
    wanted = {} if given else {"720p": (HD, plan.speed, BOTH), "360p": (SMALL, plan.speed, BOTH)}
    wanted |= {"360p, again": (SMALL, plan.speed + 1, BOTH), "sound": (SMALL, plan.sound, SOUND)}
    wanted |= {f"{seconds / MINUTE:g} minutes": (SMALL, seconds, BOTH) for seconds in plan.memory}
    # Twice as long as the packets of the 360p one take in the file, hence the larger one.
    return wanted | {"longest": (HD, plan.longest, BOTH)}


def jobs(plan, paths, given=None, cuda=False):
    """Everything to measure, in order: (key, job, arguments). Keys end with the number of the repeat."""
    speed = {"given": str(given)} if given else {name: str(paths[name]) for name in ("720p", "360p")}
    small = speed.get("360p", speed.get("given"))
    found = []
    for repeat in range(plan.repeats):
        for name, path in speed.items():
            # One after the other, so that both run under the same load.
            found.append((f"decode {name}", "decode", {"path": path}, repeat))
            found.append((f"analyse {name}", "analyse", {"path": path}, repeat))
        found.append(("analyse sound", "analyse", {"path": str(paths["sound"])}, repeat))
        found.append(("first window", "first_window", {"path": str(paths["longest"])}, repeat))
        for name, path in speed.items():
            windows = list(np.linspace(2.0, max(plan.speed - 2.0, 2.0), plan.naive_windows))
            found.append((f"naive {name}", "naive", {"path": path, "windows": windows, "step": NAIVE_STEP}, repeat))
        found.append(("together", "together", {"paths": [small, str(paths["360p, again"])]}, repeat))
    for name, path in speed.items():
        found.append((f"stages {name}", "stages", {"path": path}, 0))
    for seconds in plan.memory:
        name = f"{seconds / MINUTE:g} minutes"
        arguments = {"path": str(paths[name]), "looks": True}
        found += [(f"memory {name}", "analyse", arguments, repeat) for repeat in range(plan.memory_repeats)]
    found.append(("fer 360p", "fer", {"path": small, "seconds": min(10.0, plan.speed)}, 0))
    if cuda:
        found += [(f"cuda {name}", "analyse", {"path": path, "device": "cuda"}, 0) for name, path in speed.items()]
    return [(f"{key} #{repeat}", job, arguments) for key, job, arguments, repeat in found]
