"""Settings in environment variables: a wrong one is one sentence at the start, an empty one counts as not set."""

import os
from pathlib import Path

import pytest

from emorec import analyzer as engine
from emorec import cli, settings
from emorec.errors import EmorecError
from emorec.extraction.feature_folder import Head
from emorec.extraction.storing import Store
from emorec.settings import Limits
from emorec.ui import app, example
from emorec.ui import settings as page_settings
from emorec.ui.server.temp_dir import ServerTempDir, check_store

# Names, wrong values, and whether only the page reads it.
WRONG = [
    ("EMOREC_CACHE", [__file__], False),
    ("EMOREC_CACHE_MB", ["4GB", "4 096", "-1", "nan", "much"], False),
    ("EMOREC_MODEL_FALLBACK", ["yes"], False),
    ("EMOREC_FACE_MODEL", ["/nowhere/yunet.onnx", "~nobody-of-this-name/yunet.onnx"], False),
    ("EMOREC_LINKS", ["offf", "disabled"], False),
    ("EMOREC_ALLOW_HOSTS", ["http://media.intranet", "a b", "localhost:80800", "*.intranet", "media/path"], False),
    ("EMOREC_MAX_MINUTES", ["0", "-1", "many", "nan", "inf", "5 min"], False),
    ("EMOREC_MAX_MB", ["0", "2GB"], False),
    ("EMOREC_LINK_MINUTES", ["0", "soon"], False),
    ("GRADIO_SERVER_PORT", ["0", "65536", "-1", "7860 ", "\N{SUPERSCRIPT TWO}", "http"], True),
    ("GRADIO_SERVER_NAME", ["http://0.0.0.0", "0.0.0.0 ", "localhost/page"], True),
    ("EMOREC_AUTH", ["user", ":password", "user:"], True),
    ("EMOREC_MODELS", ["org/name,/tmp", "any"], True),
    ("EMOREC_UPLOAD_QUOTA_MB", ["0", "many"], True),
    ("EMOREC_HOSTS", ["http://a", "a/b"], True),
    ("EMOREC_FRAME_ANCESTORS", ["a;script-src"], True),
    ("EMOREC_SHARED_STORE", ["perhaps"], True),
    ("EMOREC_LIBRARY", [__file__, "/nowhere/results"], True),
    ("EMOREC_MAX_UPLOAD_MB", ["0", "-1", "many", "inf", "nan", "8GB"], True),
]
EVERY = [(name, value, of_page) for name, values, of_page in WRONG for value in values]
NAMES = ["EMOREC_MODEL", *(name for name, *_ in WRONG)]


@pytest.fixture
def nothing_loaded(monkeypatch):
    """Fails if anything is loaded before the settings are checked."""

    def loads(*_, **__):
        raise AssertionError("loaded before the settings were checked")

    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(engine, "load", loads)
    monkeypatch.setattr("emorec.load", loads)


@pytest.mark.parametrize(("name", "value", "of_page"), EVERY)
def test_a_wrong_setting_is_one_sentence_at_the_start(name, value, of_page, nothing_loaded, monkeypatch, capsys):
    monkeypatch.setenv(name, value)
    starts = [lambda: app.main([])] if of_page else [lambda: app.main([]), lambda: cli.main(["info"])]
    for start in starts:
        assert start() == 2
        error = capsys.readouterr().err
        assert error.startswith("emorec: ") and error.count("\n") == 1 and error.endswith(".\n")
        assert name in error
        if name == "EMOREC_AUTH":
            assert "password" not in error.replace("user:password", ""), "a password is not repeated"
        elif name != "EMOREC_ALLOW_HOSTS":
            assert repr(value)[1:-1].split(",")[-1] in error


@pytest.mark.parametrize(("name", "value", "of_page"), [entry for entry in EVERY if entry[2]])
def test_what_only_the_page_reads_does_not_stop_the_command_line(name, value, of_page, monkeypatch):
    monkeypatch.setenv(name, value)
    settings.check()


def test_an_empty_setting_counts_as_not_set():
    empty = dict.fromkeys(NAMES, "")
    page_settings.check(empty)
    for read in (*settings.LIBRARY, *page_settings.READERS):
        assert read(empty) == read({}), read


def test_everything_that_is_read_is_checked_and_known():
    """No other module reads a setting of its own; GRADIO_TEMP_DIR is Gradio's, and the page makes the folder."""
    files = [Path(module.__file__) for module in (settings, page_settings)]
    for path in files[0].parent.rglob("*.py"):
        if path not in files:
            for line in path.read_text().splitlines():
                assert not ("environ" in line and "EMOREC_" in line), f"{path.name}: {line}"
    text = "".join(path.read_text() for path in files)
    assert all(f'"{name}"' in text for name in NAMES)


