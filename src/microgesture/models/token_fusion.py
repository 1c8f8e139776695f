"""Fusion of several networks: a transformer over their tokens, or an MLP over the tokens' means.

An interpretation of the Cross-Modal Token Fusion of Martirosyan et al. 2025, of which no equation
is known; see docs/fusion.md. The exchange of tokens is that of Wang et al. 2022, "Multimodal Token
Fusion for Vision Transformers", for sources of different lengths.

A batch is one vector a clip: for each of S sources whether it is there (1 or 0), and then the
sources' tokens one after the other, each source's in the order (tokens, features).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from microgesture.models.base import Backbone, Recognizer
from microgesture.utils.errors import InputError

INIT_STD = 0.02
MLP_RATIO = 2


class SourceTokens(NamedTuple):
    """What a source gives of a clip: so many tokens of so many features, and what they stand for.

    ``pool`` is what was averaged: ``places``, so that a token is a step of time, or ``time``, so
    that it is a joint or a cell.
    """

    tokens: int
    features: int
    pool: str


def drop_sources(present: Tensor, probability: float) -> Tensor:
    """Take each source of each clip away with a probability, but never the last one.

    Parameters
    ----------
    present : Tensor, bool (N, S)
    probability : float

    Returns
    -------
    Tensor, bool (N, S)
        Of a clip of which all would be taken, one that is there stays, all equally likely.

    """
    drawn = torch.rand(present.shape, device=present.device).masked_fill(~present, -1)
    kept = (drawn >= probability) & present
    last = nn.functional.one_hot(drawn.argmax(dim=1), present.shape[1]).bool() & present
    return torch.where(kept.any(dim=1, keepdim=True), kept, last)


def resampling(steps: int, positions: int) -> Tensor:
    """Linear interpolation from ``positions`` to ``steps`` over the same clip, (steps, positions).

    Step t of T lies at (t + 1/2) / T of the clip, and so do the positions; what lies before the
    first or after the last of them takes its value.
    """
    place = (torch.arange(steps) + 0.5) / steps * positions - 0.5
    place = place.clamp(0, positions - 1)
    weights = 1 - (place[:, None] - torch.arange(positions)).abs()
    return weights.clamp(min=0)


class Sources(nn.Module):
    """Takes a batch apart, and the sources that modality dropout takes away in training."""

    def __init__(self, shapes: Sequence[SourceTokens], modality_dropout: float) -> None:
        super().__init__()
        self.shapes, self.modality_dropout = tuple(shapes), modality_dropout

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Which sources are there, bool (N, S), and the tokens of each, (N, K, F)."""
        count = len(self.shapes)
        present = x[:, :count] > 0.5
        if self.training and self.modality_dropout:
            present = drop_sources(present, self.modality_dropout)
        parts = x[:, count:].split([one.tokens * one.features for one in self.shapes], dim=1)
        # whatever stands in the place of a missing source has no part in anything
        return present, [
            part.unflatten(1, (one.tokens, one.features)).masked_fill(~present[:, s, None, None], 0)
            for s, (one, part) in enumerate(zip(self.shapes, parts, strict=True))
        ]


