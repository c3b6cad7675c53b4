"""The rules of the architecture, checked by reading the imports of every file.

Packages import downwards only, some libraries have one home each, there is no circle between files or packages, nothing
is unpickled, and no import uses the network.
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

from support.imports import imported_by, nodes, project_files
from support.paths import ROOT

# A library, and the modules that may import it.
LIBRARY_HOMES = {
    "av": ["emorec.media.*", "emorec.ui.example", "train.data.detection_sources", "train.evaluation.identity"],
    "PIL": [
        "emorec.media.image",
        "emorec.media.webp",
        "emorec.image",
        "emorec.annotate",
        "emorec.output.video.*",
        "emorec.ui.example",
        "hub.reliability",
    ],
    "cv2": ["emorec.face.*", "train.*"],
    "yt_dlp": ["emorec.download.*"],
    "altair": ["emorec.output.*", "emorec.agreement.*", "emorec.timeline"],
    "openpyxl": ["emorec.output.workbook"],
    "pyarrow": ["emorec.output.parquet", "emorec.batch.manifest", "emorec.library.*"],
    "duckdb": ["emorec.library.*"],
    "fsspec": ["emorec.batch.storage"],
    "webdataset": ["train.data.shard_*"],
    "pandas": ["emorec.agreement.results", "emorec.output.dataframe", "emorec.timeline"],
    "gradio": ["emorec.ui.*"],
    "ray": ["emorec.batch.ray_engine", "emorec.batch.ray_outcomes"],
    "tensorboardX": ["train.run_dir"],
    "vl_convert": ["emorec.output.video.text", "hub.confusion", "hub.reliability", "train.curves"],
    "huggingface_hub": ["emorec.models.hub*", "hub.*"],
    "httpx2": ["emorec.models.hub*"],
}

# Packages and single modules from the ground up: each imports its own and lower layers only. Two in one layer do not
# know each other.
LAYERS = [
    ["emorec.errors", "emorec._version"],
    [
        "emorec.emotions",
        "emorec.files",
        "emorec.prefetch",
        "emorec.ranges",
        "emorec.running_time",
        "emorec.standard_streams",
    ],
    ["emorec.affect", "emorec.annotation", "emorec.settings", "emorec.childprocess"],
    ["emorec.media"],
    ["emorec.download", "emorec.face", "emorec.voice"],
    ["emorec.models"],
    ["emorec.extraction"],
    ["emorec.inference"],
    ["emorec.image", "emorec.output"],
    ["emorec.timeline", "emorec.annotate", "emorec.library"],
    ["emorec.saving"],
    ["emorec.agreement", "emorec.analyzer"],
    ["emorec.live", "emorec.batch"],
    ["emorec"],
    # The page.
    ["emorec.ui.file_fragments", "emorec.ui.wording"],
    [
        "emorec.ui.fragments",
        "emorec.ui.highlight_list",
        "emorec.ui.overview",
        "emorec.ui.minutes",
        "emorec.ui.settings",
    ],
    ["emorec.ui.server", "emorec.ui.picture", "emorec.ui.shelf"],
    ["emorec.ui.example"],
    ["emorec.ui.jobs"],
    ["emorec.ui.sessions"],
    ["emorec.ui.service"],
    ["emorec.ui.api", "emorec.ui.blocks", "emorec.ui.live_route"],
    ["emorec.ui.page"],
    ["emorec.ui.app", "emorec.ui"],
    ["emorec.cli"],
    ["emorec.__main__", "app", "hub"],
    # How models are trained and measured.
    ["train.distributed", "train.calibration", "train.curves"],
    ["train.data"],
    ["train.run_dir", "train.metrics"],
    ["train.loop"],
    ["train.recipes"],
    ["train.finetune"],
    ["train.evaluation"],
    ["train.refit"],
    ["train.bundled"],
    ["train.options"],
    ["train.run", "train.evaluate", "train.shards", "train"],
]

# What a package must not know, although it lies below.
NEVER = {"train*": ["emorec.cli*", "emorec.ui*"], "app": ["hub*"], "hub*": ["emorec.ui*"], "hub.confusion": ["emorec*"]}
NEVER["hub.reliability"] = NEVER["hub.confusion"]

UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}

# Imports everything while every use of the network is recorded, also if the error is caught.
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


def layer(module):
    """Number and name of the layer of a module: that of its longest prefix in LAYERS."""
    name = module
    while name:
        for number, names in enumerate(LAYERS):
            if name in names:
                return number, name
        name = name.rpartition(".")[0]
    raise AssertionError(f"{module} is in no layer")


def import_violations(root):
    """Sentences, one for each import under ``root`` that breaks a rule of the tables above."""
    files = project_files(root)
    found = []
    for module, path in files.items():
        for imported in sorted(imported_by(module, path, files)):
            library = imported.partition(".")[0]
            if library in LIBRARY_HOMES and not any_match(module, LIBRARY_HOMES[library]):
                found.append(f"{module} imports {imported}, which belongs to {', '.join(LIBRARY_HOMES[library])}")
            if imported not in files:
                continue
            (height, place), (base, other) = layer(module), layer(imported)
            if place != other and base >= height:
                found.append(f"{module} imports {imported}, which is in no layer below it")
            for pattern, never in NEVER.items():
                if fnmatchcase(module, pattern) and any_match(imported, never):
                    found.append(f"{module} imports {imported}, of which {pattern} must know nothing")
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
        for node in nodes(path.read_text()):
            if isinstance(node, ast.Call) and may_unpickle(node):
                found.append(f"{module}, line {node.lineno}: {ast.unparse(node)}")
    return found


def may_unpickle(call):
    if not any(option.arg == "allow_pickle" for option in call.keywords):
        last = getattr(call.func, "attr", getattr(call.func, "id", None))
        if last not in {"load", "read_pickle"}:
            return False  # most calls, whose text takes long to make
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
    """The project's files are found, and so is what they import; every layer has a file."""
    files = project_files(ROOT)
    assert {"emorec.media.streams", "emorec.models.hub", "hub.push", "train"} <= files.keys()
    assert "huggingface_hub" in imported_by("emorec.models.hub", files["emorec.models.hub"], files)
    assert "emorec.models.hub" in imported_by("emorec.models.pretrained", files["emorec.models.pretrained"], files)
    named = {name for names in LAYERS for name in names}
    assert {name for name in named if not any(file == name or file.startswith(f"{name}.") for file in files)} == set()