@pytest.mark.parametrize(
    ("given", "megabytes"), [({}, 4096), ({"EMOREC_CACHE_MB": "0"}, 0), ({"EMOREC_CACHE_MB": "0.5"}, 0.5)]
)
def test_the_cache_has_a_limit(given, megabytes):
    assert settings.cache_limit(given) == megabytes


@pytest.mark.parametrize(("given", "limit"), [({}, 8_000_000_000), ({"EMOREC_MAX_UPLOAD_MB": "0.5"}, 500_000)])
def test_the_deployer_limits_uploads(given, limit):
    assert page_settings.upload_limit(given) == limit


@pytest.mark.parametrize(
    ("given", "auth"), [({}, None), ({"EMOREC_AUTH": ""}, None), ({"EMOREC_AUTH": "a:b:c"}, ("a", "b:c"))]
)
def test_a_password_is_what_follows_the_first_colon(given, auth):
    assert page_settings.auth(given) == auth


@pytest.mark.parametrize(("given", "on"), [("", True), ("on", True), ("YES", True), (" off ", False), ("0", False)])
def test_links_are_on_unless_they_are_turned_off(given, on):
    assert settings.links({"EMOREC_LINKS": given}) is on


def test_hosts_are_names_or_addresses_with_or_without_a_port():
    given = {"EMOREC_ALLOW_HOSTS": "Media.intranet, localhost:8080,[::1]:80, 10.0.0.7, nas_2"}
    assert settings.allowed_hosts(given) == {
        ("media.intranet", None),
        ("localhost", 8080),
        ("::1", 80),
        ("10.0.0.7", None),
        ("nas_2", None),
    }


def test_models_of_visitors_are_names_on_the_hub():
    assert page_settings.allowed_models({"EMOREC_MODELS": "Off"}) == ()
    assert page_settings.allowed_models({"EMOREC_MODELS": " a/b, c/d@v1,"}) == ("a/b", "c/d@v1")


def test_the_longest_file_is_a_day_unless_it_is_set():
    assert settings.longest_file({}) is None
    assert settings.longest_file({"EMOREC_MAX_MINUTES": "0.5"}) == 30.0
    assert Limits.from_environment({"EMOREC_MAX_MINUTES": "0.5"}) == Limits(minutes=0.5)


def test_the_environment_names_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path))
    assert settings.cache_folder() == tmp_path
    assert settings.cache_folder({"EMOREC_CACHE": str(tmp_path / "later")}) == tmp_path / "later"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.cache_folder({"EMOREC_CACHE": "~/cache"}) == Path("~/cache").expanduser()
    monkeypatch.delenv("EMOREC_CACHE")
    assert settings.cache_folder().name == "emorec" and settings.cache_folder().is_absolute()


@pytest.fixture
def default_cache(tmp_path, monkeypatch):
    """The default folder for features, which is missing; other accounts may read what is made."""
    monkeypatch.delenv("EMOREC_CACHE", raising=False)
    monkeypatch.setattr(settings.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache" / "emorec"))
    before = os.umask(0o022)
    yield tmp_path / "cache" / "emorec"
    os.umask(before)


def stores(cache):
    Store(cache, "0" * 32).write_head(Head(media={}, settings={}, duration=1.0))


def keeps_uploads(cache):
    ServerTempDir().close()


@pytest.mark.parametrize("made", [stores, keeps_uploads, lambda _: check_store(), lambda _: example.clip()])
def test_the_default_cache_is_private_and_no_other_folder_is_changed(made, default_cache, monkeypatch):
    """It holds small pictures of faces."""
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    monkeypatch.setattr(example, "record", lambda file: file.touch())

    def mode(folder):
        return folder.stat().st_mode & 0o777

    made(default_cache)
    assert mode(default_cache) == 0o700 and mode(default_cache.parent) == 0o755
    default_cache.chmod(0o750)
    made(default_cache)
    assert mode(default_cache) == 0o750
    named = default_cache.with_name("named")
    monkeypatch.setenv("EMOREC_CACHE", str(named))
    made(named)
    assert mode(named) == 0o755


@pytest.mark.parametrize("given", ["", "~/cache", "~nobody-of-this-name/cache"])
def test_an_account_without_a_home_is_told_to_name_a_cache(given, monkeypatch, tmp_path):
    for variable in ("HOME", "XDG_CACHE_HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it is for a number without a name
    with pytest.raises(EmorecError, match=r"^There is no home folder of this user .* name a folder in EMOREC_CACHE"):
        settings.cache_folder({"EMOREC_CACHE": given})
    assert settings.cache_folder({"EMOREC_CACHE": str(tmp_path)}) == tmp_path


def test_the_library_refuses_a_wrong_limit_before_any_work(recording, analyzer, monkeypatch, tmp_path):
    monkeypatch.setenv("EMOREC_CACHE_MB", "4GB")
    with pytest.raises(EmorecError, match="^EMOREC_CACHE_MB is '4GB'; set it to a number of megabytes"):
        next(analyzer.extract(recording, cache=tmp_path))
    assert os.listdir(tmp_path) == []
