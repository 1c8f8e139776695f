"""Class probabilities of clips: temporal views and mirror images, averaged."""

from collections.abc import Callable
from contextlib import closing

import numpy as np
import torch
from torch.nn import functional

from microgesture.inputs.base import Input
from microgesture.inputs.geometry import full_frame
from microgesture.inputs.loader import Loader, ViewClips
from microgesture.models.base import Classifier


def predict(
    model: Classifier,
    source: Input,
    rows: np.ndarray,
    *,
    temporal: str,
    length: int,
    views: int,
    flip: bool,
    batch: int,
    workers: int = 0,
    dtype: torch.dtype = torch.float32,
    progress: Callable[[int], None] = lambda count: None,
) -> np.ndarray:
    """Class probabilities averaged over temporal views and, if asked, mirror images.

    Parameters
    ----------
    dtype : torch.dtype
        Precision of the network's products (autocast). Validation between epochs takes that of
        training; results are always predicted in float32.

    Returns
    -------
    ndarray, float32 (len(rows), K)
        Each row sums to 1.

    """
    device = model.device
    dataset = ViewClips(source, temporal, length, views)
    keys = [(int(row), view) for row in rows for view in range(len(dataset.views(int(row))))]
    groups: list[list[tuple[int, ...]]] = [
        [*keys[start : start + batch]] for start in range(0, len(keys), batch)
    ]
    position = {int(row): place for place, row in enumerate(rows)}
    total = np.zeros((len(rows), model.num_classes))
    model.eval()
    with closing(Loader(dataset, workers, device)) as loader, torch.inference_mode():
        for samples, batch_rows in loader.batches(groups):
            for mirrored in (False, True)[: 1 + flip]:
                geometry = full_frame(len(samples), mirrored)
                inputs = source.assemble(samples, geometry, training=False, device=device)
                with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                    logits = model(inputs)
                probabilities = functional.softmax(logits.double(), dim=1).cpu().numpy()
                np.add.at(total, [position[int(row)] for row in batch_rows], probabilities)
            progress(len(samples))
    return (total / total.sum(axis=1, keepdims=True)).astype(np.float32)
