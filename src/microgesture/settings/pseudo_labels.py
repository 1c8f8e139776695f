"""What a config says about pseudo-labels."""

from microgesture.settings.base import Entry, Share, Text
from microgesture.settings.probing import Testing


class PseudoLabelling(Entry):
    """Labels that another variant gives to training clips without one."""

    teacher: Text
    """The variant whose predictions they are, of the run with the same seed."""
    precision: Share = 0.9
    """Share of the teacher's predictions of a class that must be right on validation clips; it is
    reached by a least probability for each class."""


class PseudoLabelStep(Entry):
    """What the pseudo-labels of a variant depend on, besides the teacher and its clips."""

    precision: Share
    label_share: Share
    """Of the labels that the student sees."""
    testing: Testing
