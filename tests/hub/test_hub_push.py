"""hub/push.py and ``python -m hub``: a checkpoint to a Hub on the loopback interface, and back the same."""

import hashlib
import json
import os

import pytest

from emorec import analyzer, cli
from emorec.errors import EmorecError
from emorec.models import checkpoint, hub_call, pretrained
from emorec.output import tables
from hub import __main__ as by_hand
from hub import push
from support import factories
from support.loopback_hub import LoopbackHub, ask_at, use_hub
from support.loopback_routes import TOKEN
from support.make_media import Audio, Video, record
from support.paths import SHARED

REPO = "org/name"
WEIGHTS = "model.safetensors"
PUSHED = {"README.md", "config.json", WEIGHTS, "confusion-toy.png"}
SHORT = 4.0  # seconds without a sign of life, for a Hub that shall not answer

EVALUATION = {
    "toy": {
        "what": "A toy",
        "metric": "accuracy",
        "items": 10,
        "results": {"face": 0.5, "voice": 0.25},
        "spread": {"face": 0.1, "voice": 0.1},
        "labels": ["sad", "happy"],
        "confusion": [[2, 3], [2, 3]],
    }
}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with LoopbackHub() as running:
        use_hub(running, tmp_path / "hub-home", monkeypatch)
        yield running


@pytest.fixture
def logged_in(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return hub


@pytest.fixture
def folder(tmp_path):
    return saved(tmp_path / "checkpoint")


def saved(folder, seed=0, evaluation=EVALUATION):
    """A checkpoint folder of tiny networks."""
    folder.mkdir(exist_ok=True)
    checkpoint.save(factories.checkpoint(seed, evaluation=evaluation, training={"licence": "mit"}), folder)
    return folder


def publish(hub, folder, **settings):
    return hub.commit(REPO, {path.name: path.read_bytes() for path in folder.iterdir()}, **settings)


def sha256_of(folder):
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()


def head(hub):
    repo = hub.repos[REPO]
    return repo.commits[repo.branches["main"]]


def test_a_checkpoint_goes_up_in_one_commit_and_is_tagged(logged_in, folder):
    before = sorted(path.name for path in folder.iterdir())
    done = push.push(folder, REPO, tag="v1", message="The first")
    repo = logged_in.repos[REPO]
    assert len(repo.commits) == 2, "the one of making the repo and ours"
    assert repo.tags == {"v1": done.commit} and repo.branches["main"] == done.commit
    files = head(logged_in)
    assert files.keys() == PUSHED | {".gitattributes"}
    assert all(files[name] == (folder / name).read_bytes() for name in before)
    assert "model_path='org/name@v1'" in files["README.md"].decode()
    assert files["confusion-toy.png"].startswith(b"\x89PNG")
    assert f"pushed to {REPO} at commit {done.commit}, tagged v1" in str(done)
    assert sorted(path.name for path in folder.iterdir()) == before
    saved(folder, seed=1)
    with pytest.raises(EmorecError, match="has a tag v1 already, and tags are never moved"):
        push.push(folder, REPO, tag="v1")
    assert repo.tags == {"v1": done.commit}


def test_what_was_pushed_comes_back_and_sees_the_same(logged_in, folder, tmp_path, monkeypatch):
    clip = SHARED / "media" / "face_then_none.mov"
    if not clip.exists():
        clip = record(tmp_path / "drawn.mp4", Video(duration=3.0), Audio(duration=3.0))
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path / "cache-of-local"))
    local = tables.json_text(analyzer.load(folder).analyze(clip))
    assert len(json.loads(local)["rows"]) >= 3
    done = push.push(folder, REPO, tag="v1")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path / "cache-of-pulled"))
    loaded = analyzer.load(f"{REPO}@v1")
    assert (loaded.origin.commit, loaded.origin.repo) == (done.commit, REPO)
    assert loaded.origin.sha256 == sha256_of(folder)
    pulled, pushed = json.loads(tables.json_text(loaded.analyze(clip))), json.loads(local)
    assert (pushed["choices"].pop("model"), pulled["choices"].pop("model")) == (folder.name, f"{REPO}@v1")
    assert pulled == pushed


