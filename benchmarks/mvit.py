"""Training steps of MViTv2 against torchvision's own module of the same size and weights.

    python benchmarks/mvit.py            one thread of this CPU; needs torchvision
    python benchmarks/mvit.py --gpu      on a GPU

Both steps are forward, loss, backward, clipped gradient and SGD, on the same batch, timed
alternately. torchvision trains in float32, as it does untold; the project in float32, and then in
what ``precision: auto`` takes here. Its wheel for CPUs wants other operators than torch has, so
their names are given to torch first; MViT uses none of them.
"""

import sys
import time
from importlib.util import find_spec
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.steps import CLASSES, fastest, gpu_device, report_gpu, stepper
from microgesture.inference.build import choose_precision
from microgesture.models.mvit import build_mvit

# name, frames, height and width, clips in a batch, network
CASES = [
    ("MViTv2-S, full size", 16, 224, 1, {"dropout": 0.0, "drop_path": 0.0}),
    (
        "MViTv2, small",
        16,
        64,
        8,
        {
            "embed": 32,
            "heads": 1,
            "depths": [1, 2, 2],
            "key_stride": 4,
            "dropout": 0.0,
            "drop_path": 0.0,
        },
    ),
]
REPEATS = 2


def torchvision_model(frames, side, network):
    """torchvision's network of the same size as `build_mvit` builds."""
    if not torch.cuda.is_available() and not hasattr(torch.ops.torchvision, "nms"):
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from torchvision.models.video.mvit import MSBlockConfig, MViT

    own = build_mvit(frames, side, CLASSES, **network).backbone
    settings = [
        MSBlockConfig(
            num_heads=block.attn.heads,
            input_channels=block.norm1.normalized_shape[0],
            output_channels=block.attn.channels,
            kernel_q=[3, 3, 3],
            kernel_kv=[3, 3, 3],
            stride_q=[1, block.query_stride, block.query_stride],
            stride_kv=[1, block.attn.pool_k.stride, block.attn.pool_k.stride],
        )
        for block in own.blocks
    ]
    return MViT(
        spatial_size=(side, side),
        temporal_size=frames,
        block_setting=settings,
        residual_pool=True,
        residual_with_cls_embed=False,
        rel_pos_embed=True,
        proj_after_attn=True,
        dropout=0.0,
        stochastic_depth_prob=0.0,
        num_classes=CLASSES,
    )


def both(frames, side, network):
    """torchvision's network and the project's with the same weights, in training mode."""
    torch.manual_seed(0)
    theirs, ours = (
        torchvision_model(frames, side, network),
        build_mvit(frames, side, CLASSES, **network),
    )
    state = theirs.state_dict()
    names = {name: f"backbone.{name}" for name in state if not name.startswith("head.")}
    names |= {f"head.1.{part}": f"cls_head.fc_cls.{part}" for part in ("weight", "bias")}
    ours.load_state_dict({names[name]: value for name, value in state.items()})
    return theirs.train(), ours.train()


def measure(repeats=REPEATS):
    """Rows of the benchmarks' table."""
    if find_spec("torchvision") is None:
        advice = "needs torchvision: pip install --no-deps torchvision"
        return [{"what": "MViTv2", "note": f"not measured, {advice}"}]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    auto = choose_precision("auto", torch.device("cpu"))
    rows = []
    for name, frames, side, count, network in CASES:
        clips = torch.randn(count, 3, frames, side, side, generator=torch.manual_seed(0))
        theirs, ours = both(frames, side, network)
        with torch.inference_mode():
            apart = float((theirs(clips) - ours(clips)).abs().max())
        _, fast = both(frames, side, network)
        steps = [
            stepper(theirs, clips, torch.float32),
            stepper(ours, clips, torch.float32),
            stepper(fast, clips, auto),
        ]
        plain, same, best = fastest(steps, repeats, time.process_time)
        size = f"{count} clips of {frames} x {side} x {side}"
        note = f"{size}, one thread; logits differ by {apart:.1g}"
        precision = str(auto).removeprefix("torch.")
        for what, seconds, target in (("float32", same, 1.0), (f"auto ({precision})", best, 1.5)):
            rows.append(
                {
                    "what": f"{name}, {what}",
                    "reference_s": plain,
                    "ours_s": seconds,
                    "ratio": plain / seconds,
                    "target": target,
                    "note": note,
                }
            )
    torch.set_num_threads(threads)
    return rows


def gpu():
    """Clips/s of the full size on a GPU, in training, ours and torchvision's."""
    device = gpu_device()
    if device is None:
        return
    name, frames, side, _, network = CASES[0]
    for count in (8, 32):
        clips = torch.randn(count, 3, frames, side, side, generator=torch.manual_seed(0)).to(device)
        theirs, ours = (model.to(device) for model in both(frames, side, network))
        with torch.inference_mode():
            apart = float((theirs(clips) - ours(clips)).abs().max())
        kinds = {
            "torchvision, float32": stepper(theirs, clips, torch.float32),
            "torchvision, bfloat16": stepper(theirs, clips, torch.bfloat16),
            "float32": stepper(ours, clips, torch.float32),
            "bfloat16": stepper(ours, clips, torch.bfloat16),
        }
        report_gpu(name, count, kinds, repeats=5)
        print(f"logits differ by {apart:.1g} in float32", flush=True)


if __name__ == "__main__":
    from benchmarks.run import HEADER, line

    if "--gpu" in sys.argv:
        gpu()
    else:
        print(HEADER, *map(line, measure()), sep="\n")
