"""``make app`` and the image with TORCH_INDEX: torch from a package index of its own, everything else as always.

The index is a folder with tiny wheels; pip itself installs them.
"""

import os
import re
import subprocess
import sys
import zipfile

import pytest
from packaging.requirements import Requirement

from support.paths import ROOT

FROM_INDEX = re.findall(r"^(torch\w*)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)

# Stands for the Python of make, and for the image's pip: installs from an index into ``site``, and notes the rest.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
  "-c "*) ;;
  "-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip install "*--index-url*) shift 3; exec {python} -m pip install --target site "$@" ;;
  *) echo "$*" >>log ;;
esac
"""
FAKE_PIP = """#!/bin/sh
shift; exec {python} -m pip install --target site "$@"
"""


@pytest.fixture
def index(tmp_path):
    """The URL of an index with a build for the CPU of everything of torch that is pinned."""
    for name, version in FROM_INDEX:
        folder = tmp_path / "an index" / name
        folder.mkdir(parents=True)
        file = f"{name}-{version}+cpu-py3-none-any.whl"
        facts = f"{name}-{version}+cpu.dist-info"
        with zipfile.ZipFile(folder / file, "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", "")
            # torch needs packages that this index does not have.
            wheel.writestr(
                f"{facts}/METADATA",
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}+cpu\nRequires-Dist: not-in-this-index\n",
            )
            wheel.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{facts}/RECORD", "")
        (folder / "index.html").write_text(f'<a href="{file.replace("+", "%2B")}">{file}</a>')
    return (tmp_path / "an index").as_uri()


def environment(**more):
    """This one without make's and pip's own settings, which may name other indexes."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PIP_"))}
    return clean | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | more


def executable(path, text):
    path.write_text(text.format(python=sys.executable))
    path.chmod(0o755)


def installed(folder):
    return sorted(path.name for path in (folder / "site").glob("*.dist-info"))


FROM_THIS_INDEX = sorted(f"{name}-{version}+cpu.dist-info" for name, version in FROM_INDEX)


def test_make_app_takes_torch_from_the_index_and_then_what_is_missing(index, tmp_path):
    folder = tmp_path / "project"
    (folder / "tests").mkdir(parents=True)
    for name in ("Makefile", "requirements.txt"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    executable(folder / "python3", FAKE_PYTHON)
    command = ["make", "PYTHON=./python3", f"TORCH_INDEX={index}", "app"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert installed(folder) == FROM_THIS_INDEX
    install = "-m pip install --disable-pip-version-check --requirement requirements.txt"
    assert (folder / "log").read_text().splitlines() == [install, "app.py"]


def test_the_image_takes_torch_from_the_index_only_if_one_is_given(index, tmp_path):
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    assert re.search(r'^ARG TORCH_INDEX=""$', text, re.MULTILINE)
    (step,) = re.findall(r"^RUN (.*TORCH_INDEX.*)$", text, re.MULTILINE)
    assert text.index(step) < text.index("RUN pip install"), "before the rest, which torch would come with"
    (tmp_path / "requirements.txt").write_bytes((ROOT / "requirements.txt").read_bytes())
    executable(tmp_path / "pip", FAKE_PIP)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    for given, found in (("", []), (index, FROM_THIS_INDEX)):
        subprocess.run(
            ["sh", "-c", step], cwd=tmp_path, env=environment(PATH=path, TORCH_INDEX=given), check=True, timeout=120
        )
        assert installed(tmp_path) == found


def test_a_build_for_the_cpu_satisfies_the_pins():
    assert {name for name, _ in FROM_INDEX} == {"torch", "torchaudio"}
    for name, version in FROM_INDEX:
        assert Requirement(f"{name}=={version}").specifier.contains(f"{version}+cpu")
