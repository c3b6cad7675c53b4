"""The layouts of four voice corpora, filled with drawn voices."""

from support import make_corpus
from train.evaluation import corruptions


def drawn_voices(root):
    """The four voice corpora's layouts, with two labels of drawn voices each."""
    names = {"happy": ("03", "happiness", "03Happy", "03"), "sad": ("04", "sadness", "04Sad", "02")}
    rows = ["file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage"]
    for label, (ravdess, nemo, ased, javanese) in names.items():
        for take in range(2):
            rows.append(f"s_{nemo}_{take}.wav\t{nemo}\t\t\ts\tm\t1")
            for place in (
                f"RAVDESS/Actor_02/03-01-{ravdess}-01-01-0{take + 1}-02.wav",
                f"nEMO/samples/s_{nemo}_{take}.wav",
                f"ASED/{ased}/a-{take}-50.wav",
                f"JavaneseAudio/04-01-{javanese}_0{take + 1}.wav",
            ):
                (root / place).parent.mkdir(parents=True, exist_ok=True)
                corruptions.write_wave(root / place, make_corpus.voice(label, "anna", take), make_corpus.RATE)
    (root / "nEMO" / "data.tsv").write_text("\n".join(rows) + "\n")
    return root
