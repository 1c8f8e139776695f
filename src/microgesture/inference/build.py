"""Putting one variant together: its input, its network and its device, from config and files."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from microgesture.data.clip_file import Clips, Records
from microgesture.data.layouts import Layout, layout_from_dict
from microgesture.data.parts import view_of
from microgesture.inference.checkpoints import load_checkpoint
from microgesture.inputs.base import Input
from microgesture.inputs.heatmaps import DrawnInput, HeatmapInput
from microgesture.inputs.points import PointInput
from microgesture.inputs.trees import TreesInput, feature_count
from microgesture.models.base import Classifier, Recognizer
from microgesture.models.build import ADJACENCY, build_model
from microgesture.models.trees import Forest
from microgesture.settings.heatmaps import DrawnHeatmaps
from microgesture.settings.parse import parse
from microgesture.settings.streams import HeatmapStream, PointStream
from microgesture.settings.training_step import StatedStep, VariantStep, read_stated
from microgesture.utils.errors import InputError

MOST_THREADS = 1024
RELATIVE_CHANNELS = 5
"""x, y, score, and x, y from the root of hand or head."""
TREES = "trees"
"""The model that is no network."""
Value = TypeVar("Value")


def open_input(config: VariantStep, layout: Layout, records: Clips) -> Input:
    """The variant's input: prepared clips, to be drawn or not, or a heatmap cache.

    Parameters
    ----------
    config : VariantStep
    layout : Layout
    records : Clips

    Raises
    ------
    InputError
        Where the config lacks what the network's input is made with.

    """
    if config.model == TREES:
        return TreesInput(records, layout)
    if config.model in ADJACENCY:
        stream: PointStream = parse(
            PointStream, config.stream or "joint", f"{config.variant}.stream"
        )
        padding = _needed(config.padding, config, "padding")
        return PointInput(records, layout, padding, stream, config.relative)
    size = _needed(config.input_size, config, "input_size")
    if is_cached(config):
        return HeatmapInput(records, layout, size)
    stream_of = heatmap_stream(config)
    return DrawnInput(records, layout, stream_of, drawn_heatmaps(config), size, config.parts)


def heatmap_stream(config: VariantStep) -> HeatmapStream:
    """The stream of a network on heatmaps."""
    stream: HeatmapStream = parse(HeatmapStream, config.stream, f"{config.variant}.stream")
    return stream


def drawn_heatmaps(config: VariantStep) -> DrawnHeatmaps:
    """What a variant that draws its own heatmaps draws them with."""
    return _needed(config.heatmaps, config, "heatmaps")


def _needed(value: Value | None, config: VariantStep, key: str) -> Value:
    if value is None:
        raise InputError(f"{config.variant}: {key} is missing, which {config.model} needs")
    return value


def open_prepared(config: VariantStep, layout: Layout, manifest: Path) -> Input:
    """The variant's input, by the manifest beside it.

    Raises
    ------
    InputError
        When it is no manifest, or not there, or its clips are of another layout.

    """
    if manifest.suffix != ".json" or not manifest.is_file():
        raise InputError(f"--input {manifest}: expected the manifest (.json) of a stream or cache")
    records = Records(manifest.with_suffix(".arrow"))
    if (made := records.metadata["layout"]) != layout.name:
        raise InputError(f"--input {manifest}: holds layout {made}, expected {layout.name}")
    return open_input(config, layout, records)


def is_cached(config: VariantStep) -> bool:
    """Whether a variant reads a heatmap cache, and not a clip file."""
    return config.model not in (*ADJACENCY, TREES) and config.source != "drawn"


def new_model(
    config: VariantStep, layout: Layout, num_classes: int, embedding_size: int | None
) -> Recognizer:
    """The variant's network with fresh weights from torch's random state."""
    graph = config.model in ADJACENCY
    channels: int | list[int] = len(layout.joints)
    if not graph:
        channels = view_of(layout, config.parts).sizes(heatmap_stream(config))
    relative = {"in_channels": RELATIVE_CHANNELS} if config.relative else {}
    return build_model(
        {"name": config.model, **config.network, **relative},
        layout_channels=channels,
        num_classes=num_classes,
        adjacency=getattr(layout, ADJACENCY[config.model])() if graph else None,
        embedding_size=embedding_size,
    )


@dataclass(frozen=True)
class Trained:
    """A trained variant, rebuilt from its checkpoint alone.

    Attributes
    ----------
    path : Path
    model : Classifier
        On the CPU, in evaluation mode.
    layout : Layout
    metadata : dict
        The checkpoint's metadata: ``config`` (as it was written), ``classes`` (names in id order),
        ``layout``, ``preparation`` (what the file of clips stated: cleaning, timeline and, for a
        heatmap cache, stream, size, sigma and padding), ``profile`` (what the training clips
        looked like, see `microgesture.preprocessing.profile`; may be missing) and more. A variant
        that draws its own heatmaps has these in ``config``: ``stream`` and ``heatmaps``.
    config : StatedStep
        What prediction needs of the metadata's ``config``.

    """

    path: Path
    model: Classifier
    layout: Layout
    metadata: dict[str, Any]
    config: StatedStep


def load_trained(path: Path) -> Trained:
    """Rebuild a trained variant.

    Raises
    ------
    InputError
        When the file is no checkpoint, or does not say what its input was made of.

    """
    state, metadata = load_checkpoint(path)
    wanted = ("config", "classes", "embedding_size", "layout", "preparation")
    if missing := [key for key in wanted if key not in metadata]:
        raise InputError(
            f"{path}: its metadata lacks {', '.join(missing)}, so it was written by another "
            "version of this program; train the variant again"
        )
    layout = layout_from_dict(metadata["layout"], path)
    config = read_stated(metadata["config"], f"{path}: config")
    classes, embedding_size = len(metadata["classes"]), metadata["embedding_size"]
    model: Classifier
    try:
        if config.model == TREES:
            model = Forest(state, classes, feature_count(layout))
        else:
            model = new_model(config, layout, classes, embedding_size)
            model.load_state_dict(state)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: weights and metadata disagree ({reason}); train again") from None
    return Trained(path, model.eval(), layout, metadata, config)


def choose_device(name: str, threads: int) -> torch.device:
    """Set torch up to repeat itself on so many threads, and pick the device.

    Parameters
    ----------
    name : {'auto', 'cpu', 'cuda'}
        ``auto`` takes a GPU when there is one.

    """
    if threads > MOST_THREADS:  # torch ends the process where it gets none
        raise InputError(f"--threads is {threads}, expected at most {MOST_THREADS}")
    torch.set_num_threads(threads)
    # what CUDA's matrix products need to repeat themselves; read when the GPU is first used
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # by default torch rounds what convolutions multiply to 10 bits on newer GPUs
    torch.backends.cudnn.allow_tf32 = False
    # nothing here reads memory that was not written, and filling it takes a part of every step
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch sees no GPU; use --device auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Precision of training steps.

    Parameters
    ----------
    name : {'auto', 'float32', 'bfloat16'}
        ``auto`` is bfloat16 where the hardware multiplies it natively, where it halves a step's
        time, and float32 elsewhere, where it would be emulated.

    """
    if name == "auto":
        if device.type == "cuda":
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            able = torch.cpu.get_capabilities()
            native = bool(able.get("avx512_bf16") or able.get("amx_bf16"))
        return torch.bfloat16 if native else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
