"""The rules of the house, held by reading every file's imports.

What stands below imports nothing that stands above it, every strong-flavoured library has one room, there is no circle
between files, nothing is unpickled, and nothing reaches for the network because it was imported.
"""

import ast
import graphlib
import json
import os
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase

import pytest

from conftest import ROOT
from support.imports import imported_by, project_files

# A library, and the modules that may import it.
LIBRARY_ROOMS = {
    "av": ["emorec.media.streams*", "ui.example"],
    "PIL": ["emorec.media.image", "emorec.media.webp", "emorec.image", "ui.example"],
    "cv2": ["emorec.face.detection", "emorec.face.tracking*", "train.*"],
    "yt_dlp": ["emorec.download.ytdlp", "emorec.download.errors"],
    "altair": ["emorec.output.charts"],
    "gradio": ["app", "ui", "ui.*"],
    "tensorboardX": ["train.run_dir"],
    "vl_convert": ["hub.confusion", "train.curves"],
    "huggingface_hub": ["emorec.hub_*", "hub.*"],
    "httpx2": ["emorec.models.hub_tasks"],
}

# Where recordings come from.
FILES = ["emorec.media.streams*", "emorec.media.sandbox*", "emorec.download*"]

# Modules, and what they must not import.
KNOWS_NOTHING_OF = {
    "emorec*": ["app", "hub*", "train*", "ui*"],
    "train*": ["app", "ui*"],
    "hub*": ["app", "ui*", "train*"],
    "hub.confusion": ["emorec*"],
    "emorec.errors": ["emorec*", "hub*"],
    "emorec.media.streams*": [
        "emorec.face.detection",
        "emorec.voice.features",
        "emorec.models.networks",
        "emorec.models.checkpoint",
        "emorec.models.pretrained",
    ],
    "emorec.download*": ["emorec.models.networks", "emorec.models.checkpoint", "emorec.models.pretrained"],
    "emorec.face.detection": ["emorec.emotions"],
    "emorec.models.networks": [*FILES, "emorec.models.checkpoint", "emorec.models.pretrained"],
    "emorec.models.pretrained": ["emorec.models.networks", "emorec.models.checkpoint"],
    "emorec.extraction.pipeline": ["emorec.inference.fusion", "emorec.inference.timeline"],
    "emorec.inference.timeline": [
        "emorec.media.streams*",
        "emorec.media.sandbox*",
        "emorec.download*",
        "emorec.face.detection",
        "emorec.voice.features",
        "emorec.extraction.pipeline",
    ],
    **dict.fromkeys(
        ["emorec.output.charts", "emorec.output.tables", "emorec.output.report"],
        [
            "emorec.media.streams*",
            "emorec.media.sandbox*",
            "emorec.download*",
            "emorec.face.detection",
            "emorec.voice.features",
            "emorec.models.networks",
            "emorec.extraction.pipeline",
        ],
    ),
}

# Modules, and the only ones of the project that they may import.
KNOWS_ONLY = {
    "emorec.emotions": ["emorec.errors"],
    "emorec.models.hub": ["emorec.models.hub_child"],
    "emorec.models.hub_child": [],
    "emorec.models.hub_tasks": [],  # a program of its own, which is not started with emorec on its path
}

# What may be imported by these alone.
ASKED_ONLY_BY = {"emorec.hub_*": ["emorec.models.pretrained", "emorec.hub_*", "hub*"], "hub*": ["hub*", "train*"]}

UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}

# Imports everything while every way out notes who took it; a note counts even where its error is swallowed.
IMPORT_WITHOUT_NETWORK = """
import importlib, json, socket, sys, traceback
taken = []
def closed(*_, **__):
    taken.append("".join(traceback.format_stack(limit=6)))
    raise OSError("the network was reached for at import")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = closed
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = closed
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
sys.exit("\\n".join(taken) or 0)
"""


def any_match(name, patterns):
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def import_violations(root):
    """Sentences, one for each import under ``root`` that breaks a rule of the tables above."""
    files = project_files(root)
    found = []
    for module, path in files.items():
        for imported in sorted(imported_by(module, path, files)):
            library = imported.partition(".")[0]
            if library in LIBRARY_ROOMS and not any_match(module, LIBRARY_ROOMS[library]):
                found.append(f"{module} imports {imported}, whose room is {', '.join(LIBRARY_ROOMS[library])}")
            for pattern, unknown in KNOWS_NOTHING_OF.items():
                if fnmatchcase(module, pattern) and any_match(imported, unknown):
                    found.append(f"{module} imports {imported}, of which {pattern} knows nothing")
            if module in KNOWS_ONLY and imported in files and not any_match(imported, KNOWS_ONLY[module]):
                found.append(f"{module} imports {imported} and may import only {', '.join(KNOWS_ONLY[module])}")
            for asked, askers in ASKED_ONLY_BY.items():
                if fnmatchcase(imported, asked) and not any_match(module, askers):
                    found.append(f"{module} imports {imported}, which only {', '.join(askers)} may")
    return found


