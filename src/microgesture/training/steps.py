"""One step of a training: forward, loss, backward and the optimizer, for the length of a phase."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from microgesture.inputs.loader import DROPOUT, HEAD, seed_torch
from microgesture.models.base import HEAD_INIT_STD, Recognizer
from microgesture.training.distributed import Processes, wrap_ddp
from microgesture.training.losses import Objective


class Forward(nn.Module):
    """A model's forward pass with both of its heads, as one module that can be wrapped."""

    def __init__(self, model: Recognizer) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor, embeddings: bool) -> tuple[Tensor, Tensor | None]:
        """Logits and, if asked, predicted label embeddings."""
        return (
            self.model.forward_with_embeddings(inputs) if embeddings else (self.model(inputs), None)
        )


class Stepper:
    """Takes steps with the parameters that are trainable when it is made."""

    def __init__(
        self,
        model: Recognizer,
        objective: Objective,
        recipe: Mapping[str, Any],
        dtype: torch.dtype,
        processes: Processes,
    ) -> None:
        self._objective, self._recipe, self._dtype = objective, recipe, dtype
        self._rank = processes.rank
        self._trained = [p for p in model.parameters() if p.requires_grad]
        forward = Forward(model)
        self._forward = wrap_ddp(forward) if processes.count > 1 else forward
        self._optimizer = torch.optim.SGD(
            self._trained,
            lr=recipe["learning_rate"],
            momentum=recipe["momentum"],
            weight_decay=recipe["weight_decay"],
            fused=True,
        )

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
            logits, embedded = self._forward(inputs, embeddings=goal.embeddings is not None)
            loss = goal.loss(logits, embedded, truth)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._trained, self._recipe["max_gradient_norm"], foreach=True)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        hits = (logits.argmax(dim=1) == truth).sum()
        return torch.stack([loss.detach().double() * len(truth), hits.double()])

    @property
    def momenta(self) -> list[Tensor | None]:
        """Of every trained parameter; None before its first step."""
        return [self._optimizer.state[p].get("momentum_buffer") for p in self._trained]

    def restore(self, momenta: Mapping[int, Tensor]) -> None:
        """Set momenta that were saved, by the parameter's number."""
        for number, momentum in momenta.items():
            parameter = self._trained[number]
            # in the parameter's own order of axes in memory, which fused steps rely on
            buffer = torch.empty_like(parameter).copy_(momentum)
            self._optimizer.state[parameter] = {"momentum_buffer": buffer}


def renew_head(model: Recognizer, seed: int) -> None:
    """Give the classifier fresh weights."""
    seed_torch(HEAD, seed)
    nn.init.normal_(model.cls_head.fc_cls.weight, std=HEAD_INIT_STD)
    nn.init.zeros_(model.cls_head.fc_cls.bias)


def freeze_backbone(model: Recognizer) -> None:
    """Leave only the classifier to be trained."""
    model.requires_grad_(False)
    model.cls_head.fc_cls.requires_grad_(True)
