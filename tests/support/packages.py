"""The wheel of this project, and a separate environment to install it into."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from support.paths import ROOT

WHEEL_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "emorec")


def build_wheel(folder: Path) -> Path:
    """Build the wheel in ``folder``, out of a copy of the sources: building leaves files beside them."""
    sources = folder / "sources"
    sources.mkdir(parents=True)
    for name in WHEEL_SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, sources / name)
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, sources)
    (wheel,) = folder.glob("*.whl")
    return wheel


class Environment:
    """A virtual environment that sees the packages installed here after its own, but not the project's folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        self.python = folder / "bin" / "python"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.packages = folder / "lib" / version / "site-packages"
        (self.packages / "installed-here.pth").write_text(sysconfig.get_path("purelib"))

    def install(self, *wheels: Path) -> None:
        """Install wheels from files and nothing else, without compiling them: modules are compiled when imported."""
        options = ("--no-deps", "--no-index", "--ignore-installed", "--no-compile")
        pip("--python", self.python, "install", *options, *wheels)

    def start(self, *command: object, cwd: Path, log: Path, **environment: str) -> subprocess.Popen:
        """Start a program of the environment, named by its file in ``bin``; what it prints goes to ``log``."""
        name, *arguments = command
        # The project's own files would be imported from the folders that PYTHONPATH may name.
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment
        with log.open("w") as output:
            return subprocess.Popen(
                [self.folder / "bin" / str(name), *map(str, arguments)],
                cwd=cwd,
                env=clean,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def run(self, *command: object, cwd: Path) -> str:
        """What such a program prints; the test fails unless it succeeds."""
        log = cwd / "log.txt"
        code = self.start(*command, cwd=cwd, log=log).wait(300)
        assert code == 0, log.read_text()
        return log.read_text()


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def other_numpy(version: str, target: Path) -> Path:
    """A wheel of another version of NumPy, downloaded into ``target`` by the first test that needs it."""
    if not (found := [*target.glob(f"numpy-{version}-*.whl")]):
        try:
            pip("download", "--no-deps", "--only-binary", ":all:", "--dest", target, f"numpy=={version}")
        except AssertionError as error:
            pytest.skip(f"needs a package index with numpy {version}: {error}")
        found = [*target.glob(f"numpy-{version}-*.whl")]
    return found[0]