def test_a_dry_run_asks_nobody_and_shows_what_would_go(logged_in, folder):
    planned = push.push(folder, REPO, tag="v1", private=True, dry_run=True)
    assert logged_in.requests == []
    assert {name for name, _, _ in planned.files} == PUSHED
    assert {name: size for name, size, _ in planned.files}[WEIGHTS] == (folder / WEIGHTS).stat().st_size
    printed_text = str(planned)
    assert all(name in printed_text for name in PUSHED) and "tagged v1" in printed_text and "private" in printed_text


def test_only_an_evaluated_whole_checkpoint_goes(logged_in, folder):
    saved(folder, evaluation={})
    with pytest.raises(EmorecError, match="was never evaluated; run python train/evaluate.py"):
        push.push(folder, REPO)
    saved(folder)
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-1])
    with pytest.raises(EmorecError, match="not a complete safetensors file"):
        push.push(folder, REPO)
    assert logged_in.requests == []


@pytest.mark.parametrize(
    ("repo", "tag", "parent"), [("name", None, None), ("a/b/c", None, None), (REPO, "a b", None), (REPO, None, "abc")]
)
def test_names_that_cannot_be_are_refused(logged_in, folder, repo, tag, parent):
    with pytest.raises(EmorecError, match="give (it as|its)|cannot be a tag"):
        push.push(folder, repo, tag=tag, parent=parent)
    assert logged_in.requests == []


def test_a_stale_parent_is_refused(logged_in, folder):
    first = push.push(folder, REPO).commit
    second = logged_in.commit(REPO, {"README.md": b"somebody else's"})
    saved(folder, seed=1)
    with pytest.raises(EmorecError, match="somebody else has changed it meanwhile"):
        push.push(folder, REPO, parent=first)
    assert logged_in.repos[REPO].branches["main"] == second
    assert push.push(folder, REPO, parent=second).changed


def test_a_broken_upload_is_taken_up_again(logged_in, folder):
    logged_in.fault("PUT /lfs/", "cut", times=1)
    push.push(folder, REPO)
    assert head(logged_in)[WEIGHTS] == (folder / WEIGHTS).read_bytes()
    # A push that breaks before its commit leaves the repo as it was; the next sends only what had not arrived.
    saved(folder, seed=1)
    logged_in.fault("POST /api/models/org/name/commit", 500, times=hub_call.ATTEMPTS)
    before, sent = head(logged_in), logged_in.count("PUT")
    with pytest.raises(EmorecError, match="it answers 500"):
        push.push(folder, REPO)
    assert head(logged_in) == before
    arrived = logged_in.count("PUT")
    assert arrived == sent + 1, "the weights"
    push.push(folder, REPO)
    assert logged_in.count("PUT") == arrived
    assert head(logged_in)[WEIGHTS] == (folder / WEIGHTS).read_bytes()


def test_an_answer_that_was_lost_makes_no_second_commit(logged_in, folder):
    push.push(folder, REPO)
    saved(folder, seed=1)
    logged_in.fault("POST /api/models/org/name/tag", 503, times=1)
    done = push.push(folder, REPO, tag="v2")
    repo = logged_in.repos[REPO]
    assert len(repo.commits) == 3 and repo.tags == {"v2": done.commit}
    assert done.changed and str(done).startswith("pushed to")


@pytest.mark.parametrize("fault", ["POST /api/repos/create", "GET /api/models/org/name"])
def test_a_first_attempt_that_fails_early_does_not_hide_that_the_tag_exists(logged_in, folder, fault):
    first = push.push(folder, REPO, tag="v1")
    saved(folder, seed=1)
    logged_in.fault(fault, 503, times=1)
    with pytest.raises(EmorecError, match="has a tag v1 already"):
        push.push(folder, REPO, tag="v1")
    repo = logged_in.repos[REPO]
    assert repo.tags == {"v1": first.commit} and repo.branches["main"] == first.commit


def test_a_tag_that_somebody_else_makes_meanwhile_is_not_called_ours(logged_in, folder, monkeypatch):
    first = push.push(folder, REPO)
    saved(folder, seed=1)
    commit_of = logged_in.commit_of

    def tagged_meanwhile(lines, repo, revision):
        repo.tags["v2"] = first.commit
        return commit_of(lines, repo, revision)

    monkeypatch.setattr(logged_in, "commit_of", tagged_meanwhile)
    with pytest.raises(EmorecError, match="the commit [0-9a-f]{40} is there, but it has a tag v2 already"):
        push.push(folder, REPO, tag="v2")


