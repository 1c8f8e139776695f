"""InterFusion: face and context of a window, each asking the other; windows weighed by attention.

An interpretation of the module of that name of Martirosyan et al. 2025, of which no equation is
known; see docs/emotion.md. A recording is a bag of windows (multiple instances), since what tells
an outcome is seen now and then; they are pooled with the gated attention of Ilse et al. 2018.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

Kind = Literal["face", "context", "concat", "interfusion"]


class Bag(NamedTuple):
    """Recordings as windows of tokens.

    Attributes
    ----------
    face : Tensor, (N, W, K, F)
        Tokens of the faces of each window.
    seen : Tensor, bool (N, W, K)
        Which of them show a face.
    context : Tensor, (N, W, L, C)
        Tokens of the frames of each window.
    there : Tensor, bool (N, W)
        Which windows there are; recordings of a batch have different numbers.

    """

    face: Tensor
    seen: Tensor
    context: Tensor
    there: Tensor


def masked_mean(x: Tensor, seen: Tensor) -> Tensor:
    """Mean of the tokens (..., K, F) that are seen (..., K); 0 where none is."""
    weight = seen.to(x.dtype)[..., None]
    return (x * weight).sum(dim=-2) / weight.sum(dim=-2).clamp(min=1)


class CrossAttention(nn.Module):
    """Tokens of one kind look at those of another; where none of these is seen, they get 0."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, other: Tensor, seen: Tensor) -> Tensor:
        """From tokens (B, K, D) and others (B, L, D), of which ``seen`` (B, L), to (B, K, D)."""
        q = self.q(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
        k, v = self.kv(other).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        none = ~seen.any(dim=1)
        # where nothing is seen everything is looked at, so that the softmax has no empty row
        mask = (seen | none[:, None])[:, None, None, :]
        told = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(told.transpose(1, 2).flatten(2)).masked_fill(none[:, None, None], 0)


class Gate(nn.Module):
    """How much of what a token was told it takes over, for each feature."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """``x`` + g * ``told`` with g = sigmoid(W [x, told] + b)."""
        return x + self.weigh(torch.cat([x, told], dim=-1)).sigmoid() * told


class InterFusion(nn.Module):
    """One vector a window from its faces and its context."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.asks = nn.ModuleList(CrossAttention(width, heads) for _ in range(2))
        self.gates = nn.ModuleList(Gate(width) for _ in range(2))
        self.mlp = nn.Sequential(
            nn.LayerNorm(2 * width), nn.Linear(2 * width, width), nn.GELU(), nn.Dropout(dropout)
        )

    def forward(self, face: Tensor, seen: Tensor, context: Tensor) -> Tensor:
        """From tokens (B, K, D), of which ``seen`` (B, K), and (B, L, D) to (B, D)."""
        every = torch.ones(context.shape[:2], dtype=torch.bool, device=context.device)
        f, c = self.norms[0](face), self.norms[1](context)
        face_told = self.gates[0](face, self.asks[0](f, c, every))
        context_told = self.gates[1](context, self.asks[1](c, f, seen))
        both = [masked_mean(face_told, seen), masked_mean(context_told, every)]
        return self.mlp(torch.cat(both, dim=-1))


class AttentionPooling(nn.Module):
    """The weighted mean of a recording's windows, weights told by the windows themselves."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.view, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        self.score = nn.Linear(width, 1)
        # all windows count alike until something is learned
        nn.init.zeros_(self.score.weight)

    def forward(self, x: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """From windows (N, W, D), of which ``there`` (N, W), to (N, D) and their weights (N, W)."""
        score = self.score(self.view(x).tanh() * self.gate(x).sigmoid())[..., 0]
        # a recording without any window that counts gets the mean of nothing, 0
        weights = score.masked_fill(~there, -1e9).softmax(dim=1) * there
        return (weights[..., None] * x).sum(dim=1), weights


class WindowNetwork(nn.Module):
    """From windows of face and context tokens, standardised, to the logit of a win.

    Parameters
    ----------
    kind
        ``face`` or ``context`` alone, ``concat`` of their means, or ``interfusion``.
    face, context
        Features of a token.
    width, heads, dropout

    """

    def __init__(
        self, kind: Kind, face: int, context: int, width: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.kind = kind
        self.drop = nn.Dropout(dropout)
        if kind != "context":
            self.face = nn.Linear(face, width)
        if kind != "face":
            self.context = nn.Linear(context, width)
        if kind == "interfusion":
            self.fusion = InterFusion(width, heads, dropout)
        if kind == "concat":
            self.mlp = nn.Sequential(nn.GELU(), nn.Linear(2 * width, width), nn.GELU())
        self.pool = AttentionPooling(width)
        self.head = nn.Linear(width, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, bag: Bag) -> tuple[Tensor, Tensor]:
        """Logits (N,) of a win, and how much each window counted, (N, W)."""
        x, there = self.windows(bag)
        pooled, weights = self.pool(self.drop(x), there)
        return self.head(self.drop(pooled))[:, 0], weights

    def windows(self, bag: Bag) -> tuple[Tensor, Tensor]:
        """Vectors (N, W, D) of windows, and which of them count."""
        if self.kind == "context":
            return self.context(bag.context).mean(dim=2), bag.there
        face = self.face(bag.face)
        if self.kind == "face":
            return masked_mean(face, bag.seen), bag.there & bag.seen.any(dim=2)
        context = self.context(bag.context)
        if self.kind == "concat":
            both = [masked_mean(face, bag.seen), context.mean(dim=2)]
            return self.mlp(torch.cat(both, dim=-1)), bag.there
        flat = self.fusion(face.flatten(0, 1), bag.seen.flatten(0, 1), context.flatten(0, 1))
        return flat.unflatten(0, bag.there.shape), bag.there
