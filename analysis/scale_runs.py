"""The runs of a scaling study: what the program makes of the experiment at a number of modules, how it is started, and what is read off it."""

import glob
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
from collections import namedtuple

from compare import ROOT, run_or_exit

CALLOSUM = os.path.join(ROOT, "build", "callosum")
CLOCKS = ("compute", "stimulus", "wait", "transfer")
SPREAD = ("min", "mean", "max")
# What the program says about an experiment: regions as [(name, group, kind, units)], ranks, batch, and delay: steps that a representation may
# travel from a region to another and back before anybody waits for it.
Layout = namedtuple("Layout", "regions ranks batch delay")
# One size of the study: overrides as the program takes them, options that say how many ranks, and what comes of both.
Point = namedtuple("Point", "modules settings placing layout")


class BadStudy(Exception):
    """A study that cannot be; the text says why."""


def layout_of(options, settings=(), placing=()):
    """What the program would run; its own message and code where it cannot."""
    words = [word for value in (*options.set, *settings) for word in ("--set", value)]
    text = run_or_exit([CALLOSUM, "check", options.experiment, "--variant", options.variant, *words, *placing], stdout=subprocess.PIPE)
    head = re.search(r": \d+ regions on (\d+) ranks?, batch (\d+)", text)
    table = lambda name: [line.split() for line in text[text.index(f"\n{name} ") :].strip().split("\n\n")[0].splitlines()[1:]]
    regions = [(row[0], re.sub(r"\.\d+$", "", row[0]), row[1], int(row[2])) for row in table("region")]
    delay = sum(int(row[3]) for row in table("projection") if row[1] in ("drive", "context") and row[4:] != ["0", "B"])
    return Layout(regions, int(head.group(1)), int(head.group(2)), delay)


def group_sizes(layout):
    sizes = {}
    for _, group, _, _ in layout.regions:
        sizes[group] = sizes.get(group, 0) + 1
    return sizes


def shard_group(layout, module):
    return next((group for _, group, kind, _ in layout.regions if kind == "attention" and group != module), None)


def find_module(options, layout):
    sizes = group_sizes(layout)
    module = (options.module or max(sizes, key=sizes.get)).removeprefix("regions.")
    if module not in sizes:
        raise BadStudy(f"{options.experiment} has no region `{module}`; it has {', '.join(sizes)}")
    return module


def settings_of(options, whole, module, modules):
    """Overrides for so many modules. whole: the layout of the file as it is."""
    settings = [f"phases={{study: {{steps: {options.steps}, learn: all}}}}", "checkpoint.every=0", f"regions.{module}.count={modules}"]
    if options.mode == "strong":
        total = options.total or sum(units for _, group, _, units in whole.regions if group == module)
        key = options.split or f"regions.{module}.units"
        if total % modules:
            raise BadStudy(f"{key}: {total} in all cannot be dealt to {modules} modules; leave that number out of --modules, or choose another --total")
        settings.append(f"{key}={total // modules}")
    if options.per_shard:
        attention = shard_group(whole, module)
        if not attention:
            raise BadStudy(f"--per-shard: {options.experiment} has no attention")
        settings.append(f"regions.{attention}.count={-(-modules // options.per_shard)}")
    return settings


def placing_of(options, modules, n_regions):
    """Options that say how many ranks there are. Backwards, so that attention, which stands last in a file, shares the rank of a module."""
    wish = {"regions": n_regions, "modules": modules}.get(options.ranks, options.ranks)
    return ["--ranks", str(wish), "--place", "reverse"] if wish < n_regions else []


