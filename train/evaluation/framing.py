"""Measure how the face CNN's training pictures are framed: FRAMING and HAAR_FRAMING of emorec/face/detection.py.

python train/evaluation/framing.py FERPLUS_FOLDER
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np

from emorec.face import alignment, detection
from emorec.models import pretrained
from train.data import datasets, pack

SAMPLE = 1500  # pictures, evenly spread over FER+ Train


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="the FER+ folder")
    items = datasets.ferplus(parser.parse_args(arguments).folder, "train")
    items = items[:: len(items) // SAMPLE]
    pictures = [pack.enlarged(item.path) for item in items]
    yunet, haar = detection.YuNet(pretrained.face_detector_file()), detection.Haar()
    landmarks, boxes = [], []
    for picture in pictures:
        found = yunet.detect(picture)
        if not found:
            continue
        landmarks.append(found[0].landmarks / len(picture))
        # Where a Haar box lies in the aligned crop, in fractions of its side.
        to_crop = alignment.similarity(found[0].landmarks, alignment.FRAMING)
        # The cascade needs some room around a face that fills the picture.
        border = len(picture) // 4
        roomy = cv2.copyMakeBorder(picture, border, border, border, border, cv2.BORDER_REPLICATE)
        boxes += [
            np.append(to_crop @ np.append(face.box[:2] - border, 1), face.box[2:] * np.hypot(*to_crop[0, :2]))
            for face in haar.detect(roomy)[:1]
        ]
    print(f"YuNet found {len(landmarks)} of {len(items)}, the Haar cascade {len(boxes)}")
    print("FRAMING (mean)\n", np.mean(landmarks, axis=0).round(3), "\nspread\n", np.std(landmarks, axis=0).round(3))
    print("HAAR_FRAMING (median)", np.median(boxes, axis=0).round(3))


if __name__ == "__main__":
    main()
