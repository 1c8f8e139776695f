"""Settings that ``--config`` changes: ``models.stgcn.training.epochs=3`` as well as nested YAML.

Snakemake refuses a key with dots before it reads the workflow, and reads all numbers of nested YAML
as text. So the profiles have `nested` rewrite the command line, and the workflow has `overridden`
read the values once more, as those of a config file.
"""

import copy
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)+=.*", re.DOTALL)


class _Loader(yaml.SafeLoader):
    """Reads ``1e-3`` as a number, as Snakemake does, though YAML 1.1 wants a point in it."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+[eE][-+]?\d+$"), list("-+0123456789")
)


def restart_with_nested_keys() -> None:
    """Run Snakemake anew, in this process, where ``--config`` has keys with dots."""
    given = sys.argv[1:]
    if (changed := nested(given)) != given:
        sys.stdout.flush()
        sys.stderr.flush()
        before = sys.orig_argv[1 : len(sys.orig_argv) - len(given)]
        os.execv(sys.executable, [sys.executable, *before, *changed])


def nested(arguments: Sequence[str]) -> list[str]:
    """A command line with ``a.b=c`` after ``--config`` as ``a={"b": "c"}``."""
    changed, is_config = [], False
    for word in arguments:
        if word.startswith("-"):
            option, sign, value = word.partition("=")
            is_config = option in ("--config", "-C")
            is_dotted = is_config and DOTTED.fullmatch(value)
            changed.append(f"{option}{sign}{_nested(value)}" if is_dotted else word)
        else:
            changed.append(_nested(word) if is_config and DOTTED.fullmatch(word) else word)
    return changed


def _nested(entry: str) -> str:
    key, _, text = entry.partition("=")
    first, *below = key.split(".")
    value = _read(text, text)
    for one in reversed(below):
        value = {one: value}
    return f"{first}={json.dumps(value, default=str)}"


def overridden(config: Mapping[str, Any], entries: Iterable[str]) -> dict[str, Any]:
    """A config with the entries of ``--config`` put on top, in which mappings are merged."""
    merged = copy.deepcopy(dict(config))
    for entry in entries:
        key, _, text = entry.partition("=")
        value = _read(text, merged.get(key))
        merged[key] = _merged(merged.get(key), value)
    return merged


def _read(text: str, otherwise: Any) -> Any:
    """A value as in a config file; what is not YAML stays what it was taken for."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        return otherwise


def _merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}
