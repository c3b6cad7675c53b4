"""The files around the code: what is pinned, what make does, what the image and the package hold."""

import functools
import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from support.imports import imported_by, project_files
from support.paths import ROOT

PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z,]+\])?==(?P<version>[0-9][A-Za-z0-9.]*)")
TARGETS = ["app", "test", "lint", "format", "bench", "screenshots", "clean", "help"]
REQUIREMENTS = ["requirements.txt", "tests/requirements.txt"]
STYLE = ["-m ruff check .", "-m ruff format --check ."]
TEACHERS = "train/requirements.txt"  # of these only files are looked at: they cannot be imported

# Stands for any Python: makes environments out of itself and notes what it is asked to do.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
  "-c "*) test ! -e too-old ;;
  "-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip install "*) echo "install ${*##* }" >>log; test ! -e no-network ;;
  *) echo "$*" >>log ;;
esac
"""


def requirements(file):
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    return [line for line in lines if line]


def pins(file):
    return {match["name"]: match["version"] for match in map(PINNED.fullmatch, requirements(file))}


@pytest.mark.parametrize("file", [*REQUIREMENTS, TEACHERS])
def test_every_requirement_is_pinned_to_the_version_that_is_tested(file):
    assert [line for line in requirements(file) if not PINNED.fullmatch(line)] == []
    assert {name: importlib.metadata.version(name) for name in pins(file)} == pins(file)


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_every_requirement_can_be_imported(file):
    modules = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(canonical(distribution), []).append(module)
    for name in pins(file):
        importable = [module for module in modules[canonical(name)] if module.isidentifier() and module[0] != "_"]
        importable = [module for module in importable if module != "adbc_driver_duckdb"]  # needs one more package
        assert importable, name
        for module in importable:
            importlib.import_module(module)


NOT_IMPORTED = {"silero-vad"}  # its weights are read as a file


def test_everything_that_is_pinned_is_used():
    files = project_files(ROOT)
    imported = set().union(*(imported_by(module, path, files) for module, path in files.items()))
    used = set().union(*map(distributions_of, {name.partition(".")[0] for name in imported}))
    assert {canonical(name) for name in pins("requirements.txt")} - used <= NOT_IMPORTED


@pytest.mark.parametrize(
    ("package", "extras"),
    [
        ("emorec", ["batch", "dataframe", "exports", "library", "ray"]),
        ("emorec.download", ["links"]),
        ("emorec.ui", ["app"]),
        ("hub", []),
        ("train", ["train"]),
    ],
)
def test_what_a_package_imports_is_installed_with_it_or_with_its_extra(package, extras):
    """``pip install emorec`` brings what the library and the command line import; other packages name an extra."""
    files = project_files(ROOT)
    own = {module: path for module, path in files.items() if package_of(module) == package}
    assert own
    imported = {name.partition(".")[0] for module, path in own.items() for name in imported_by(module, path, files)}
    outside = imported - sys.stdlib_module_names - {name.partition(".")[0] for name in files}
    required = {canonical(Requirement(text).name) for text in ranges(*extras)}
    assert {name for name in outside - TEACHERS_MODULES if not required & distributions_of(name)} == set()


TEACHERS_MODULES = {"resemblyzer", "moonshine_voice"}  # pinned in train/requirements.txt
PACKAGES = ("emorec.download", "emorec.ui", "emorec", "hub", "train")


def package_of(module):
    return next((package for package in PACKAGES if module == package or module.startswith(f"{package}.")), module)


def distributions_of(module):
    return {canonical(name) for name in packages_distributions().get(module, ())}


packages_distributions = functools.cache(importlib.metadata.packages_distributions)  # reads every installed package


def ranges(*extras):
    """The requirements of the package itself, and of some of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *(text for extra in extras for text in project["optional-dependencies"][extra])]


def test_every_range_goes_from_a_tested_version_to_the_next_major_one():
    every = {canonical(given.name): given.specifier for given in map(Requirement, ranges(*EXTRAS))}
    assert every.keys() - NOT_IN_THE_APP == {canonical(name) for name in pins("requirements.txt")}
    for name, version in pins("requirements.txt").items():
        bounds = {bound.operator: Version(bound.version) for bound in every[canonical(name)]}
        assert bounds.keys() == {">=", "<"}, name
        assert every[canonical(name)].contains(version), name
        assert bounds["<"].release[1:] == () and bounds["<"].major > Version(version).major, name


def test_the_oldest_versions_are_those_that_the_tests_can_run_with():
    lowest = {canonical(name): Version(version) for name, version in pins("tests/lowest.txt").items()}
    bounds = {
        canonical(given.name): Version(bound.version)
        for given in map(Requirement, ranges())
        for bound in given.specifier
        if bound.operator == ">="
    }
    assert lowest.keys() == bounds.keys()
    for name, version in lowest.items():
        assert version >= bounds[name] and version.release[:2] == bounds[name].release[:2], name


