"""A pre-training step against a plain one: every token through the encoder, in float32.

    python benchmarks/pretraining.py            one thread of this CPU
    python benchmarks/pretraining.py --gpu      on a GPU

Plain is a transformer that is given a mask's embedding in place of each hidden token, so that its
encoder works on all of them. Both steps are masks, forward, error, backward, clipped gradient and
AdamW, on the same batch, timed alternately on one thread.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.steps import clips, fastest, gpu_device, report_gpu
from microgesture.inference.build import choose_precision
from microgesture.models.masked_autoencoder import MaskedAutoencoder, build_masked_autoencoder
from microgesture.models.masking import masked_error, targets
from microgesture.settings.pretraining import Masking
from microgesture.training.pretrain import BETAS, gumbel

# name, points, frames, network, decoder's blocks, share hidden, windows, and how many times less
# time than plain the step shall take
SMALL = {"width": 96, "depth": 4, "heads": 4}
CASES = [
    ("Pre-training, full size, 22 points", 22, 64, {}, 4, 0.9, 4, 2.0),
    ("Pre-training, config/pretrain.yaml", 22, 16, SMALL, 2, 0.8, 64, 2.0),
]


class Plain(MaskedAutoencoder):
    """The same with a mask's embedding for each hidden token, in the encoder too."""

    def forward(self, x, gumbel):
        _, _, hidden = self.choose(x, gumbel)
        tokens, found = self.backbone.embedded(x)
        place = (self.backbone.time + self.backbone.joint).flatten(0, 1)
        seen = self.backbone.encode(
            torch.where(hidden.unsqueeze(2), self.decoder.mask + place, tokens), found
        )
        everything = torch.arange(found.shape[1], device=x.device).expand(found.shape)
        told = self.decoder(seen, everything, found, found)
        values, there = targets(x, self.backbone.patch, self.masking.target)
        return masked_error(told.float(), values, there, hidden)


def stepper(kind, case, dtype, device="cpu"):
    """A step as a function without arguments; it returns the error."""
    _, joints, frames, network, decoder, ratio, count, _ = case
    torch.manual_seed(0)
    model = build_masked_autoencoder(joints, frames, Masking(ratio=ratio), decoder, **network)
    model.__class__ = kind
    model.to(device)
    x = clips({"name": "stgcn"}, (frames,), count, joints)[:, 0].to(device)
    noise = gumbel((count, frames // model.backbone.patch * joints), (0,)).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), 1e-3, BETAS, weight_decay=0.05, fused=kind is MaskedAutoencoder
    )

    def step():
        with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
            error = model(x, noise)
        optimizer.zero_grad(set_to_none=True)
        error.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 40)
        optimizer.step()
        return error.detach()

    return step


def measure(repeats=5):
    """Time all cases on one thread of the CPU; a row a case."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    dtype = choose_precision("auto", torch.device("cpu"))
    rows = []
    try:
        for case in CASES:
            kinds = [(Plain, torch.float32), (MaskedAutoencoder, dtype)]
            kinds.append((MaskedAutoencoder, torch.float32))
            steps = [stepper(kind, case, precision) for kind, precision in kinds]
            # what other programs take of the machine does not count
            reference, ours, single = fastest(steps, repeats, time.process_time)
            rows.append(
                {
                    "what": f"{case[0]}, {case[6]} windows",
                    "reference_s": reference,
                    "ours_s": ours,
                    "ratio": reference / ours,
                    "target": case[7],
                    "note": f"{str(dtype).removeprefix('torch.')}; float32: {single:.3f} s, "
                    f"{reference / single:.1f} x",
                }
            )
    finally:
        torch.set_num_threads(threads)
    return rows


def gpu():
    """Windows/s of the full size on a GPU, plain and ours."""
    device = gpu_device()
    if device is None:
        return
    for count in (64, 512):
        case = (*CASES[0][:6], count, None)
        kinds = {
            "plain float32": stepper(Plain, case, torch.float32, device),
            "plain bfloat16": stepper(Plain, case, torch.bfloat16, device),
            "float32": stepper(MaskedAutoencoder, case, torch.float32, device),
            "bfloat16": stepper(MaskedAutoencoder, case, torch.bfloat16, device),
        }
        report_gpu(case[0], count, kinds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpu", action="store_true", help="measure on a GPU instead of the CPU")
    parser.add_argument("--repeats", type=int, default=5, help="timed steps of each kind")
    args = parser.parse_args()
    if args.gpu:
        gpu()
        return
    for row in measure(args.repeats):
        print(
            f"{row['what']:44} {row['reference_s']:7.3f} s {row['ours_s']:7.3f} s  "
            f"{row['ratio']:4.1f} x (at least {row['target']})  {row['note']}",
            flush=True,
        )


if __name__ == "__main__":
    main()
