"""The documents: links lead somewhere, what they name exists, and what they show is what the program does."""

import ast
import dataclasses
import re
import shutil
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

import emorec
from emorec.output import dataframe, tables
from emorec.ui import example
from support import factories
from support.command import emorec as command
from support.make_media import Audio, Video, record
from support.paths import ROOT

DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")),
]
GUIDE = ROOT / "docs" / "GUIDE.md"


def text_of(document):
    return (ROOT / document).read_text(encoding="utf-8")


def section(text, title):
    return re.search(rf"^## {re.escape(title)}.*?$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)[1]


def anchors(text):
    """The names that a page gives its headings."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files_and_headings(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        file, _, anchor = link.partition("#")
        if "://" in file:
            continue
        place = (ROOT / document).parent / file if file else ROOT / document
        assert place.exists(), link
        assert not anchor or anchor in anchors(place.read_text(encoding="utf-8")), link


def test_the_readme_is_short():
    assert len(text_of("README.md").splitlines()) <= 200


def test_what_the_guide_says_is_somewhere_is_there():
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", section(text_of("docs/GUIDE.md"), "Where things are"), re.MULTILINE)[2:]
    assert len(rows) > 10
    for _, answer in rows:
        folder, last = None, None
        for mentioned in re.findall(r"`([^`]+)`", answer):
            if "/" in mentioned or mentioned.endswith(".py"):
                last = ROOT / mentioned if (ROOT / mentioned).exists() else folder / mentioned
                assert last.exists(), mentioned
                folder = last.parent if last.suffix else last
            else:
                assert mentioned in defined(last), mentioned


def defined(file):
    """The names that a file defines at its top: functions, classes and constants."""
    names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def test_what_info_prints_is_what_the_guide_shows():
    shown = re.search(r"<!-- info -->\n```\n(.*?)\n```\n<!-- /info -->", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[
        1
    ]
    code, printed, _ = command("info")
    assert code == 0
    # A path depends on the machine; the last protocol's numbers are left out; the detector may not be at hand.
    lines = [
        line for line in shown.splitlines() if not line.startswith(("weights  ", "cache  ", "detector  ", "    ..."))
    ]
    assert len(lines) > 40
    assert [line for line in lines if line not in printed.splitlines()] == []


@pytest.mark.parametrize("name", ["analyze", "image", "compare", "live", "serve"])
def test_every_option_is_in_the_guide(name):
    code, helped, _ = command(name, "--help")
    options = set(re.findall(r"(--[a-z]+(?:_[a-z]+)*)\b", helped)) - {"--help"}
    assert code == 0 and options
    assert {option for option in options if option not in text_of("docs/GUIDE.md")} == set()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("analyze", "turn the picture clockwise"),
        ("analyze", "links to a media file or to a page with a video"),
        ("analyze", "standard deviation \\(s\\) of a Gaussian average over time, 0 \\(off\\) to 60"),
        ("analyze", "at most so many pixels high \\(default 720\\)"),
        ("live", "seconds per written row \\(default 1\\)"),
        ("serve", "default: GRADIO_SERVER_PORT, or 7860"),
        ("batch", "a list cannot contain lists"),
        ("query", "DIR \\[DIR ...\\] \\[QUERY\\]"),
    ],
)
def test_help_tells_units_and_defaults(name, told):
    helped = command(name, "--help")[1]
    assert re.search(told, " ".join(helped.split()))


@pytest.mark.parametrize(("name", "guide"), [("batch", "docs/BATCH.md"), ("query", "docs/LIBRARY.md")])
def test_every_option_of_many_recordings_is_in_its_guide(name, guide):
    _, helped, _ = command(name, "--help")
    options = set(re.findall(r"(--[a-z]+(?:_[a-z]+)*)\b", helped)) - {"--help"}
    told = text_of(guide) + text_of("docs/GUIDE.md")  # what `emorec analyze` has too is told there
    assert options and {option for option in options if option not in told} == set()


def test_every_setting_is_in_the_guide():
    texts = [text_of(f"emorec/{folder}settings.py") for folder in ("", "ui/")]
    read = set(re.findall(r'"(EMOREC_[A-Z_]+)"', "".join(texts)))
    assert len(read) > 10
    assert {name for name in read if f"`{name}`" not in section(text_of("docs/GUIDE.md"), "Settings")} == set()


def test_the_columns_of_the_csv_are_explained_and_no_others():
    table = section(text_of("docs/SCHEMA.md"), "CSV")
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)))
    assert sorted(named) == sorted(tables.COLUMNS)


def test_the_keys_of_the_json_are_explained_and_no_others():
    one = factories.timeline(factories.probabilities(9))
    written = tables.as_dict(dataclasses.replace(one, people=(one,)))
    named = re.findall(r"^\| (`.+?) \|", section(text_of("docs/SCHEMA.md"), "JSON"), re.MULTILINE)
    assert re.findall(r"`(\w+)`", "".join(named)) == list(written)


def test_the_columns_of_a_data_frame_are_explained():
    table = dataframe.dataframe(factories.timeline(factories.probabilities(3)))
    *first, name = tables.COLUMNS
    more = list(table.columns[len(first) :])
    assert [*table.columns[: len(first)]] == first and more[-1] == name
    columns = re.findall(r"`(\w+)`", section(text_of("docs/SCHEMA.md"), "Data frame"))
    assert {more[0], more[1], more[7], more[8], more[-1]} <= set(columns)


@pytest.mark.parametrize("document", ["README.md", "docs/GUIDE.md"])
def test_the_python_examples_run(document, tmp_path, monkeypatch):
    record(tmp_path / "interview.mp4", Video(duration=3.0), Audio(duration=3.0))
    shutil.copy(example.PORTRAIT, tmp_path / "group.jpg")
    monkeypatch.chdir(tmp_path)
    (shown,) = re.findall(r"```python\n(import emorec\n.*?)```", text_of(document), re.DOTALL)
    namespace = {}
    exec(compile(shown, document, "exec"), namespace)
    assert len(namespace["timeline"]) > 0


def test_the_quickstart_runs(tmp_path, monkeypatch):
    """The notebook as it is, on a drawn recording of the name that it uses."""
    record(tmp_path / "interview.mp4", Video(duration=6.0), Audio(duration=6.0))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    book = nbformat.read(ROOT / "docs" / "quickstart.ipynb", as_version=4)
    nbformat.validate(book)
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"interview.csv", "interview.json", "interview.png"}
    printed = [output.get("text", "") for cell in book.cells for output in cell.get("outputs", ())]
    assert any("Timeline of interview.mp4" in text for text in printed)


def test_the_stored_outputs_of_the_quickstart_are_of_a_whole_run(tmp_path):
    """And of this version: what it prints of the drawn clip is what the program still says of it."""
    book = nbformat.read(ROOT / "docs" / "quickstart.ipynb", as_version=4)
    counts = [cell.execution_count for cell in book.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    example.record(tmp_path / "interview.mp4")
    timeline = emorec.analyze(tmp_path / "interview.mp4", step=1.0)
    printed = "".join(output.get("text", "") for cell in book.cells for output in cell.get("outputs", ()))
    # Neither the shares nor the highlights: each encoding of the clip is a little different.
    before, _, shares = str(timeline).partition("; happy ")
    assert shares and f"{before}; happy " in printed


def test_version_and_licence_are_the_same_everywhere():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert (citation["version"], citation["license"]) == (emorec.__version__, "MIT")
    (latest, *_) = re.findall(r"^## (\d+\.\d+\.\d+)", text_of("CHANGELOG.md"), re.MULTILINE)
    assert latest == emorec.__version__


def test_public_ci_runs_what_make_test_runs_and_installs_elsewhere():
    jobs = yaml.safe_load(text_of(".github/workflows/test.yml"))["jobs"]
    steps = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert steps["linux"] == ["make test"]
    assert {"macos-latest", "windows-latest"} == set(jobs["install"]["strategy"]["matrix"]["os"])
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert all(
        f"[{extra}]" in "".join(steps["install"]) for extra in ("all",) if extra in project["optional-dependencies"]
    )
    assert any("tests/lowest.txt" in step for step in steps["oldest"])


def test_hooks_before_a_commit_run_the_tools_of_make_lint():
    (local,) = yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"]
    checked = {hook["entry"].split(" --")[0].removeprefix(".venv/bin/python ") for hook in local["hooks"]}
    assert checked == {"-m ruff check", "-m ruff format"}
    assert all(f"$(python) {script}" in Path(ROOT / "Makefile").read_text(encoding="utf-8") for script in checked)
