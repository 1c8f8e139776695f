"""The skeleton transformer with a light decoder that tells what it did not see (MAMP, MAE)."""

import torch
from torch import Tensor, nn

from microgesture.models.masking import choose_visible, in_patches, intensity, masked_error, targets
from microgesture.models.skeleton_transformer import (
    EMBEDDING_STD,
    Block,
    SkeletonTransformer,
    attended,
    initialise,
)
from microgesture.settings.pretraining import Masking


class Decoder(nn.Module):
    """All tokens from the visible ones: blocks with embeddings of their own, and a linear layer."""

    def __init__(
        self, times: int, joints: int, width: int, depth: int, heads: int, mlp_ratio: int, out: int
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(width, width)
        self.mask = nn.Parameter(torch.empty(width))
        self.time = nn.Parameter(torch.empty(times, 1, width))
        self.joint = nn.Parameter(torch.empty(1, joints, width))
        self.blocks = nn.ModuleList(Block(width, heads, mlp_ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, out)
        initialise(self)
        for embedding in (self.mask, self.time, self.joint):
            nn.init.trunc_normal_(embedding, std=EMBEDDING_STD)

    def forward(self, seen: Tensor, tokens: Tensor, valid: Tensor, found: Tensor) -> Tensor:
        """From visible tokens (B, K, W), their numbers and which count, to values (B, P, out)."""
        count = found.shape[1]
        # what only fills up goes to a place after the last, which is left out
        places = torch.where(valid, tokens, count).unsqueeze(2).expand(-1, -1, seen.shape[2])
        embedded = self.embed(seen)
        whole = self.mask.to(embedded.dtype).expand(len(seen), count + 1, -1)
        whole = whole.scatter(1, places, embedded)[:, :count]
        whole = whole + (self.time + self.joint).flatten(0, 1)
        counts = attended(found)
        for block in self.blocks:
            whole = block(whole, counts)
        return self.out(self.norm(whole))


class MaskedAutoencoder(nn.Module):
    """Encoder on the visible tokens alone, and a decoder that only pre-training needs.

    Parameters
    ----------
    backbone : SkeletonTransformer
        The encoder; parameter names are those of a `Recognizer`'s.
    heads, mlp_ratio, decoder_depth : int
    masking : Masking

    """

    def __init__(
        self,
        backbone: SkeletonTransformer,
        heads: int,
        mlp_ratio: int,
        decoder_depth: int,
        masking: Masking,
    ) -> None:
        super().__init__()
        self.backbone, self.masking = backbone, masking
        times, _, width = backbone.time.shape
        self.decoder = Decoder(
            times, backbone.joints, width, decoder_depth, heads, mlp_ratio, 2 * backbone.patch
        )

    def choose(self, x: Tensor, gumbel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Visible tokens and which of these count, see `choose_visible`, and the hidden, (B, P)."""
        found = x[..., -1] > 0
        patch = self.backbone.patch
        motion = intensity(in_patches(x[..., :2], patch), in_patches(found, patch)).flatten(1)
        token = in_patches(found, patch).any(dim=3).flatten(1)
        temperature = self.masking.temperature if self.masking.by == "motion" else None
        visible, valid = choose_visible(motion, token, gumbel, self.masking.ratio, temperature)
        shown = torch.zeros_like(token).scatter(1, visible, valid)
        return visible, valid, token & ~shown

    def tell(self, x: Tensor, visible: Tensor, valid: Tensor) -> Tensor:
        """What is told of all tokens of skeletons (B, T, V, 3), (B, P, 2 patch)."""
        tokens, found = self.backbone.embedded(x)
        places = visible.unsqueeze(2).expand(-1, -1, tokens.shape[2])
        seen = self.backbone.encode(tokens.gather(1, places), valid)
        told: Tensor = self.decoder(seen, visible, valid, found)
        return told

    def forward(self, x: Tensor, gumbel: Tensor) -> Tensor:
        """Error on the hidden tokens of skeletons (B, T, V, 3), given noise (B, P)."""
        visible, valid, hidden = self.choose(x, gumbel)
        what, normalise = self.masking.target, self.masking.normalise
        values, there = targets(x, self.backbone.patch, what, normalise)
        return masked_error(self.tell(x, visible, valid).float(), values, there, hidden)


def build_masked_autoencoder(
    joints: int,
    frames: int,
    masking: Masking,
    decoder_depth: int,
    *,
    patch: int = 4,
    width: int = 256,
    depth: int = 8,
    heads: int = 8,
    mlp_ratio: int = 4,
) -> MaskedAutoencoder:
    """Build encoder and decoder with fresh weights; see `build_skeleton_transformer`."""
    backbone = SkeletonTransformer(
        joints, frames, 3, patch, width, depth, heads, mlp_ratio, drop_path=0.0, hidden=0
    )
    return MaskedAutoencoder(backbone, heads, mlp_ratio, decoder_depth, masking)
