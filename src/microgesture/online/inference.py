"""Segments of whole recordings from a trained detector, in parts, so that memory stays flat."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.data.clip_file import Clips, prepared_points
from microgesture.data.layouts import Layout, layout_from_dict
from microgesture.inference.checkpoints import load_checkpoint
from microgesture.inputs.base import to_device
from microgesture.models.temporal_detector import TemporalDetector, Told, positions, steps
from microgesture.online.features import CHANNELS, body_size, features, mirrored
from microgesture.online.postprocessing import suppressed
from microgesture.online.segments import Segment
from microgesture.settings.online import TemporalNetwork, TemporalStep
from microgesture.settings.parse import parse
from microgesture.utils.errors import InputError

PART = 2048
"""Frames that are told of at once."""
LEAST = 0.02
"""Class score below which nothing is a candidate."""
BLOCK, MOST = 256, 64
"""Frames, and candidates that begin in them at most, before suppression."""


@dataclass(frozen=True)
class TrainedDetector:
    """A trained detector, rebuilt from its checkpoint alone; see `load_detector`."""

    path: Path
    model: TemporalDetector
    layout: Layout
    metadata: dict[str, Any]
    config: TemporalStep

    @property
    def delay(self) -> int:
        """Frames after which a position is told of; of a network that looks ahead, its reach."""
        network = self.model.network
        return network.delay + self.model.step - 1 if network.causal else self.model.reach


def new_detector(config: TemporalStep, layout: Layout, num_classes: int) -> TemporalDetector:
    """The network with fresh weights from torch's random state."""
    return TemporalDetector(layout.adjacency(), CHANNELS, num_classes, config.network)


def load_detector(path: Path) -> TrainedDetector:
    """Rebuild a trained detector.

    Raises
    ------
    InputError
        When the file is no checkpoint of one.

    """
    state, metadata = load_checkpoint(path)
    wanted = ("config", "classes", "layout", "preparation")
    missing = [key for key in wanted if key not in metadata]
    if missing or "window" not in metadata["config"]:
        raise InputError(f"{path}: is no model of a detector; expected one of results/online/train")
    config: TemporalStep = parse(TemporalStep, metadata["config"], f"{path}: config")
    layout = layout_from_dict(metadata["layout"], path)
    model = new_detector(config, layout, len(metadata["classes"]))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: weights and metadata disagree ({reason}); train again") from None
    return TrainedDetector(path, model.eval(), layout, metadata, config)


def candidates(
    model: TemporalDetector,
    layout: Layout,
    points: np.ndarray,
    *,
    soft: bool,
    flip: bool,
    part: int = PART,
) -> list[Segment]:
    """Segments of a recording after suppression, by falling score, none of them left out yet.

    Parameters
    ----------
    model : TemporalDetector
        In evaluation mode.
    layout : Layout
    points : ndarray, float32 (T, V, 3)
        Cleaned; it may be a memory map, which is read in parts.
    soft : bool
        See `suppressed`.
    flip : bool
        Whether mirror images are shown as well and averaged.
    part : int
        Frames at once; the result does not depend on it, but for the last digits.

    """
    size = body_size(points)
    found: list[Segment] = []
    unit = max(BLOCK, model.step)
    length = max(part // unit, 1) * unit
    margin = -(-model.reach // model.step) * model.step
    for start in range(0, len(points), length):
        first = max(start - margin, 0)
        stop = min(start + length + margin, len(points))
        shown = points[max(first - 1, 0) : stop]
        seen = features(shown, layout, size)[min(first, 1) :]
        told = _told(model, layout, seen, flip)
        own = (start, min(start + length, len(points)))
        found += _decoded(model.network, told, first, len(seen), own, len(points))
    return suppressed(found, soft)


def _told(
    model: TemporalDetector, layout: Layout, seen: np.ndarray, flip: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Class scores (P, K) and distances (P, 2) of features (T, V, C)."""
    device = next(model.parameters()).device
    spare = -len(seen) % model.step
    filled = np.pad(seen, ((0, spare), (0, 0), (0, 0)))
    counts = np.arange(len(filled)) < len(seen)
    views = [filled, mirrored(filled, layout)][: 1 + flip]
    with torch.inference_mode():
        told: Told = model(
            to_device(np.stack(views), device),
            to_device(np.stack([counts] * len(views)), device),
        )
        scores = torch.sigmoid(told.logits).mean(dim=0)
        return scores.cpu().numpy(), told.distances.mean(dim=0).cpu().numpy()


def _decoded(
    network: TemporalNetwork,
    told: tuple[np.ndarray, np.ndarray],
    first: int,
    shown: int,
    own: tuple[int, int],
    frames: int,
) -> list[Segment]:
    """Candidates of the positions whose cells begin in the own frames.

    ``first`` is the recording's frame that what was ``shown`` begins with.
    """
    scores, distances = told
    every = steps(network)
    length = -(-shown // every[-1]) * every[-1]
    times, _ = positions(length, network)
    cells = np.concatenate([np.arange(length // step) * step for step in every])
    ours = (cells + first >= own[0]) & (cells + first < own[1])
    at, labels = np.nonzero((scores >= LEAST) & ours[:, None])
    kept = _best_of_blocks((cells[at] + first) // BLOCK, scores[at, labels])
    found = []
    for place, label in zip(at[kept], labels[kept], strict=True):
        middle = times[place] + first
        start = max(int(np.ceil(middle - distances[place, 0])), 0)
        end = min(int(np.floor(middle + distances[place, 1])), frames - 1)
        if end >= start:
            found.append(Segment(int(label), start, end, float(scores[place, label])))
    return found


def _best_of_blocks(blocks: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Places of the `MOST` best scores of each block."""
    order = np.lexsort((-scores, blocks))
    _, begins, sizes = np.unique(blocks[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(begins, sizes)
    return order[rank < MOST]


def detected(
    detector: TrainedDetector,
    records: Clips,
    rows: list[int],
    flip: bool,
    progress: Callable[[list[int]], Any] = iter,
) -> dict[str, list[Segment]]:
    """`candidates` of prepared recordings by their ids."""
    names = records.index["clip_id"].tolist()
    soft = detector.config.nms == "soft"
    return {
        names[row]: candidates(
            detector.model,
            detector.layout,
            prepared_points(records, row),
            soft=soft,
            flip=flip,
        )
        for row in progress(rows)
    }