def circle(root):
    """The modules of one circle of imports under ``root``, or None."""
    files = project_files(root)
    graph = {module: imported_by(module, path, files) & files.keys() for module, path in files.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def unpickling(root):
    """Places under ``root`` where something may be unpickled."""
    files = project_files(root)
    found = []
    for module, path in files.items():
        found += [f"{module} imports {name}" for name in imported_by(module, path, files) & UNPICKLERS]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and may_unpickle(node):
                found.append(f"{module}, line {node.lineno}: {ast.unparse(node)}")
    return found


def may_unpickle(call):
    options = {option.arg: ast.unparse(option.value) for option in call.keywords}
    called = ast.unparse(call.func)
    unsafe_torch = called == "torch.load" and options.get("weights_only") != "True"
    unsafe_numpy = options.get("allow_pickle", "False") != "False"
    return unsafe_torch or unsafe_numpy or called.endswith((".read_pickle", "torch.hub.load"))


def test_every_import_keeps_the_rules():
    assert import_violations(ROOT) == []


def test_no_circle_between_files():
    assert circle(ROOT) is None


def test_nothing_is_unpickled():
    assert unpickling(ROOT) == []


def test_the_rules_speak_of_something():
    """The project's files are found at all, and every import that a rule allows to someone is made by someone."""
    files = project_files(ROOT)
    assert {
        "emorec.media.streams",
        "emorec.models.pretrained",
        "emorec.models.hub",
        "hub.push",
        "train",
    } <= files.keys()
    assert "huggingface_hub" in imported_by("emorec.models.hub", files["emorec.models.hub"], files)
    assert "emorec.models.hub" in imported_by("emorec.models.pretrained", files["emorec.models.pretrained"], files)


def test_importing_everything_reaches_for_no_network():
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    names = json.dumps([name for name in project_files(ROOT) if not name.endswith("__main__")])
    command = [sys.executable, "-c", IMPORT_WITHOUT_NETWORK, names]
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("asked", [["--version"], ["info"]])
def test_files_of_the_folder_where_it_is_started_are_not_taken_for_its_own(asked, tmp_path):
    """A user's own hub.py, train.py or ui.py comes before what is installed when Python runs a module."""
    for name in ("hub", "train", "ui", "app"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file was imported')")
    command = [sys.executable, "-m", "emorec", *asked]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("emorec ")


def test_only_the_library_is_installed():
    """``hub``, ``train`` and ``ui`` are names that somebody else's packages have too."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        found = tomllib.load(file)["tool"]["setuptools"]["packages"]["find"]
    assert found["include"] == ["emorec*"]


def plant(root, planted):
    for name, text in planted.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("emorec/inference/timeline.py", "import av"),
        ("emorec/inference/timeline.py", "from av.video import frame"),
        ("emorec/inference/timeline.py", "def lazily():\n    from emorec import media"),
        ("emorec/inference/timeline.py", "from . import media"),
        ("emorec/inference/timeline.py", "from .media import frames"),
        ("emorec/cli/__init__.py", "import gradio as gr"),
        ("emorec/cli/__init__.py", "import importlib\nimportlib.import_module('gradio')"),
        ("emorec/cli/__init__.py", "from app import page"),
        ("emorec/extraction/pipeline.py", "import emorec.inference.timeline"),
        ("emorec/extraction/pipeline.py", "from emorec import hub_pull"),
        ("emorec/models/pretrained.py", "from hub import push"),
        ("emorec/models/pretrained.py", "def lazily():\n    import hub.card"),
        ("emorec/cli/__init__.py", "from ui import parts"),
        ("emorec/models/networks.py", "from train import loop"),
        ("emorec/emotions.py", "from emorec.models.networks import FaceNet"),
        ("emorec/models/pretrained.py", "import huggingface_hub"),
        ("emorec/models/hub.py", "from emorec.errors import EmorecError"),
        ("hub/push.py", "from train import run"),
        ("train/run.py", "import gradio"),
        ("app.py", "from hub import push"),
        ("app.py", "import cv2"),
    ],
)
def test_a_planted_import_is_found(tmp_path, file, text):
    kept = {
        "emorec/__init__.py": "",
        "emorec/media/streams.py": "import av",
        "emorec/models/networks.py": "",
        "emorec/errors.py": "",
    }
    kept |= {"emorec/models/hub.py": "", "hub/push.py": "", "hub/card.py": "", "ui/fragments.py": ""}
    plant(tmp_path, kept)
    assert import_violations(tmp_path) == []
    plant(tmp_path, {file: text})
    assert len(import_violations(tmp_path)) >= 1


def test_a_planted_circle_is_found(tmp_path):
    straight = {"emorec/__init__.py": "from emorec import a", "emorec/a.py": "from . import b", "emorec/b.py": ""}
    plant(tmp_path, straight)
    assert circle(tmp_path) is None
    for text in ("from emorec import a", "def lazily():\n    import emorec.a", "from emorec import analyze"):
        plant(tmp_path, {"emorec/b.py": text})
        assert "emorec.b" in circle(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "np.load(file, allow_pickle=True)",
        "pd.read_pickle(file)",
    ],
)
def test_planted_unpickling_is_found(tmp_path, text):
    plant(tmp_path, {"train/a.py": "torch.load(f, weights_only=True); np.load(f); np.load(f, allow_pickle=False)"})
    assert unpickling(tmp_path) == []
    plant(tmp_path, {"train/b.py": text})
    assert len(unpickling(tmp_path)) == 1


def test_a_planted_call_at_import_is_found():
    swallowed = "import contextlib, socket\nwith contextlib.suppress(OSError):\n    socket.create_connection(('h', 1))"
    code = IMPORT_WITHOUT_NETWORK.replace("sys.exit", f"exec({swallowed!r})\nsys.exit")
    assert subprocess.run([sys.executable, "-c", code, "[]"], capture_output=True).returncode != 0
