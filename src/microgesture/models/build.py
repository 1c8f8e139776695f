"""The networks, by name."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from microgesture.models.agcn import build_agcn
from microgesture.models.base import Recognizer, count_parameters
from microgesture.models.mmn import build_mmn
from microgesture.models.mvit import build_mvit
from microgesture.models.posec3d import build_posec3d
from microgesture.models.skeleton_transformer import build_skeleton_transformer
from microgesture.models.stgcn import build_stgcn
from microgesture.models.token_fusion import SourceTokens, build_concat_mlp, build_token_fusion
from microgesture.utils.errors import InputError

__all__ = [
    "ADJACENCY",
    "BUILDERS",
    "POINT_NETWORKS",
    "Recognizer",
    "build_model",
    "count_parameters",
    "network_keys",
]

# what a builder's positional parameters are named after is what `build_model` gives it
BUILDERS: dict[str, Callable[..., Recognizer]] = {
    "posec3d": build_posec3d,
    "stgcn": build_stgcn,
    "agcn": build_agcn,
    "mmn": build_mmn,
    "skeleton_transformer": build_skeleton_transformer,
    "mvit": build_mvit,
    "token_fusion": build_token_fusion,
    "concat_mlp": build_concat_mlp,
}
ADJACENCY = {
    "stgcn": "adjacency",
    "agcn": "directed_adjacency",
    "mmn": "adjacency",
}
"""Networks that take points and a graph of the joints, and the layout's method that gives it."""
POINT_NETWORKS = (*ADJACENCY, "skeleton_transformer")
"""All that take points; the others take heatmaps, crops of a video, or tokens of networks."""


def network_keys(name: str) -> set[str]:
    """Config keys, besides ``name``, that the network ``name`` understands."""
    parameters = inspect.signature(BUILDERS[name]).parameters.values()
    return {p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def build_model(
    config: Mapping[str, Any],
    *,
    num_classes: int,
    layout_channels: int | Sequence[int] = 0,
    clip_size: tuple[int, int] | None = None,
    adjacency: np.ndarray | None = None,
    length: int | None = None,
    embedding_size: int | None = None,
    sources: Sequence[SourceTokens] = (),
) -> Recognizer:
    """Build the network that ``config`` describes, with fresh weights.

    Parameters
    ----------
    config
        ``{"name": ..., ...}``: one of `BUILDERS`; the other keys are the keyword arguments of its
        builder and default to the published network.
    num_classes
        K, the number of logits.
    layout_channels
        V, the layout's channels in the stream: heatmap channels (joints or edges), or joints. Of
        several boxes the channels of each.
    clip_size
        Frames, and height and width in pixels, for networks on video only.
    adjacency
        (3, V, V), for the networks of `ADJACENCY` only.
    length
        T, the frames of a clip, for the networks that have embeddings of them.
    embedding_size
        D, the length of a label embedding; None leaves the semantic head out.
    sources
        What the sources give, for networks on tokens (`FUSED_MODELS`) only.

    Raises
    ------
    InputError
        For an unknown name, an unknown key, or numbers that make no network.
    ValueError
        When the adjacency does not fit the layout.

    """
    network = dict(config)
    name = network.pop("name", None)
    if name not in BUILDERS:
        raise InputError(
            f"model config: name is {name!r}, expected one of {', '.join(sorted(BUILDERS))}"
        )
    known = network_keys(name)
    if unknown := sorted(set(network) - known):
        raise InputError(
            f"model config, {name}: unknown keys {', '.join(unknown)}; "
            f"known are name, {', '.join(sorted(known))}"
        )
    expected = (3, layout_channels, layout_channels)
    if name in ADJACENCY and (adjacency is None or adjacency.shape != expected):
        found = None if adjacency is None else adjacency.shape
        raise ValueError(f"adjacency: found {found}, expected {expected}")
    frames, side = clip_size or (length or 0, None)
    given = {
        "in_channels": layout_channels,
        "joints": layout_channels,
        "adjacency": adjacency,
        "frames": frames,
        "side": side,
        "shapes": sources,
    }
    parameters = inspect.signature(BUILDERS[name]).parameters.values()
    needed = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    sizes = {key: value for key, value in given.items() if key in needed}
    return BUILDERS[name](
        **sizes, num_classes=num_classes, embedding_size=embedding_size, **network
    )
