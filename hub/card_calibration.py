"""The part of a model card that says how far probabilities can be believed, and under which prior."""

from emorec.emotions import EMOTIONS
from emorec.inference import prior as priors
from emorec.models import provenance
from emorec.models.calibration import HEADS
from hub import card_results

DIAGRAMS = (
    " The reliability diagrams above show it after calibration: the bars are the share of decisions that is right "
    "among those of similar confidence, the number in a bar counts them, the point lies at their mean confidence, and "
    "with perfect calibration all points lie on the dashed line."
)


def text(model):
    """Calibration, priors and calm speech of a ``Checkpoint`` as Markdown; None if nothing was measured."""
    parts = [_errors(model), _priors(model.evaluation)]
    return "\n\n".join(part for part in parts if part) or None


def _errors(model):
    errors = {}
    for name, found in model.evaluation.items():
        for head, error in card_results.heads(found).items():
            errors[f"{name}, {head}" if head else name] = error
    if not errors:
        return None
    face, voice = model.calibration.face_weight, model.calibration.voice_weight
    lines = [
        "## Calibration",
        "",
        f"What each network says is made a likelihood under an even prior: {_steps(model)}. Late fusion adds "
        f"the log likelihoods, the face's times {face:.2f} and the voice's times {voice:.2f} if both are there. "
        "Expected calibration error (ECE) under an even prior, smaller is better; where emotions are not about equally "
        "common, each weighs alike. With another prior in its name, a head is measured with emotions as common as they "
        f"are.{DIAGRAMS if any(found.get('reliability') for found in model.evaluation.values()) else ''}",
        "",
        "| protocol | before | after | perfectly calibrated, on so few items |",
        "|---|---|---|---|",
    ]
    for name, error in errors.items():
        cells = (f"{error[when]:.1%}" if when in error else "" for when in ("before", "after", "perfect"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _steps(model):
    """What the calibration of a ``Checkpoint`` does, and on whom it was fitted."""
    heads = [getattr(model.calibration, name) for name in HEADS]
    divided = "the shares of the emotions in its training data are divided out, and "
    scaled = "it is scaled and shifted" if any(any(head.bias) for head in heads) else "it is scaled"
    # If the people of a part are not known, items were held out, and the same people may be in the training.
    unknown = {provenance.UNKNOWN.format(part=part) for part in ("face", "voice", "fusion")}
    named = model.training.get("held_out") and unknown.isdisjoint(model.training.get("limits", ()))
    whom = "people" if named else "items"
    return f"{divided if any(head.strength for head in heads) else ''}{scaled}, fitted on {whom} held out of training"


def _priors(evaluation):
    """How calm speech and clear expressions fare under each prior."""
    shares = ", ".join(f"{e} {s:.1%}" for e, s in zip(EMOTIONS, priors.resolve("everyday").shares, strict=True))
    lines = [
        "## Priors",
        "",
        f"Recordings are judged under the prior `everyday` ({shares}) unless another is chosen. "
        "Numbers that name no prior hold under an even one; those over eight emotions are decisions of the networks "
        "themselves, without a prior.",
        "",
    ]
    calm = [
        (name, prior, corpus, rates)
        for name, found in evaluation.items()
        for prior, corpora in found.get("priors", {}).items()
        for corpus, rates in corpora.items()
    ]
    if calm:
        lines += [
            "Calm recordings of corpora never heard: how many are called neutral, and how many angry, disgusted, "
            "fearful or sad with a probability over 60 %.",
            "",
            "| corpus | prior | neutral | negative with over 60 % | mean confidence |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {corpus} | {prior} | {rates['neutral']:.1%} | {rates['surely_negative']:.1%} "
            f"| {rates['confidence']:.0%} |"
            for _, prior, corpus, rates in calm
        ]
        lines += [""]
    for found in evaluation.values():
        for corpus, recall in found.get("zero_shot", {}).items():
            lines += [
                f"Acted emotions of a corpus never heard ({corpus}, unweighted average recall among its own "
                f"emotions, even prior): {recall:.1%}.",
                "",
            ]
    clear = [(name, found["called_neutral"]) for name, found in evaluation.items() if "called_neutral" in found]
    if clear:
        lines += [
            "Clear expressions of other emotions (strong intensity; eight of ten votes) that are called neutral:",
            "",
            "| protocol | even | everyday |",
            "|---|---|---|",
        ]
        lines += [f"| {name} | {rates['even']:.1%} | {rates['everyday']:.1%} |" for name, rates in clear]
    return "\n".join(lines).rstrip() if calm or clear else None
