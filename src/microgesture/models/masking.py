"""Which tokens of a skeleton are hidden, and what is to be told of them (Mao et al. 2023, MAMP).

Values of a token are those of a few frames of one joint, see
`microgesture.models.skeleton_transformer.patches`. A value of a point that was not found is in no
mean, and a token without any found point is neither visible nor hidden.
"""

import torch
from torch import Tensor

EPSILON = 1e-6
_DIMENSIONS = 2  # x and y; the score is no target


def intensity(places: Tensor, found: Tensor) -> Tensor:
    """How much each token moves: the mean distance of its values from those of the patch before.

    Where none can be compared with the patch before, as in the first, the next one is taken, and
    where that cannot be compared either, it is 0.

    Parameters
    ----------
    places : Tensor, float (B, S, V, F, 2)
        Of S patches in time of V joints: x and y in F frames.
    found : Tensor, bool (B, S, V, F)

    Returns
    -------
    Tensor, float (B, S, V)

    """
    both = found[:, 1:] & found[:, :-1]
    moved = (places[:, 1:] - places[:, :-1]).abs().mean(dim=4) * both
    known = both.any(dim=3)
    mean = moved.sum(dim=3) / both.sum(dim=3).clamp(min=1)
    pad, none = mean.new_zeros(mean[:, :1].shape), known.new_zeros(known[:, :1].shape)
    before, after = torch.cat([pad, mean], dim=1), torch.cat([mean, pad], dim=1)
    return torch.where(torch.cat([none, known], dim=1), before, after)


def choose_visible(
    motion: Tensor, found: Tensor, gumbel: Tensor, ratio: float, temperature: float | None
) -> tuple[Tensor, Tensor]:
    """Choose the tokens that stay visible.

    Of n tokens with a found point, ``(1 - ratio) n`` stay, at least one: those with the lowest
    keys, the log of a softmax over motion plus Gumbel noise.

    Parameters
    ----------
    motion : Tensor, float (B, P)
        See `intensity`.
    found : Tensor, bool (B, P)
    gumbel : Tensor, float (B, P)
        Noise of the standard Gumbel distribution.
    ratio : float
        Share that is hidden.
    temperature : float, optional
        None: all tokens are hidden alike.

    Returns
    -------
    tokens : Tensor, int (B, K)
        Numbers of the visible tokens, K being the most of any clip.
    valid : Tensor, bool (B, K)
        Which of these are; the rest fills up.

    """
    keys = gumbel
    if temperature is not None:
        # the normaliser of the softmax is the same for all tokens and changes no order
        largest = motion.masked_fill(~found, 0).amax(dim=1, keepdim=True)
        keys = keys + motion / (temperature * largest.clamp(min=torch.finfo(motion.dtype).tiny))
    keys = keys.masked_fill(~found, torch.inf)
    total = found.sum(dim=1)
    kept = ((1 - ratio) * total).round().long().clamp(min=1).minimum(total)
    order = keys.argsort(dim=1, stable=True)[:, : max(int(kept.max()), 1)]
    valid = torch.arange(order.shape[1], device=kept.device) < kept[:, None]
    return order, valid


def targets(x: Tensor, patch: int, what: str, normalise: bool = True) -> tuple[Tensor, Tensor]:
    """What is to be told of every token, and which values there are.

    Parameters
    ----------
    x : Tensor, float (B, T, V, 3)
        x, y and score, 0 where the point was not found.
    patch : int
        Frames of a token.
    what : {'motion', 'position'}
        x and y of the next frame minus those of this one, 0 in the last; or x and y.
    normalise : bool
        Whether the mean over the token is taken away and its standard deviation divided by.

    Returns
    -------
    values : Tensor, float (B, P, 2 patch)
        0 where there is no value.
    there : Tensor, bool (B, P, 2 patch)

    """
    values, there = _values(x, patch, what)
    mean, deviation = _moments(values, there, normalise)
    scaled = ((values - mean) / deviation).masked_fill(~there, 0)
    return scaled.flatten(1, 2).flatten(2), there.flatten(1, 2).flatten(2)


def told_places(told: Tensor, x: Tensor, patch: int, what: str, normalise: bool = True) -> Tensor:
    """Where the points of all tokens are by what was told of them, (B, T, V, 2).

    Normalisation is undone with the token's true mean and deviation, as it is no target, and
    motion goes on from where the token's point truly was in its first frame.
    """
    values, there = _values(x, patch, what)
    mean, deviation = _moments(values, there, normalise)
    raw = told.unflatten(2, (patch, _DIMENSIONS)).unflatten(1, values.shape[1:3])
    raw = raw * deviation + mean
    if what == "motion":
        start = in_patches(x[..., :_DIMENSIONS], patch)[:, :, :, :1]
        raw = start + (raw.cumsum(dim=3) - raw)
    return raw.transpose(2, 3).flatten(1, 2)


def _values(x: Tensor, patch: int, what: str) -> tuple[Tensor, Tensor]:
    """Values of all tokens before they are normalised, (B, S, V, patch, 2), and which there are."""
    places, found = x[..., :_DIMENSIONS], x[..., -1] > 0
    if what == "motion":
        following, then = places.roll(-1, dims=1), found.roll(-1, dims=1)
        following[:, -1], then[:, -1] = places[:, -1], found[:, -1]
        places, found = following - places, found & then
    there = in_patches(found.unsqueeze(3).expand_as(places), patch)
    return in_patches(places, patch).masked_fill(~there, 0), there


def _moments(values: Tensor, there: Tensor, normalise: bool) -> tuple[Tensor, Tensor]:
    """Mean and deviation over the values of each token that are there, (B, S, V, 1, 1).

    They are 0 and 1 where values are told as they are.
    """
    if not normalise:
        return values.new_zeros(1), values.new_ones(1)
    count = there.sum(dim=(3, 4), keepdim=True).clamp(min=1)
    mean = values.sum(dim=(3, 4), keepdim=True) / count
    variance = ((values - mean).square() * there).sum(dim=(3, 4), keepdim=True) / count
    return mean, (variance + EPSILON).sqrt()


def in_patches(values: Tensor, patch: int) -> Tensor:
    """Values (B, T, V, ...) as those of tokens, (B, S, V, patch, ...)."""
    return values.unflatten(1, (-1, patch)).transpose(2, 3)


def masked_error(told: Tensor, values: Tensor, there: Tensor, hidden: Tensor) -> Tensor:
    """Mean squared error over the hidden tokens, in each over its values that are there."""
    count = there.sum(dim=2)
    counts = hidden & (count > 0)
    errors = ((told - values).square() * there).sum(dim=2) / count.clamp(min=1)
    return (errors * counts).sum() / counts.sum().clamp(min=1)
