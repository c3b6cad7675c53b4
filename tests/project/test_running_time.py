"""A wait counts only the time in which the program was running."""

import math

from emorec.running_time import RunningTime
from support.clock import Clock


def test_of_a_pause_of_the_program_only_a_moment_counts():
    clock = Clock()
    waited = RunningTime(2.0, clock)
    clock.now = 1.5
    assert waited.passed() == 1.5
    clock.now = 3601.5
    assert waited.passed() == 3.5
    clock.now = 3602.0
    assert waited.passed() == 4.0


def test_a_wait_without_a_pause_ends():
    clock = Clock()
    waited, looks = RunningTime(2.0, clock), 0
    while waited.passed() < 60.0:
        clock.now += 1.0
        looks += 1
    assert math.isclose(clock.now, 60.0) and looks == 60