class Layer(nn.Module):
    """A pre-norm transformer layer whose attention sees each token times its score."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, MLP_RATIO * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(MLP_RATIO * width, width),
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, seen: Tensor, scores: Tensor | None = None) -> Tensor:
        """From tokens (N, L, W) to as many; only those in ``seen`` (N, L) are looked at."""
        h = self.norm1(x)
        if scores is not None:
            h = h * scores[..., None]
        q, k, v = self.qkv(h).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        likeness = (q @ k.transpose(2, 3)) * self.scale
        weights = likeness.masked_fill(~seen[:, None, None, :], float("-inf")).softmax(dim=3)
        x = x + self.drop(self.out((weights @ v).transpose(1, 2).flatten(2)))
        return x + self.drop(self.mlp(self.norm2(x)))


class Exchange(nn.Module):
    """Scores tokens, and replaces those of a low score by the other sources' at the same time.

    The replacement is the mean over the other sources that are there, each brought to this one's
    steps by linear interpolation; without another source a token stays.
    """

    def __init__(self, shapes: Sequence[SourceTokens], width: int, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold
        self.scorers = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1)
            )
            for _ in shapes
        )
        for target, one in enumerate(shapes):
            for other, two in enumerate(shapes):
                matrix = resampling(one.tokens, two.tokens)
                self.register_buffer(f"from_{other}_to_{target}", matrix, persistent=False)

    def forward(self, tokens: list[Tensor], present: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Tokens after the exchange, each (N, K, W), and their scores before it, each (N, K)."""
        scores = [
            scorer(one).squeeze(2).sigmoid()
            for scorer, one in zip(self.scorers, tokens, strict=True)
        ]
        exchanged = []
        for target, own in enumerate(tokens):
            others = [s for s in range(len(tokens)) if s != target]
            there = present[:, others].to(own.dtype)
            aligned = torch.stack(
                [self.get_buffer(f"from_{s}_to_{target}").to(own.dtype) @ tokens[s] for s in others]
            )
            mean = torch.einsum("snkw,ns->nkw", aligned, there)
            mean = mean / there.sum(dim=1).clamp(min=1)[:, None, None]
            low = (scores[target] < self.threshold) & (there.sum(dim=1) > 0)[:, None]
            exchanged.append(torch.where(low[..., None], mean, own))
        return exchanged, scores


class TokenFusion(Backbone):
    """A class token and the sources' tokens through a transformer; see `build_token_fusion`."""

    def __init__(
        self,
        shapes: Sequence[SourceTokens],
        width: int,
        layers: int,
        heads: int,
        positions: int,
        dropout: float,
        modality_dropout: float,
        exchange: tuple[float, float] | None,
    ) -> None:
        super().__init__()
        self.sources = Sources(shapes, modality_dropout)
        self.lengths = [one.tokens for one in shapes]
        self.project = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(one.features), nn.Linear(one.features, width))
            for one in shapes
        )
        self.class_token = nn.Parameter(torch.empty(width))
        self.modality = nn.Parameter(torch.empty(len(shapes), width))
        self.time = nn.Parameter(torch.empty(positions, width))
        self.places = nn.ParameterDict(
            {
                str(s): nn.Parameter(torch.empty(one.tokens, width))
                for s, one in enumerate(shapes)
                if one.pool == "time"
            }
        )
        for table in (self.class_token, self.modality, self.time, *self.places.values()):
            nn.init.normal_(table, std=INIT_STD)
        for s, one in enumerate(shapes):
            self.register_buffer(f"steps_{s}", resampling(one.tokens, positions), persistent=False)
        self.drop = nn.Dropout(dropout)
        self.layers = nn.ModuleList(Layer(width, heads, dropout) for _ in range(layers))
        threshold, self.sparsity = exchange or (0.0, 0.0)
        self.exchanges = nn.ModuleList(
            Exchange(shapes, width, threshold) for _ in self.layers if exchange
        )
        self.norm = nn.LayerNorm(width)
        self.num_features = width

    def embedded(self, tokens: list[Tensor]) -> list[Tensor]:
        """Each source's tokens in the common width, with what tells source and time (N, K, W)."""
        return [
            self.project[s](one) + self.modality[s] + self.position(s)
            for s, one in enumerate(tokens)
        ]

    def position(self, s: int) -> Tensor:
        """Embeddings of the time of a source's tokens, or of their places, (K, W)."""
        if str(s) in self.places:
            return self.places[str(s)]
        return self.get_buffer(f"steps_{s}") @ self.time

    def forward(self, x: Tensor) -> Tensor:
        """From a batch of the module's form (N, S + sum of K F) to features (N, width)."""
        present, tokens = self.sources(x)
        sequence = [self.drop(one) for one in self.embedded(tokens)]
        count = x.shape[0]  # len() would fix an exported model to this batch
        start = self.class_token.expand(count, 1, -1)
        there = [present[:, [s]].expand(-1, steps) for s, steps in enumerate(self.lengths)]
        always = present.new_ones(count, 1)
        seen = torch.cat([always, *there], dim=1)
        penalty: Tensor | float = 0.0
        for number, layer in enumerate(self.layers):
            scores = None
            if self.exchanges:
                sequence, each = self.exchanges[number](sequence, present)
                counted = [score * mask for score, mask in zip(each, there, strict=True)]
                penalty = penalty + torch.cat(counted, dim=1).sum(dim=1).mean()
                scores = torch.cat([torch.ones_like(each[0][:, :1]), *each], dim=1)
            whole = layer(torch.cat([start, *sequence], dim=1), seen, scores)
            start, *sequence = whole.split([1, *self.lengths], dim=1)
        self.penalty = self.sparsity * penalty if self.training else 0.0
        return self.norm(start[:, 0])


