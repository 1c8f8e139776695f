"""Training in several processes: shares of a batch, what they tell each other, batch norm.

``torchrun --standalone --nproc-per-node 2 scripts/train.py ...`` starts them. The batch in the
config is the global one and each process takes its share. Order, frames and geometry are drawn for
the global batch, batch norm is over the global batch and gradients are averaged, so that the same
weights come out as from one process, up to rounding. Only dropout differs: every process draws its
own masks, which are not those that one process would draw.
"""

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from microgesture.utils.errors import InputError


@dataclass(frozen=True)
class Processes:
    """The processes that train together, as seen by one of them."""

    rank: int = 0
    count: int = 1

    def local_slice(self, size: int, what: str) -> slice:
        """Which part of a batch of ``size`` clips is this process's; all are equally long."""
        if size % self.count:
            raise InputError(
                f"{what}: {size} clips cannot be shared equally by {self.count} processes; "
                "change training.batch or the number of processes"
            )
        part = size // self.count
        return slice(self.rank * part, (self.rank + 1) * part)

    def all_reduce_max(self, *numbers: int) -> list[int]:
        """The highest of each number over all processes; returns once all have asked."""
        if self.count == 1:
            return list(numbers)
        table = torch.tensor(numbers)
        dist.all_reduce(table, dist.ReduceOp.MAX)
        return table.tolist()

    def all_gather(self, values: Tensor) -> Tensor:
        """Every process's values, stacked by rank."""
        if self.count == 1:
            return values[None].clone()
        parts = [torch.empty_like(values) for _ in range(self.count)]
        dist.all_gather(parts, values.contiguous())
        return torch.stack(parts)


ALONE = Processes()


def init_distributed(device: torch.device) -> tuple[Processes, torch.device]:
    """Join the processes that torchrun started, if it did.

    Returns
    -------
    processes : Processes
    device : torch.device
        With CUDA, the GPU of this process.

    """
    if not dist.is_torchelastic_launched() or int(os.environ["WORLD_SIZE"]) == 1:
        return Processes(), device
    local = int(os.environ["LOCAL_RANK"])
    if device.type == "cuda":
        if local >= torch.cuda.device_count():
            raise InputError(
                f"process {local} has no GPU of its own: torch sees {torch.cuda.device_count()}; "
                "start as many processes as there are GPUs, or give --device cpu"
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    # flags are asked for on the CPU, where they are
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    return Processes(dist.get_rank(), dist.get_world_size()), device


def last_bits(device: torch.device, processes: Processes, threads: int) -> dict[str, Any]:
    """What rounding depends on: a training gives the same bytes only where these are the same."""
    on_cpu = {"threads": threads} if device.type == "cpu" else {}
    return {"device": device.type, "processes": processes.count, **on_cpu}


def leave_distributed() -> None:
    """Leave the group that `init_distributed` joined, if it did."""
    if dist.is_initialized():
        dist.destroy_process_group()


def wrap_ddp(forward: nn.Module) -> DistributedDataParallel:
    """Let backward passes average gradients; weights and buffers start as the first process's."""
    wrapped = DistributedDataParallel(forward, forward_sync_buffers=False)
    wrapped.register_comm_hook(None, _mean_by_rank)
    return wrapped


def _mean_by_rank(state: None, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
    """Add gradients in the order of ranks.

    An all-reduce adds in an order that depends on a number's place in the bucket, and torch packs
    buckets anew after the first step; a resumed training would round otherwise than an undisturbed.
    """
    own = bucket.buffer()
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    sent = dist.all_gather(parts, own, async_op=True)
    assert sent is not None  # None is for processes outside the group

    def mean(done: torch.futures.Future[Any]) -> Tensor:
        for part in parts:
            if part.is_cuda:  # this runs on a stream of its own, and nothing else keeps the part
                part.record_stream(torch.cuda.current_stream())
        return torch.stack(parts).mean(dim=0)

    return sent.get_future().then(mean)


class _SumOverProcesses(torch.autograd.Function):
    """Sum a tensor over all processes; what each one's loss says of the sum is summed likewise."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class GlobalBatchNorm(_BatchNorm):
    """Batch norm whose mean and variance are those of the shares of all processes.

    torch's own SyncBatchNorm does this on GPUs alone. Every process must hold equally many clips.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Take any number of axes."""

    def forward(self, input: Tensor) -> Tensor:
        """From (N, C, ...) to the same shape and type; statistics are float32."""
        if not self.training:
            return super().forward(input)
        axes = [0, *range(2, input.dim())]
        shape = [1, -1] + [1] * (input.dim() - 2)
        count = input.numel() // input.shape[1] * dist.get_world_size()
        wide = input.float()
        mean = _sum_over_processes(wide.sum(axes)) / count
        centred = wide - mean.view(shape)
        variance = _sum_over_processes(centred.square().sum(axes)) / count
        self._track(mean.detach(), variance.detach() * (count / (count - 1)))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale.view(shape) + self.bias.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


def _sum_over_processes(values: Tensor) -> Tensor:
    return _SumOverProcesses.apply(values)


def share_batch_norm(module: nn.Module) -> None:
    """Replace every batch norm in a module by a `GlobalBatchNorm` with the same tensors and names.

    Raises
    ------
    ValueError
        For a batch norm without weights or running statistics.

    """
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm):
            if not child.affine or not child.track_running_stats or child.momentum is None:
                raise ValueError(f"{name}: only batch norm with weights and running statistics")
            shared = GlobalBatchNorm(child.num_features, child.eps, child.momentum)
            shared.weight, shared.bias = child.weight, child.bias
            for buffer, value in child.named_buffers():
                setattr(shared, buffer, value)
            setattr(module, name, shared)
        else:
            share_batch_norm(child)
