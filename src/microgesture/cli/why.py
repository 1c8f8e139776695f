"""Tell what would run again, and which key, file or code changed.

It asks Snakemake for a dry run and makes it short. Run it in the checkout.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microgesture.workflow.plan import Job, Plan

SUMMARY = "tell what would run again, and why"
EXAMPLE = """  microgesture why --config config/imigue.yaml
  microgesture why results/ablation_table.md"""
SHOWN = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument("targets", nargs="*", help="files to make (everything)")
    parser.add_argument("--config", type=Path, help="config file (config/config.yaml)")
    parser.add_argument("--all", action="store_true", help="name every job")


def run(args: argparse.Namespace) -> None:
    """Print what would run."""
    from microgesture.workflow.plan import dry_run, read_plan

    print("\n".join(lines(read_plan(dry_run(args.config, args.targets)), args.all)))


def lines(plan: "Plan", every: bool) -> list[str]:
    """The plan in words."""
    from microgesture.utils.text import counted

    if not plan.jobs:
        return ["nothing would run: all that was asked for is there and up to date"]
    told = [f"{counted(len(plan.jobs), 'job')} would run: {_counts(plan.counts())}"]
    if plan.said:
        told += ["changed since the results were made:", *(f"  {line}" for line in plan.said)]
    if missing := plan.missing():
        told += ["not there:", *_named(missing, every)]
    if others := plan.others():
        told += ["for another reason:", *(f"  {job.name}: {job.reasons[0]}" for job in others)]
    follow = [job for job in plan.jobs if not job.reasons]
    if follow:
        told += [f"and what is made of these: {_counts(plan.counts(follow))}"]
    return told


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {rule}" for rule, count in counts.items())


def _named(jobs: "list[Job]", every: bool) -> list[str]:
    """The outputs of jobs, a few of each rule unless all are wanted."""
    told = []
    for rule in dict.fromkeys(job.rule for job in jobs):
        firsts = [job.outputs[0] for job in jobs if job.rule == rule]
        shown = firsts if every else firsts[:SHOWN]
        more = f" and {len(firsts) - len(shown)} more" if len(firsts) > len(shown) else ""
        told.append(f"  {rule}: {', '.join(shown)}{more}")
    return told
