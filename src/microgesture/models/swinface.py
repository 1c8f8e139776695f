"""SwinFace: a Swin transformer on aligned faces, with heads for expression and other attributes.

Qin et al. 2023, "SwinFace: A Multi-task Transformer for Face Recognition, Expression Recognition,
Age Estimation and Attribute Estimation". Sizes, order of layers and names of parameters are those
of the published checkpoint, so that it loads; the code is this project's. Four parts:

- the backbone (`SwinFace`): features of every stage, and an embedding of who it is;
- feature attention (`FeatureAttention`): for each of 11 groups of tasks its own view of these;
- task subnets (`TaskSubnets`), and one linear layer a task (`TaskOutputs`).

A face is RGB, (x / 255 - 0.5) / 0.5, aligned as `microgesture.video.faces` does.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from microgesture.models.base import DropPath
from microgesture.utils.errors import InputError

WINDOW = 7
MLP_RATIO = 4
EPSILON = 2e-5  # of the batch norms
ATTENTION_SHARE = (47, 93, 186, 186)
"""Channels that the attention keeps of each stage's features, of 512."""
REDUCTION = 16
TASKS = (
    ("Gender",),
    ("Age", "Young"),
    ("Expression", "Smiling"),
    ("Attractive", "Blurry", "Chubby", "Heavy Makeup", "Oval Face", "Pale Skin"),
    (
        *("Bald", "Bangs", "Black Hair", "Blond Hair", "Brown Hair", "Gray Hair"),
        *("Receding Hairline", "Straight Hair", "Wavy Hair", "Wearing Hat"),
    ),
    ("Arched Eyebrows", "Bags Under Eyes", "Bushy Eyebrows", "Eyeglasses", "Narrow Eyes"),
    ("Big Nose", "Pointy Nose"),
    ("High Cheekbones", "Rosy Cheeks", "Wearing Earrings", "Sideburns"),
    (
        *("Five O'Clock Shadow", "Big Lips", "Mouth Slightly Open", "Mustache"),
        *("Wearing Lipstick", "No Beard"),
    ),
    ("Double Chin", "Goatee"),
    ("Wearing Necklace", "Wearing Necktie"),
)
"""Tasks of each branch, in the order of the checkpoint's output layers."""
OUTPUTS = {"Age": 1, "Expression": 7}
"""Numbers that a task is told by; 2 of those that are yes or no."""
EXPRESSION_BRANCH = 2


