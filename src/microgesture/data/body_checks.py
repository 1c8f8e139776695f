"""Clips whose points are not where a body has them: counted while they are read or scanned."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from microgesture.data.keypoint_formats import Numbers, format_names
from microgesture.data.keypoints import OPENPOSE
from microgesture.data.plausibility import BLOCKS, LIMITS, judge, likelier_order
from microgesture.data.store import Clip

# Of 3,002 recorded clips and recordings none failed, so fewer than these are left to the pictures.
FEW_CLIPS, FEW_OF_SUBJECT = 0.02, 0.5
# Clips of each subject, and in all, of which the likelier order is looked for.
TRIED_OF_SUBJECT, TRIED = 3, 60
_FIRST = 5

Item = TypeVar("Item")


@dataclass
class BodyChecks:
    """What the checks of `microgesture.data.plausibility` said of the clips of a data set.

    Attributes
    ----------
    order
        Name of the clips' `microgesture.data.keypoints.KeypointFormat`.
    taken
        The keypoint format for which they were taken, where it is known.
    judged, failed
        By subject, the number of clips that could be judged and the ids of those that failed.
    values
        Of each failed check, its numbers.
    likelier
        How often each order was found to be the likelier one; None: none was.

    """

    order: str = OPENPOSE.name
    taken: Numbers | None = None
    judged: Counter[str] = field(default_factory=Counter)
    failed: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)
    likelier: Counter[str | None] = field(default_factory=Counter)

    def add(self, clip: Clip) -> None:
        """Judge one clip."""
        checks = judge(clip.points, self.order)
        self.judged[clip.subject] += bool(checks)
        wrong = [check for check in checks if check.fails]
        if not wrong:
            return
        failed = self.failed.setdefault(clip.subject, [])
        failed.append(clip.clip_id)
        for check in wrong:
            self.values.setdefault(check.name, []).append(check.value)
        if len(failed) <= TRIED_OF_SUBJECT and self.likelier.total() < TRIED:
            self.likelier[likelier_order(clip.points, self.order, self.taken)] += 1

    def wrong_subjects(self) -> list[str]:
        """Subjects of whom most clips fail; every one with such a clip where many clips do."""
        judged, failed = self.judged.total(), sum(map(len, self.failed.values()))
        many = failed > FEW_CLIPS * judged
        return [
            s for s, f in self.failed.items() if many or len(f) > FEW_OF_SUBJECT * self.judged[s]
        ]

    def found(self) -> tuple[str, list[str], str] | None:
        """What is wrong, in which clips, and what to do; None where nothing is worth a warning."""
        subjects = self.wrong_subjects()
        if not subjects:
            return None
        clips = [clip for subject in subjects for clip in self.failed[subject]]
        names = sorted(self.values, key=lambda name: -len(self.values[name]))
        what = "; ".join(
            f"{LIMITS[name].means} ({np.median(self.values[name]):.2f} shoulder widths, a body's "
            f"is at most {LIMITS[name].largest:g})"
            for name in names[:3]
        )
        of = f"{len(clips):,} of {self.judged.total():,} clips that tell"
        who = f", of {len(subjects)} of {len(self.judged)} subjects" if len(self.judged) > 1 else ""
        return f"The points are not where a body has them in {of}{who}: {what}", clips, self._do()

    def _do(self) -> str:
        name, times = max(self.likelier.items(), key=lambda item: (item[0] is not None, item[1]))
        if name is None or 2 * times < self.likelier.total():
            return (
                "Look at the drawn skeletons; say in `data.points` in which format the points are, "
                "or mend their conversion"
            )
        if name in format_names():
            return (
                f"They would be a body in the format {name}: set `data.points: {name}`, or convert "
                "the points again"
            )
        return (
            f"They would be a body if the blocks lay in the order {name}: put them in the order "
            f"{', '.join(BLOCKS)}"
        )

    def notes(self) -> list[str]:
        """The warning in one line, or nothing."""
        found = self.found()
        if found is None:
            return []
        what, clips, do = found
        some = ", ".join(clips[:_FIRST]) + (", ..." if len(clips) > _FIRST else "")
        return [f"{what} ({some}). {do}."]


def watched(items: Iterable[Item], checks: BodyChecks) -> Iterator[Item]:
    """Pass on what a reader yields, and let ``checks`` judge the clips among it."""
    for item in items:
        if isinstance(item, Clip):
            checks.add(item)
        yield item
