"""The Dockerfile and the Space: their steps replayed in a clean folder, as the user that they name."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
from pathlib import Path

import pytest
import yaml

from support.make_media import Audio, Video, record
from support.page_process import free_port
from support.paths import ROOT

USER = 1000
HOME = "/home/emorec"  # of that user in the image
PORT = 7860
STARTS_WITHIN = 400  # seconds; importing torch and Gradio on a busy machine takes a while


def steps():
    """[(instruction, what it says)] of the Dockerfile."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def said(instruction):
    return [text for name, text in steps() if name == instruction]


def requirements():
    pinned = re.findall(r"^([\w-]+)(?:\[.*\])?==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    return dict(pinned)


@pytest.fixture(scope="module")
def space():
    """The front matter of README.md."""
    text = (ROOT / "README.md").read_text()
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("---\n")[1])


def test_the_space_runs_what_is_tested_here(space):
    assert (space["sdk"], space["sdk_version"]) == ("gradio", requirements()["gradio"])
    assert (ROOT / space["app_file"]).is_file()
    assert said("FROM") == [f"python:{space['python_version']}-slim"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert tuple(map(int, space["python_version"].split("."))) >= tuple(
        map(int, project["requires-python"].removeprefix(">=").split("."))
    )
    assert space["license"] == project["license"].lower()


def test_the_space_needs_no_model_of_others(space):
    assert "models" not in space and "preload_from_hub" not in space
    assert len(space["short_description"]) <= 60, "the Hub takes no longer one"


def test_the_image_does_not_run_as_root():
    assert said("USER")[-1:] == [str(USER)]
    assert any(f"--uid {USER}" in step and HOME.rpartition("/")[2] in step for step in said("RUN"))


def test_the_image_installs_before_it_takes_the_code():
    lines = [" ".join(step) for step in steps()]
    order = ["COPY requirements.txt .", "RUN pip install", "COPY --chown=1000:1000 . .", 'CMD ["python", "app.py"]']
    places = [next(row for row, line in enumerate(lines) if line.startswith(step)) for step in order]
    assert places == sorted(places)


def test_the_image_serves_and_checks_one_port():
    assert said("EXPOSE") == [str(PORT)]
    assert environment_of_image()["GRADIO_SERVER_PORT"] == str(PORT)
    assert environment_of_image()["GRADIO_SERVER_NAME"] == "0.0.0.0"
    assert f"http://127.0.0.1:{PORT}/health" in said("HEALTHCHECK")[0]


def test_what_the_image_installs_is_what_is_tested_here():
    """Its own command as a dry run without the network: everything it would install is already installed."""
    command = next(step for step in said("RUN") if step.startswith("pip install")).split()
    assert command[-2:] == ["--requirement", "requirements.txt"]
    command_line = [sys.executable, "-m", *command, "--dry-run", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Would install" not in done.stdout
    named = {
        line.split()[3].partition("=")[0].partition("[")[0] for line in done.stdout.splitlines() if "already" in line
    }
    assert requirements().keys() <= named


def environment_of_image():
    return dict(pair.split("=", 1) for step in said("ENV") for pair in step.split())


@pytest.fixture
def image():
    """What the image holds, in a clean folder: Home and app, as the Dockerfile's COPY and RUN make them.

    The code belongs to root and may not be written, so that whoever tries is found out.
    """
    place = Path(tempfile.mkdtemp(prefix="emorec-image-"))  # not pytest's, which other users may not enter
    place.chmod(0o755)
    home, app = place / HOME[1:], place / HOME[1:] / "app"
    app.mkdir(parents=True)
    assert said("WORKDIR") == [f"{HOME}/app"]
    for name in let_in():
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        options = {"ignore": shutil.ignore_patterns("__pycache__")} if (ROOT / name).is_dir() else {}
        copy(ROOT / name, app / name, **options)
    if os.geteuid() == 0:
        os.chown(home, USER, USER)
    image = Image(home, app, as_in_image(environment_of_image(), home))
    make_python(image, place)
    for step in said("RUN"):
        if step.startswith("mkdir"):
            assert image.run(["sh", "-c", step]).returncode == 0
    yield image
    shutil.rmtree(place)


def let_in():
    """The names at the top that .dockerignore lets into the image."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    return [line[1:] for line in lines if line.startswith("!")]


def as_in_image(environment, home):
    """With the image's home moved, and a Python of the tested versions on the path."""
    moved = {name: value.replace(HOME, str(home)) for name, value in environment.items()}
    return moved | {
        "HOME": str(home),
        "PATH": f"{home.parent.parent}/bin:/usr/bin:/bin",
        "TMPDIR": str(temporary(home)),
    }


def make_python(image, place):
    """``python`` with the packages that are installed here, made of a Python that the image's user may run."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [os.path.realpath(sys.executable), f"/usr/local/bin/{version}", f"/usr/bin/{version}"]
    # One whose own library that user may not read starts with another's, and finds nothing.
    prefixes = [image.run([python, "-c", "import sys; print(sys.base_prefix)"]).stdout.strip() for python in candidates]
    usable = [
        python
        for python, prefix in zip(candidates, prefixes, strict=True)
        if prefix and Path(python).is_relative_to(prefix)
    ]
    if not usable:
        pytest.skip(f"needs a {version} that user {USER} may run, and setpriv")
    (place / "bin").mkdir()
    (place / "bin" / "python").symlink_to(usable[0])
    (place / "pyvenv.cfg").write_text(f"home = {Path(usable[0]).parent}\n")
    packages = place / "lib" / version / "site-packages"
    packages.parent.mkdir(parents=True)
    packages.symlink_to(sysconfig.get_path("purelib"))
    if image.run([str(place / "bin" / "python"), "-c", "import gradio"]).returncode:
        pytest.skip(f"needs packages that user {USER} may read")


def temporary(home):
    folder = home.parent.parent / "tmp"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o1777)
    return folder


class Image:
    """Commands in the replayed image, as its user where this is root."""

    def __init__(self, home, app, environment):
        self.home, self.app, self.environment = home, app, environment

    def _prepared(self, command):
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", *command]
        return {"args": command, "cwd": self.app, "env": self.environment, "stdin": subprocess.DEVNULL, "text": True}

    def run(self, command):
        try:
            return subprocess.run(**self._prepared(command), capture_output=True, timeout=300)
        except OSError as error:  # there is no such program, or none that this user may run
            return subprocess.CompletedProcess(command, 127, "", str(error))

    @contextlib.contextmanager
    def running(self, command, log):
        with log.open("w") as output:
            process = subprocess.Popen(**self._prepared(command), stdout=output, stderr=subprocess.STDOUT)
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def held(folder):
    """The files in a folder, without those that Python compiles where the user may write."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def test_the_image_starts_and_tells_that_it_is_well(image, tmp_path):
    """The start command and the health check, word for word but for the port, which may be taken here."""
    port = str(free_port())
    image.environment |= {"GRADIO_SERVER_PORT": port, "HF_HUB_OFFLINE": "1"}
    start = json.loads(said("CMD")[0])
    check = json.loads(said("HEALTHCHECK")[0].partition("CMD")[2].replace(f":{PORT}/", f":{port}/"))
    before = held(image.app)
    log = tmp_path / "log.txt"
    assert image.run(check).returncode != 0, "well before it is started"
    with image.running(start, log) as process:
        deadline = time.monotonic() + STARTS_WITHIN
        # Every check starts a Python, which would slow down the start if it came before anything listens.
        while not listens(port) or image.run(check).returncode != 0:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
    assert "Traceback" not in log.read_text()
    # What it makes of a recording goes to its cache; nothing beside the code is written.
    clip = record(temporary(image.home) / "drawn.mp4", Video(duration=2.0), Audio(duration=2.0))
    done = image.run(["python", "-m", "emorec", "analyze", str(clip), "--json"])
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["rows"]) == 2
    assert list(Path(image.environment["EMOREC_CACHE"]).iterdir())
    assert held(image.app) == before
