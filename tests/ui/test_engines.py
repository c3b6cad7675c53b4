"""Checkpoints that visitors choose: loaded once, one slow to come holds up no other, those in use stay."""

import threading
from dataclasses import dataclass

import pytest

from emorec.errors import EmorecError
from emorec.ui.jobs.analyzers import MOST, Analyzers

PATIENCE = 30  # seconds


@dataclass(eq=False)
class Named:
    name: str


class Hub:
    """Loads an engine for a name; names in ``slow`` wait for ``go``."""

    def __init__(self, *slow):
        self.loaded, self.slow, self.go, self.asked = [], slow, threading.Event(), threading.Event()

    def __call__(self, name):
        self.loaded.append(name)
        if name in self.slow:
            self.asked.set()
            assert self.go.wait(PATIENCE)
        if name == "org/missing":
            raise EmorecError("There is none.")
        return Named(name)


def test_checkpoints_are_loaded_once_and_the_oldest_forgotten():
    hub = Hub()
    analyzers = Analyzers("default", hub)
    assert analyzers.get("") == analyzers.get(None) == analyzers.get("  ") == "default"
    assert analyzers.get("org/a") is analyzers.get(" org/a ")
    others = [f"org/{number}" for number in range(MOST)]
    for name in others:
        analyzers.get(name)
    analyzers.get("org/a")
    assert hub.loaded == ["org/a", *others, "org/a"]


def test_a_checkpoint_that_is_in_use_is_not_loaded_again_whatever_else_is_asked_for():
    hub = Hub()
    analyzers = Analyzers("default", hub)
    held = analyzers.get("org/a")
    for number in range(2 * MOST):
        analyzers.get(f"org/{number}")
    assert analyzers.get("org/a") is held and hub.loaded.count("org/a") == 1


def test_a_checkpoint_that_is_slow_to_come_holds_up_no_other():
    hub = Hub("org/slow")
    analyzers = Analyzers("default", hub)
    known = analyzers.get("org/known")
    found = []
    waiting = [threading.Thread(target=lambda: found.append(analyzers.get("org/slow")), daemon=True) for _ in range(2)]
    for thread in waiting:
        thread.start()
    assert hub.asked.wait(PATIENCE)
    others = []
    asking = threading.Thread(target=lambda: others.extend(map(analyzers.get, ("org/known", "org/new"))), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    assert [analyzer.name for analyzer in others] == ["org/known", "org/new"] and others[0] is known
    hub.go.set()
    for thread in waiting:
        thread.join(PATIENCE)
    assert found[0] is found[1] and hub.loaded.count("org/slow") == 1


def test_a_checkpoint_that_could_not_be_loaded_is_tried_again():
    hub = Hub()
    analyzers = Analyzers("default", hub)
    for _ in range(2):
        with pytest.raises(EmorecError):
            analyzers.get("org/missing")
    assert hub.loaded == ["org/missing"] * 2
