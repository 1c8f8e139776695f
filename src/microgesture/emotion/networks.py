"""Training of the networks on windows: few recordings, so a run takes a second."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from microgesture.emotion.encode import Tokens
from microgesture.emotion.interviews import Interview
from microgesture.models.interfusion import Bag, Kind, WindowNetwork
from microgesture.settings.emotion import WindowModel

CHECKPOINTS = 8
"""Points of a training at which it may be stopped, evenly over its epochs."""


@dataclass(frozen=True)
class RecordingTokens:
    """Tokens, standardised by some recordings, and which windows are whose.

    Attributes
    ----------
    face, seen, context
        Tensors over all windows, see `microgesture.emotion.encode.Tokens`.
    windows
        Of each interview, int (W,).
    labels
        float (N,), 1 for a win; NaN where it is not known.
    standards
        Of faces and context, by which they are standardised.

    """

    face: Tensor
    seen: Tensor
    context: Tensor
    windows: list[np.ndarray]
    labels: np.ndarray
    standards: tuple["Standard", "Standard"]


def windows_of(
    tokens: Tokens, interviews: Sequence[Interview], names: Sequence[str]
) -> list[np.ndarray]:
    """Windows of each interview; ``names`` are the recordings of the tokens, by their rows."""
    rows = {name: row for row, name in enumerate(names)}
    found = []
    for one in interviews:
        mine = tokens.recording == rows[one.recording]
        mine &= tokens.start >= one.start
        if one.end is not None:
            mine &= tokens.start <= one.end
        found.append(np.flatnonzero(mine))
    return found


@dataclass(frozen=True)
class Standard:
    """Mean and standard deviation of each feature of a token; where none was seen they are 0 and
    infinite, so that all tokens become 0.
    """

    mean: Tensor
    spread: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Tokens (..., F) of mean 0 and standard deviation 1."""
        return (x - self.mean) / self.spread


def recording_tokens(
    tokens: Tokens,
    interviews: Sequence[Interview],
    names: Sequence[str],
    known: np.ndarray,
    device: torch.device,
) -> RecordingTokens:
    """Tokens with mean 0 and standard deviation 1 over the windows of interviews ``known``."""
    windows = windows_of(tokens, interviews, names)
    labels = np.array([one.label if one.label >= 0 else np.nan for one in interviews], np.float32)
    mine = np.unique(np.concatenate([windows[n] for n in known]))
    face = _measured(tokens.face[mine][tokens.seen[mine]])
    context = _measured(tokens.context[mine].reshape(-1, tokens.context.shape[2]))
    return standardised(tokens, face, context, windows, labels, device)


def standardised(
    tokens: Tokens,
    face: Standard,
    context: Standard,
    windows: list[np.ndarray],
    labels: np.ndarray,
    device: torch.device,
) -> RecordingTokens:
    """Tokens as networks take them."""
    faces = face(torch.from_numpy(tokens.face).float()).to(device)
    frames = context(torch.from_numpy(tokens.context).float()).to(device)
    seen = torch.from_numpy(tokens.seen).to(device)
    return RecordingTokens(faces, seen, frames, windows, labels, (face, context))


def _measured(tokens: np.ndarray) -> Standard:
    """Of tokens (N, F)."""
    if not len(tokens):
        size = tokens.shape[1:]
        return Standard(torch.zeros(size), torch.full(size, torch.inf))
    some = torch.from_numpy(tokens).float()
    return Standard(some.mean(dim=0), some.std(dim=0, correction=0).clamp(min=1e-4))


def bag_of(data: RecordingTokens, windows: Sequence[np.ndarray]) -> Bag:
    """Windows of several interviews as one batch, filled up with windows that do not count."""
    longest = max(max(map(len, windows)), 1)
    index = np.zeros((len(windows), longest), int)
    there = np.zeros((len(windows), longest), bool)
    for row, mine in enumerate(windows):
        index[row, : len(mine)], there[row, : len(mine)] = mine, True
    device = data.face.device
    place = torch.from_numpy(index).to(device)
    counts = torch.from_numpy(there).to(device)
    return Bag(data.face[place], data.seen[place], data.context[place], counts)


def new_network(kind: Kind, data: RecordingTokens, config: WindowModel, seed: int) -> WindowNetwork:
    """A network with weights by ``seed``."""
    torch.manual_seed(seed)
    sizes = (data.face.shape[2], data.context.shape[2])
    return build_network(kind, sizes, config).to(data.face.device)


def build_network(kind: Kind, sizes: tuple[int, int], config: WindowModel) -> WindowNetwork:
    """A network for tokens of so many features, of faces and of context."""
    return WindowNetwork(kind, *sizes, config.width, config.heads, float(config.dropout))


def train(
    kind: Kind,
    data: RecordingTokens,
    rows: np.ndarray,
    config: WindowModel,
    seed: int,
    epochs: int,
    watched: np.ndarray | None = None,
) -> tuple[WindowNetwork, dict[int, np.ndarray]]:
    """Train on interviews ``rows``, for ``epochs`` of ``config.epochs``.

    Returns
    -------
    network : WindowNetwork
    seen : dict
        Logits of the interviews ``watched`` after each checkpoint's epochs.

    """
    network = new_network(kind, data, config, seed)
    rate, decay = float(config.learning_rate), float(config.weight_decay)
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    labels = torch.from_numpy(data.labels).to(data.face.device)
    told: dict[int, np.ndarray] = {}
    for epoch in range(1, epochs + 1):
        network.train()
        batches = np.array_split(order.permutation(rows), -(-len(rows) // config.batch))
        for some in batches:
            windows = [_drawn(order, data.windows[n], config.windows) for n in some]
            logits, _ = network(bag_of(data, windows))
            wanted = labels[torch.from_numpy(some).to(labels.device)]
            loss = functional.binary_cross_entropy_with_logits(logits, wanted)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        if watched is not None and epoch in checkpoints(config):
            told[epoch] = predict(network, data, watched)[0]
    return network, told


def checkpoints(config: WindowModel) -> list[int]:
    """Numbers of epochs after which a training may end."""
    return sorted({max(config.epochs * n // CHECKPOINTS, 1) for n in range(1, CHECKPOINTS + 1)})


def _drawn(order: np.random.Generator, windows: np.ndarray, most: int) -> np.ndarray:
    """At most so many windows, at random and in order of time."""
    if len(windows) <= most:
        return windows
    return np.sort(order.choice(windows, most, replace=False))


@torch.no_grad()
def predict(
    network: WindowNetwork, data: RecordingTokens, rows: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Logits of interviews, and how much each of their windows counted."""
    network.eval()
    logits, weights = [], []
    for n in rows:
        one, counted = network(bag_of(data, [data.windows[n]]))
        logits.append(float(one[0]))
        weights.append(counted[0].cpu().numpy()[: len(data.windows[n])])
    return np.array(logits), weights
