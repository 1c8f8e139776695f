"""Faces and frames as tokens: by published networks, or by small ones trained on keypoints.

A small encoder never sees an outcome: it learns to tell where the points of face or body are, which
the skeletons state, and its features are the tokens then. It is trained on the people of a fold's
training recordings alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from microgesture.data.clip_file import Clips
from microgesture.emotion.encoders import ContextTokens, Encoders, FaceTokens, Sizes, mvit, swinface
from microgesture.emotion.interviews import Interview
from microgesture.models.pretrained import load_pretrained
from microgesture.models.published_swinface import load_published
from microgesture.models.swinface import FaceTasks
from microgesture.settings.emotion import ContextEncoder, EncoderTraining, EncodeStep, FaceEncoder
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path
from microgesture.video.pictures import BODY, MARKS, pictures_of, told_of

BATCH = 16
BRIGHTNESS = 0.25
"""Standard deviation of the random gain of each colour in training: light and skin tell nothing."""
MEAN, STD = 0.45, 0.225
"""Of the published MViTv2's input."""
ALL = "all"
"""The part that learns from all recordings of train and val; others are named by their fold."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Tokens:
    """Tokens of all windows, in the order of recordings and time.

    Attributes
    ----------
    face : ndarray, float16 (W, K, F)
    seen : ndarray, bool (W, K)
    context : ndarray, float16 (W, L, C)
    recording : ndarray, int (W,)
        Row of the recording.
    start : ndarray, int (W,)
        First frame of a window.

    """

    face: np.ndarray
    seen: np.ndarray
    context: np.ndarray
    recording: np.ndarray
    start: np.ndarray


def write_tokens(path: Path, tokens: Tokens) -> None:
    """Write tokens as a safetensors file."""
    with atomic_path(path) as temporary:
        save_file(vars(tokens), temporary)


def read_tokens(path: Path) -> Tokens:
    """Read what `write_tokens` wrote."""
    if not path.is_file():
        raise InputError(f"{path}: there are no such tokens; run the step before")
    return Tokens(**load_file(path))


def face_input(pictures: np.ndarray) -> Tensor:
    """Faces uint8 (N, H, W, 3) as the network takes them, (N, 3, H, W) from -1 to 1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def context_input(pictures: np.ndarray) -> Tensor:
    """Frames uint8 (N, T, H, W, 3) as the network takes them, (N, 3, T, H, W)."""
    return torch.from_numpy(pictures).permute(0, 4, 1, 2, 3).float().div(255).sub(MEAN).div(STD)


def learn(
    records: Clips, rows: Sequence[int], config: EncodeStep, device: torch.device, say: Say
) -> Encoders:
    """Both encoders: published ones, or small ones that are trained on ``rows``.

    Parameters
    ----------
    records : Clips
        See `microgesture.emotion.pictures`.
    rows : sequence of int
        Recordings that small encoders learn from; published ones learn nothing.
    config : EncodeStep
    device : torch.device
    say : callable
        Given a line now and then.

    """
    stated = records.metadata
    sizes = Sizes(stated["face"], stated["context"], stated["windows"]["frames"])
    face = face_encoder(records, rows, config, device, say)
    return Encoders(face, context_encoder(records, rows, config, sizes, device, say), config, sizes)


@torch.no_grad()
def encode(records: Clips, encoders: Encoders, device: torch.device) -> Tokens:
    """Tokens of all recordings.

    Parameters
    ----------
    records : Clips
        See `microgesture.emotion.pictures`.
    encoders : Encoders
        On ``device``.
    device : torch.device

    """
    told = [told_of(records, row) for row in range(len(records))]
    windows = [(row, window) for row, one in enumerate(told) for window in range(len(one.start))]
    faces, frames = [], []
    for at in range(0, len(windows), BATCH):
        some = windows[at : at + BATCH]
        shown = np.stack([pictures_of(records, row, "face", window) for row, window in some])
        flat = encoders.face(face_input(shown.reshape(-1, *shown.shape[2:])).to(device))
        faces.append(flat.unflatten(0, shown.shape[:2]).cpu().numpy().astype(np.float16))
        shown = np.stack([pictures_of(records, row, "context", window) for row, window in some])
        made = encoders.context(context_input(shown).to(device))
        frames.append(made.cpu().numpy().astype(np.float16))
    return Tokens(
        np.concatenate(faces),
        np.concatenate([one.seen for one in told]) > 0,
        np.concatenate(frames),
        np.repeat(np.arange(len(told)), [len(one.start) for one in told]),
        np.concatenate([one.start for one in told]),
    )


def learned_from(records: Clips, interviews: Sequence[Interview], part: str) -> list[int]:
    """Rows of recordings that a small encoder may learn from.

    Those of train and val, whose people are not tested: with ``fold0`` nobody of fold 0.
    """
    fold = None if part == ALL else int(part.removeprefix("fold"))
    tested = {one.subject for one in interviews if fold is not None and one.fold == fold}
    may = {
        one.recording for one in interviews if one.fold is not None and one.subject not in tested
    }
    return [row for row, name in enumerate(records.index["clip_id"]) if name in may]


