"""Putting one variant together: its input, its network and its device, from config and files."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch

from microgesture.data import paths
from microgesture.data.clip_file import Clips, Records
from microgesture.data.layouts import Layout, layout_from_dict
from microgesture.data.parts import view_of
from microgesture.inference.checkpoints import load_checkpoint
from microgesture.inputs.base import Input
from microgesture.inputs.heatmaps import DrawnInput, HeatmapInput
from microgesture.inputs.points import PointInput
from microgesture.inputs.tokens import TokenInput, token_shapes
from microgesture.inputs.trees import TreesInput, feature_count
from microgesture.inputs.video import VideoInput
from microgesture.models.base import Classifier, Recognizer, TokenBackbone
from microgesture.models.build import ADJACENCY, POINT_NETWORKS, build_model
from microgesture.models.joint_fusion import join_networks
from microgesture.models.neighbours import NeighbourHead
from microgesture.models.token_fusion import SourceTokens
from microgesture.models.trees import Forest
from microgesture.settings.heatmaps import DrawnHeatmaps
from microgesture.settings.models import FUSED_MODELS, VIDEO_MODELS
from microgesture.settings.parse import parse
from microgesture.settings.streams import HeatmapStream, PointStream, VideoStream
from microgesture.settings.variant_step import StatedStep, VariantStep, read_stated
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256

MOST_THREADS = 1024
RELATIVE_CHANNELS = 5
"""x, y, score, and x, y from the root of hand or head."""
OF_VARIANTS = frozenset(VariantStep.model_fields)
TREES = "trees"
"""The model that is no network."""
Value = TypeVar("Value")


def open_input(config: VariantStep, layout: Layout | None, records: Clips) -> Input:
    """The variant's input: prepared clips, to be drawn or not, a heatmap cache, or crops.

    Parameters
    ----------
    config : VariantStep
    layout : Layout or None
        Of skeletons; none for video.
    records : Clips

    Raises
    ------
    InputError
        Where the config lacks what the network's input is made with.

    """
    if config.model in VIDEO_MODELS:
        size = _needed(config.input_size, config, "input_size")
        shown: VideoStream = parse(VideoStream, config.stream or "rgb", f"{config.variant}.stream")
        return VideoInput(records, size, shown, config.jitter or 0.0)
    layout = _needed(layout, config, "layout")
    if config.model == TREES:
        return TreesInput(records, layout)
    if config.model in POINT_NETWORKS:
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


def open_prepared(
    config: VariantStep,
    layout: Layout | None,
    manifests: Sequence[Path],
    missing: Collection[int] = (),
) -> Input:
    """The variant's input, by the manifest beside it, or those of its sources' tokens.

    ``missing`` are numbers of sources that are to be missing. Of a fusion that holds the networks
    of its sources see `microgesture.inference.joint`.

    Raises
    ------
    InputError
        When it is no manifest, or not there, or its clips are of another layout or variant.

    """
    for manifest in manifests:
        if manifest.suffix != ".json" or not manifest.is_file():
            raise InputError(
                f"--input {manifest}: expected the manifest (.json) of a stream, cache, crops or "
                "tokens"
            )
    files = [Records(manifest.with_suffix(".arrow")) for manifest in manifests]
    if config.model in FUSED_MODELS:
        found = [str(one.metadata.get("variant")) for one in files]
        if found != config.sources:
            raise InputError(
                f"--input: holds tokens of {', '.join(found)}; {config.variant} fuses those of "
                f"{', '.join(_needed(config.sources, config, 'sources'))}, in this order"
            )
        return TokenInput(files, missing)
    if len(files) != 1:
        raise InputError(f"--input: {len(files)} manifests; {config.variant} reads a single one")
    holds = _content(files[0])
    wanted = "video" if config.model in VIDEO_MODELS else f"layout {layout.name if layout else ''}"
    if holds != wanted:
        raise InputError(f"--input {manifests[0]}: holds {holds}, expected {wanted}")
    return open_input(config, layout, files[0])


def _content(records: Clips) -> str:
    metadata = records.metadata
    if "video" in metadata:
        return "video"
    return f"layout {metadata['layout']}" if "layout" in metadata else "tokens"


def is_cached(config: VariantStep) -> bool:
    """Whether a variant reads a heatmap cache, and not a clip file."""
    others = (*POINT_NETWORKS, *VIDEO_MODELS, *FUSED_MODELS, TREES)
    return config.model not in others and config.source != "drawn"


def new_model(
    config: VariantStep,
    layout: Layout | None,
    num_classes: int,
    embedding_size: int | None,
    preparation: Mapping[str, Any] | None = None,
) -> Recognizer:
    """The variant's network with fresh weights from torch's random state.

    ``preparation`` is what the input's records state; networks on tokens are built from it.
    """
    if config.networks:
        return _joint_model(config, num_classes, embedding_size, preparation or {})
    if config.model in FUSED_MODELS:
        shapes = token_shapes(preparation or {"sources": []})
        return build_model(
            {"name": config.model, **config.network},
            num_classes=num_classes,
            embedding_size=embedding_size,
            sources=[SourceTokens(*one) for one in shapes],
        )
    if config.model in VIDEO_MODELS:
        return build_model(
            {"name": config.model, **config.network},
            clip_size=(config.length, _needed(config.input_size, config, "input_size")),
            num_classes=num_classes,
            embedding_size=embedding_size,
        )
    layout = _needed(layout, config, "layout")
    graph = ADJACENCY.get(config.model)
    channels: int | list[int] = len(layout.joints)
    if config.model not in POINT_NETWORKS:
        channels = view_of(layout, config.parts).sizes(heatmap_stream(config))
    relative = {"in_channels": RELATIVE_CHANNELS} if config.relative else {}
    model = build_model(
        {"name": config.model, **config.network, **relative},
        layout_channels=channels,
        num_classes=num_classes,
        adjacency=getattr(layout, graph)() if graph else None,
        length=config.length,
        embedding_size=embedding_size,
    )
    if config.neighbours:
        features = model.backbone.num_features
        model.add_module("cls_head", NeighbourHead(features, num_classes, config.neighbours))
    return model


def _joint_model(
    config: VariantStep,
    num_classes: int,
    embedding_size: int | None,
    preparation: Mapping[str, Any],
) -> Recognizer:
    """A fusion with fresh networks of its sources."""
    networks, shapes = [], []
    for step, stated in zip(config.networks, preparation["inputs"], strict=True):
        layout = layout_of(stated, step.variant)
        backbone = new_model(step, layout, num_classes, None, stated["preparation"]).backbone
        if not isinstance(backbone, TokenBackbone):
            raise InputError(f"{config.variant}: {step.variant}, a {step.model}, gives no tokens")
        networks.append(backbone)
        shapes.append(tuple(stated["shape"]))
    kind = {"name": config.model, **config.network}

    def fused(sources: list[SourceTokens]) -> Recognizer:
        return build_model(
            kind, num_classes=num_classes, embedding_size=embedding_size, sources=sources
        )

    return join_networks(networks, shapes, config.pool, fused)


def layout_of(stated: Mapping[str, Any], place: str | Path) -> Layout | None:
    """The layout that a checkpoint states; none for video."""
    given = stated["layout"]
    return None if given is None else layout_from_dict(given, Path(place))


@dataclass(frozen=True)
class Trained:
    """A trained variant, rebuilt from its checkpoint alone.

    Attributes
    ----------
    path : Path
    model : Classifier
        On the CPU, in evaluation mode.
    skeleton : Layout or None
        Its layout; none for video.
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
    skeleton: Layout | None
    metadata: dict[str, Any]
    config: StatedStep

    @property
    def layout(self) -> Layout:
        """Its layout, where it reads skeletons; refuses a model that reads video.

        Of a network on tokens it is that of the first network whose tokens it takes.
        """
        if others := self.sources or self.joined:
            layouts = [one.layout for one in others]  # any source on video is refused
            return layouts[0]
        if self.skeleton is None:
            raise InputError(
                f"{self.path}: reads video ({self.config.model}); expected a model that was "
                "trained on skeletons"
            )
        return self.skeleton

    @cached_property
    def sources(self) -> list["Trained"]:
        """Networks whose tokens it takes, from their checkpoints; none of other networks.

        They lie beside it, as the workflow puts them: ``<variant>/<run>/model.safetensors``.

        Raises
        ------
        InputError
            When a checkpoint is not there, or not the one that the network was trained on.

        """
        found = []
        for stated in self.metadata["preparation"].get("sources", []):
            folder = self.path.parent.parent.parent / stated["variant"] / self.path.parent.name
            path = folder / paths.MODEL
            if not path.is_file() or sha256(path) != stated["model"]:
                what = "another" if path.is_file() else "missing"
                raise InputError(
                    f"{self.path}: takes the tokens of {stated['variant']}, but {path} is {what}; "
                    f"expected the one with SHA-256 {stated['model'][:8]}..., so keep the folder "
                    "train/ together"
                )
            found.append(load_trained(path))
        return found

    @cached_property
    def joined(self) -> list["Trained"]:
        """What a fusion that holds the networks of its sources shows each; none of others.

        They share the fusion's model.
        """
        found = []
        inputs = self.metadata["preparation"].get("inputs", [])
        for step, stated in zip(self.config.networks, inputs, strict=True):
            own = {key: value for key, value in step.given().items() if key in OF_VARIANTS}
            config = StatedStep(**own, batch=self.config.batch)
            metadata = {**self.metadata, **stated}
            skeleton = layout_of(stated, self.path)
            found.append(Trained(self.path, self.model, skeleton, metadata, config))
        return found

    @property
    def parts(self) -> list["Trained"]:
        """What is shown clips: itself, or the networks whose tokens it takes."""
        return self.sources or self.joined or [self]


