"""One step of a training: forward, loss, backward and the optimizer, for the length of a phase."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from microgesture.inputs.loader import DROPOUT, HEAD, MIXUP, rng_for, seed_torch
from microgesture.models.base import HEAD_INIT_STD, Recognizer
from microgesture.settings.training import Training
from microgesture.training.distributed import Processes, wrap_ddp
from microgesture.training.losses import Objective
from microgesture.training.optimization import (
    layers_of,
    new_average,
    new_optimizer,
    pack,
    rate_scales,
    restore,
)


class Forward(nn.Module):
    """A model's forward pass with both of its heads, as one module that can be wrapped."""

    def __init__(self, model: Recognizer) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, inputs: Tensor, embeddings: bool
    ) -> tuple[Tensor, Tensor | None, Tensor | float]:
        """Logits, predicted label embeddings if asked, and what the backbone adds to the loss."""
        if embeddings:
            logits, embedded = self.model.forward_with_embeddings(inputs)
        else:
            logits, embedded = self.model(inputs), None
        backbone = self.model.backbone
        penalty, backbone.penalty = backbone.penalty, 0.0  # or a copy of the model would need it
        return logits, embedded, penalty


class Stepper:
    """Takes steps with the parameters that are trainable when it is made.

    Attributes
    ----------
    judged : Recognizer
        What is validated and kept: the model, or the average of its weights.

    """

    def __init__(
        self,
        model: Recognizer,
        objective: Objective,
        recipe: Training,
        dtype: torch.dtype,
        processes: Processes,
    ) -> None:
        self._objective, self._recipe, self._dtype = objective, recipe, dtype
        self._rank = processes.rank
        self._trained = [p for p in model.parameters() if p.requires_grad]
        forward = Forward(model)
        self._forward = wrap_ddp(forward) if processes.count > 1 else forward
        scales = rate_scales(model, recipe.layer_decay, recipe.backbone_rate)
        self._optimizer = new_optimizer(recipe, self._trained, scales)
        self._model, self._average = model, new_average(model, recipe.ema)
        self.judged = model if self._average is None else cast(Recognizer, self._average.module)

    def step(self, inputs: Tensor, truth: Tensor, rate: float, place: tuple[int, ...]) -> Tensor:
        """Take a step; the loss times the clips and the hits, float64 (2,).

        Parameters
        ----------
        inputs : Tensor
        truth : Tensor, int64 (N,)
        rate : float
            Learning rate.
        place : tuple of int
            Seed, epoch and step, for dropout.

        """
        seed_torch(DROPOUT, *place, self._rank)
        goal, mixed = self._objective, self._dtype != torch.float32
        with torch.autocast(inputs.device.type, self._dtype, enabled=mixed):
            wanted = goal.embeddings is not None
            if self._recipe.mixup:
                share, other = mixing(self._recipe.mixup, len(truth), (*place, self._rank))
                inputs = share * inputs + (1 - share) * inputs[other]
            logits, embedded, penalty = self._forward(inputs, embeddings=wanted)
            loss = goal.loss(logits, embedded, truth) + penalty
            if self._recipe.mixup:
                second = goal.loss(logits, embedded, truth[other]) + penalty
                loss = share * loss + (1 - share) * second
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._trained, self._recipe.max_gradient_norm, foreach=True)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        self._optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self._model)
        hits = (logits.argmax(dim=1) == truth).sum()
        return torch.stack([loss.detach().double() * len(truth), hits.double()])

    def pack(self) -> dict[str, Tensor]:
        """All that the next step depends on besides the weights."""
        return pack(self._optimizer, self._trained, self._average)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `pack` gave."""
        restore(tensors, self._optimizer, self._trained, self._average)


def mixing(alpha: float, count: int, place: tuple[int, ...]) -> tuple[float, list[int]]:
    """Share of each clip that it keeps of itself, at least a half, and whom it is mixed with.

    Source: Zhang et al. 2018, mixup; one share for the batch, as in their code.
    """
    rng = rng_for(MIXUP, *place)
    share = float(rng.beta(alpha, alpha))
    return max(share, 1 - share), rng.permutation(count).tolist()


def renew_head(model: Recognizer, seed: int) -> None:
    """Give the classifier fresh weights."""
    seed_torch(HEAD, seed)
    nn.init.normal_(model.cls_head.fc_cls.weight, std=HEAD_INIT_STD)
    nn.init.zeros_(model.cls_head.fc_cls.bias)


def freeze_backbone(model: Recognizer) -> None:
    """Leave only the classifier to be trained."""
    model.requires_grad_(False)
    model.cls_head.fc_cls.requires_grad_(True)


def freeze_blocks(model: Recognizer, count: int) -> None:
    """Leave the first blocks, and what comes before them, as they are."""
    for parameter, layer in zip(model.parameters(), layers_of(model), strict=True):
        if layer <= count:
            parameter.requires_grad_(False)