def face_encoder(
    records: Clips, rows: Sequence[int], config: EncodeStep, device: torch.device, say: Say
) -> FaceTokens:
    """What turns faces into tokens."""
    own, side = config.face_encoder, records.metadata["face"]
    torch.manual_seed(config.seed)
    model = swinface(own, side)
    if own.weights is not None:
        tasks = FaceTasks(model)
        load_published(tasks, Path(own.weights))
        return FaceTokens(tasks).eval().to(device)
    inputs, targets, known = _face_samples(records, rows)
    network = nn.Sequential(model, nn.Linear(model.num_features, targets.shape[1]))
    _train(network.to(device), inputs, face_input, targets, known, _recipe(own), config.seed, say)
    return FaceTokens(model).eval()


def _recipe(own: FaceEncoder | ContextEncoder) -> EncoderTraining:
    if own.training is None:
        raise InputError(f"{type(own).__name__}: give weights, or training for a small network")
    return own.training


def context_encoder(
    records: Clips,
    rows: Sequence[int],
    config: EncodeStep,
    sizes: Sizes,
    device: torch.device,
    say: Say,
) -> ContextTokens:
    """What turns frames into tokens."""
    own = config.context_encoder
    torch.manual_seed(config.seed + 1)
    if own.weights is not None:
        model = mvit(own, sizes)
        load_pretrained(model, Path(own.weights), say)
    else:
        inputs, targets, known = _context_samples(records, rows)
        model = mvit(own, sizes, targets.shape[1])
        recipe = _recipe(own)
        _train(model.to(device), inputs, context_input, targets, known, recipe, config.seed, say)
    return ContextTokens(model.backbone).eval().to(device)


def _face_samples(records: Clips, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces (N, H, W, 3), where their points are (N, P), and which of these are known (N, P)."""
    faces, marks = [], []
    for row in rows:
        told = told_of(records, row)
        for window in range(len(told.start)):
            seen = told.seen[window] > 0
            faces.append(pictures_of(records, row, "face", window)[seen])
            marks.append(told.face[window][seen])
    if not sum(map(len, faces)):
        raise InputError("no face can be used to train an encoder; see emotion.face")
    points = np.concatenate(marks).reshape(-1, MARKS, 3)
    known = np.repeat(points[..., 2] > 0, 2, axis=1)
    return np.concatenate(faces), points[..., :2].reshape(len(points), -1), known


def _context_samples(
    records: Clips, rows: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows (N, T, H, W, 3); mean and spread over time of the body's points; which are known."""
    frames, targets, known = [], [], []
    for row in rows:
        told = told_of(records, row)
        if not told.there:
            continue
        for window, body in enumerate(told.body):
            frames.append(pictures_of(records, row, "context", window))
            seen = body[..., 2:] > 0
            count = seen.sum(axis=0)
            mean = (body[..., :2] * seen).sum(axis=0) / np.maximum(count, 1)
            spread = np.sqrt((((body[..., :2] - mean) * seen) ** 2).sum(0) / np.maximum(count, 1))
            targets.append(np.stack([mean, spread]).ravel())
            known.append(np.broadcast_to(count > 0, (2, len(BODY), 2)).ravel())
    if not frames:
        raise InputError("no recording has a video from which an encoder could learn")
    return np.stack(frames), np.stack(targets), np.stack(known)


def _train(
    network: nn.Module,
    inputs: np.ndarray,
    prepare: Callable[[np.ndarray], Tensor],
    targets: np.ndarray,
    known: np.ndarray,
    recipe: EncoderTraining,
    seed: int,
    say: Say,
) -> None:
    """Train a network to tell standardised targets (N, P), of which ``known`` (N, P) count."""
    weight = known.sum(axis=0).clip(1)
    mean = (targets * known).sum(axis=0) / weight
    spread = np.sqrt((((targets - mean) * known) ** 2).sum(axis=0) / weight).clip(1e-4)
    wanted = torch.from_numpy(((targets - mean) / spread).clip(-4, 4).astype(np.float32))
    counts = torch.from_numpy(known.astype(np.float32))
    device = next(network.parameters()).device
    steps = recipe.epochs * -(-len(inputs) // recipe.batch)
    optimizer = torch.optim.AdamW(
        network.parameters(), float(recipe.learning_rate), weight_decay=float(recipe.weight_decay)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, float(recipe.learning_rate), total_steps=steps
    )
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    network.train()
    for epoch in range(recipe.epochs):
        lost = 0.0
        shuffled = order.permutation(len(inputs))
        for some in np.array_split(shuffled, -(-len(inputs) // recipe.batch)):
            x = prepare(inputs[np.sort(some)])
            gain = 1 + BRIGHTNESS * order.standard_normal((len(x), 3))
            x = x * torch.from_numpy(gain.astype(np.float32)).view(len(x), 3, *[1] * (x.dim() - 2))
            rows = torch.from_numpy(np.sort(some))
            told = network(x.to(device))
            off = functional.smooth_l1_loss(told, wanted[rows].to(device), reduction="none")
            use = counts[rows].to(device)
            loss = (off * use).sum() / use.sum().clamp(min=1)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            lost += loss.item() * len(some)
        if epoch + 1 == recipe.epochs or not epoch:
            say(f"epoch {epoch + 1} of {recipe.epochs}: loss {lost / len(inputs):.3f}")
