"""Links as people type them: copied from a sentence, without https://, and not confused with files."""

import pytest

from emorec import cli, download
from emorec.download import check_link, is_link
from emorec.errors import EmorecError
from support.make_media import Audio, record

LINK = "https://www.youtube.com/watch?v=jNQXAC9IVRw"
SURROUNDED = (
    *("{}", " {} ", "\t{}\n", "<{}>", '"{}"', "'{}'", "`{}`", "({})", "[{}]", "{{{}}}", "\u201c{}\u201d"),
    *("\u201e{}\u201c", "\u00ab{}\u00bb", "\u2018{}\u2019", "{}.", "{},", "{};", "{}:", "{}!", "{}...", "{}\u2026"),
    *("<{}>.", '("{}"),', "[<{}>]", "\u200b{}\u200b", "\ufeff{}", "<{}", "{}>", '"{}', "{})", "{}]."),
)


@pytest.mark.parametrize("surrounded", SURROUNDED)
@pytest.mark.parametrize("given", [LINK, LINK.removeprefix("https://"), LINK.upper()])
def test_what_stands_around_a_link_is_no_part_of_it(surrounded, given):
    text = surrounded.format(given)
    assert is_link(text)
    assert check_link(text).lower() == LINK.lower()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("youtu.be/jNQXAC9IVRw", "https://youtu.be/jNQXAC9IVRw"),
        ("youtube.com/watch?v=x", "https://youtube.com/watch?v=x"),
        ("m.youtube.com/watch?v=x.", "https://m.youtube.com/watch?v=x"),
        ("vimeo.com/1084537", "https://vimeo.com/1084537"),
        ("media.example.org:8080/a/talk.mp4", "https://media.example.org:8080/a/talk.mp4"),
        ("www.example.museum", "https://www.example.museum"),
        ("www.abc.net.au", "https://www.abc.net.au"),
        ("www.interview.mp4/talk", "https://www.interview.mp4/talk"),
        ("https://de.wikipedia.org/wiki/Merkur_(Planet)", "https://de.wikipedia.org/wiki/Merkur_(Planet)"),
        ("(https://de.wikipedia.org/wiki/Merkur_(Planet)).", "https://de.wikipedia.org/wiki/Merkur_(Planet)"),
        ("https://example.com/a.mp4?x=[1]", "https://example.com/a.mp4?x=[1]"),
        ("http://example.com", "http://example.com"),
    ],
)
def test_a_link_is_understood(given, meant):
    assert is_link(given)
    assert check_link(given) == meant


@pytest.mark.parametrize("text", ["hello", "mylink", "two.parts", ":"])
def test_a_word_is_no_link_and_one_sentence_says_so(text):
    with pytest.raises(EmorecError, match=r"^This is not a link; copy the whole address from the browser"):
        check_link(text)


@pytest.mark.parametrize("text", ["HTTP://a", "ftp://a", "www.a.b", "data:x", "javascript:x", " https://a "])
def test_what_means_a_link(text):
    assert is_link(text)


@pytest.mark.parametrize(
    "text",
    ["a.mp4", "/a/b.mp4", "C:\\a.mp4", "a:b.mp4", "https.mp4", "", ".", "..", "./youtu.be/a", "../a.com/b", "(a).mp4"]
    + ["www.interview.mp4", "www.talk.ts", "WWW.TALK.MOV", "interviews.2024/talk.mp4", "talk.mp4/part", "a.com"]
    + ["folder/www.a.com/b", "'a.mp4'", "<a.mp4>", "a.mp4.", "~/a.com/b", "\0", "x" * 10_000],
)
def test_what_means_a_file(text):
    assert not is_link(text)


@pytest.mark.parametrize("name", ["www.interview.mp4", "www.talk.com", "youtu.be/talk.mp4", "data:x.mp4"])
def test_a_file_that_exists_is_no_link(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert not is_link(name)
    assert is_link(f"https://{name}"), "a link is one whatever files there are"


def test_a_recording_whose_name_begins_as_a_link_is_analysed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    record(tmp_path / "www.interview.wav", audio=Audio(duration=1.0, codec="pcm_s16le", rate=16_000))
    assert cli.main(["analyze", "www.interview.wav", "--no_plot"]) == 0
    assert (tmp_path / "emorec-out" / "www.interview.csv").exists()
    assert cli.main(["analyze", "www.interviews.wav", "--no_plot"]) == 2
    assert "no file" in capsys.readouterr().err.splitlines()[-1].lower()


def test_a_file_that_is_missing_in_a_folder_called_like_a_host_may_have_been_meant_as_a_link(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "youtu.be").mkdir()
    assert cli.main(["analyze", "youtu.be/jNQXAC9IVRw"]) == 2
    expected = (
        "no file youtu.be/jNQXAC9IVRw in the folder youtu.be here; check the name, or write https:// before a link"
    )
    assert expected in capsys.readouterr().err


def test_a_link_that_is_turned_off_is_said_to_be(monkeypatch, capsys):
    monkeypatch.setenv("EMOREC_LINKS", "off")
    assert not download.enabled()
    assert cli.main(["analyze", "<youtu.be/jNQXAC9IVRw>"]) == 2
    assert "turned off" in capsys.readouterr().err
