"""A short run of the fuzz harness: no damaged file crashes or hangs the analysing process."""

import sys

import pytest

from support.paths import ROOT

sys.path.insert(0, str(ROOT))
from benchmarks import fuzz, mutants

MUTANTS = 96  # each format once with every kind of damage


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return fuzz.run(tmp_path_factory.mktemp("fuzz"), range(MUTANTS), seed=2)


def test_every_mutant_is_analysed_or_refused_in_one_sentence(results):
    assert len(results) == MUTANTS
    assert [result for result in results if result["outcome"] not in ("analysed", "refused")] == []


def test_both_outcomes_occur_and_every_format_is_tested(results):
    outcomes = [result["outcome"] for result in results]
    assert outcomes.count("analysed") > 20 and outcomes.count("refused") > 20
    assert {result["suffix"] for result in results} == set(mutants.CONTAINERS + mutants.PICTURES)
    assert {result["kind"] for result in results} == set(mutants.KINDS)


def test_a_crash_and_a_hang_are_detected(tmp_path, monkeypatch):
    """The harness itself detects what it must detect."""
    for program, outcome in (
        ("import os; print('ready', flush=True); input(); os.abort()", "crashed"),
        ("import time; print('ready', flush=True); input(); time.sleep(99)", "hung"),
    ):
        script = tmp_path / f"{outcome}.py"
        script.write_text(program)
        monkeypatch.setattr(fuzz, "__file__", str(script))
        seconds = 60 if outcome == "crashed" else 0.5
        found = fuzz.run(tmp_path, range(2), seed=1, seconds=seconds)
        assert [result["outcome"] for result in found] == [outcome] * 2


def test_a_mutant_depends_only_on_its_number(tmp_path):
    sound = mutants.seeds(tmp_path)
    first = [mutants.mutant(sound, number, 7) for number in range(96)]
    assert first == [mutants.mutant(sound, number, 7) for number in range(96)]
    changed = sum(content != sound[suffix] for suffix, _, content in first)
    assert changed > 90
