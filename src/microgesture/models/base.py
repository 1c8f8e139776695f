"""What the networks share: classification head, semantic head, initial weights."""

from abc import ABC, abstractmethod
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional

HEAD_INIT_STD = 0.01


class Backbone(nn.Module, ABC):
    """A network that turns an input batch into pooled features (N, ``num_features``)."""

    num_features: int
    penalty: Tensor | float = 0.0
    """What the last forward pass of a training adds to the loss."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Pooled features (N, F) of a batch ``x``."""


class TokenBackbone(Backbone):
    """A network whose features have places before they are pooled, so that they can be fused."""

    @abstractmethod
    def tokens(self, x: Tensor) -> Tensor:
        """Features before they are pooled, (N, T', S, F): T' steps of time, S places.

        Places are joints or the cells of a feature map.
        """


def _linear(num_features: int, num_outputs: int) -> nn.Linear:
    layer = nn.Linear(num_features, num_outputs)
    nn.init.normal_(layer.weight, std=HEAD_INIT_STD)
    nn.init.zeros_(layer.bias)
    return layer


class DropPath(nn.Module):
    """Leave a residual branch out for some clips of a batch, in training (Huang et al. 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """From (B, ...) to the same shape; what stays grows, so that the mean stays."""
        if not self.training or not self.rate:
            return x
        kept = torch.rand(len(x), *[1] * (x.dim() - 1), device=x.device) >= self.rate
        return x * kept / (1 - self.rate)


class ClassHead(nn.Module):
    """Dropout and one linear layer, from features (N, F) to logits (N, K)."""

    def __init__(self, num_features: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.fc_cls = _linear(num_features, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, K)."""
        return self.fc_cls(self.dropout(features))


class SemanticHead(nn.Module):
    """One linear layer from features (N, F) to label embeddings (N, D) (Li et al. 2023)."""

    def __init__(self, num_features: int, embedding_size: int) -> None:
        super().__init__()
        self.fc = _linear(num_features, embedding_size)

    def forward(self, features: Tensor) -> Tensor:
        """Predicted label embeddings (N, D)."""
        return self.fc(features)


class Classifier(nn.Module, ABC):
    """What turns an input batch into one logit for each class."""

    num_classes: int

    @property
    def device(self) -> torch.device:
        """Where its numbers are."""
        return next(chain(self.parameters(), self.buffers())).device


class Recognizer(Classifier):
    """Backbone, classification head and, for the semantic loss, one that predicts label embeddings.

    Parameter names are PySKL's (``backbone.*``, ``cls_head.fc_cls.*``), so that its published
    checkpoints load; ``semantic_head.fc.*`` exists only when ``embedding_size`` is given.

    Parameters
    ----------
    backbone
        Gives the pooled features (N, F) that both heads see.
    num_classes
        K, the number of logits.
    dropout
        Probability of zeroing a feature before the classification layer, in training.
    embedding_size
        D, the length of a label embedding; None leaves the semantic head out.

    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        dropout: float,
        embedding_size: int | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.backbone = backbone
        self.cls_head = ClassHead(backbone.num_features, num_classes, dropout)
        self.semantic_head = (
            None if embedding_size is None else SemanticHead(backbone.num_features, embedding_size)
        )

    def features(self, x: Tensor) -> Tensor:
        """Pooled features (N, F), before dropout."""
        return self.backbone(x)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K)."""
        return self.cls_head(self.features(x))

    def forward_with_embeddings(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and predicted label embeddings (N, D), from one pass of the backbone.

        Raises
        ------
        RuntimeError
            When the model was built without ``embedding_size``.

        """
        if self.semantic_head is None:
            raise RuntimeError("this model has no semantic head: build it with embedding_size")
        features = self.features(x)
        return self.cls_head(features), self.semantic_head(features)


def count_parameters(model: nn.Module) -> int:
    """How many numbers training adjusts (buffers such as running means are not counted)."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def frame_conv(conv: nn.Conv3d, x: Tensor) -> Tensor:
    """A 1 x k x k convolution of (N, C, T, H, W), frame by frame in two dimensions.

    In bfloat16 a GPU has fast routines for pictures with channels last, and none for volumes.
    """
    step, *stride = conv.stride
    frames = x[:, :, ::step].permute(0, 2, 1, 3, 4)  # (N, T', C, H, W)
    padding = conv.padding[1:]
    out = functional.conv2d(frames.flatten(0, 1), conv.weight[:, :, 0], None, stride, padding)
    return out.unflatten(0, frames.shape[:2]).permute(0, 2, 1, 3, 4)
