"""MediaPipe on the frames of one video; a program for the python of ``.venv-pose``.

It imports nothing of this project, and MediaPipe only where it runs: the project's environment
cannot hold that. It is fed height and width as two int32, then frames, uint8 RGB (H, W, 3), on
stdin, and answers each on stdout with float32 (P, 3): x and y as shares of the picture's size, and
the visibility, 1 for points of the face and the hands; all 0 for what was not found.
"""

import os
import sys
from typing import Any, BinaryIO

import numpy as np

PARTS = {
    "pose_landmarks": 33,
    "face_landmarks": 478,
    "left_hand_landmarks": 21,
    "right_hand_landmarks": 21,
}
"""Points of what MediaPipe Holistic finds, in the order in which they are written."""
COUNT = sum(PARTS.values())


def main() -> None:
    """Answer every frame, until there are no more."""
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print
    from mediapipe.python.solutions.holistic import Holistic

    size = np.frombuffer(sys.stdin.buffer.read(8), np.int32)
    height, width = size.tolist()
    # smoothing is for the cleaning to do, which knows the frame rate and looks both ways
    with Holistic(refine_face_landmarks=True, smooth_landmarks=False) as holistic:
        while len(frame := sys.stdin.buffer.read(height * width * 3)) == height * width * 3:
            found = holistic.process(np.frombuffer(frame, np.uint8).reshape(height, width, 3))
            _write(results, found)


def _write(results: BinaryIO, found: Any) -> None:
    points = np.zeros((COUNT, 3), np.float32)
    start = 0
    for part, count in PARTS.items():
        landmarks = getattr(found, part)
        if landmarks is not None:
            points[start : start + count] = [
                (one.x, one.y, one.visibility if part == "pose_landmarks" else 1.0)
                for one in landmarks.landmark
            ]
        start += count
    results.write(points.tobytes())
    results.flush()


if __name__ == "__main__":
    main()
