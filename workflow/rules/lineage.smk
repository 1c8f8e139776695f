# Needs the helpers of common.smk; gives all rules the parameter `made_from`: short digests of its code, its
# config and its files, and of the same of all steps before it.
#
# Snakemake plans a step that is not the target only when something newer or a parameter asks for it. A failed
# step leaves no outputs, but the new parameters in Snakemake's metadata, and older results after it that nothing
# asks to be made again. So each step's parameter changes with anything above it, and while one of its own outputs
# or of what it reads is missing or damaged. Where there are no metadata, as of results that were copied, it compares no
# parameters at all; results that do not fit their record then count as unfinished.

import ast
import hashlib
import re
from functools import cache

from snakemake.iocontainers import Wildcards
from snakemake.logging import logger
from snakemake.persistence import PersistenceBase

from microgesture.provenance.explain import changes, misfits
from microgesture.provenance.record import Upstream
from microgesture.utils.files import quick_hash, read_json
from microgesture.provenance.code_hash import code_hash

AGAIN = ", again"
code_of = cache(code_hash)
SAID = set()
MADE = Upstream(Path(RESULTS))
UNREADABLE = (OSError, InputError, KeyError, TypeError, AttributeError)


def told(value):
    """A step's part of the config as JSON, for its command alone; `made_from` states its digest.

    A parameter that takes `input` is not among those that Snakemake compares.
    """
    return lambda wildcards, input: as_json(
        value(wildcards) if callable(value) else value
    )


def made_from(step):
    """The parameter of a rule that says what its outputs are made from."""

    def state(wildcards):
        values = tuple(sorted(wildcards.items()))
        if not workflow.is_main_process:
            # a job on another node plans anew as well, and must find nothing changed before it
            return recorded(step, values)
        now, before = lineage(step, values), recorded(step, values)
        if before and now != before.removesuffix(AGAIN):
            say_why(step, values, now, before)
        missing = missing_files(step, values)
        # a new row or seed has files that were never there
        lost = [path for path in missing if before and MADE.states(result_name(path))]
        if lost:
            how = "not as it was made" if os.path.exists(lost[0]) else "missing"
            say(f"{lost[0]} is {how}; as a target, it is made without what follows")
        # other than what is recorded while a file is missing, and the same once it is there
        again = before.endswith(AGAIN) != bool(missing)
        return now + AGAIN * again

    return state


@cache
def lineage(step, values):
    """Digests of a step and of all before it; where its raw data are not, what was recorded."""
    sources = [path for path in inputs_of(step, values) if not is_made(path)]
    if not all(map(os.path.exists, sources)):
        return recorded(step, values).removesuffix(AGAIN)
    command = workflow.get_rule(step).shellcmd
    parts = {
        "code": [command, *map(code_of, re.findall(r"scripts/\w+\.py", command))],
        "config": own_settings(step, values),
        "files": quick_hash(sorted(sources)),
        "before": sorted({lineage(*maker(path)) for path in made_inputs(step, values)}),
    }
    return ", ".join(f"{name} {short(part)}" for name, part in parts.items())


def own_settings(step, values):
    """A step's part of the config and its other parameters that do not come from files."""
    params, wildcards = workflow.get_rule(step).params, Wildcards(fromdict=dict(values))
    own = {}
    for name, value in params._allitems():
        if isinstance(value, (str, int, list, type(None))):
            own[name] = value
        elif name == "config":
            own[name] = json.loads(value(wildcards, None))
        elif name == "frames":
            own[name] = value(wildcards, None)
        elif name == "seed":
            own[name] = value(wildcards)
    return own


def short(value):
    return hashlib.sha256(as_json(value).encode()).hexdigest()[:8]


def say_why(step, values, now, before):
    """Say which key or file of a step is not what its last record states."""
    parts = zip(now.split(", "), before.split(", "))
    differs = {new.split()[0] for new, old in parts if new != old}
    record = outputs_of(step, values).record
    try:
        lines = changes(read_json(record), stated_settings(step, values), differs)
    except UNREADABLE:
        return  # a failed step has no record, and a damaged one says nothing
    for line in lines:
        say(line, f"{name_of(record)} is out of date: ")


def stated_settings(step, values):
    """A step's part of the config as its record states it: None where it has none."""
    own = own_settings(step, values)
    own.pop("made_from", None)
    return own.get("config", own or None)


def name_of(record):
    return record.removeprefix(at(f"{paths.RECORDS}/")).removesuffix(".json")


def is_unfit(step, values):
    """Whether results of which Snakemake knows nothing are others than their record says."""
    path = outputs_of(step, values).record
    try:
        record = read_json(path)
        sources = [path for path in inputs_of(step, values) if not is_made(path)]
        code = code_of(f"scripts/{record['script']}")
        lines = misfits(
            record, stated_settings(step, values), code, sources, Path(RESULTS)
        )
    except UNREADABLE:
        lines = ["it has no readable record"]
    for line in lines:
        say(line, f"{name_of(path)} is made again, without metadata of Snakemake: ")
    return bool(lines)


def say(line, start=""):
    if line not in SAID:  # once for all steps that depend on it
        SAID.add(line)
        logger.info(f"{start}{line}")


@cache
def maker(path):
    """The step that makes a result, and the values of its wildcards."""
    makes = next(one for one in workflow.rules if one.is_producer(path))
    return makes.name, tuple(sorted(makes.get_wildcards(path).items()))


def is_made(path):
    return path.startswith(f"{RESULTS}/")


@cache
def inputs_of(step, values):
    return [*map(str, workflow.get_rule(step).expand_input(dict(values))[0])]


def made_inputs(step, values):
    return filter(is_made, inputs_of(step, values))


@cache
def outputs_of(step, values):
    return workflow.get_rule(step).expand_output(dict(values))[0]


def missing_files(step, values):
    """Files that the step wrote, or reads from another step, and that are not there or damaged."""
    files = [*outputs_of(step, values), *made_inputs(step, values)]
    try:  # also files that no rule names one by one, such as those of a folder
        record = read_json(outputs_of(step, values).record)
        files += [at(name) for name in record["outputs"]]
    except (OSError, InputError, KeyError, TypeError):
        pass
    return [str(file) for file in files if not is_whole(str(file))]


@cache
def is_whole(path):
    return MADE.is_whole(result_name(path), Path(path))


def result_name(path):
    return path.removeprefix(f"{RESULTS}/")


def recorded(step, values):
    """What Snakemake's metadata say that the outputs were made from."""
    for file in outputs_of(step, values):
        for text in workflow.persistence.params(file) or []:
            if text.startswith("'code "):
                return ast.literal_eval(text)
    return ""


def take_unknown_for_unfinished(incomplete):
    """Snakemake's list of a job's unfinished outputs, and also those that nobody can vouch for."""

    async def unfinished(persistence, job):
        marked = await incomplete(persistence, job)
        if marked or persistence.has_metadata(job):
            return marked
        there = [file for file in job.output if await file.exists()]
        values = tuple(sorted(job.wildcards_dict.items()))
        return there if there and is_unfit(job.rule.name, values) else []

    return unfinished


if workflow.is_main_process:
    PersistenceBase.incomplete = take_unknown_for_unfinished(PersistenceBase.incomplete)