def module_ranks(point, module):
    """On how many ranks there is a module."""
    n, ranks = len(point.layout.regions), point.layout.ranks
    return len({(n - 1 - i if point.placing else i) * ranks // n for i, (_, group, _, _) in enumerate(point.layout.regions) if group == module})


def make_points(options, whole, module):
    points = []
    for modules in options.modules:
        settings = settings_of(options, whole, module, modules)
        layout = layout_of(options, settings)
        placing = placing_of(options, modules, len(layout.regions))
        points.append(Point(modules, settings, placing, layout._replace(ranks=int(placing[1]) if placing else layout.ranks)))
    return points


def command_of(options, point, out):
    words = [options.experiment, "--variant", options.variant, "--out", out, "--resume", *point.placing]
    words += [word for value in (*options.set, *point.settings) for word in ("--set", value)]
    if options.launcher:
        return [*shlex.split(options.launcher), "-n", str(point.layout.ranks), CALLOSUM, "run", *words]
    return [os.path.join(ROOT, "run"), *words]


def run_point(options, point, out):
    """Run one size once, unless that is done; its summary. Of the run only what it was and what it measured is kept."""
    before = glob.glob(os.path.join(glob.escape(out), "*", "seed-*", "summary.json"))
    if not before:
        run_or_exit(command_of(options, point, out), stdout=subprocess.DEVNULL)
    (path,) = before or glob.glob(os.path.join(glob.escape(out), "*", "seed-*", "summary.json"))
    for folder in ("checkpoint", "activity", "metrics"):
        shutil.rmtree(os.path.join(os.path.dirname(path), folder), ignore_errors=True)
    with open(path, encoding="utf-8") as file:
        return json.load(file), bool(before)


def numbers_of(summary):
    """The columns that are measured, of one run. Times are milliseconds a step."""
    phase, speed = summary["phases"][0], summary["samples_per_s"] / summary["batch"]
    if not speed:
        raise BadStudy(f"{summary['experiment']}, variant {summary['variant']}: no region learns, so there is nothing to time")
    times = {f"{clock}_ms_{of}": 1e3 * phase[clock][of] / phase["steps"] for clock in CLOCKS for of in SPREAD}
    return {
        "steps_per_s": speed, "samples_per_s": summary["samples_per_s"], **times, "bytes_per_step": summary["ledger"]["bytes"] / summary["steps"],
        "messages_per_step": summary["ledger"]["messages"] / summary["steps"], "memory_max_bytes": summary["memory_max_bytes"],
        "resident_max_bytes": max(summary["resident_rank_bytes"]), "start_s": summary["seconds"] - phase["seconds"],
    }


def row_of(options, point, module, summaries):
    numbers = [numbers_of(summary) for summary in summaries]
    speeds = [n["steps_per_s"] for n in numbers]
    slowest = [summary["phases"][0]["slowest"] for summary in summaries]
    row = {
        "source": "measured", "mode": options.mode, "modules": point.modules, "ranks": point.layout.ranks, "module_ranks": module_ranks(point, module),
        "shards": sum(kind == "attention" for _, _, kind, _ in point.layout.regions), "cores": options.cores or "", "repeats": len(summaries),
        "oversubscribed": "yes" if options.cores and point.layout.ranks > options.cores else "no", "slowest": max(sorted(set(slowest)), key=slowest.count),
        **{name: statistics.median(n[name] for n in numbers) for name in numbers[0]}, "steps_per_s_min": min(speeds), "steps_per_s_max": max(speeds),
    }
    row["step_ms"] = 1e3 / row["steps_per_s"]
    row["work_per_s"] = row["samples_per_s"] * (point.modules if options.mode == "weak" else 1)
    row["costs"], row["point"] = costs_of(summaries), point
    return row


def costs_of(summaries):
    """{group: {"forward": s, "learn": s}}: seconds a call, medians."""
    median = lambda group, what: statistics.median(summary["costs"][group][f"{what}_s"] for summary in summaries)
    return {group: {what: median(group, what) for what in ("forward", "learn")} for group in summaries[0]["costs"]}


def add_efficiency(rows):
    """Work a second and module rank, over that of the smallest size; none where either had to share cores."""
    first = rows[0]
    for row in rows:
        honest = "yes" not in (row["oversubscribed"], first["oversubscribed"])
        ratio = row["work_per_s"] / row["module_ranks"] / (first["work_per_s"] / first["module_ranks"])
        row["efficiency"] = ratio if honest else ""
