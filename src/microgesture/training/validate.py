"""Loss and accuracy on the validation clips, between epochs."""

from collections.abc import Callable

import numpy as np
import torch

from microgesture.evaluation.metrics import summarise
from microgesture.inference.predict import predict
from microgesture.inputs.base import Input
from microgesture.models.base import Classifier
from microgesture.settings.variant_step import VariantStep
from microgesture.training.distributed import ALONE, Processes


def validate(
    model: Classifier,
    source: Input,
    rows: np.ndarray,
    truth: np.ndarray,
    config: VariantStep,
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
    probabilities = np.zeros((len(rows), model.num_classes), np.float32)
    if len(own):
        probabilities[own] = predict(
            model,
            source,
            rows[own],
            temporal=config.temporal,
            length=config.length,
            views=1,
            flip=False,
            batch=batch,
            dtype=dtype,
            progress=progress,
        )
    # the rows of other processes are zero, so that the sum is exact
    table = processes.all_gather(torch.from_numpy(probabilities).to(model.device))
    probabilities = table.sum(dim=0).cpu().numpy()
    measured = summarise(probabilities, truth)
    likely = np.maximum(probabilities[np.arange(len(truth)), truth], np.finfo(np.float32).tiny)
    return {
        "val_loss": float(-np.log(likely).mean()),
        **{f"val_{name}": measured[name] for name in ("top1", "mean_class")},
    }