class ConcatMlp(Backbone):
    """Mean token of each source, normalised, side by side through one hidden layer.

    A missing source's numbers are 0.
    """

    def __init__(
        self, shapes: Sequence[SourceTokens], width: int, dropout: float, modality_dropout: float
    ) -> None:
        super().__init__()
        self.sources = Sources(shapes, modality_dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(one.features) for one in shapes)
        features = sum(one.features for one in shapes)
        self.mlp = nn.Sequential(nn.Linear(features, width), nn.GELU(), nn.Dropout(dropout))
        self.num_features = width

    def forward(self, x: Tensor) -> Tensor:
        """From a batch of the module's form (N, S + sum of K F) to features (N, width)."""
        present, tokens = self.sources(x)
        means = [
            norm(one.mean(dim=1)).masked_fill(~present[:, [s]], 0)
            for s, (norm, one) in enumerate(zip(self.norms, tokens, strict=True))
        ]
        return self.mlp(torch.cat(means, dim=1))


def build_token_fusion(
    shapes: Sequence[SourceTokens],
    num_classes: int,
    embedding_size: int | None = None,
    *,
    width: int = 128,
    layers: int = 1,
    heads: int = 4,
    positions: int = 8,
    dropout: float = 0.1,
    modality_dropout: float = 0.0,
    exchange: bool = False,
    exchange_threshold: float = 0.02,
    exchange_weight: float = 1e-4,
) -> Recognizer:
    """Build the network for tokens of several sources, see the module.

    Parameters
    ----------
    shapes : sequence of SourceTokens
    num_classes, embedding_size : int
        Length of the logits, and of the label embeddings (None: no semantic head).
    width : int
        Numbers of a token inside.
    layers, heads : int
        Of the transformer.
    positions : int
        Learned embeddings of time, at even distances over a clip; between them is interpolated.
    dropout : float
        Of tokens, of what each layer adds, and before the classifier.
    modality_dropout : float
        Probability in training that a source of a clip is missing; one always stays.
    exchange : bool
        Whether tokens of a low score are replaced.
    exchange_threshold, exchange_weight : float
        The score below which they are, and the weight of the scores' sum in the loss.

    Raises
    ------
    InputError
        For numbers that make no network.

    """
    if width % heads:
        raise InputError(f"token_fusion: width is {width}, expected a multiple of heads, {heads}")
    if exchange and any(one.pool == "time" for one in shapes):
        raise InputError(
            "token_fusion: exchange is set, but tokens are pooled over time; set tokens.pool: "
            "places, so that each has a time"
        )
    both = (exchange_threshold, exchange_weight) if exchange else None
    backbone = TokenFusion(shapes, width, layers, heads, positions, dropout, modality_dropout, both)
    return Recognizer(backbone, num_classes, dropout, embedding_size)


def build_concat_mlp(
    shapes: Sequence[SourceTokens],
    num_classes: int,
    embedding_size: int | None = None,
    *,
    width: int = 128,
    dropout: float = 0.5,
    modality_dropout: float = 0.0,
) -> Recognizer:
    """Build the network for tokens of several sources, see the module.

    Parameters
    ----------
    shapes : sequence of SourceTokens
    num_classes, embedding_size : int
        Length of the logits, and of the label embeddings (None: no semantic head).
    width : int
        Of the hidden layer.
    dropout : float
        After the hidden layer.
    modality_dropout : float
        Probability in training that a source of a clip is missing; one always stays.

    """
    backbone = ConcatMlp(shapes, width, dropout, modality_dropout)
    return Recognizer(backbone, num_classes, 0.0, embedding_size)
