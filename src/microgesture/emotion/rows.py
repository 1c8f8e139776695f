"""The rows of the emotion table, and what those that join others tell."""

from collections.abc import Mapping

import numpy as np

LINEAR, BOOSTED = "gestures_linear", "gestures_boosted"
LATE, FITTED, BOTH = "late", "late_fitted", "interfusion_gestures"
PARTS = ("face", "context", LINEAR)
"""What late fusion joins."""
ROWS = {
    "face": "Face",
    "context": "Context",
    LINEAR: "Gestures, linear",
    BOOSTED: "Gestures, boosted",
    LATE: "Late fusion 1:1:1",
    FITTED: "Late fusion, fitted",
    "concat": "Concatenation",
    "interfusion": "InterFusion",
    BOTH: "InterFusion + gestures 1:1",
}
"""Rows and their titles; late fusion is of face, context and linear gestures, concatenation and
InterFusion are of face and context."""

STREAMS = {
    "face": {"face"},
    "context": {"context"},
    LINEAR: {"gestures"},
    BOOSTED: {"gestures"},
    LATE: {"face", "context", "gestures"},
    FITTED: {"face", "context", "gestures"},
    "concat": {"face", "context"},
    "interfusion": {"face", "context"},
    BOTH: {"face", "context", "gestures"},
}
"""What each row needs."""


def mean_logits(told: Mapping[str, np.ndarray], row: str) -> np.ndarray:
    """Logits of a row that is the mean of others."""
    parts = {LATE: PARTS, BOTH: ("interfusion", LINEAR)}[row]
    return np.mean([told[part] for part in parts], axis=0)


def fitted_logits(told: Mapping[str, np.ndarray], model: Mapping[str, np.ndarray]) -> np.ndarray:
    """Logits of the late fusion whose weights are fitted."""
    return np.stack([told[part] for part in PARTS], axis=1) @ model["weights"] + model["bias"]
