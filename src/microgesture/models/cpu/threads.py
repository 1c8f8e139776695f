"""Sharing a batch among threads in the kernels that are not torch's."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def thread_map(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """``function`` of every item, on as many threads as torch may use."""
    threads = min(torch.get_num_threads(), len(items))
    if threads == 1:
        return [function(item) for item in items]
    inference = torch.is_inference_mode_enabled()  # a thread starts without it

    def called(item: Item) -> Result:
        with torch.inference_mode(inference):
            return function(item)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(called, items))
