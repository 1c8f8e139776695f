"""Training steps against the same networks run plainly: seconds, and whether the losses agree.

    python benchmarks/steps.py           one thread of this CPU
    python benchmarks/steps.py --gpu     bfloat16 on a GPU: clips/s, share of its peak, whole epochs

Plain is what torch does untold: contiguous tensors, float32, dense convolutions. Both steps are
forward, loss, backward, clipped gradient and SGD, on the same batch, timed alternately.
"""

import argparse
import sys
import time
import types
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks import epoch
from microgesture.data.layouts import load_layout
from microgesture.heatmaps.draw import draw
from microgesture.inference.build import choose_device, choose_precision
from microgesture.models.build import build_model
from microgesture.models.cpu.max_pool import ReluMaxPool
from microgesture.models.cpu.sparse_conv import HeatmapConv
from microgesture.models.posec3d import Conv, SlowOnly
from microgesture.models.stgcn import GraphConv
from microgesture.settings.config import Config

CLASSES, SIGMA = 32, 0.6
LAYOUT = Path(__file__).parents[1] / "config/layouts/openpose41.yaml"
POSEC3D = {"name": "posec3d"}
POSEC3D_DEFAULT = POSEC3D | {
    "base_channels": 16,
    "stage_blocks": [1, 1, 1],
    "stem_kernel": 5,
    "zero_init_residual": False,
    "dropout": 0.2,
}
STGCN = {"name": "stgcn"}
STGCN_DEFAULT = STGCN | {
    "base_channels": 16,
    "num_stages": 6,
    "inflate_stages": [3, 5],
    "down_stages": [3, 5],
}
# name, network, shape of a clip without its joints: (frames, cells a side) or (frames,), clips in a
# batch, and how many times less time than plain the step shall take
CASES = [
    ("PoseC3D, full size", POSEC3D, (48, 56), 2, 1.4),
    ("PoseC3D, default size", POSEC3D_DEFAULT, (12, 28), 12, 3.0),
    ("ST-GCN, full size", STGCN, (90,), 4, 1.4),
    ("ST-GCN, default size", STGCN_DEFAULT, (32,), 24, 1.4),
]
# dense products in bfloat16 without sparsity, from the vendor's data sheets, in FLOP/s
PEAKS = {"A100": 312e12, "H100": 989e12, "H200": 989e12, "L40S": 362e12, "L4": 121e12}


def clips(network, shape, count, joints, seed=0):
    """Heatmaps of points that move at random, or the points, scaled to -1 to 1."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(-0.7, 0.7, (count, 1, 1, joints, 2))
    moved = np.cumsum(rng.normal(0, 0.01, (count, 1, shape[0], joints, 2)), axis=2)
    score = rng.uniform(0.3, 1, (count, 1, shape[0], joints, 1))
    points = np.concatenate([start + moved, score], axis=-1).astype(np.float32)
    if network["name"] != "posec3d":
        return torch.from_numpy(points)
    frames, cells = shape
    points[..., :2] = (points[..., :2] + 1) / 2 * cells - 0.5
    volumes = np.empty((count, frames, joints, cells, cells), np.float32)
    for persons, volume in zip(points, volumes, strict=True):
        draw(persons, "joint", np.zeros((0, 2), int), SIGMA, volume)
    volumes = torch.from_numpy(volumes).transpose(1, 2)
    return volumes.contiguous(memory_format=torch.channels_last_3d)  # as training assembles them


def new(network, seed=0):
    """A network with fresh weights, the same for the same seed."""
    layout = load_layout(LAYOUT)
    torch.manual_seed(seed)
    graph = network["name"] != "posec3d"
    return build_model(
        network,
        layout_channels=len(layout.joints),
        num_classes=CLASSES,
        adjacency=layout.adjacency() if graph else None,
    ).train()


def plain(model):
    """Turn a network into what it is without any of its routines of its own."""
    for module in model.modules():
        if isinstance(module, (HeatmapConv, Conv)):
            module.__class__ = nn.Conv3d
        elif isinstance(module, ReluMaxPool):
            module.forward = lambda x: functional.max_pool3d(
                x.relu_(), (1, 3, 3), stride=1, padding=(0, 1, 1)
            )
        elif isinstance(module, SlowOnly):
            module.memory_format = torch.contiguous_format
        elif isinstance(module, GraphConv):
            module.forward = types.MethodType(plain_graph_convolution, module)
    return model


def plain_graph_convolution(layer, x):
    """The graph convolution as ST-GCN's authors wrote it."""
    sets = layer.conv(x).unflatten(1, (layer.num_sets, -1))
    return layer.bn(torch.einsum("nkctv,kvw->nctw", sets, layer.A * layer.PA)).relu_()


def stepper(model, inputs, dtype, rate=0.01):
    """A training step as a function without arguments; it returns the loss as a tensor."""
    device = inputs.device.type
    truth = torch.arange(len(inputs), device=device) % CLASSES
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=3e-4)

    def step():
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            loss = functional.cross_entropy(model(inputs).float(), truth)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 40)
        optimizer.step()
        return loss.detach()

    return step


