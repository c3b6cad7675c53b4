"""What a checkpoint says about its training and evaluation, for tests of cards."""

TRAINING = {
    "licence": "cc-by-nc-sa-4.0",
    "sources": [{"name": "Faces", "use": "face", "items": "7 pictures", "licence": "MIT"}],
    "held_out": ["faces-01"],
    "limits": ["It names expressions."],
    "finished": "2026-01-02",
    "compute": [
        {"part": "face", "hours": 1.25, "device": "two cores", "kwh": 0.05},
        {"part": "voice"},
        {"part": "fusion", "hours": 0.05, "device": "two cores"},
    ],
}


EVALUATION = {
    "pictures": {
        "what": "Pictures of faces",
        "metric": "accuracy",
        "items": 1234,
        "results": {"face": 0.852},
        "spread": {"face": 0.006},
        "intervals": {"face": [0.83, 0.871]},
        "resampled": "items",
        "out_of_domain": [],
        "domain": "Other pictures of it trained the network.",
        "reliability": {
            "face": [
                {"bin": 6, "items": 234, "share": 0.2, "confidence": 0.45, "right": 0.3},
                {"bin": 13, "items": 1000, "share": 0.8, "confidence": 0.9, "right": 0.85},
            ]
        },
        "labels": ["sad", "happy"],
        "recall": {"sad": 0.75, "happy": 0.5},
        "confusion": [[3, 1], [2, 2]],
        "calibration_error": {"before": 0.12, "after": 0.07},
        "cost": {"face": {"parameters": 1234, "multiply_adds": 5_600_000, "ms": 0.25}},
    },
    "voices": {"what": "Voices", "metric": "unweighted average recall", "items": 10, "results": {"voice": 0.5}},
    "clips": {
        "what": "Clips",
        "metric": "accuracy",
        "items": 10,
        "results": {"face": 0.25, "late": 0.75},
        "out_of_domain": ["late", "face"],
        "calibration_errors": {"late": {"after": 0.11}, "face": {"after": 0.08, "perfect": 0.05}},
    },
}
