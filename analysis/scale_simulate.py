"""A scaling study beyond the ranks there are: the program's own exchange in simulated time, from costs measured just before, and the same on paper.

Costs are those of a module where it had a core of its own, and of attention where it has the units it will have: sharded, in a run with two shards; a single star,
in two runs of different size, from which the power of its growth is taken. They stand in DIR/costs.json.
"""

import copy
import json
import math
import os
import re
import subprocess

from compare import ROOT, run_or_exit
from scale_runs import CLOCKS, SPREAD, BadStudy, Point, add_efficiency, costs_of, layout_of, run_point, settings_of, shard_group
from scale_words import count

SIMULATOR = os.path.join(ROOT, "build", "callosum-simulate")
PLATFORMS = os.path.join(ROOT, "experiments", "platforms")
STAR_SIZES = (8, 32)  # modules in the runs that show how a single attention's cost grows
MEASURED_STEPS = 20  # of those runs: many modules share a core there
SIMULATED_STEPS = 50
UNITS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def share(text):
    if not re.fullmatch(r"0?\.\d+|0", text):
        raise BadStudy(f"--jitter: '{text}' is not a share from 0 to 1, such as 0.05")
    return float(text)


def add_arguments(parser, positives):
    parser.add_argument("--simulate", type=positives, metavar="LIST", help="numbers of modules to simulate, from the costs measured here")
    parser.add_argument("--platform", default="infiniband-100g", help="what is simulated: a file, or a name in experiments/platforms (default: infiniband-100g)")
    parser.add_argument("--jitter", type=share, default=0.0, help="simulated standard deviation of a step's computing, over its mean (default: 0)")


def check_arguments(options):
    if not options.simulate:
        return
    if options.mode != "weak":
        raise BadStudy("--simulate belongs to --mode weak: with less work a module its costs would have to be measured again")
    if not os.path.exists(SIMULATOR):
        raise BadStudy("--simulate: build/callosum-simulate is not there; it is built where SimGrid is installed (Debian: libsimgrid-dev)")
    options.platform = platform_file(options.platform)


def check_points(options, points):
    """Costs come from the smallest size."""
    ranks = points[0].layout.ranks
    if options.simulate and options.cores and ranks > options.cores:
        raise BadStudy(f"--simulate needs the costs of a module on a core of its own: {ranks} ranks share {options.cores} core{'s' * (options.cores > 1)}; --ranks modules needs fewer")


def platform_file(name):
    path = name if os.path.exists(name) else os.path.join(PLATFORMS, f"{name}.xml")
    if not os.path.exists(path):
        names = sorted(entry[:-4] for entry in os.listdir(PLATFORMS) if entry.endswith(".xml"))
        raise BadStudy(f"--platform: there is no `{name}`; experiments/platforms has {', '.join(names)}")
    return path


def attention_units(layout):
    """Units that the first shard answers for, 0 without attention."""
    return next((units for _, _, kind, units in layout.regions if kind == "attention"), 0)


def calibrate(options, whole, module, out, modules):
    """Costs by group, and the layout, of a run with so many modules on this host's cores."""
    short = copy.copy(options)
    short.steps = min(options.steps, MEASURED_STEPS)
    settings = settings_of(short, whole, module, modules)
    layout = layout_of(short, settings)
    ranks = min(options.cores or 1, len(layout.regions))
    point = Point(modules, settings, ["--ranks", str(ranks), "--place", "reverse"], layout._replace(ranks=ranks))
    summaries = []
    for repeat in range(1, options.repeat + 1):
        summaries.append(run_point(options, point, os.path.join(out, "points", f"costs-{modules}-modules", f"repeat-{repeat}"))[0])
    print(f"costs of attention, {modules} modules: measured", flush=True)
    return costs_of(summaries), layout