def load_trained(path: Path) -> Trained:
    """Rebuild a trained variant.

    Raises
    ------
    InputError
        When the file is no checkpoint, or does not say what its input was made of.

    """
    state, metadata = load_checkpoint(path)
    if "kind" in metadata:
        raise InputError(f"{path}: is a file of {metadata['kind']}, expected a trained variant")
    wanted = ("config", "classes", "embedding_size", "layout", "preparation")
    if missing := [key for key in wanted if key not in metadata]:
        raise InputError(
            f"{path}: its metadata lacks {', '.join(missing)}, so it was written by another "
            "version of this program; train the variant again"
        )
    layout = layout_of(metadata, path)
    config = read_stated(metadata["config"], f"{path}: config")
    classes, embedding_size = len(metadata["classes"]), metadata["embedding_size"]
    model: Classifier
    try:
        if config.model == TREES:
            features = feature_count(_needed(layout, config, "layout"))
            model = Forest(state, classes, features)
        else:
            made = metadata["preparation"]
            model = new_model(config, layout, classes, embedding_size, made)
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
    gpu = name != "cpu" and torch.cuda.is_available()
    # on a GPU attention repeats itself only where what does not is an error
    torch.use_deterministic_algorithms(True, warn_only=not gpu)
    # by default torch rounds what convolutions multiply to 10 bits on newer GPUs
    torch.backends.cudnn.allow_tf32 = False
    # nothing here reads memory that was not written, and filling it takes a part of every step
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if name == "cuda" and not gpu:
        raise InputError("--device cuda: torch sees no GPU; use --device auto or cpu")
    return torch.device("cuda" if gpu else "cpu")


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
