"""What a training step minimises: cross-entropy, remedies for the long tail, label embeddings."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def log_prior(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Logarithm of every class's share of the clips, float32 (K,).

    A class without clips counts as having one, since its logarithm would be infinite.
    """
    counts = np.maximum(np.bincount(labels, minlength=num_classes), 1)
    return np.log(counts / counts.sum()).astype(np.float32)


@dataclass(frozen=True)
class Objective:
    """The loss of a training step.

    Attributes
    ----------
    smoothing : float
        Share of the target that is spread evenly over all classes (Szegedy et al. 2016).
    adjustment : Tensor, float32 (K,), optional
        Added to the logits in the loss alone: tau times `log_prior` (Menon et al. 2021, logit
        adjusted loss). Prediction then uses plain logits, which no longer favour large classes.
    embeddings : Tensor, float32 (K, D), optional
        Label embeddings.
    weight : float
        Of the squared error to the clip's label embedding (Li et al. 2023, joint skeletal and
        semantic embedding loss).

    """

    smoothing: float = 0.0
    adjustment: Tensor | None = None
    embeddings: Tensor | None = None
    weight: float = 0.0

    def loss(self, logits: Tensor, embedded: Tensor | None, truth: Tensor) -> Tensor:
        """Mean over a batch: logits (N, K), predicted embeddings (N, D) and true classes (N,)."""
        logits = logits.float()
        if self.adjustment is not None:
            logits = logits + self.adjustment
        loss = functional.cross_entropy(logits, truth, label_smoothing=self.smoothing)
        if self.embeddings is not None and embedded is not None:
            error = functional.mse_loss(embedded.float(), self.embeddings[truth])
            loss = loss + self.weight * error
        return loss


def objective(
    labels: np.ndarray,
    num_classes: int,
    *,
    smoothing: float,
    tau: float,
    embeddings: np.ndarray | None,
    weight: float,
    device: torch.device,
) -> Objective:
    """The objective of a training.

    Parameters
    ----------
    labels : ndarray, int (N,)
        Of the training clips.
    num_classes : int
    smoothing, tau : float
        See `Objective`; without a ``tau`` the logits are not adjusted.
    embeddings : ndarray, float32 (K, D), optional
    weight : float
    device : torch.device

    """
    adjustment = torch.from_numpy(tau * log_prior(labels, num_classes)).to(device) if tau else None
    targets = None if embeddings is None else torch.from_numpy(embeddings).to(device)
    return Objective(smoothing, adjustment, targets, weight)
