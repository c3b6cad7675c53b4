"""The wheel, installed beside another NumPy in a separate environment: the command line and the page."""

import csv
import importlib.metadata
import subprocess
import sys
import urllib.request
import zipfile

import pytest

from emorec import errors
from support.make_media import Audio, Video, record
from support.packages import Environment, build_wheel, other_numpy
from support.page_process import free_port, wait_for
from support.paths import ROOT

NUMPY = "2.1.3"  # the oldest that pyproject.toml allows


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory, pytestconfig):
    """An environment with the wheel and NUMPY."""
    environment = Environment(tmp_path_factory.mktemp("environment") / "with spaces")
    environment.install(wheel, other_numpy(NUMPY, pytestconfig.cache.mkdir("wheels")))
    return environment


def test_the_wheel_holds_the_library_its_weights_and_the_page_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(["git", "ls-files", "emorec"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode == 0:
        assert held >= set(tracked.stdout.split("\n")) - {""}
    assert {name.partition("/")[0] for name in held} == {"emorec"}
    assert {
        "emorec/weights/default/model.safetensors",
        "emorec/weights/face_detector.safetensors",
        "emorec/ui/page/assets/page.css",
    } <= held


def test_the_wheel_names_its_extras(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        facts = importlib.metadata.PathDistribution(zipfile.Path(archive, f"{name.rpartition('/')[0]}/")).metadata
    assert {"app", "links", "train", "dataframe", "exports", "all"} <= set(facts.get_all("Provides-Extra"))
    required = facts.get_all("Requires-Dist")
    assert not any("gradio" in line or "yt-dlp" in line for line in required if "extra ==" not in line)


def test_an_installed_emorec_analyses_beside_another_numpy(installed, tmp_path):
    clip = record(tmp_path / "drawn.mp4", Video(duration=3.0), Audio(duration=3.0))
    where = "import emorec, numpy; print(emorec.__file__, numpy.__version__, sep='\\n')"
    file, version = installed.run("python", "-c", where, cwd=tmp_path).split("\n")[:2]
    assert file.startswith(str(installed.folder)) and version == NUMPY
    installed.run("emorec", "analyze", clip, "--out", tmp_path / "out", cwd=tmp_path)
    with (tmp_path / "out" / "drawn.csv").open() as lines:
        assert len([*csv.DictReader(lines)]) == 3
    assert (tmp_path / "out" / "drawn.png").read_bytes().startswith(b"\x89PNG")


def test_an_installed_emorec_serves_the_page(installed, tmp_path):
    port, log = free_port(), tmp_path / "log.txt"
    address = f"http://127.0.0.1:{port}"
    process = installed.start("emorec", "serve", cwd=tmp_path, log=log, GRADIO_SERVER_PORT=str(port))
    try:
        wait_for(address, process, log)
        with urllib.request.urlopen(f"{address}/health", timeout=60) as answer:
            assert answer.status == 200
    finally:
        process.terminate()
        process.wait(60)
    assert "Traceback" not in log.read_text()


# Runs the command line without the packages of the extras, those for training, and unused ones.
WITHOUT = """
import sys
class Blocker:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Blocker)
from emorec import cli
sys.exit(cli.main())
"""
EXTRAS = ("gradio", "starlette", "yt_dlp", "deno", "imageio_ffmpeg", "tensorboardX", "pandas", "openpyxl", "pyarrow")
UNUSED = ("torchvision", "triton")


def test_the_command_line_needs_neither_the_extras_nor_torchvision_nor_triton(tmp_path):
    clip = record(tmp_path / "drawn.mp4", Video(duration=3.0), Audio(duration=3.0))
    program = WITHOUT.format(blocked=(*EXTRAS, *UNUSED))
    command = [sys.executable, "-c", program, "analyze", str(clip), "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "drawn.png").exists()


@pytest.mark.parametrize("module", ["yt_dlp", "imageio_ffmpeg"])
def test_a_link_without_the_packages_for_links_is_one_sentence(module, tmp_path, monkeypatch):
    from emorec import EmorecError, download

    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        EmorecError, match=rf"not installed \({module}\): run .*-m pip install '\.\[links\]' in emorec's folder\.$"
    ):
        download.fetch("https://example.com/a.mp4", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_page_without_gradio_is_one_sentence():
    program = "import runpy, sys; sys.modules['gradio'] = None; runpy.run_path('app.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert done.stderr == (
        f"emorec: This needs packages that are not installed (gradio): run {errors.install_command('app')}.\n"
    )


def test_the_command_that_installs_an_extra_fits_how_emorec_is_there(tmp_path, monkeypatch):
    """Installed by name, or in a clone, with the Python of the clone or another one."""
    monkeypatch.setattr(errors, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert errors.install_command("app") == "pip install 'emorec[app]'"
    (tmp_path / "pyproject.toml").touch()
    assert errors.install_command("app") == ".venv/bin/python -m pip install '.[app]' in emorec's folder"
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    assert errors.install_command("app") == "python -m pip install '.[app]' in emorec's folder"
