"""Stage 2: from features to probabilities of emotions over time. Nothing is decoded here."""
