"""A transformer on skeletons whose tokens are a few frames of one joint (Mao et al. 2023, MAMP).

`microgesture.training.pretrain` trains it without labels; a variant trains it from there, or from
fresh weights.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from microgesture.models.base import DropPath, Recognizer, TokenBackbone
from microgesture.utils.errors import InputError

EMBEDDING_STD = 0.02


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention of tokens (..., P, C) by torch's kernel, on a CPU in float32.

    There its gradient takes ten times as long in bfloat16, which outweighs all else that is gained.
    """
    if query.device.type != "cpu" or query.dtype == torch.float32:
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    with torch.autocast("cpu", enabled=False):
        wide = functional.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), attn_mask=mask
        )
    return wide.to(query.dtype)


class Attention(nn.Module):
    """Self-attention of several heads over the tokens that count."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, counts: Tensor) -> Tensor:
        """From tokens (B, P, W) to (B, P, W); no token looks at those where ``counts`` is false."""
        heads = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = heads.unbind(0)
        out = attend(query, key, value, counts[:, None, None, :])
        return self.proj(out.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and a perceptron on normalised tokens, each added to what it was given."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        hidden = mlp_ratio * width
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, counts: Tensor) -> Tensor:
        """From (B, P, W) to (B, P, W); see `Attention`."""
        x = x + self.drop_path(self.attention(self.norm1(x), counts))
        return x + self.drop_path(self.mlp(self.norm2(x)))


def patches(x: Tensor, frames: int) -> Tensor:
    """Skeletons (B, T, V, C) as tokens' values (B, T / frames * V, frames * C), time outermost."""
    b, t, v, c = x.shape
    x = x.view(b, t // frames, frames, v, c).transpose(2, 3)
    return x.reshape(b, t // frames * v, frames * c)


def attended(counts: Tensor) -> Tensor:
    """Tokens (B, P) that are looked at: those that count, and all where none does.

    Attention to nothing would not be a number.
    """
    return counts | ~counts.any(dim=1, keepdim=True)


def initialise(module: nn.Module) -> None:
    """Fresh weights of linear layers: uniform by Glorot & Bengio 2010, with biases of 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


class SkeletonTransformer(TokenBackbone):
    """Tokens, blocks, and the mean over time of each joint; see `build_skeleton_transformer`.

    A token in which no point was found is looked at by no other and is part of no mean.
    """

    def __init__(
        self,
        joints: int,
        frames: int,
        in_channels: int,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: int,
        drop_path: float,
        hidden: int,
    ) -> None:
        super().__init__()
        self.joints, self.patch = joints, patch
        self.embed = nn.Linear(patch * in_channels, width)
        self.time = nn.Parameter(torch.empty(frames // patch, 1, width))
        self.joint = nn.Parameter(torch.empty(1, joints, width))
        self.blocks = nn.ModuleList(
            Block(width, heads, mlp_ratio, drop_path * n / max(depth - 1, 1)) for n in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        pooled = joints * width
        self.head = (
            nn.Sequential(nn.Linear(pooled, hidden), nn.BatchNorm1d(hidden), nn.ReLU())
            if hidden
            else nn.Identity()
        )
        self.num_features = hidden or pooled
        initialise(self)
        for embedding in (self.time, self.joint):
            nn.init.trunc_normal_(embedding, std=EMBEDDING_STD)

    def embedded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Embedded tokens (B, P, W) of skeletons (B, T, V, C), and where a point was found."""
        values = patches(x, self.patch)
        found = (values[..., x.shape[-1] - 1 :: x.shape[-1]] > 0).any(dim=2)
        return self.embed(values) + (self.time + self.joint).flatten(0, 1), found

    def encode(self, tokens: Tensor, found: Tensor) -> Tensor:
        """Tokens (B, P, W) after all blocks."""
        counts = attended(found)
        for block in self.blocks:
            tokens = block(tokens, counts)
        return self.norm(tokens)

    def pool(self, tokens: Tensor, found: Tensor) -> Tensor:
        """Mean over time of each joint's tokens, (B, V, W); 0 of a joint that was never found."""
        shape = (-1, self.joints)
        weights = found.unflatten(1, shape).unsqueeze(3).to(tokens.dtype)
        total = (tokens.unflatten(1, shape) * weights).sum(dim=1)
        return total / weights.sum(dim=1).clamp(min=1)

    def forward(self, x: Tensor) -> Tensor:
        """From skeletons (N, M, T, V, C) to features (N, F): mean over time, then over M."""
        n, m = x.shape[:2]
        tokens, found = self.embedded(x.flatten(0, 1))
        pooled = self.pool(self.encode(tokens, found), found)
        return self.head(pooled.flatten(1).unflatten(0, (n, m)).mean(dim=1))

    def tokens(self, x: Tensor) -> Tensor:
        """From skeletons (N, M, T, V, C) to tokens (N, T', V, W): mean over M.

        They are 0 where no point was found.
        """
        n, m = x.shape[:2]
        tokens, found = self.embedded(x.flatten(0, 1))
        encoded = self.encode(tokens, found).masked_fill(~found[..., None], 0)
        return encoded.unflatten(1, (-1, self.joints)).unflatten(0, (n, m)).mean(dim=1)


def build_skeleton_transformer(
    joints: int,
    frames: int,
    num_classes: int,
    embedding_size: int | None = None,
    *,
    in_channels: int = 3,
    patch: int = 4,
    width: int = 256,
    depth: int = 8,
    heads: int = 8,
    mlp_ratio: int = 4,
    drop_path: float = 0.3,
    hidden: int = 2048,
    dropout: float = 0.0,
) -> Recognizer:
    """Build the network for skeletons (N, M, T, V, C).

    The published head is two layers on the joints' means; that batch norm and a ReLU stand between
    them, and the initial weights, are not stated there and chosen here.

    Parameters
    ----------
    joints, frames : int
        V and T.
    num_classes, embedding_size : int
        Length of the logits, and of the label embeddings (None: no semantic head).
    in_channels : int
        C, the numbers of a point; the last is its score, 0 where it was not found.
    patch : int
        Frames of a token.
    width, depth, heads, mlp_ratio : int
        Numbers of a token; blocks; heads of their attention; width of their perceptrons, in times
        of the tokens'.
    drop_path : float
        Probability with which the last block's branches are left out; it falls to 0 at the first.
    hidden : int
        Width of the layer before the classifier; 0: none.
    dropout : float
        Before the classification layer.

    Raises
    ------
    InputError
        For frames that are no whole number of tokens, and a width that heads cannot share.

    """
    if frames % patch:
        raise InputError(f"length is {frames}, expected a multiple of the patch of {patch} frames")
    if width % heads:
        raise InputError(f"width is {width}, expected a multiple of the {heads} heads")
    backbone = SkeletonTransformer(
        joints, frames, in_channels, patch, width, depth, heads, mlp_ratio, drop_path, hidden
    )
    return Recognizer(backbone, num_classes, dropout, embedding_size)
