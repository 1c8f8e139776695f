"""MViTv2: a video transformer whose tokens become fewer and wider (Li et al. 2022).

Names, sizes, initial weights and defaults are those of torchvision's ``mvit_v2_s``, whose numbers
come from PySlowFast. The attention is written otherwise, see `Attention`, with equal values.
"""

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional

from microgesture.models.base import DropPath, Recognizer, TokenBackbone
from microgesture.models.cpu.depthwise import depthwise
from microgesture.utils.errors import InputError

STEM_KERNEL, STEM_STRIDE, STEM_PADDING = (3, 7, 7), (2, 4, 4), (1, 3, 3)
EPSILON = 1e-6
INIT_STD = 0.02
MLP_RATIO = 4
Grid = tuple[int, int, int]
"""Tokens along time, height and width."""


class Pool(nn.Module):
    """A depthwise 3 x 3 x 3 convolution that all heads share, and a norm over each head."""

    def __init__(self, head_size: int, stride: int) -> None:
        super().__init__()
        strides = (1, stride, stride)
        self.pool = nn.Conv3d(
            head_size, head_size, 3, strides, padding=1, groups=head_size, bias=False
        )
        self.norm_act = nn.Sequential(nn.LayerNorm(head_size, EPSILON))
        self.stride = stride

    def kernels(self, heads: int) -> Tensor:
        """The convolution's weights, once a head: (C, 1, 3, 3, 3)."""
        return self.pool.weight.repeat(heads, 1, 1, 1, 1)

    def normed(self, token: Tensor, grid: Tensor, heads: int) -> Tensor:
        """Class token (N, 1, C) and pooled tokens (N, T, H, W, C) as (N, 1 + L, heads, C')."""
        x = torch.cat([token, grid.flatten(1, 3)], dim=1)
        return self.norm_act(x.unflatten(2, (heads, -1))).to(x.dtype)