def attention_costs(options, whole, module, out):
    """What the file of costs says about attention; nothing without one."""
    group = shard_group(whole, module)
    if not group:
        return {}
    if options.per_shard:
        costs, _ = calibrate(options, whole, module, out, 2 * options.per_shard)
        return {group: costs[group]}
    (first, at_first), (last, at_last) = (calibrate(options, whole, module, out, modules) for modules in STAR_SIZES)
    took, before = (sum(costs[group].values()) for costs in (last, first))
    growth = attention_units(at_last) / attention_units(at_first)
    power = math.log(took / before) / math.log(growth) if growth > 1 else 0.0
    return {group: {**last[group], "units": attention_units(at_last), "power": min(4.0, max(0.0, power))}}


def measure_costs(options, whole, module, out, rows):
    """The file of costs, as callosum-simulate reads it (experiments/stand_in.h)."""
    first = rows[0]
    costs = dict(first["costs"])
    costs[module] = {**costs[module], "stimulus": first["stimulus_ms_mean"] / 1e3 * first["ranks"] / first["module_ranks"]}
    costs.update(attention_costs(options, whole, module, out))
    ends = 2 * first["messages_per_step"]
    costs["exchange"] = {"message": first["transfer_ms_mean"] / 1e3 * first["ranks"] / ends if ends else 0.0, "byte": 0.0}
    path = os.path.join(out, "costs.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(costs, file, indent=1)
        file.write("\n")
    return path, costs


def run_simulator(options, settings, path, platform, jitter):
    words = [word for value in (*options.set, *settings) for word in ("--set", value)]
    command = [SIMULATOR, options.experiment, "--variant", options.variant, *words, "--costs", path, "--platform", platform, "--steps", str(SIMULATED_STEPS)]
    return json.loads(run_or_exit([*command, "--jitter", str(jitter)], stdout=subprocess.PIPE))


def simulated_row(result, source, costs, module):
    """A row of the study, of the line that the simulator prints."""
    busy = {group: sum(cost.get(part, 0.0) for part in ("forward", "learn", "stimulus")) for group, cost in costs.items() if group != "exchange"}
    times = {f"{clock}_ms_{of}": 1e3 * result[clock][of] / result["steps"] for clock in CLOCKS for of in SPREAD}
    attention = next((group for group in busy if group != module), module)
    slowest = attention if result["compute"]["max"] > 1.01 * result["steps"] * (costs[module]["forward"] + costs[module]["learn"]) else module
    return {
        "source": source, "mode": "weak", "modules": result["modules"], "ranks": result["ranks"], "module_ranks": result["modules"], "shards": result["shards"], "cores": "",
        "oversubscribed": "no", "repeats": 1, "steps_per_s": result["steps_per_s"], "samples_per_s": result["samples_per_s"], "slowest": slowest,
        "work_per_s": result["samples_per_s"] * result["modules"], "step_ms": 1e3 * result["seconds_per_step"], **times, "jitter": result["jitter"],
        "platform": os.path.splitext(os.path.basename(result["platform"]))[0],
        "bytes_per_step": result["bytes_per_step"], "messages_per_step": result["messages_per_step"], "start_s": result["start_s"],
    }


def attribute(text, name, units):
    """The first such attribute in a platform file, in bytes a second or seconds."""
    found = re.search(rf'\b{name}="([\d.]+)({units})(Bps|bps)?"', text)
    return float(found.group(1)) * UNITS[found.group(2)] / (8 if found.group(3) == "bps" else 1) if found else None


def network_of(path):
    """Latency of a message from host to host, bytes a second of a host's link, and ranks that share it, as the `cluster` of a platform file says."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    latency = lambda name: attribute(text, name, "ns|us|ms|s") or 0.0
    levels, cores = re.search(r'topo_parameters="(\d+);', text), re.search(r'\bcore="(\d+)"', text)
    links = 2 * (int(levels.group(1)) if levels else 1)
    return links * latency("lat") + latency("bb_lat"), attribute(text, "bw", "[kKMG]?") or math.inf, int(cores.group(1)) if cores else 1


def on_paper(row, costs, module, group, delay, platform):
    """Seconds of a step in the alpha-beta model: a message takes alpha + bytes x beta on the way and m at each end.

    A module is busy with its stimulus, forward and learn; a shard with forward, learn and its messages; a link with the bytes of a shard, or of all ranks of a host.
    Once round, from a module's forward over its shard back to its learning, a presentation takes both in turn, which a delay of d steps spreads over 1 + d. The slowest
    is the step; with jitter, the slowest of N."""
    alpha, bandwidth, cores = network_of(platform)
    m, own = costs["exchange"]["message"], costs[module]
    messages, shards = row["messages_per_step"], max(1, row["shards"])
    units = costs.get(group, {}).get("units", 0)
    scale = (units and row["hub_units"] / units) ** costs[group].get("power", 1.0) if units else 1.0
    forward, learn = (scale * costs[group][part] for part in ("forward", "learn")) if group else (0.0, 0.0)
    at_hub = messages / shards * m
    on_link = row["bytes_per_step"] * max(1 / shards, cores / row["ranks"] if cores < row["ranks"] else 0) / bandwidth
    module_busy = own["stimulus"] + own["forward"] + own["learn"] + messages / row["modules"] * m
    hub_busy = forward + learn + at_hub
    round_trip = own["stimulus"] + own["forward"] + own["learn"] + forward + 2 * alpha + on_link + at_hub
    waits = 1 + row["jitter"] * math.sqrt(2 * math.log(max(1, row["modules"])))
    return waits * max(module_busy, hub_busy, on_link, round_trip / (1 + delay))


def model_row(row, seconds):
    """A row with a speed and nothing else."""
    kept = {name: row[name] for name in ("mode", "modules", "ranks", "module_ranks", "shards", "cores", "oversubscribed", "slowest", "bytes_per_step", "messages_per_step", "platform", "jitter")}
    batch = row["samples_per_s"] / row["steps_per_s"]
    return {**kept, "source": "model", "repeats": 1, "steps_per_s": 1 / seconds, "samples_per_s": batch / seconds, "work_per_s": batch * row["modules"] / seconds, "step_ms": 1e3 * seconds}


def validate(options, whole, module, path, costs, rows):
    """The sizes that had a core for each rank once more, simulated; a line for each."""
    again = []
    platform = os.path.join(PLATFORMS, "node.xml")
    platform = platform if os.path.exists(platform) else options.platform
    for row in rows:
        if row["oversubscribed"] == "yes" or row["ranks"] != len(row["point"].layout.regions):
            continue
        again.append(simulated_row(run_simulator(options, row["point"].settings, path, platform, 0.0), "validation", costs, module))
        error = 100 * (again[-1]["steps_per_s"] / row["steps_per_s"] - 1)
        print(f"validation: {count(row['modules'], 'module')} on {count(row['ranks'], 'rank')}, measured {row['steps_per_s']:.4g} steps/s, simulated {again[-1]['steps_per_s']:.4g} ({error:+.1f} %)")
    return again


def simulate(options, whole, module, out, rows):
    """Rows of what is simulated, of the same on paper, and of the sizes that were measured as well. The first size is one module, for comparison."""
    path, costs = measure_costs(options, whole, module, out, rows)
    again = validate(options, whole, module, path, costs, rows)
    group = shard_group(whole, module)
    simulated, model = [], []
    for modules in sorted({1, *options.simulate}):  # one without jitter, to compare with
        settings, jitter = settings_of(options, whole, module, modules), options.jitter if modules > 1 else 0.0
        row = simulated_row(run_simulator(options, settings, path, options.platform, jitter), "simulated", costs, module)
        row["hub_units"] = attention_units(whole) / sum(g == module for _, g, _, _ in whole.regions) * modules / max(1, row["shards"])
        print(f"{count(modules, 'module')} simulated: {row['steps_per_s']:.4g} steps/s", flush=True)
        simulated.append(row)
        model.append(model_row(row, on_paper(row, costs, module, group, whole.delay, options.platform)))
    for some in (again, simulated, model):
        if some:
            add_efficiency(some)
    return again + simulated + model
