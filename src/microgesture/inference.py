"""Class probabilities of clips: temporal views and mirror images, averaged."""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from microgesture.distributed import ALONE, Processes
from microgesture.inputs import Input, whole
from microgesture.metrics import summarise
from microgesture.models.base import Recognizer
from microgesture.sampling import Loader, ViewClips


def predict(
    model: Recognizer,
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
    device = source.device = next(model.parameters()).device
    dataset = ViewClips(source, temporal, length, views)
    keys = [(int(row), view) for row in rows for view in range(len(dataset.views(int(row))))]
    groups: list[list[tuple[int, ...]]] = [
        [*keys[start : start + batch]] for start in range(0, len(keys), batch)
    ]
    position = {int(row): place for place, row in enumerate(rows)}
    total = np.zeros((len(rows), model.cls_head.fc_cls.out_features))
    model.eval()
    with closing(Loader(dataset, workers, device)) as loader, torch.inference_mode():
        for samples, batch_rows in loader.batches(groups):
            for mirrored in (False, True)[: 1 + flip]:
                geometry = whole(len(samples), mirrored)
                inputs = source.assemble(samples, geometry, training=False)
                with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                    logits = model(inputs)
                shares = functional.softmax(logits.double(), dim=1).cpu().numpy()
                np.add.at(total, [position[int(row)] for row in batch_rows], shares)
            progress(len(samples))
    return (total / total.sum(axis=1, keepdims=True)).astype(np.float32)


def validate(
    model: Recognizer,
    source: Input,
    rows: np.ndarray,
    truth: np.ndarray,
    config: Mapping[str, Any],
    *,
    batch: int,
    dtype: torch.dtype = torch.float32,
    processes: Processes = ALONE,
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, float]:
    """Loss (of plain softmax) and accuracy on rows with the classes ``truth``.

    Each process predicts some of the rows; all of them get the same numbers.
    """
    own = np.arange(processes.rank, len(rows), processes.count)
    shares = np.zeros((len(rows), model.cls_head.fc_cls.out_features), np.float32)
    if len(own):
        shares[own] = predict(
            model,
            source,
            rows[own],
            temporal=config["temporal"],
            length=config["length"],
            views=1,
            flip=False,
            batch=batch,
            dtype=dtype,
            progress=progress,
        )
    # the rows of other processes are zero, so that the sum is exact
    table = processes.table(torch.from_numpy(shares).to(next(model.parameters()).device))
    shares = table.sum(dim=0).cpu().numpy()
    measured = summarise(shares, truth)
    likely = np.maximum(shares[np.arange(len(truth)), truth], np.finfo(np.float32).tiny)
    return {
        "val_loss": float(-np.log(likely).mean()),
        **{f"val_{name}": measured[name] for name in ("top1", "mean_class")},
    }