EXTRAS = ("app", "batch", "dataframe", "exports", "library", "links", "train")
APART = {"gs", "ray", "s3"}  # of clusters and object stores, which few have; "all" is without them
NOT_IN_THE_APP = {
    "duckdb",
    "fsspec",
    "pyarrow",
    "webdataset",
}  # large, and for the command line; `make app` does without


def test_the_extra_all_holds_every_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["all"] == [f"emorec[{','.join(EXTRAS)}]"] and extras.keys() == {*EXTRAS, *APART, "all"}


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_package_is_described_in_one_place_each():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, setuptools = pyproject["project"], pyproject["tool"]["setuptools"]
    assert project["license"] == "MIT"
    assert project["requires-python"] == ">=3.11"
    module, _, function = project["scripts"]["emorec"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    holder, _, version = setuptools["dynamic"]["version"]["attr"].rpartition(".")
    assert re.fullmatch(r"\d+\.\d+\.\d+", getattr(importlib.import_module(holder), version))


def test_the_license_is_mit():
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License\n\nCopyright (c) 2026 emorec contributors\n")
    assert 'THE SOFTWARE IS PROVIDED "AS IS"' in text


def test_the_image_holds_every_file_of_the_project_and_no_other_folder():
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {path.relative_to(ROOT).parts[0] for path in project_files(ROOT).values()} <= let_in
    assert "requirements.txt" in let_in
    assert not let_in & {".git", ".venv", "tests", "runs", "benchmarks"}


@pytest.fixture
def make(tmp_path):
    """make(target, ...) in a copy of the frame, with a Python that only notes; gives the finished process."""
    folder = tmp_path / "a path with spaces"
    for name in ("Makefile", *REQUIREMENTS, TEACHERS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    python = folder / "python3"
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)

    def run(*arguments):
        clean = {name: value for name, value in os.environ.items() if name not in OF_THE_MAKE_ABOVE}
        command = ["make", "PYTHON=./python3", *arguments]
        return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, timeout=60)

    run.folder = folder
    run.log = lambda: (folder / "log").read_text().splitlines()
    return run


OF_THE_MAKE_ABOVE = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTHON", "JOBS"}


def test_make_app_installs_once(make):
    assert make("app").returncode == 0
    assert make("app").returncode == 0
    assert make.log() == ["install requirements.txt", "app.py", "app.py"]


def test_make_takes_an_interrupted_installation_up_again(make):
    (make.folder / "no-network").touch()
    assert make("app").returncode != 0
    (make.folder / "no-network").unlink()
    assert make("app").returncode == 0
    assert make.log() == ["install requirements.txt"] * 2 + ["app.py"]


def test_make_installs_again_when_the_requirements_or_the_environment_change(make):
    make("app")
    stamp = make.folder / ".venv" / ".installed"
    os.utime(make.folder / "requirements.txt", (stamp.stat().st_mtime + 1,) * 2)
    make("app")
    assert make.log().count("install requirements.txt") == 2
    os.utime(make.folder / "requirements.txt", (0, 0))
    (make.folder / ".venv" / "bin" / "python").unlink()
    assert make("app").returncode == 0
    assert make.log().count("install requirements.txt") == 3


@pytest.mark.parametrize("jobs", ["-j1", "-j8"])
def test_make_test_checks_style_browser_and_tests_in_this_order(make, jobs):
    assert make(jobs, "test").returncode == 0
    jobs_of_make = min(os.sysconf("SC_NPROCESSORS_ONLN") + 1, 6)
    steps = [*STYLE, "tests/support/browser.py", f"-m pytest --numprocesses {jobs_of_make} --dist loadscope"]
    installed = ["install requirements.txt", "install tests/requirements.txt", f"install {TEACHERS}"]
    assert make.log() == [*installed, *steps]


def test_make_lint_checks_style_and_then_types(make):
    assert make("lint").returncode == 0
    assert make.log()[-3:] == [*STYLE, "-m pyright --pythonpath .venv/bin/python"]


def test_make_says_that_python_is_too_old_or_missing(make):
    (make.folder / "too-old").touch()
    assert "is older than 3.11" in make("app").stderr
    (make.folder / "python3").unlink()
    assert "was not found" in make("app").stderr
    assert not (make.folder / "log").exists()


def test_make_help_names_every_target(make):
    assert re.findall(r"^  make (\w+)", make("help").stdout, re.MULTILINE) == TARGETS
    assert make().stdout == make("help").stdout


def test_ci_runs_the_tests():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()
    assert Path(script).read_text().startswith("#!/usr/bin/env bash\n")
    assert subprocess.run(["bash", "-n", script]).returncode == 0