def test_importing_everything_reaches_for_no_network():
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    names = json.dumps([name for name in project_files(ROOT) if not name.endswith("__main__")])
    command = [sys.executable, "-c", IMPORT_WITHOUT_NETWORK, names]
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["info"]])
def test_files_of_the_folder_where_it_is_started_are_not_taken_for_its_own(arguments, tmp_path):
    """A user's own hub.py, train.py or ui.py comes before what is installed when Python runs a module."""
    for name in ("hub", "train", "ui", "app"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file was imported')")
    command = [sys.executable, "-m", "emorec", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("emorec ")


def test_only_the_library_is_installed():
    """``hub``, ``train`` and ``ui`` are names that other packages have too."""
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
        ("emorec/inference/timeline.py", "def lazily():\n    from emorec.output import charts"),
        ("emorec/inference/timeline.py", "from ..output import charts"),
        ("emorec/inference/timeline.py", "from ..output.charts import draw"),
        ("emorec/media/streams.py", "from emorec.face import detection"),
        ("emorec/face/detection.py", "from emorec.voice import features"),
        ("emorec/cli/__init__.py", "import gradio as gr"),
        ("emorec/cli/__init__.py", "import importlib\nimportlib.import_module('gradio')"),
        ("emorec/cli/__init__.py", "from app import page"),
        ("hub/push.py", "from emorec.ui import fragments"),
        ("emorec/models/pretrained.py", "from hub import push"),
        ("emorec/models/pretrained.py", "def lazily():\n    import hub.card"),
        ("emorec/models/pretrained.py", "import yt_dlp"),
        ("emorec/models/networks.py", "from train import loop"),
        ("hub/push.py", "from train import run"),
        ("train/run.py", "import gradio"),
        ("train/run.py", "from emorec import cli"),
        ("app.py", "from hub import push"),
        ("app.py", "import cv2"),
        ("emorec/ui/server/log.py", "from emorec.ui.page import layout"),
    ],
)
def test_a_planted_import_is_found(tmp_path, file, text):
    existing = [
        "emorec/__init__.py",
        "emorec/output/charts.py",
        "emorec/face/detection.py",
        "emorec/voice/features.py",
    ]
    existing += [
        "emorec/cli/__init__.py",
        "hub/push.py",
        "hub/card.py",
        "emorec/ui/fragments.py",
        "emorec/ui/page/layout.py",
        "app.py",
    ]
    existing += ["train/loop.py", "train/run.py", "emorec/inference/timeline.py"]
    plant(tmp_path, dict.fromkeys(existing, ""))
    assert import_violations(tmp_path) == []
    plant(tmp_path, {file: text})
    assert len(import_violations(tmp_path)) >= 1


def test_a_circle_between_packages_is_found_although_no_two_files_form_one(tmp_path):
    plant(tmp_path, {"emorec/face/a.py": "", "emorec/face/b.py": "", "emorec/models/a.py": "from emorec.face import a"})
    assert import_violations(tmp_path) == []
    plant(tmp_path, {"emorec/face/b.py": "from emorec.models import a"})
    assert circle(tmp_path) is None
    assert len(import_violations(tmp_path)) == 1


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
