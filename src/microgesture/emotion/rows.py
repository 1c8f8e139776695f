"""The rows of the emotion table."""

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
