"""The published checkpoint of SwinFace."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from microgesture.models.swinface import FaceTasks
from microgesture.utils.errors import InputError


def load_published(model: FaceTasks, path: Path) -> None:
    """Load the published checkpoint, its four parts ``state_dict_{backbone,fam,tss,om}``.

    Nothing but tensors and plain containers is read, and every tensor must fit.

    Raises
    ------
    InputError
        When the file is not that checkpoint.

    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such checkpoint; check face_encoder.weights")
    try:
        stored: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle can fail in any way
        raise InputError(
            f"{path}: not a checkpoint of tensors and plain containers only "
            f"({type(error).__name__}); fetch it again"
        ) from None
    for part in ("backbone", "fam", "tss", "om"):
        key = f"state_dict_{part}"
        state = stored.get(key) if isinstance(stored, Mapping) else None
        if not isinstance(state, Mapping):
            raise InputError(f"{path}: has no {key}; expected the checkpoint that SwinFace gives")
        own: nn.Module = getattr(model, part)
        given = {str(name).removeprefix("module."): value for name, value in state.items()}
        want = own.state_dict()
        wrong = [
            name
            for name in sorted(want.keys() | given.keys())
            if getattr(given.get(name), "shape", None) != getattr(want.get(name), "shape", None)
        ]
        if wrong:
            found, expected = (
                tuple(one[wrong[0]].shape) if wrong[0] in one else "missing"
                for one in (given, want)
            )
            raise InputError(
                f"{path}: {key} has {len(wrong)} tensors that do not fit, such as {wrong[0]}: "
                f"{found}, expected {expected}; set face.side to 112 and leave "
                "face_encoder.network empty"
            )
        own.load_state_dict(given)


def _shape(state: Mapping[str, Tensor], name: str) -> str:
    return str(tuple(state[name].shape)) if name in state else "missing"