def fastest(steps, repeats, clock=time.perf_counter):
    """Fewest seconds of each step, of alternate runs after one that is not counted."""
    seconds = [[] for _ in steps]
    for repeat in range(repeats + 1):
        for taken, step in zip(seconds, steps, strict=True):
            start = clock()
            step()
            if repeat:
                taken.append(clock() - start)
    return [min(taken) for taken in seconds]


def losses(network, inputs, dtype, count, changed=lambda model: model):
    """Losses of the first steps from the same weights, without dropout."""
    model = changed(new(network | {"dropout": 0.0}))
    step = stepper(model, inputs, dtype)
    return np.array([float(step()) for _ in range(count)])


def measure(repeats=5, steps=10):
    """Time all cases on one thread of the CPU; a row a case.

    A row states both steps' seconds, their ratio and its target, and in its note the time of the
    network's own step in float32 and the largest relative difference of the losses to plain ones.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_row(*case, repeats, steps) for case in CASES]
    finally:
        torch.set_num_threads(threads)


def _row(what, network, shape, count, target, repeats, steps):
    joints = len(load_layout(LAYOUT).joints)
    inputs = clips(network, shape, count, joints)
    dtype = choose_precision("auto", torch.device("cpu"))
    reference, ours, single = fastest(
        [
            stepper(plain(new(network)), inputs.contiguous(), torch.float32),
            stepper(new(network), inputs, dtype),
            stepper(new(network), inputs, torch.float32),
        ],
        repeats,
        time.process_time,  # what other programs take of the machine does not count
    )
    few = clips(network, (min(shape[0], 16), *shape[1:]), 2, joints)  # ten full steps take minutes
    curve = losses(network, few, torch.float32, steps, plain)
    differences = {
        kind: float(np.abs(losses(network, few, kind, steps) / curve - 1).max())
        for kind in dict.fromkeys((torch.float32, dtype))
    }
    agreement = ", ".join(
        f"{value:.1e} in {str(kind).removeprefix('torch.')}" for kind, value in differences.items()
    )
    return {
        "what": f"{what}, {count} clips",
        "reference_s": reference,
        "ours_s": ours,
        "ratio": reference / ours,
        "target": target,
        "note": f"{str(dtype).removeprefix('torch.')}; float32: {single:.3f} s, "
        f"{reference / single:.1f} x; losses of {steps} steps differ by {agreement}",
    }


def gpu(compiled=False):
    """Clips/s on a GPU, plain and ours, and the share of the peak that our steps reach."""
    device = gpu_device()
    if device is None:
        return
    joints = len(load_layout(LAYOUT).joints)
    for what, network, shape, _, _ in CASES:
        for count in (24, 96):
            inputs = clips(network, shape, count, joints).to(device)
            kinds = {
                "plain float32": stepper(
                    plain(new(network)).to(device), inputs.contiguous(), torch.float32
                ),
                "bfloat16": stepper(new(network).to(device), inputs, torch.bfloat16),
            }
            if compiled:  # the first step takes a minute
                model = new(network).to(device)
                model.compile()
                kinds["bfloat16, compiled"] = stepper(model, inputs, torch.bfloat16)
            report_gpu(what, count, kinds)
    print("Whole epochs of the pipeline, iMiGUE's config", flush=True)
    config = Config.model_validate(yaml.safe_load(Path("config/imigue.yaml").read_text()))
    epoch.report(device, config, [24, 96], 2400, 4)


def gpu_device():
    """The GPU, set up as the pipeline sets it up; None, and a line that says so, without one."""
    if not torch.cuda.is_available():
        print("There is no GPU that torch can use here: nothing was measured.")
        return None
    device = choose_device("cuda", 1)
    torch.use_deterministic_algorithms(True, warn_only=True)  # plain networks cannot otherwise
    return device


def report_gpu(what, count, kinds, repeats=10):
    """Print a line for each kind of step: clips/s, share of the peak of bfloat16, memory."""
    name = torch.cuda.get_device_name()
    peak = next((value for key, value in PEAKS.items() if key in name), None)
    for kind, step in kinds.items():
        with FlopCounterMode(display=False) as counter:
            step()
        torch.cuda.reset_peak_memory_stats()
        timed = fastest([lambda step=step: float(step())], repeats)[0]  # float() waits for it
        rate = counter.get_total_flops() / timed
        share = f"{rate / peak:6.1%} of peak" if peak else f"{rate / 1e12:.1f} TFLOP/s"
        memory = torch.cuda.max_memory_allocated() / 2**30
        print(
            f"{what}, {count} clips, {kind:21} {count / timed:8.0f} clips/s {share} "
            f"{memory:5.1f} GiB",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpu", action="store_true", help="measure on a GPU instead of the CPU")
    parser.add_argument("--compile", action="store_true", help="compiled networks on the GPU too")
    parser.add_argument("--repeats", type=int, default=5, help="timed steps of each kind")
    args = parser.parse_args()
    if args.gpu:
        gpu(args.compile)
        return
    print("Plain float32 step against ours, one thread, fewest seconds of alternate steps")
    for row in measure(args.repeats):
        print(
            f"{row['what']:34} {row['reference_s']:7.3f} s {row['ours_s']:7.3f} s  "
            f"{row['ratio']:4.1f} x (at least {row['target']})  {row['note']}",
            flush=True,
        )


if __name__ == "__main__":
    main()
