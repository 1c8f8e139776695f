"""A classifier that is not trained: the votes of the nearest training clips' features."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

TEMPERATURE = 0.07
"""Of the votes' weights."""
LEAST = 1e-6
"""Share of all votes that a class without any gets, so that its logit is finite."""


class NeighbourHead(nn.Module):
    """Logits from the features of clips that are known, in place of a linear classifier.

    Each of the nearest votes for its class with weight exp(cosine / `TEMPERATURE`); the logits are
    the logarithm of the classes' shares of all votes. Source: Wu et al. 2018, unsupervised feature
    learning by instance discrimination, section 3.4, the usual k-NN protocol since.

    Parameters
    ----------
    num_features, num_classes, neighbours : int
        F, K, and how many vote at most.

    """

    features: Tensor
    classes: Tensor

    def __init__(self, num_features: int, num_classes: int, neighbours: int) -> None:
        super().__init__()
        self.num_classes, self.neighbours = num_classes, neighbours
        self.register_buffer("features", torch.zeros((0, num_features)))
        self.register_buffer("classes", torch.zeros(0, dtype=torch.int64))

    def remember(self, features: Tensor, classes: Tensor) -> None:
        """Take features (M, F) of clips and their classes (M,)."""
        self.features, self.classes = functional.normalize(features, dim=1), classes

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, K)."""
        return self.votes(functional.normalize(features.float(), dim=1) @ self.features.T)

    def votes(self, similar: Tensor) -> Tensor:
        """Logits (N, K) of cosines (N, M)."""
        count = min(self.neighbours, similar.shape[1])
        nearest, which = similar.topk(count, dim=1)
        weights = torch.softmax(nearest / TEMPERATURE, dim=1)
        shares = torch.zeros((len(similar), self.num_classes), device=similar.device)
        shares = shares.scatter_add(1, self.classes[which], weights)
        return torch.log(shares.clamp(min=LEAST))

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *arguments: Any
    ) -> None:
        # as many clips as are in the file
        for name in ("features", "classes"):
            if prefix + name in state_dict:
                setattr(self, name, torch.zeros_like(state_dict[prefix + name]))
        super()._load_from_state_dict(state_dict, prefix, *arguments)
