"""Which positions of a detector are to tell of which segment, and the loss of what they tell."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from microgesture.models.temporal_detector import Told, positions
from microgesture.online.segments import Segment
from microgesture.settings.online import TemporalNetwork

RANGE = 4.0
"""Positions of the finest scale to the farther end from which on the second scale tells of a
segment; the third from twice as many, and so on."""
RADIUS = 1.5
"""Positions of the own scale around the middle of a segment that tell of it."""
ALPHA, GAMMA = 0.25, 2.0
"""Of the focal loss (Lin et al. 2017)."""
IGNORED, BACKGROUND = -2, -1


def assign(
    segments: Sequence[Segment], frames: int, network: TemporalNetwork
) -> tuple[np.ndarray, np.ndarray]:
    """What each position is to tell: class, int (P,), and distances to both edges, float (P, 2).

    A position tells of a segment if it lies within it, at most `RADIUS` positions from its middle,
    and if the farther edge is as far as its scale is for; of several, of the shortest. One whose
    middle lies outside of the frames is ignored where it is seen. Others are background. Frame f
    reaches from f - 0.5 to f + 0.5.
    """
    times, levels = positions(frames, network)
    labels, away = np.full(len(times), BACKGROUND), np.zeros((len(times), 2))
    step = network.stride * 2.0**levels
    low = np.where(levels == 0, 0.0, RANGE / 2 * step)
    high = np.where(levels == network.levels - 1, np.inf, RANGE * step)
    by_length = sorted(segments, key=lambda s: s.start - s.end)  # the shortest last
    inside = [0 <= one.start + one.end < 2 * frames for one in by_length]
    for one in (s for s, within in zip(by_length, inside, strict=True) if not within):
        labels[(times >= one.start) & (times <= one.end)] = IGNORED
    for one in (s for s, within in zip(by_length, inside, strict=True) if within):
        edges = np.array([one.start - 0.5, one.end + 0.5])
        both = np.column_stack([times - edges[0], edges[1] - times])
        near = np.abs(times - edges.mean()) <= RADIUS * step
        farther = both.max(axis=1)
        chosen = (both.min(axis=1) > 0) & near & (farther >= low) & (farther < high)
        if not chosen.any():  # shorter than the step of its scale: the nearest position tells
            fits = np.where((farther >= low) & (farther < high), np.abs(times - edges.mean()), 1e9)
            chosen = fits == fits.min()
        labels[chosen] = one.label
        away[chosen] = np.maximum(both[chosen], 0)
    return labels, away


def focal(logits: Tensor, wanted: Tensor) -> Tensor:
    """Sigmoid focal loss of every score; ``wanted`` are 0 or 1."""
    plain = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    p = torch.sigmoid(logits)
    right = p * wanted + (1 - p) * (1 - wanted)
    weight = ALPHA * wanted + (1 - ALPHA) * (1 - wanted)
    return weight * (1 - right) ** GAMMA * plain


def distance_iou(told: Tensor, true: Tensor) -> Tensor:
    """1 - DIoU of segments around common positions (Zheng et al. 2020, in one dimension).

    ``told`` and ``true`` are distances to both edges, (N, 2).
    """
    shared = torch.minimum(told, true).sum(dim=1)
    hull = torch.maximum(told, true).sum(dim=1).clamp(min=1e-6)
    union = (told.sum(dim=1) + true.sum(dim=1) - shared).clamp(min=1e-6)
    apart = ((told[:, 1] - told[:, 0]) - (true[:, 1] - true[:, 0])) / 2
    return 1 - shared / union + (apart / hull) ** 2


def loss(told: Told, labels: Tensor, away: Tensor) -> Tensor:
    """Focal loss of the classes and `distance_iou` of the ends, for each telling position.

    Parameters
    ----------
    told : Told
    labels : Tensor, int (B, P)
        Class, `BACKGROUND`, or `IGNORED` where there is no frame.
    away : Tensor, float (B, P, 2)

    """
    tells = labels >= 0
    number = tells.sum().clamp(min=1)
    wanted = functional.one_hot(labels.clamp(min=0), told.logits.shape[2]) * tells[..., None]
    counted = (labels != IGNORED)[..., None]
    of_classes = (focal(told.logits.float(), wanted.float()) * counted).sum()
    of_ends = distance_iou(told.distances.float()[tells], away[tells]).sum()
    return (of_classes + of_ends) / number
