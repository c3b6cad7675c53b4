"""Measure how the face CNN's training pictures are framed: FRAMING of emorec/face/alignment.py.

python train/evaluation/framing.py FERPLUS_FOLDER
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from train.data import datasets, pack

SAMPLE = 1500  # pictures, evenly spread over FER+ Train


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure how the training pictures of the face CNN are framed.")
    parser.add_argument("folder", type=Path, help="the FER+ folder")
    items = datasets.ferplus(parser.parse_args(arguments).folder, "train")
    items = items[:: len(items) // SAMPLE]
    detector = pack.face_detector()
    landmarks = []
    for item in items:
        picture = pack.read_enlarged(item.path)
        if found := detector.detect(picture):
            landmarks.append(found[0].landmarks / len(picture))
    print(f"{detector.name} found {len(landmarks)} of {len(items)}")
    print("FRAMING (mean)\n", np.mean(landmarks, axis=0).round(3), "\nspread\n", np.std(landmarks, axis=0).round(3))


if __name__ == "__main__":
    main()
