"""A fusion that holds the networks of its sources, so that they are trained with it.

A batch is one vector a clip: for each of S sources whether it is there (1 or 0), and then what the
sources' networks take, flattened, one after the other.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import cast

import torch
from torch import Tensor, nn

from microgesture.models.base import Backbone, Recognizer, TokenBackbone
from microgesture.models.token_fusion import SourceTokens

AXES = {"time": 1, "places": 2}
"""Of tokens (N, T', S, F), the one that each kind of pooling averages."""


class JointFusion(Backbone):
    """The networks of the sources, and a network on their pooled tokens.

    Parameters
    ----------
    networks : sequence of TokenBackbone
    shapes : sequence of tuple of int
        Of what each network takes of a clip.
    pool : {'places', 'time'}
        What is averaged of tokens.
    fusion : Backbone
        See `microgesture.models.token_fusion`.

    """

    def __init__(
        self,
        networks: Sequence[TokenBackbone],
        shapes: Sequence[tuple[int, ...]],
        pool: str,
        fusion: Backbone,
    ) -> None:
        super().__init__()
        self.networks, self.fusion = nn.ModuleList(networks), fusion
        self.shapes, self.axis = list(shapes), AXES[pool]
        self.num_features = fusion.num_features

    @property
    def inside(self) -> list[TokenBackbone]:
        """The networks of the sources."""
        return [cast(TokenBackbone, network) for network in self.networks]

    def forward(self, x: Tensor) -> Tensor:
        """From a batch of the module's form (N, S + sum of D) to features (N, F)."""
        count = len(self.shapes)
        parts = x[:, count:].split([prod(shape) for shape in self.shapes], dim=1)
        tokens = [
            network.tokens(part.unflatten(1, shape)).mean(dim=self.axis).flatten(1)
            for network, part, shape in zip(self.inside, parts, self.shapes, strict=True)
        ]
        features = self.fusion(torch.cat([x[:, :count], *tokens], dim=1))
        self.penalty, self.fusion.penalty = self.fusion.penalty, 0.0
        return features


def join_networks(
    networks: Sequence[TokenBackbone],
    shapes: Sequence[tuple[int, ...]],
    pool: str,
    build: Callable[[list[SourceTokens]], Recognizer],
) -> Recognizer:
    """A fusion with the networks of its sources inside.

    Parameters
    ----------
    networks, shapes, pool
        See `JointFusion`.
    build : callable
        Gives the fusion for what the sources' tokens are.

    """
    model = build([shown(*one, pool) for one in zip(networks, shapes, strict=True)])
    model.backbone = JointFusion(networks, shapes, pool, model.backbone)
    return model


def shown(network: TokenBackbone, shape: tuple[int, ...], pool: str) -> SourceTokens:
    """What a network gives of a clip of a shape."""
    training = network.training
    with torch.no_grad():
        tokens = network.eval().tokens(torch.zeros(1, *shape)).mean(dim=AXES[pool])
    network.train(training)
    steps, features = tokens.shape[1:]
    return SourceTokens(steps, features, pool)


def leave_unused(network: TokenBackbone, shape: tuple[int, ...]) -> None:
    """Take the parameters on which no token depends, of layers behind them, out of training.

    Several processes that train together would wait for their gradients.
    """
    training, learned = network.training, [p for p in network.parameters() if p.requires_grad]
    some = next(network.parameters())
    total = network.eval().tokens(torch.rand(1, *shape, device=some.device)).sum()
    for one, gradient in zip(
        learned, torch.autograd.grad(total, learned, allow_unused=True), strict=True
    ):
        one.requires_grad_(gradient is not None)
    network.train(training)
