"""How far a result can be trusted: the measured accuracy of the weights, as a table and as one sentence."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np

from emorec.emotions import EVEN
from emorec.errors import listed
from emorec.inference import prior as priors
from emorec.inference.timeline import Timeline
from emorec.models import provenance
from emorec.models.provenance import Protocol
from emorec.output.chart_data import has_pictures
from emorec.output.summary import by_prior_in_words, summary

UNMEASURED = "These weights were not tested on people that they never met."
UNKNOWN = "What was measured about the weights that made this result is not known here."
MEASURED = "Tested on people it never met{under}, the program {results}."
EVERYDAY = ", under the everyday prior"  # added if the recording has another prior
VOICE = "correctly names {share:.0%} of the acted emotions in voices of a language it never heard"
CALM = "calls {share:.0%} of ordinary speech neutral"
FACE = "correctly names {share:.0%} of the expressions in pictures"
OWN = (
    "Measured by their owner on {whom} ({what}), these weights correctly name {share:.0%} {by}, all emotions expected "
    "alike."
)
BY = {"face": "from the face", "voice": "from the voice"}
HERE = "Under the {prior} prior, {unsure:.0%} of this recording's evidence is unsure."
LEFT_OUT = "Measured on people or pictures left out of training"
CHOSEN_ON = "Measured on items left out of training; those called validation items chose these weights"
ROUNDING = 1e-3  # of shares in a file
NEAR = 0.03  # difference of shares up to which another prior counts as the everyday one


def sentence(timeline: Timeline, evaluation: dict[str, Any]) -> str:
    """How accurate the weights were, out of domain and under the prior, for the modalities with evidence.

    It also says how much of the recording's evidence is unsure, or sure only because of the prior.
    """
    found = {protocol.name: protocol for protocol in provenance.protocols(evaluation)}
    prior, used = timeline.prior, timeline.fusion
    relative = ", relative" if timeline.choices.get("baseline_weight") else ""
    # Results without a prior in their name hold under an even one.
    under = "" if np.allclose(prior.shares, EVEN, atol=ROUNDING) else ", everyday prior"
    near = not under or np.allclose(prior.shares, priors.EVERYDAY, atol=NEAR)
    figures, parts = summary(timeline), []
    if used != "face" and figures.speech:
        parts += _worst_result(VOICE, found.get("speakers"), f", all but neutral{relative}{under}")
        parts += _worst_result(CALM, found.get("everyday"), f", {'even' if not under else 'everyday'} prior")
    if used != "voice" and has_pictures(timeline) and figures.face:
        parts += _worst_result(FACE, found.get("web-faces"), f"face{under}")
    heard, shown = bool(figures.speech), has_pictures(timeline) and bool(figures.face)
    alone = [
        way for way, there in (("face", shown), ("voice", heard)) if there and used in (way, "late", "intermediate")
    ]
    own = _own_measurement(evaluation, (used, *alone))
    if not figures.shares:
        # Without evidence there is nothing to judge.
        return _measured(parts, near, own) if parts or own or figures.speech or figures.face else ""
    here = HERE.format(prior=prior.name, unsure=figures.unsure)
    return f"{_measured(parts, near, own)} {here} {by_prior_in_words(figures, 'it')}".strip()


def picture_sentence(evaluation: dict[str, Any]) -> str:
    """How accurate the weights were, out of domain, for faces of still pictures."""
    found = {protocol.name: protocol for protocol in provenance.protocols(evaluation)}
    return _measured(_worst_result(FACE, found.get("web-faces"), "face"), own=_own_measurement(evaluation, ("face",)))


def _measured(parts: list[str], near: bool = True, own: str = "") -> str:
    """The sentence about the measurements in ``parts``, and then ``own``, the one about a user's own data.

    It names the everyday prior of the measurements unless the prior in use is ``near`` it.
    """
    words = MEASURED.format(under="" if near else EVERYDAY, results=listed(parts)) if parts else ""
    return f"{words} {own}".strip() or UNMEASURED


def _own_measurement(evaluation: dict[str, Any], ways: Sequence[str]) -> str:
    """What was measured on a user's own data, for the first of ``ways`` that was measured; "" if none was.

    ``ways`` are fusions and modalities. A second sentence says what is wrong or unknown about the measurement.
    """
    for name, found in evaluation.items():
        way = next((way for way in ways if name.startswith(provenance.OWN) and way in found["results"]), None)
        if way is not None:
            # There is a sentence only if something is wrong or unknown about the people.
            about = found.get("domain", "")
            whom, by = "own data" if about else "people they never met", BY.get(way, f"by {way} fusion")
            words = OWN.format(whom=whom, what=found["what"], share=found["results"][way], by=by)
            return f"{words} {about}".strip()
    return ""


def _worst_result(words: str, protocol: Protocol | None, ending: str) -> list[str]:
    """``words`` with the lowest result out of domain whose name has this ending; [] if the protocol has none."""
    results = protocol.results if protocol else ()
    values = [result.value for result in results if result.way.endswith(ending) and result.in_domain is False]
    return [words.format(share=min(values))] if values else []


def measured_on(evaluation: dict[str, Any]) -> str:
    """A phrase about the data on which the numbers of ``evaluation`` were measured."""
    return CHOSEN_ON if provenance.is_own(evaluation) else LEFT_OUT


def panel(evaluation: dict[str, Any], training: dict[str, Any]) -> str:
    """The measured accuracy, training data, limits and licence of a checkpoint, as HTML."""
    rows = "".join(
        f"<tr><td>{html.escape(found.what)}</td><td>{html.escape(found.metric)}</td><td>"
        + "<br>".join(f"{html.escape(result.way)} {result.text()}" for result in found.results)
        + f"</td><td>{found.items:,}</td></tr>"
        for found in provenance.protocols(evaluation)
    )
    table = (
        f"<table><caption>{measured_on(evaluation)}; in brackets the 95 % interval"
        "</caption>"
        '<tr><th scope="col">on</th><th scope="col">measure</th><th scope="col">result</th>'
        f'<th scope="col">items</th></tr>{rows}</table>'
    )
    sources = "".join(
        f"<li>{html.escape(source.name)} ({html.escape(source.use)}): {html.escape(source.items)}; "
        f"licence: {html.escape(source.licence)}</li>"
        for source in provenance.sources(training)
    )
    limits = "".join(f"<li>{html.escape(limit)}</li>" for limit in provenance.limits(training))
    licence = html.escape(provenance.licence(training) or "").upper().replace("CC-BY-NC-SA-", "CC BY-NC-SA ")
    parts = [
        table if rows else "<p>The accuracy of these weights has not been measured.</p>",
        f"<h3>Limits</h3><ul>{limits}</ul>" if limits else "",
        f"<h3>People and languages in training</h3><ul>{sources}</ul>" if sources else "",
        f"<p>Licence of the weights: {licence}</p>" if licence else "<p>The weights state no licence.</p>",
    ]
    return "".join(parts)