def test_a_hub_that_does_not_answer_is_given_up(logged_in, folder, monkeypatch):
    logged_in.fault("POST", "silent")
    with pytest.raises(EmorecError, match=r"cannot be pushed to org/name: .*in time"):
        push.push(folder, REPO, patience=SHORT)
    ask_at("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(EmorecError, match="no connection"):
        push.push(folder, REPO)


def test_nobody_pushes_without_a_token(hub, folder):
    hub.commit(REPO, {"README.md": b""})
    with pytest.raises(EmorecError, match="log in with `hf auth login` or set HF_TOKEN"):
        push.push(folder, REPO)
    assert head(hub) == {"README.md": b""}


def test_private_is_private_and_never_public_by_mistake(logged_in, folder):
    push.push(folder, REPO, private=True)
    assert logged_in.repos[REPO].private
    logged_in.repos[REPO].private = False
    saved(folder, seed=1)
    with pytest.raises(EmorecError, match="it is public already"):
        push.push(folder, REPO, private=True)


def test_by_hand_a_token_is_seen_by_the_hub_and_by_nobody_else(logged_in, folder, tmp_path, monkeypatch, capfd):
    """Nobody: neither standard output and error, those of the Hub's library included, nor any file."""
    monkeypatch.setenv("HF_DEBUG", "1")
    assert by_hand.main(["push", str(folder), REPO, "--tag", "v1"]) == 0
    printed_text = capfd.readouterr()
    assert logged_in.repos[REPO].tags["v1"] in printed_text.out and f"Bearer {TOKEN}" in logged_in.seen
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in printed_text.out + printed_text.err


def test_by_hand_pull_and_card(hub, folder, capsys):
    commit = publish(hub, folder, tag="v1")
    assert by_hand.main(["pull", f"{REPO}@v1"]) == 0
    printed_text = capsys.readouterr().out
    assert all(part in printed_text for part in (f"{REPO}@v1", commit, sha256_of(folder)))
    assert by_hand.main(["card", str(folder)]) == 0
    assert (folder / "README.md").is_file() and (folder / "confusion-toy.png").is_file()


@pytest.mark.parametrize(
    "arguments", [("push", ".", REPO), ("pull", "org/nothing"), ("pull", "nothing"), ("card", "nowhere")]
)
def test_by_hand_what_is_wrong_is_one_sentence(hub, capsys, arguments):
    assert by_hand.main(arguments) == 2
    printed_text = capsys.readouterr()
    assert printed_text.out == "" and printed_text.err.startswith("hub: ") and printed_text.err.count("\n") == 1


def test_by_hand_a_problem_without_a_file_names_none(monkeypatch, capsys):
    def fails(_):
        raise OSError("the connection was reset")

    monkeypatch.setattr(by_hand, "_pull", fails)
    assert by_hand.main(["pull", REPO]) == 2
    assert capsys.readouterr().err == "hub: The system cannot be used (the connection was reset).\n"


def test_info_prints_repo_commit_sha256_and_accuracy(hub, folder, capsys):
    commit = publish(hub, folder, tag="v1")
    assert cli.main(["info", "--model_path", f"{REPO}@v1"]) == 0
    printed = capsys.readouterr().out
    for expected in (f"{REPO}@v1", commit, sha256_of(folder), "50.0% ± 10.0%", "25.0% ± 10.0%"):
        assert expected in printed, expected


def test_a_model_of_another_format_is_refused_before_use(logged_in, folder):
    config = json.loads((folder / "config.json").read_text())
    for key, value, expected in (
        ("format_version", 99, "format version 99"),
        ("library", "other", "not an emorec"),
    ):
        text = json.dumps(config | {key: value}).encode()
        logged_in.commit(REPO, {"config.json": text, WEIGHTS: (folder / WEIGHTS).read_bytes()})
        with pytest.raises(EmorecError, match=expected):
            analyzer.load(REPO)
    assert os.environ.get("EMOREC_MODEL") is None and pretrained.resolve().folder == pretrained.BUNDLED
