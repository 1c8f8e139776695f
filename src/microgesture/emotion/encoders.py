"""What turns faces and frames into tokens: published networks or small ones, and their file."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from microgesture.inference.checkpoints import load_checkpoint, save_checkpoint
from microgesture.models.base import Recognizer
from microgesture.models.mvit import build_mvit
from microgesture.models.swinface import FaceTasks, SwinFace, build_swinface
from microgesture.settings.emotion import ContextEncoder, EncodeStep, FaceEncoder
from microgesture.settings.parse import parse
from microgesture.utils.errors import InputError

CLASSES = 400
"""Of the published MViTv2; its classifier has no part in tokens."""
KIND = "emotion encoders"


@dataclass(frozen=True)
class Sizes:
    """Sides of a face and of a frame in pixels, and frames of a window."""

    face: int
    context: int
    frames: int


class FaceTokens(nn.Module):
    """From faces (N, 3, H, W) to tokens (N, F).

    Of SwinFace as published the embedding and the probabilities of expressions, of a small one the
    embedding.
    """

    def __init__(self, model: SwinFace | FaceTasks) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Tokens of faces."""
        if isinstance(self.model, FaceTasks):
            return torch.cat(self.model.expression(x), dim=1)
        return self.model(x)


class ContextTokens(nn.Module):
    """From frames (N, 3, T, H, W) to tokens (N, L, C), one a step of time, averaged over places."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: Tensor) -> Tensor:
        """Tokens of frames."""
        return self.backbone.tokens(x).mean(dim=2)  # type: ignore[operator]


@dataclass(frozen=True)
class Encoders:
    """Both networks, and what they were built from."""

    face: FaceTokens
    context: ContextTokens
    config: EncodeStep
    sizes: Sizes

    def state(self) -> dict[str, Tensor]:
        """Weights of both."""
        return nn.ModuleDict({"face": self.face, "context": self.context}).state_dict()

    def about(self) -> dict[str, object]:
        """What `restored` builds them from."""
        return {"encoders": self.config.given(), "sizes": vars(self.sizes)}


def swinface(own: FaceEncoder, side: int) -> SwinFace:
    """The network of faces."""
    return build_swinface(
        side, drop_path=0.0 if own.weights is None else 0.1, **own.network.given()
    )


def mvit(own: ContextEncoder, sizes: Sizes, outputs: int = CLASSES) -> Recognizer:
    """The network of frames."""
    return build_mvit(sizes.frames, sizes.context, outputs, dropout=0.0, **own.network.given())


def restored(state: dict[str, Tensor], about: dict[str, object], path: Path) -> Encoders:
    """Encoders from weights and `Encoders.about`, in evaluation mode.

    Raises
    ------
    InputError
        When the weights do not fit.

    """
    config: EncodeStep = parse(EncodeStep, about["encoders"], str(path))
    sizes = Sizes(**about["sizes"])  # type: ignore[arg-type]
    model = swinface(config.face_encoder, sizes.face)
    face = FaceTokens(model if config.face_encoder.weights is None else FaceTasks(model))
    context = ContextTokens(mvit(config.context_encoder, sizes).backbone)
    both = nn.ModuleDict({"face": face, "context": context})
    try:
        both.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise InputError(f"{path}: its encoders do not fit this code: {first}") from None
    both.eval()
    return Encoders(face, context, config, sizes)


def write_encoders(path: Path, encoders: Encoders) -> None:
    """Write both networks as one file."""
    save_checkpoint(path, encoders.state(), {"kind": KIND, **encoders.about()})


def read_encoders(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Weights and `Encoders.about` of what `write_encoders` wrote."""
    state, about = load_checkpoint(path)
    if about.get("kind") != KIND:
        raise InputError(f"{path}: holds no encoders of faces and frames; run the step before")
    return state, about