def windows(x: Tensor, size: int) -> Tensor:
    """Cut maps (N, H, W, C) into windows (N * windows, size * size, C)."""
    n, height, width, channels = x.shape
    cut = x.view(n, height // size, size, width // size, size, channels)
    return cut.transpose(2, 3).reshape(-1, size * size, channels)


def joined(x: Tensor, size: int, height: int, width: int) -> Tensor:
    """Put windows together again, the inverse of `windows`."""
    cut = x.view(-1, height // size, width // size, size, size, x.shape[-1])
    return cut.transpose(2, 3).reshape(-1, height, width, x.shape[-1])


class WindowAttention(nn.Module):
    """Self-attention within windows, with a learned bias for each relative position."""

    relative_position_index: Tensor

    def __init__(self, channels: int, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * size - 1) ** 2, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        places = torch.stack([rows.flatten(), columns.flatten()])
        apart = places[:, :, None] - places[:, None] + size - 1
        self.register_buffer("relative_position_index", apart[0] * (2 * size - 1) + apart[1])
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """From windows (N * windows, L, C) to as many; ``mask`` (windows, L, L) is added."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        added = bias[None].to(q.dtype)
        if mask is not None:
            per_window = (bias[None] + mask[:, None]).to(q.dtype)
            added = per_window.repeat(len(x) // len(mask), 1, 1, 1)
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=added)
        return self.proj(out.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, MLP_RATIO * channels)
        self.fc2 = nn.Linear(MLP_RATIO * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """From (..., C) to (..., C)."""
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm transformer block on windows, which every second one shifts by half a window."""

    attn_mask: Tensor | None

    def __init__(self, channels: int, side: int, heads: int, shifted: bool, drop: float) -> None:
        super().__init__()
        self.side, self.size = side, min(WINDOW, side)
        self.shift = WINDOW // 2 if shifted and side > WINDOW else 0
        self.drop_path = DropPath(drop)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, self.size, heads)
        self.mlp = Mlp(channels)
        self.register_buffer("attn_mask", self._mask() if self.shift else None)

    def _mask(self) -> Tensor:
        """-100 between tokens that only the shift has brought into one window."""
        region = torch.zeros(self.side)
        region[-self.size :], region[-self.shift :] = 1, 2
        marks = windows((3 * region[:, None] + region)[None, :, :, None], self.size)[..., 0]
        return torch.where(marks[:, None] == marks[:, :, None], 0.0, -100.0)

    def forward(self, x: Tensor) -> Tensor:
        """From tokens (N, L, C) to as many."""
        maps = self.norm1(x).unflatten(1, (self.side, self.side))
        if self.shift:
            maps = maps.roll((-self.shift, -self.shift), (1, 2))
        maps = joined(
            self.attn(windows(maps, self.size), self.attn_mask), self.size, self.side, self.side
        )
        if self.shift:
            maps = maps.roll((self.shift, self.shift), (1, 2))
        x = x + self.drop_path(maps.flatten(1, 2))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class Merging(nn.Module):
    """Four neighbouring tokens become one of twice as many channels."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)
        self.norm = nn.LayerNorm(4 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """From tokens (N, L, C) to (N, L / 4, 2 C)."""
        maps = x.unflatten(1, (self.side, self.side))
        corners = [maps[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(corners, dim=-1).flatten(1, 2)))


class Stage(nn.Module):
    """Blocks of one resolution, and the merging after them."""

    def __init__(
        self, channels: int, side: int, heads: int, drops: Sequence[float], merges: bool
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(channels, side, heads, bool(n % 2), drop) for n, drop in enumerate(drops)
        )
        self.downsample = Merging(channels, side) if merges else None

    def forward(self, x: Tensor) -> Tensor:
        """From tokens (N, L, C) to those of the next stage."""
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class Patches(nn.Module):
    """Tokens of a picture's patches."""

    def __init__(self, patch: int, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, patch, patch)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """From faces (N, 3, H, W) to tokens (N, L, C)."""
        return self.norm(self.proj(x).flatten(2).transpose(1, 2))


class SwinFace(nn.Module):
    """The backbone; see `build_swinface`.

    Attributes
    ----------
    num_features : int
        Length of an embedding.
    channels : list of int
        Of the local features of each stage, and of the global ones.

    """

    def __init__(
        self,
        side: int,
        patch: int,
        embed: int,
        depths: Sequence[int],
        heads: Sequence[int],
        embedding: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        last = len(depths) - 1
        self.sides = [side // patch // 2**n for n in range(last + 1)]
        widths = [embed * 2**n for n in range(last + 1)]
        self.channels = [*widths[1:], widths[-1]]
        self.num_features = embedding
        self.patch_embed = Patches(patch, embed)
        rates = torch.linspace(0, drop_path, sum(depths), device="cpu").split(list(depths))
        self.layers = nn.ModuleList(
            Stage(widths[n], self.sides[n], heads[n], rates[n].tolist(), n < last)
            for n in range(last + 1)
        )
        self.norm = nn.LayerNorm(widths[-1])
        # of the published checkpoint; nothing uses it
        self.head = nn.Linear(widths[-1], embedding)
        self.feature = nn.Sequential(
            nn.Linear(widths[-1], widths[-1], bias=False),
            nn.BatchNorm1d(widths[-1], eps=EPSILON),
            nn.Linear(widths[-1], embedding, bias=False),
            nn.BatchNorm1d(embedding, eps=EPSILON),
        )
        self.apply(_initialise)

    def maps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Local features (N, C, H', W') of all stages but the last, and global ones of that."""
        x, local, side = self.patch_embed(x), [], self.sides[-1]
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number + 1 < len(self.layers):
                own = self.sides[number + 1]
                maps = x.transpose(1, 2).unflatten(2, (own, own))
                local.append(functional.avg_pool2d(maps, own // side))
        return torch.cat(local, dim=1), x.transpose(1, 2).unflatten(2, (side, side))

    def embedding(self, maps: Tensor) -> Tensor:
        """Embeddings (N, F) of global features (N, C, H', W')."""
        return self.feature(self.norm(maps.flatten(2).transpose(1, 2)).mean(dim=1))

    def forward(self, x: Tensor) -> Tensor:
        """Embeddings (N, F) of faces (N, 3, H, W)."""
        return self.embedding(self.maps(x)[1])


class SplitConvolution(nn.Module):
    """A convolution of the features of each stage by itself."""

    def __init__(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        super().__init__()
        self.inputs = list(inputs)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in zip(inputs, outputs, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """From maps (N, C, H, W) to (N, F, H, W)."""
        parts = x.split(self.inputs, dim=1)
        return torch.cat([conv(part) for conv, part in zip(self.convs, parts, strict=True)], dim=1)


class ChannelAttention(nn.Module):
    """CBAM's attention over channels (Woo et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // REDUCTION, 1)
        self.mlp = nn.Sequential(
            nn.Flatten(), nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W), each channel times its weight."""
        told = self.mlp(x.mean(dim=(2, 3))) + self.mlp(x.amax(dim=(2, 3)))
        return x * told.sigmoid()[..., None, None]


class AttentionBranch(nn.Module):
    """One group of tasks' view of the features."""

    def __init__(self, inputs: Sequence[int], features: int) -> None:
        super().__init__()
        self.conv = SplitConvolution(inputs, _shared(inputs, features))
        self.channel_attention = ChannelAttention(features)
        self.norm = nn.BatchNorm1d(features, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """From maps (N, C, H, W) to features (N, F)."""
        return self.norm(self.channel_attention(self.conv(x)).relu().amax(dim=(2, 3)))


def _shared(inputs: Sequence[int], features: int) -> list[int]:
    """Channels kept of each stage's features: as published, or in proportion."""
    if len(inputs) == len(ATTENTION_SHARE) and features == sum(ATTENTION_SHARE):
        return list(ATTENTION_SHARE)
    kept = [features * one // sum(inputs) for one in inputs]
    return [*kept[:-1], features - sum(kept[:-1])]


class FeatureAttention(nn.Module):
    """The attention of every group of tasks."""

    def __init__(self, inputs: Sequence[int], features: int) -> None:
        super().__init__()
        self.nets = nn.ModuleList(AttentionBranch(inputs, features) for _ in TASKS)

    def forward(self, x: Tensor) -> list[Tensor]:
        """From maps (N, C, H, W) to features (N, F) of each group."""
        return [net(x) for net in self.nets]


class TaskSubnet(nn.Module):
    """Two layers of a group of tasks."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.feature = nn.Sequential(
            nn.Linear(features, features),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(features, features),
            nn.ReLU(),
            nn.Dropout(0.5),
        )

    def forward(self, x: Tensor) -> Tensor:
        """From features (N, F) to features (N, F)."""
        return self.feature(x)


class TaskSubnets(nn.Module):
    """Those of every group of tasks."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.nets = nn.ModuleList(TaskSubnet(features) for _ in TASKS)

    def forward(self, x: Sequence[Tensor]) -> list[Tensor]:
        """From features (N, F) of each group to features of each group."""
        return [net(one) for net, one in zip(self.nets, x, strict=True)]


class TaskOutputs(nn.Module):
    """One linear layer a task."""

    def __init__(self, features: int) -> None:
        super().__init__()
        names = [name for group in TASKS for name in group]
        self.output_fcs = nn.ModuleList(nn.Linear(features, OUTPUTS.get(n, 2)) for n in names)

    def forward(self, x: Sequence[Tensor]) -> dict[str, Tensor]:
        """From features (N, F) of each group to the logits of each task, by its name."""
        layers = iter(self.output_fcs)
        return {
            name: next(layers)(one) for group, one in zip(TASKS, x, strict=True) for name in group
        }


class FaceTasks(nn.Module):
    """Backbone, attention, subnets and outputs: all of SwinFace."""

    def __init__(self, backbone: SwinFace, features: int = 512) -> None:
        super().__init__()
        self.backbone = backbone
        self.fam = FeatureAttention(backbone.channels, features)
        self.tss, self.om = TaskSubnets(features), TaskOutputs(features)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Embeddings (N, F) of faces (N, 3, H, W), and the logits of each task."""
        local, last = self.backbone.maps(x)
        told = self.om(self.tss(self.fam(torch.cat([local, last], dim=1))))
        return self.backbone.embedding(last), told

    def expression(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (N, F) and expression probabilities (N, 7), without the other tasks."""
        local, last = self.backbone.maps(x)
        branch = EXPRESSION_BRANCH
        seen = self.fam.nets[branch](torch.cat([local, last], dim=1))
        layer = sum(map(len, TASKS[:branch]))
        logits = self.om.output_fcs[layer](self.tss.nets[branch](seen))
        return self.backbone.embedding(last), logits.softmax(dim=1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def build_swinface(
    side: int = 112,
    *,
    patch: int = 2,
    embed: int = 96,
    depths: Sequence[int] = (2, 2, 6, 2),
    heads: Sequence[int] = (3, 6, 12, 24),
    embedding: int = 512,
    drop_path: float = 0.1,
) -> SwinFace:
    """Build the backbone for faces (N, 3, side, side); the defaults are the published sizes.

    Parameters
    ----------
    side, patch : int
        In pixels.
    embed : int
        Channels of the first stage; every further one has twice as many, and a quarter of the
        tokens.
    depths, heads : sequence of int
        Blocks and attention heads of each stage.
    embedding : int
        F.
    drop_path : float
        Probability that a branch of the last block is left out of a face, in training; it rises
        from 0.

    Raises
    ------
    InputError
        For numbers that make no network.

    """
    if len(depths) != len(heads):
        raise InputError(f"swinface: {len(depths)} depths and {len(heads)} heads; give as many")
    unit = patch * WINDOW * 2 ** (len(depths) - 1)
    if side % unit:
        raise InputError(
            f"swinface: side is {side} pixels, expected a multiple of {unit} for patches of "
            f"{patch} and {len(depths)} stages"
        )
    for stage, count in enumerate(heads):
        if embed * 2**stage % count:
            raise InputError(
                f"swinface: {count} heads cannot share {embed * 2**stage} channels equally"
            )
    return SwinFace(side, patch, embed, depths, heads, embedding, drop_path)
