"""Trained variants as ONNX, each file checked against torch before it gets its name."""

import json
import logging
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.inference.build import Trained, is_cached
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
TOLERANCE = 1e-4
OPSET = 20
STATED = ("config", "classes", "layout", "preparation")


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


def input_shape(trained: Trained) -> tuple[int, ...]:
    """Shape of one clip as the network takes it in testing, without the batch axis."""
    config, made = trained.about["config"], trained.about["preparation"]
    length = config["length"]
    if config["model"] == "posec3d":
        drawing = made if is_cached(config) else config["heatmaps"]
        return trained.layout.channels(config["stream"]), length, drawing["size"], drawing["size"]
    return 1, length, len(trained.layout.joints), 3


def example(shape: tuple[int, ...], count: int) -> torch.Tensor:
    """Random clips in the range of heatmaps, 0 to 1, and within that of points; float32."""
    generator = torch.Generator().manual_seed(count)
    return torch.rand((count, *shape), generator=generator)


def export_onnx(trained: Trained, path: Path) -> float:
    """Write a model's logits as a function of the assembled input, of any batch size.

    The file's metadata hold, as JSON, the classes, the training config, the layout and how clips
    are prepared.

    Parameters
    ----------
    trained : Trained
        On the CPU, in evaluation mode.
    path : Path
        File to write.

    Returns
    -------
    float
        Largest difference between the logits of onnxruntime and torch on random clips.

    Raises
    ------
    InputError
        When a package is missing, or the difference exceeds 1e-4; no file is left then.

    """
    need_packages()
    shape = input_shape(trained)
    model = trained.model.cpu().eval()
    with atomic_path(path) as temporary:
        program = _program(model, example(shape, 2))
        _save(program.model_proto, {key: trained.about[key] for key in STATED}, temporary)
        difference = compare(model, temporary, shape)
        if not difference <= TOLERANCE:
            raise InputError(
                f"{path}: not written: its logits differ from torch's by {difference:.2g}, more "
                f"than {TOLERANCE:g}; try other versions of {', '.join(PACKAGES)}"
            )
    return difference


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


def compare(model: torch.nn.Module, path: Path, shape: tuple[int, ...]) -> float:
    """Largest difference between the logits of an ONNX file and of torch, for 1 and 3 clips."""
    runtime = import_module("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    differences = []
    for count in (1, 3):
        clips = example(shape, count)
        with torch.inference_mode():
            expected = model(clips).numpy()
        (found,) = session.run(["logits"], {"clip": clips.numpy()})
        differences.append(float(np.abs(found - expected).max()))
    return float(np.max(differences))
