"""The HTML of the page."""

import html
import re
from dataclasses import replace

from emorec.analyzer import Analyzer
from emorec.extraction import channels
from emorec.inference import people
from emorec.models import checkpoint, pretrained
from emorec.ui import file_fragments, fragments, overview
from emorec.ui.page import layout
from emorec.ui.page.downloads import write_download
from support import factories


def test_the_panel_says_where_the_weights_come_from_and_no_path(tmp_path):
    model = checkpoint.load(pretrained.BUNDLED)
    folder = tmp_path / "my-weights"
    folder.mkdir()
    hub = pretrained.Origin(folder=folder, repo="org/name", revision="v1", commit="a" * 40)
    for origin, expected in (
        (pretrained.Origin(folder=pretrained.BUNDLED), "come with emorec"),
        (pretrained.Origin(folder=folder), "the folder my-weights of"),
        (hub, f"org/name@v1 on the Hugging Face Hub, commit {'a' * 40}"),
    ):
        panel = fragments.about(Analyzer(model, None, origin))
        assert expected in panel and str(tmp_path) not in panel


def test_the_page_says_what_is_kept_and_through_whom_it_is_reached(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    for public, setting in ((False, "on"), (False, "off"), (True, "on"), (True, "off")):
        monkeypatch.setenv("EMOREC_SHARED_STORE", setting)
        page = layout.build(Analyzer(factories.checkpoint(), None), public=public)
        values = [block.value for block in page.blocks.values() if isinstance(getattr(block, "value", None), str)]
        (words,) = [value for value in values if fragments.HERE in value]
        assert (fragments.THROUGH_GRADIO in words, fragments.STORED in words) == (public, setting == "on")


def test_the_ending_of_a_file_is_not_divided_between_lines():
    apart = '<bdi translate="no">{}</bdi>'  # a translation of the page, and letters from right to left
    written = apart.format('a/p&lt;1&gt;<wbr><span class="ending">.mp4</span>')
    assert file_fragments.file_name("a/p<1>.mp4") == written
    for name in ("Talk & more", ".hidden", "a. <b>", "v1.2 of the long talk"):
        assert file_fragments.file_name(name) == apart.format(html.escape(name))
    assert f"<b>{apart.format('Anna')}</b>" in fragments.people([fragments.Card("Anna", 1.0, "")], {})


def test_markup_in_names_is_escaped():
    name = 'a"><img src=x onerror=alert(1)>.mp4'
    for fragment in (file_fragments.player(f"/tmp/{name}"), fragments.callout(name)):
        assert "<img" not in fragment


def test_the_source_of_a_recording_is_a_link_only_if_it_is_one_of_the_web():
    shown = file_fragments.provenance({"title": "A <talk>", "source": "https://example.org/?a=1&b=2"})
    assert "A &lt;talk&gt;" in shown and 'href="https://example.org/?a=1&amp;b=2"' in shown
    assert (
        file_fragments.provenance({"name": "a.mp4"})
        == file_fragments.provenance({"source": "javascript:alert(1)"})
        == ""
    )


def test_valence_and_arousal_are_said_to_be_derived_and_their_source_is_named():
    shown = fragments.result(factories.timeline(factories.probabilities(9)))
    assert 'title="The confidence is below 40%"' in shown  # evidence lowers it: an emotion may have more than 40 %
    assert "Average valence, derived" in shown and "Average arousal, derived" in shown
    legend = fragments.legend("valence_arousal")
    assert "are derived" in legend and "Warriner, Kuperman &amp; Brysbaert, 2013" in legend
    assert [f"</i>{name}</li>" in legend for name in ("valence", "arousal", "happy")] == [True, True, False]
    assert "</i>happy</li>" in fragments.legend("lines") and "derived" not in fragments.legend("lines")


def test_the_legend_says_what_each_strip_shows():
    for style in ("stacked", "lines", "valence_arousal"):
        legend = re.sub(r"<[^>]*>", "", fragments.legend(style))
        for words in (
            "upper strip is the likeliest emotion",
            "lower one valence: orange is unpleasant, blue is pleasant",
        ):
            assert words in legend
        assert "“face” shows how much of the time a face is seen" in legend
        assert "“speech” shows how much of the time speech counts" in legend


def test_sentences_name_the_choices_of_the_page_in_place_of_options(tmp_path):
    for turned, words in ((90, "choose 90° for"), (0, "choose As recorded for")):
        shown = fragments.callout(f"Most faces lie on their side: choose --rotate {turned}.")
        assert (
            words in shown
            and "Turn the picture&quot; under Details of the recording, and press Analyze again." in shown
        )
    turn = "Most faces lie on their side: choose --rotate 90."
    noted = replace(factories.timeline(factories.probabilities(3)), notes=(turn,))
    report = write_download("report", noted, "a", factories.checkpoint(), tmp_path).read_text()
    assert "choose 90° for" in report and "--rotate" not in report
    timeline = replace(factories.timeline(factories.probabilities(9)), notes=(turn, people.NO_FACE))
    trust = overview.trust_lines(timeline, None)  # of a stored result this is the only place of these notes
    assert "choose 90° for" in trust and "--rotate" not in trust and people.NO_FACE not in trust
    for note in (
        "The second of 3 audio tracks is used, because speech was found there; --audio_track chooses another.",
        channels.MIXED,
    ):
        assert (
            "--" in note
            and "--" not in fragments.callout(note)
            and "under Details of the recording" in fragments.callout(note)
        )


def test_the_tile_about_speech_says_that_not_all_speech_counts():
    shown = fragments.result(factories.timeline(factories.probabilities(9)))
    assert "Speech counted" in shown and "Speech heard" not in shown
    assert "only that person&#x27;s speech counts" in shown


def test_unsure_time_is_a_row_of_its_own():
    timeline = factories.timeline([[0.9, *[0.1 / 6] * 6], [1 / 7] * 7, [1 / 7] * 7, [0.9, *[0.1 / 6] * 6]])
    shown = fragments.result(timeline)
    assert '<tr class="unsure"' in shown and shown.count(">50%<") == 2
    assert "Too little to tell" in fragments.warnings(timeline)
    assert 'role="alert"' in fragments.warnings(timeline)
    early = fragments.warnings(replace(timeline, complete=False))
    assert "Too little to tell" in early and "alert" not in early  # more evidence may come
    assert not fragments.warnings(factories.timeline([[0.9, *[0.1 / 6] * 6]] * 20))