class Attention(nn.Module):
    """Attention over pooled tokens with relative positions in time, height and width.

    A query's product with the relative position of a key is a sum of one term for each axis. These
    terms are a few further numbers of the query, which keys choose among by ones and zeros; one
    product of both then gives all there is before the softmax.

    Parameters
    ----------
    in_channels, channels, heads : int
        The heads share the ``channels`` equally.
    grid : tuple of int
        Tokens of the input.
    query_stride, key_stride : int
        Of height and width.

    """

    choice: Tensor

    def __init__(
        self,
        in_channels: int,
        channels: int,
        heads: int,
        grid: Grid,
        query_stride: int,
        key_stride: int,
    ) -> None:
        super().__init__()
        self.heads, self.channels, self.grid = heads, channels, grid
        size = channels // heads
        self.queries, self.keys = pooled(grid, query_stride), pooled(grid, key_stride)
        self.qkv = nn.Linear(in_channels, 3 * channels)
        self.project = nn.Sequential(nn.Linear(channels, channels))
        self.pool_q = Pool(size, query_stride)
        self.pool_k, self.pool_v = Pool(size, key_stride), Pool(size, key_stride)
        lengths = [2 * max(q, k) - 1 for q, k in zip(self.queries, self.keys, strict=True)]
        self.rel_pos_h = nn.Parameter(torch.empty(lengths[1], size))
        self.rel_pos_w = nn.Parameter(torch.empty(lengths[2], size))
        self.rel_pos_t = nn.Parameter(torch.empty(lengths[0], size))
        for axis, pair in enumerate(zip(self.queries, self.keys, strict=True)):
            self.register_buffer(f"distances_{axis}", distances(*pair), persistent=False)
        self.register_buffer("choice", key_choice(self.keys), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """From tokens (N, 1 + L, C) to (N, 1 + L', C'), the class token first."""
        q, k, v = self.pooled_qkv(x)
        scale = q.shape[-1] ** -0.5
        token = q.new_zeros((*q.shape[:2], 1, self.choice.shape[1]))
        positions = torch.cat([token, self.positions(q[:, :, 1:])], dim=2)
        choice = self.choice.to(k.dtype).expand(*k.shape[:2], -1, -1)
        out = attend(torch.cat([q * scale, positions], 3), torch.cat([k, choice], 3), v)
        out = out.transpose(1, 2).clone(memory_format=torch.contiguous_format)
        out[:, 1:] += q.transpose(1, 2)[:, 1:]
        return self.project(out.flatten(2))

    def pooled_qkv(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of all heads, (N, heads, 1 + L', C')."""
        places = x[:, 1:].unflatten(1, self.grid).contiguous()
        heads, channels = self.heads, self.channels
        weight, bias = self.qkv.weight, self.qkv.bias
        tokens = functional.linear(x[:, :1], weight, bias).split(channels, dim=2)
        kernels = torch.cat([self.pool_k.kernels(heads), self.pool_v.kernels(heads)])
        q = functional.linear(places, weight[:channels], bias[:channels])
        kv = functional.linear(places, weight[channels:], bias[channels:])
        q = depthwise(q, self.pool_q.kernels(heads), self.pool_q.stride)
        k, v = depthwise(kv, kernels, self.pool_k.stride).split(channels, dim=4)
        pools = (self.pool_q, self.pool_k, self.pool_v)
        parts = zip(pools, tokens, (q, k, v), strict=True)
        q, k, v = (pool.normed(token, grid, heads).transpose(1, 2) for pool, token, grid in parts)
        return q, k, v

    def positions(self, q: Tensor) -> Tensor:
        """Products of queries (N, heads, L', C') with the relative positions of keys.

        For each axis one number for every place of keys along it: (N, heads, L', T + H + W).
        """
        places = q.unflatten(2, self.queries)
        tables = (self.rel_pos_t, self.rel_pos_h, self.rel_pos_w)
        t, h, w = (
            table[self.get_buffer(f"distances_{axis}")].to(q.dtype)
            for axis, table in enumerate(tables)
        )
        products = [
            torch.einsum("bnthwc,tkc->bnthwk", places, t),
            torch.einsum("bnthwc,hkc->bnthwk", places, h),
            torch.einsum("bnthwc,wkc->bnthwk", places, w),
        ]
        return torch.cat(products, dim=-1).flatten(2, 4)


def pooled(grid: Grid, stride: int) -> Grid:
    """Tokens that are left of a grid."""
    frames, height, width = grid
    return frames, -(-height // stride), -(-width // stride)


def distances(queries: int, keys: int) -> Tensor:
    """Which relative position a query has to a key along one axis, int64 (queries, keys).

    Of a grid and a coarser one, the distance counts cells of the finer.
    """
    q = torch.arange(queries) * max(keys // queries, 1)
    k = torch.arange(keys) * max(queries // keys, 1)
    return q[:, None] - k + (keys - 1) * max(queries // keys, 1)


def key_choice(keys: Grid) -> Tensor:
    """Which numbers of `Attention.positions` are a key's, float (1 + L, T + H + W); none of 0."""
    axes = torch.meshgrid(*(torch.arange(size) for size in keys), indexing="ij")
    ones = [functional.one_hot(a.flatten(), n) for a, n in zip(axes, keys, strict=True)]
    return functional.pad(torch.cat(ones, dim=1).float(), (0, 0, 1, 0))


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax of the products of queries and keys (N, heads, L, C), times the values."""
    if q.device.type != "cpu" or q.dtype == torch.bfloat16:
        # torch's fused attention is slower on a CPU in bfloat16, and not repeatable on GPUs
        return (q @ k.transpose(2, 3)).softmax(dim=3).to(v.dtype) @ v
    wide = functional.pad(v, (0, q.shape[3] - v.shape[3]))  # it wants equal sizes
    return functional.scaled_dot_product_attention(q, k, wide, scale=1.0)[..., : v.shape[3]]


class Block(nn.Module):
    """Attention and a two-layer network, each added to its input."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        heads: int,
        grid: Grid,
        query_stride: int,
        key_stride: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.grid, self.query_stride, self.drop_path = grid, query_stride, DropPath(drop_path)
        self.norm1 = nn.LayerNorm(in_channels, EPSILON)
        self.norm2 = nn.LayerNorm(channels, EPSILON)
        self.attn = Attention(in_channels, channels, heads, grid, query_stride, key_stride)
        self.mlp = nn.Sequential(
            nn.Linear(channels, MLP_RATIO * channels),
            nn.GELU(),
            nn.Identity(),  # dropout in torchvision, which numbers it
            nn.Linear(MLP_RATIO * channels, channels),
        )
        self.project = nn.Linear(in_channels, channels) if in_channels != channels else None

    def forward(self, x: Tensor) -> Tensor:
        """From tokens (N, 1 + L, C) to (N, 1 + L', C'), the class token first."""
        normed = self.norm1(x)
        shortcut = x if self.project is None else self.project(normed).to(x.dtype)
        if self.query_stride > 1:
            shortcut = self._pooled(shortcut)
        x = shortcut + self.drop_path(self.attn(normed))
        return x + self.drop_path(self.mlp(self.norm2(x)))

    def _pooled(self, x: Tensor) -> Tensor:
        planes = x[:, 1:].unflatten(1, self.grid).flatten(0, 1).permute(0, 3, 1, 2)
        stride = self.query_stride
        pooled = functional.max_pool2d(planes, stride + 1, stride, (stride + 1) // 2)
        places = pooled.permute(0, 2, 3, 1).unflatten(0, (x.shape[0], -1)).flatten(1, 3)
        return torch.cat([x[:, :1], places], dim=1)


class ClassToken(nn.Module):
    """The token that the classes are read from; published networks keep positions beside it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.class_token = nn.Parameter(torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (N, L, C) with the class token in front."""
        return torch.cat([self.class_token.expand(x.shape[0], 1, -1), x], dim=1)


class MViT(TokenBackbone):
    """Stem, blocks and a norm; see `build_mvit` for the parameters."""

    def __init__(
        self,
        grid: Grid,
        embed: int,
        heads: int,
        depths: Sequence[int],
        key_stride: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.conv_proj = nn.Conv3d(3, embed, STEM_KERNEL, STEM_STRIDE, STEM_PADDING)
        self.pos_encoding = ClassToken(embed)
        starts = list(accumulate(depths, initial=0))
        self.blocks = nn.ModuleList()
        channels = embed
        for number in range(starts[-1]):
            stage = max(s for s in range(len(depths)) if starts[s] <= number)
            shrinks = stage > 0 and number == starts[stage]
            width = embed * 2**stage
            block = Block(
                channels,
                width,
                heads * 2**stage,
                grid,
                query_stride=2 if shrinks else 1,
                key_stride=max(key_stride // 2**stage, 1),
                drop_path=drop_path * number / max(starts[-1] - 1, 1),
            )
            self.blocks.append(block)
            channels, grid = width, block.attn.queries
        self.grid = grid
        self.norm = nn.LayerNorm(channels, EPSILON)
        self.num_features = channels
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """From crops (N, 3, T, H, W) to features (N, F): the class token."""
        return self.norm(self._encoded(x)[:, 0])

    def tokens(self, x: Tensor) -> Tensor:
        """From crops (N, 3, T, H, W) to the last tokens (N, T', H' W', F)."""
        return self.norm(self._encoded(x)[:, 1:]).unflatten(1, (self.grid[0], -1))

    def _encoded(self, x: Tensor) -> Tensor:
        token = self.pos_encoding.class_token
        # in autocast all that branches add up to is kept in full precision
        x = self.pos_encoding(self.conv_proj(x).flatten(2).transpose(1, 2).to(token.dtype))
        for block in self.blocks:
            x = block(x)
        return x


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=INIT_STD)
        nn.init.zeros_(module.bias)
    elif isinstance(module, Attention | ClassToken):
        for weight in module.parameters(recurse=False):
            nn.init.trunc_normal_(weight, std=INIT_STD)


def build_mvit(
    frames: int,
    side: int,
    num_classes: int,
    embedding_size: int | None = None,
    *,
    embed: int = 96,
    heads: int = 1,
    depths: Sequence[int] = (1, 2, 11, 2),
    key_stride: int = 8,
    drop_path: float = 0.2,
    dropout: float = 0.5,
) -> Recognizer:
    """Build the network for crops (N, 3, T, H, W); the defaults are MViTv2-S.

    Parameters
    ----------
    frames, side : int
        T, and H and W in pixels. Relative positions are as many as these need.
    num_classes, embedding_size : int
        Length of the logits, and of the label embeddings (None: no semantic head).
    embed, heads : int
        Channels and heads of the first stage. Every further stage has twice as many, and half as
        many tokens along height and width.
    depths : sequence of int
        Blocks of each stage.
    key_stride : int
        By how much keys and values are coarser than the tokens of the first stage's blocks along
        height and width; half as much in every further stage.
    drop_path : float
        Probability that the last block's branches are left out of a clip (stochastic depth); it
        rises from 0 in the first block.
    dropout : float
        Before the classification layer.

    Raises
    ------
    InputError
        For numbers that make no network.

    """
    grid = (-(-frames // STEM_STRIDE[0]), -(-side // STEM_STRIDE[1]), -(-side // STEM_STRIDE[2]))
    if not depths or min(depths) < 1:
        raise InputError(f"mvit: depths is {list(depths)}, expected one or more counts")
    if embed % heads:
        raise InputError(f"mvit: embed is {embed}, which {heads} heads cannot share equally")
    if key_stride & (key_stride - 1):
        raise InputError(f"mvit: key_stride is {key_stride}, expected 1, 2, 4, 8 or 16")
    cells = STEM_STRIDE[1] * max(2 ** (len(depths) - 1), key_stride)
    if side % cells:
        raise InputError(
            f"mvit: side is {side} pixels, expected a multiple of {cells} for {len(depths)} stages "
            f"and key_stride {key_stride}"
        )
    backbone = MViT(grid, embed, heads, depths, key_stride, drop_path)
    return Recognizer(backbone, num_classes, dropout, embedding_size)
