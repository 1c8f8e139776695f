"""Trained variants as ONNX, each file checked against torch before it gets its name."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from microgesture.data.classes import UNKNOWN
from microgesture.data.clip_file import MemoryRecords
from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.layouts import Layout
from microgesture.data.store import SPLITS, Clip
from microgesture.inference.build import Trained, open_input
from microgesture.inference.clips import joined_inputs, joined_tokens, prepare_for, prepared_input
from microgesture.inference.joint import open_trained
from microgesture.inputs.base import Input
from microgesture.inputs.geometry import full_frame
from microgesture.inputs.loader import ViewClips
from microgesture.models.base import Recognizer
from microgesture.settings.probing import Testing
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path
from microgesture.video.crops import pack_crop

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
TOLERANCE = 1e-5
"""Of the largest logit, and of 1 where all are smaller: some ten times what float32 rounds."""
PROBABILITY = 1e-3
"""Of a class, however large the logits are."""
EXAMPLES = 8
OPSET = 20
STATED = ("config", "classes", "layout", "preparation")


class Difference(NamedTuple):
    """Largest differences between onnxruntime and torch: of logits and of class probabilities.

    ``largest`` is the largest absolute logit: float32 rounds to a share of it, so that an absolute
    bound would refuse right files of networks that give large logits.
    """

    logits: float
    largest: float
    probabilities: float

    @property
    def small(self) -> bool:
        """Whether rounding explains it; not where a number is none."""
        near = self.logits <= TOLERANCE * max(self.largest, 1)
        return near and self.probabilities <= PROBABILITY

    def __str__(self) -> str:
        return (
            f"its logits differ from torch's by {self.logits:.2g} (the largest is "
            f"{self.largest:.3g}), its probabilities by {self.probabilities:.2g}"
        )


def need_packages() -> None:
    """Refuse to go on without the packages of the extra ``onnx``."""
    missing = []
    for name in PACKAGES:
        try:
            import_module(name)
        except ImportError:
            missing.append(name)
    if missing:
        raise InputError(
            f"ONNX export needs {', '.join(missing)}; run: pip install 'microgesture[onnx]' "
            "(in a checkout: pip install -e '.[onnx]')"
        )


def export_onnx(trained: Trained, path: Path, manifests: Sequence[Path] = ()) -> Difference:
    """Write a model's logits as a function of the assembled input, of any batch size.

    The file's metadata hold, as JSON, the classes, the training config, the layout and how clips
    are prepared.

    Parameters
    ----------
    trained : Trained
        On the CPU, in evaluation mode.
    path : Path
        File to write.
    manifests : sequence of Path
        Of prepared clips of the model's kind, or of its sources' tokens, on which both are
        compared; `figures` without them.

    Returns
    -------
    Difference
        What onnxruntime and torch differ by.

    Raises
    ------
    InputError
        When a package is missing, or they differ by more than float32 rounds, see `Difference`; no
        file is left then.

    """
    need_packages()
    if not isinstance(trained.model, Recognizer):
        raise InputError(f"{trained.path}: trees are no network; ONNX export takes networks alone")
    clips = prepared(trained, manifests) if manifests else drawn(trained)
    model = trained.model.cpu().eval()
    with atomic_path(path) as temporary:
        program = _program(model, clips[:2])
        _save(program.model_proto, {key: trained.metadata[key] for key in STATED}, temporary)
        difference = compare(model, temporary, clips)
        if not difference.small:
            raise InputError(
                f"{path}: not written: {difference}, more than {TOLERANCE:g} of the largest logit "
                f"or {PROBABILITY:g}; try other versions of {', '.join(PACKAGES)}"
            )
    return difference


def prepared(trained: Trained, manifests: Sequence[Path]) -> torch.Tensor:
    """Up to `EXAMPLES` prepared clips, of the test split first, as the network takes them."""
    source = open_trained(trained, manifests)
    if source.preparation != trained.metadata["preparation"]:
        raise InputError(
            f"--input {manifests[0]}: its clips were prepared otherwise than those that "
            f"{trained.path} learned from; give what was made with the same settings"
        )
    splits = source.records.index["split"].to_numpy()
    rows = np.concatenate([np.flatnonzero(splits == split) for split in reversed(SPLITS)])
    return _assembled(trained, source, rows[:EXAMPLES])


def drawn(trained: Trained) -> torch.Tensor:
    """Made-up `figures` as the network takes them: prepared and drawn like any clip.

    Networks on video are shown pictures of random colours beside them.
    """
    parts = trained.parts
    layouts = [one.skeleton for one in parts if one.skeleton is not None]
    longest = max(one.config.length for one in parts)
    clips: list[Clip] = []
    if layouts:
        clips = [*figures(max(layouts, key=lambda one: len(one.joints)), longest)]
    on_video = [one for one in parts if one.skeleton is None]
    crops = pictures(on_video[0].metadata["preparation"], longest) if on_video else None
    source: Input
    if trained.sources:
        source, _ = joined_tokens(trained, clips, Testing(views=1, flip=False), crops)
    elif trained.joined:
        source, _ = joined_inputs(trained, clips, crops)
    elif crops is not None:
        source = open_input(trained.config, None, crops)
    else:
        source = prepared_input(trained, prepare_for(trained, clips)[0])
    return _assembled(trained, source, np.arange(EXAMPLES))


def pictures(made: Mapping[str, Any], frames: int) -> MemoryRecords:
    """`EXAMPLES` crops of random colours, of the size that ``made`` states, of the same ids."""
    rng, side = np.random.default_rng(0), made["video"]["side"]
    stated = {"label": UNKNOWN, "subject": "", "split": "test", "num_frames": frames}
    rows = []
    for number in range(EXAMPLES):
        colours = rng.integers(256, size=(frames, side, side, 3), dtype=np.uint8)
        blobs = [pack_crop(one) for one in colours]
        rows.append({**stated, "clip_id": str(number), "profile": None, "blobs": blobs})
    return MemoryRecords(made, rows)


def figures(layout: Layout, frames: int) -> Iterator[Clip]:
    """`EXAMPLES` clips of a layout's tree, its limbs swinging about their places.

    Those at the center stand still around it, so that cleaning sees one person in all frames.
    """
    rng = np.random.default_rng(0)
    parents, hops = layout.parents(), layout.hops()
    still = np.flatnonzero(hops == 1)
    for number in range(EXAMPLES):
        start, reach, phase, speed = rng.uniform(
            [0, 0.1, 0, 0.5], [6.3, 0.6, 6.3, 3], (len(parents), 4)
        ).T
        start[still], reach[still] = start[0] + np.arange(len(still)) * 6.3 / len(still), 0
        time = np.arange(frames)[:, None] / 25
        angle = start + reach * np.sin(phase + speed * 6.3 * time)
        places = np.full((frames, len(parents), 2), (640.0, 360.0))
        for joint in np.argsort(hops, kind="stable"):
            if hops[joint]:
                limb = np.stack([np.cos(angle[:, joint]), np.sin(angle[:, joint])], axis=1)
                places[:, joint] = places[:, parents[joint]] + 80 / hops[joint] * limb
        points = np.zeros((frames, KEYPOINT_FORMATS[layout.source].count, 3), np.float32)
        points[:, layout.points, :2] = places
        points[:, layout.points, 2] = rng.uniform(0.3, 1, (frames, len(parents)))
        yield Clip(str(number), UNKNOWN, "made up", "test", 25.0, 720, 1280, points)


def _assembled(trained: Trained, source: Input, rows: np.ndarray) -> torch.Tensor:
    config = trained.config
    views = ViewClips(source, config.temporal, config.length, 1)
    samples = torch.stack([views[int(row), 0][0] for row in rows])
    return source.assemble(samples, full_frame(len(samples)), training=False)


def _program(model: torch.nn.Module, clips: torch.Tensor) -> Any:
    """Trace a model for any batch size, without the exporter's remarks on its own insides."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            return torch.onnx.export(
                model,
                (clips,),
                input_names=["clip"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    finally:
        logger.setLevel(level)


def _save(proto: Any, stated: Mapping[str, Any], path: Path) -> None:
    """Write a model with metadata, and without what would name files of this machine."""
    onnx = import_module("onnx")
    graph = proto.graph
    for part in (proto, *graph.node, *graph.input, *graph.output, *graph.value_info):
        del part.metadata_props[:]
    values = {key: json.dumps(value, ensure_ascii=False) for key, value in stated.items()}
    onnx.helper.set_model_props(proto, values)
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString())


def compare(model: torch.nn.Module, path: Path, clips: torch.Tensor) -> Difference:
    """How much an ONNX file differs from torch on clips, one by one and all at once."""
    runtime = import_module("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = model(clips).double()
    batches = (clips, *clips[:3].split(1))
    wanted = (expected, *expected[:3].split(1))
    logits, shares = [], []
    for batch, truth in zip(batches, wanted, strict=True):
        (found,) = session.run(["logits"], {"clip": batch.numpy()})
        given = torch.from_numpy(found).double()
        logits.append((given - truth).abs().max())
        shares.append((given.softmax(1) - truth.softmax(1)).abs().max())
    largest = [float(torch.stack(values).max()) for values in (logits, shares)]
    return Difference(largest[0], float(expected.abs().max()), largest[1])
