"""What in a data set is probably wrong: what was found, where, and what to do about it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from microgesture.data.keypoints import KINECT
from microgesture.data.layouts import Layout
from microgesture.data.store import SPLITS
from microgesture.data.summary import SWAPPED_SHARE
from microgesture.data_report.outliers import MISSING, outlying
from microgesture.data_report.scan import NORMALISED_LIMIT, TRAILING_FRAMES, HandCount, Scan
from microgesture.preprocessing.cleaning import REMEDY

# The thresholds were set on two recorded sets (MediaPipe on signing people) and on generated clips.
# Of any subject's clear frames at most 0.5 % look exchanged, and at least 99.5 % when the blocks
# are exchanged, so anything in between would do; fewer frames than this decide nothing.
EXCHANGED_SHARE, EXCHANGED_FRAMES = 0.5, 30
# MediaPipe places hands below the picture, 12 % of all points in one set, so points outside count
# only where exchanging height and width would bring most of them inside.
SWAPPED_HELPS = 0.25
# Detectors place up to 12 % of all points outside of the picture, most of them below it.
NEGATIVE_SHARE = 0.25
# No recorded frame had exactly the points of the one before.
REPEATED_SHARE = 0.1
# At most 0.4 % of the frames were empty.
EMPTY_SHARE = 0.05
# Hands and lips are hidden often, but not nearly always.
DEAD_SHARE = 0.99
# MediaPipe gives no scores for hands and face, 82 to 91 % of all points; others give few of 1.
FULL_SHARE = 0.99
# No clip began so; of clips whose frames are counted from 1 nearly all do.
LED_IN_SHARE = 0.5
# At most 0.2 % of the clips ended in empty frames; of padded clips nearly all do.
PADDED_SHARE = 0.05
# There was no flip at all; one in a thousand frames moves no result.
FLIPPED_SHARE = 0.001
_FIRST = 5


@dataclass(frozen=True)
class Finding:
    """One warning: its ``kind``, what was ``found``, ``where``, and what to ``do``."""

    kind: str
    found: str
    where: tuple[str, ...]
    do: str

    @property
    def line(self) -> str:
        """The warning in one line of plain text."""
        return f"{self.found}{self.place}. {self.do}."

    @property
    def place(self) -> str:
        """The first few of ``where`` in brackets, or nothing."""
        return f" ({_some(self.where)})" if self.where else ""


def find_faults(
    index: pd.DataFrame,
    found: Scan,
    layout: Layout,
    summary: Mapping[str, Any],
    folds: int | None = None,
) -> list[Finding]:
    """Everything that should be looked at before training, the gravest first.

    Parameters
    ----------
    index
        N rows, what `microgesture.data.store.read_index` gives.
    found
        What `microgesture.data_report.scan.scan` gives for the same store.
    layout
        That of the scan.
    summary
        What `microgesture.data.summary.summarise` gives for it.
    folds
        How many folds of subjects take the place of the data's splits; None: none do.

    """
    return [
        *_bodies(found),
        *_hands(found),
        *_sizes(found),
        *_negative(found),
        *_normalised(found),
        *_scores(found, layout),
        *_padding(found),
        *_missing(found),
        *_dead(found, layout),
        *_flips(found),
        *_repeated(found),
        *_emptied(found),
        *_outliers(found, layout),
        *_same(index, found),
        *_near(found),
        *_subjects(summary, folds),
        *_labels(summary, folds),
        *_skipped(summary),
    ]


def _bodies(found: Scan) -> Iterable[Finding]:
    wrong = found.bodies.found()
    # hands on the other wrist have a warning of their own
    if wrong and not (set(found.bodies.values) == {"hands"} and any(_hands(found))):
        what, clips, do = wrong
        yield Finding("no_body", what, tuple(clips), do)


def _hands(found: Scan) -> Iterable[Finding]:
    judged = {s: hand for s, hand in found.hands.items() if hand.clear >= EXCHANGED_FRAMES}
    wrong = {s: hand for s, hand in judged.items() if _exchanged(hand)}
    if wrong:
        clear = sum(hand.clear for hand in wrong.values())
        share = sum(hand.exchanged.count for hand in wrong.values()) / clear
        yield Finding(
            "exchanged_hands",
            f"The fingertips are nearer the other wrist in {share:.0%} of the {clear:,} frames "
            f"that tell, in {len(wrong)} of {len(judged)} subjects, {_some(list(wrong))}",
            tuple(clip for hand in wrong.values() for clip in hand.exchanged.first),
            "The left and the right finger block (or the wrists) are exchanged: put them right "
            "where the data are converted, or in the layout",
        )


def _exchanged(hand: HandCount) -> bool:
    enough = hand.clear >= EXCHANGED_FRAMES
    return enough and hand.exchanged.count > EXCHANGED_SHARE * hand.clear


def _sizes(found: Scan) -> Iterable[Finding]:
    for (height, width, _), size in found.sizes.items():
        total = max(size.visible, 1)
        right, outside = size.right / total, size.outside / total
        fits = size.outside_swapped < SWAPPED_HELPS * size.outside
        if right <= SWAPPED_SHARE and not (outside > SWAPPED_SHARE and fits):
            continue
        helps = (
            "with height and width exchanged they would lie inside: exchange them where the data "
            "are read"
            if fits
            else "state height and width, in this order, of the picture the points are from"
        )
        yield Finding(
            "size",
            f"{outside:.0%} of the points lie outside of the stated picture of height {height} and "
            f"width {width} in {_clips(size.clips)}",
            tuple(size.first),
            _capital(helps),
        )


def _negative(found: Scan) -> Iterable[Finding]:
    for size in found.sizes.values():
        share = size.negative / max(size.visible, 1)
        if share > NEGATIVE_SHARE and not found.normalised.clips:
            yield Finding(
                "negative",
                f"{share:.0%} of the points lie left of the picture or above it (x or y below 0) "
                f"in {_clips(size.clips)}",
                tuple(size.first),
                "Coordinates count from the upper left corner, in pixels: shift them back where "
                "they were centred on a joint",
            )


def _repeated(found: Scan) -> Iterable[Finding]:
    frames, repeated = sum(found.frames.values()), found.repeated
    if repeated.count > REPEATED_SHARE * frames:
        yield Finding(
            "repeated_frames",
            f"{repeated.count / frames:.0%} of the frames, in {_clips(repeated.clips)}, have "
            "exactly the points of the frame before",
            tuple(repeated.first),
            "The frame rate was raised by repeating frames, or clips are padded with their last "
            "one: leave the repeated frames out and state the frame rate that remains",
        )


def _normalised(found: Scan) -> Iterable[Finding]:
    if found.normalised.clips:
        yield Finding(
            "normalised",
            f"All coordinates are within {NORMALISED_LIMIT:g} pixels in "
            f"{_clips(found.normalised.clips)}",
            tuple(found.normalised.first),
            "They were probably divided by width and height, the store holds pixels: multiply them "
            "or, where they lie from -1 to 1, take (x + 1) / 2 * width and (y + 1) / 2 * height",
        )


def _scores(found: Scan, layout: Layout) -> Iterable[Finding]:
    if layout.source == KINECT.name:  # which gives no scores
        return
    visible = sum(size.visible for size in found.sizes.values())
    full = sum(size.full for size in found.sizes.values())
    if full > FULL_SHARE * visible:
        yield Finding(
            "full_scores",
            f"{full / visible:.0%} of the points have a score of 1, or had one above",
            (),
            "If the detector gives scores on another scale, divide them, or `min_score` finds no "
            "guess; if it gives none, this is as it must be",
        )


def _padding(found: Scan) -> Iterable[Finding]:
    clips, padded = sum(size.clips for size in found.sizes.values()), found.padded
    if found.led_in.clips > LED_IN_SHARE * clips:
        yield Finding(
            "led_in",
            f"{found.led_in.clips:,} of {_clips(clips)} begin with one frame without any point",
            tuple(found.led_in.first),
            "Frames are counted from 0: check that the first one of a clip is not called 1",
        )
    if padded.clips > PADDED_SHARE * clips:
        yield Finding(
            "padding",
            f"{padded.clips:,} of {_clips(clips)} end in {TRAILING_FRAMES} or more frames without "
            f"any point, {padded.count:,} frames in all",
            tuple(padded.first),
            "This looks like padding: cut every clip after its last frame with points, or the "
            "padding is sampled as data",
        )


def _missing(found: Scan) -> Iterable[Finding]:
    frames, empty = sum(found.frames.values()), found.empty_frames
    if empty.count > EMPTY_SHARE * frames:
        yield Finding(
            "empty_frames",
            f"{empty.count / frames:.0%} of the frames, in {_clips(empty.clips)}, show no point of "
            "the layout",
            tuple(empty.first),
            "Check that the clips are cut from the right place of the video and that the detector "
            "ran on all of it",
        )


def _dead(found: Scan, layout: Layout) -> Iterable[Finding]:
    lost: dict[tuple[str, ...], list[str]] = {}
    for joint, name in enumerate(layout.joints):
        splits = [
            s for s, n in found.frames.items() if n and found.missing[s][joint] > DEAD_SHARE * n
        ]
        if splits:
            lost.setdefault(tuple(splits), []).append(name)
    for where, names in lost.items():
        yield Finding(
            "dead_joints",
            f"{len(names)} of the {len(layout.joints)} joints of layout {layout.name} are (almost) "
            f"never found in {_some(where)}",
            tuple(names),
            "Use a layout without them, or check that the points were converted into the right "
            "places",
        )


def _flips(found: Scan) -> Iterable[Finding]:
    frames, flips = sum(found.frames.values()), found.flips
    if flips.count > FLIPPED_SHARE * frames:
        yield Finding(
            "flips",
            f"Left and right shoulder change places for a single frame {flips.count:,} times in "
            f"{_clips(flips.clips)}",
            tuple(flips.first),
            "The detector takes left for right there: exchange left and right in these frames, or "
            "empty them",
        )


def _emptied(found: Scan) -> Iterable[Finding]:
    for name, emptied in found.emptied.items():
        note = emptied.note()
        if note:
            yield Finding("emptied", f"Cleaning {name}: {note}", (), REMEDY)


def _outliers(found: Scan, layout: Layout) -> Iterable[Finding]:
    if found.normalised.clips:  # two scales, which has a warning of its own
        return
    told = {*found.bodies.wrong_subjects()}
    told |= {s for s, hand in found.hands.items() if _exchanged(hand)}
    people, recordings = outlying(found.facts, layout.joints)
    for kind, groups in (("subjects", people), ("recordings", recordings)):
        others = [one for one in groups if one.name not in told]
        if any(_dead(found, layout)):  # joints that a whole split lacks have a warning of their own
            others = [one for one in others if not all(MISSING in why for why in one.reasons)]
        if others:
            yield Finding(
                f"outlying_{kind}",
                f"{len(others)} {kind} are unlike all others: "
                + "; ".join(f"{one.name}: {', '.join(one.reasons[:2])}" for one in others[:_FIRST])
                + ("; ..." if len(others) > _FIRST else ""),
                tuple(clip for one in others for clip in one.clips),
                "Look at their pictures under Strangest people and clips: convert them again, or "
                "leave them out",
            )


def _same(index: pd.DataFrame, found: Scan) -> Iterable[Finding]:
    doubled = index.clip_id[index.clip_id.duplicated()].unique()
    if len(doubled):
        yield Finding(
            "duplicate_ids",
            f"{len(doubled)} clip ids occur more than once",
            tuple(doubled),
            "Give every clip an id of its own: predictions are joined by it",
        )
    if found.copies:
        across = [group for group in found.copies if len({split for _, split in group}) > 1]
        leak = f", {len(across)} of them in two splits" if across else ""
        yield Finding(
            "copies",
            f"{len(found.copies)} groups of clips hold exactly the same points{leak}",
            tuple(" = ".join(clip for clip, _ in group[:2]) for group in across or found.copies),
            "Keep one clip of each group, and none that is in two splits",
        )


def _near(found: Scan) -> Iterable[Finding]:
    pairs = found.near_copies
    if pairs:
        some = ", ".join(
            f"{one.first} ({one.splits[0]}) and {one.second} ({one.splits[1]}) share about "
            f"{one.frames} frames, {abs(one.shift)} apart"
            for one in pairs[:3]
        )
        more = "; ..." if len(pairs) > 3 else ""
        yield Finding(
            "near_copies",
            f"{len(pairs)} pairs of clips in two splits show the same moment, a few frames apart "
            f"or at another frame rate: {some}{more}",
            (),
            "Keep one clip of each pair, or both in one split; the report lists them",
        )


def _subjects(summary: Mapping[str, Any], folds: int | None) -> Iterable[Finding]:
    overlap = {} if folds else summary["subject_overlap"]
    for pair, shared in overlap.items():
        yield Finding(
            "subject_overlap",
            f"{len(shared)} subjects are in both splits {pair.replace('+', ' and ')}",
            tuple(shared),
            "Scores measured there are too high for new people: split by subject",
        )
    if summary["subject_is_video"]:
        yield Finding(
            "subject_is_video",
            "Every video counts as a subject of its own, so people in two splits cannot be seen",
            (),
            "Say who is in each video: `data.subjects`",
        )


def _labels(summary: Mapping[str, Any], folds: int | None) -> Iterable[Finding]:
    for name in SPLITS:
        split = summary["splits"][name]
        if not split["clips"]:
            if not folds:
                yield _empty_split(name)
            continue
        labelled = sum(split["clips_per_class"].values())
        unlabelled = split["clips"] - labelled
        if unlabelled:
            yield Finding(
                "unlabelled",
                f"{unlabelled:,} of {_clips(split['clips'])} in split {name} have no label",
                (),
                "Results are measured on validation clips instead, or give the labels"
                if name == "test" and not labelled and not folds
                else "Label them or leave them out: nothing can be learnt from or measured on them",
            )
        if labelled and not folds:
            yield from _absent_classes(split["clips_per_class"], f" in {name}", name == "train")
    if folds:
        counts = Counter[str]()
        for split in summary["splits"].values():
            counts.update(split["clips_per_class"])
        yield from _absent_classes(counts, "", True)


def _empty_split(name: str) -> Finding:
    return Finding(
        "empty_split",
        f"No clip is in split {name}",
        (),
        "Results are measured on validation clips instead, and submission must be null"
        if name == "test"
        else "Training needs both train and val, or folds: give each its clips",
    )


def _absent_classes(counts: Mapping[str, int], where: str, learnt: bool) -> Iterable[Finding]:
    absent = [label for label, count in counts.items() if not count]
    if absent:
        yield Finding(
            "absent_classes",
            f"{len(absent)} of {len(counts)} classes have no clip{where}",
            tuple(absent),
            "They cannot be learnt: add clips, or take them out of the classes file"
            if learnt
            else "Their recall is not measured: move clips of some subjects there",
        )


def _skipped(summary: Mapping[str, Any]) -> Iterable[Finding]:
    if summary["skipped"]:
        yield Finding(
            "skipped",
            f"{_clips(len(summary['skipped']))} could not be used and were left out",
            tuple(bad["clip_id"] for bad in summary["skipped"]),
            "The reasons are listed under Skipped clips",
        )


def _clips(number: int) -> str:
    return f"{number:,} clip" + ("" if number == 1 else "s")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_FIRST]) + (", ..." if len(names) > _FIRST else "")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
