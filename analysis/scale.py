"""How fast learning goes with more and more modules: runs of one experiment at several numbers of modules, timed, with what took the time.

usage: ./run scale EXPERIMENT.yaml [--modules 1,2,4,8] [--mode weak|strong] [--repeat 3] [--steps 100] [--set key=value]... [--out DIR]

A module is a replica of one region of the file, by default of the one with most replicas. weak: each module is as the file says, so that the work grows with their
number. strong: all together have the units that they have in the file, so that each has fewer (--split and --total divide another key). One phase is run, in which
all regions learn. docs/scaling.md says how to read what comes out: DIR/scale.csv, DIR/scale.png and a paragraph.
"""

import argparse
import csv
import os
import re
import shlex
import shutil
import subprocess
import sys

import scale_simulate
import scale_words
from compare import ROOT, experiment_name, run_or_exit
from scale_runs import CALLOSUM, CLOCKS, SPREAD, BadStudy, add_efficiency, find_module, layout_of, make_points, row_of, run_point

COLUMNS = [
    "source", "mode", "modules", "ranks", "module_ranks", "shards", "cores", "oversubscribed", "repeats", "steps_per_s", "steps_per_s_min", "steps_per_s_max", "samples_per_s",
    "work_per_s", "efficiency", "step_ms", *(f"{clock}_ms_{of}" for clock in CLOCKS for of in SPREAD), "slowest", "bytes_per_step", "messages_per_step",
    "memory_max_bytes", "resident_max_bytes", "start_s", "platform", "jitter",
]
class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise BadStudy(message)


def positive(text):
    if not re.fullmatch(r"0*[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 up")
    return int(text)


def positives(text):
    if not re.fullmatch(r"0*[1-9]\d*(,0*[1-9]\d*)*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list such as 1,2,4")
    return sorted({int(number) for number in text.split(",")})


def ranks_wish(text):
    return text if text in ("regions", "modules") else positive(text)


def parse_arguments(arguments):
    parser = Parser(prog="./run scale", description="How fast learning goes with more and more modules.")
    parser.add_argument("experiment", help="the YAML file")
    parser.add_argument("--modules", type=positives, default=[1, 2, 4, 8], help="how many, comma-separated (default: 1,2,4,8)")
    parser.add_argument("--mode", choices=("weak", "strong"), default="weak", help="constant work a module (default), or in all")
    parser.add_argument("--module", metavar="REGION", help="the region whose `count` is the number of modules (default: the one with most replicas)")
    parser.add_argument("--split", metavar="KEY", help="strong: the key to divide (default: regions.REGION.units)")
    parser.add_argument("--total", type=positive, help="strong: the sum of that key over all modules (default: as in the file)")
    parser.add_argument("--per-shard", type=positive, metavar="N", help="let attention have one shard for each N modules (default: as in the file)")
    parser.add_argument("--ranks", type=ranks_wish, default="regions", metavar="regions|modules|N",
                        help="a rank a region (default), one a module (attention shares one), or so many for all")
    parser.add_argument("--steps", type=positive, default=100, help="of each run (default: 100)")
    parser.add_argument("--repeat", type=positive, default=3, help="runs of each size, of which the median is taken (default: 3)")
    parser.add_argument("--variant", help="of the experiment (default: its first)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of the experiment in every run")
    parser.add_argument("--out", metavar="DIR", help="default: runs/scale-<experiment>-<mode>")
    parser.add_argument("--resume", action="store_true", help="keep the runs of an earlier call that are finished, go on with the others")
    parser.add_argument("--launcher", metavar="COMMAND", help="start ranks by COMMAND -n RANKS, such as srun, not by mpirun on this host")
    parser.add_argument("--job", metavar="FILE", help="write a job script for sbatch that does all this, and run nothing")
    parser.add_argument("--cores", type=positive, help="more ranks than these are oversubscribed (default: this host's; with --launcher, no limit)")
    scale_simulate.add_arguments(parser, positives)
    options = parser.parse_args(arguments)
    if options.mode == "weak" and (options.split or options.total):
        raise BadStudy("--split and --total belong to --mode strong")
    if options.split and not options.total:
        raise BadStudy("--split needs --total: what all modules have together")
    scale_simulate.check_arguments(options)
    if options.launcher and not shutil.which(shlex.split(options.launcher)[0]):
        raise BadStudy(f"--launcher: there is no program `{options.launcher}`")
    if not options.cores and not options.launcher:
        options.cores = int(os.environ.get("CALLOSUM_CORES") or os.cpu_count())
    return options


def measure(options, points, module, out):
    """All sizes, again and again, so that a busy hour of the machine falls on all of them alike."""
    summaries = {point.modules: [] for point in points}
    for repeat in range(1, options.repeat + 1):
        for point in points:
            folder = f"{point.modules}-modules-{point.layout.ranks}-ranks-{len(point.layout.regions)}-regions"
            summary, kept = run_point(options, point, os.path.join(out, "points", folder, f"repeat-{repeat}"))
            summaries[point.modules].append(summary)
            speed = summary["samples_per_s"] / summary["batch"]
            where = f"{scale_words.count(point.modules, 'module')} on {scale_words.count(point.layout.ranks, 'rank')}"
            print(f"{where}, {repeat} of {options.repeat}: {speed:.4g} steps/s{', kept' * kept}", flush=True)
    rows = [row_of(options, point, module, summaries[point.modules]) for point in points]
    add_efficiency(rows)
    return rows


def write_csv(path, rows):
    with open(path + ".new", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()} for row in rows)
    os.replace(path + ".new", path)


def draw(rows, path):
    """The figure, where there is something to draw it with."""
    try:
        import scale_figure
    except ImportError as missing:
        print(f"no figure: {missing}")
        return
    scale_figure.draw(rows, path)
    print(f"figure   {path}")


JOB = """#!/bin/sh
#SBATCH --job-name={name}
#SBATCH --ntasks={ranks}
#SBATCH --cpus-per-task=1
#SBATCH --time=02:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
# A scaling study, one srun after the other. What is finished is kept, so the job may be stopped, and come back.
cd {folder}
{command} &
child=$!
trap 'kill -USR1 $child' USR1
code=0
wait $child || code=$?
[ $code -le 128 ] || {{ code=0; wait $child || code=$?; }}
[ $code != 6 ] || scontrol requeue "$SLURM_JOB_ID"
exit $code
"""


def write_job(options, arguments, points):
    kept = [word for i, word in enumerate(arguments) if not word.startswith("--job") and "--job" not in arguments[max(0, i - 1) : i]]
    launcher = [] if options.launcher else ["--launcher", "srun"]
    command = shlex.join([sys.executable, os.path.join(ROOT, "analysis", "scale.py"), *kept, *launcher, "--resume"])
    with open(options.job, "w", encoding="utf-8") as file:
        file.write(JOB.format(name=f"scale-{experiment_name(options.experiment)}", ranks=max(p.layout.ranks for p in points), folder=shlex.quote(os.getcwd()), command=command))
    print(f"sbatch {options.job}")


def study(arguments):
    options = parse_arguments(arguments)
    options.variant = options.variant or run_or_exit([CALLOSUM, "variants", options.experiment], stdout=subprocess.PIPE).split()[0]
    whole = layout_of(options)
    module = find_module(options, whole)
    points = make_points(options, whole, module)
    scale_simulate.check_points(options, points)
    if options.job:
        write_job(options, arguments, points)
        return
    out = options.out or os.path.join("runs", f"scale-{experiment_name(options.experiment)}-{options.mode}")
    if os.path.exists(os.path.join(out, "points")) and not options.resume:
        raise BadStudy(f"{out}: there is a study already; go on with --resume, choose another --out, or remove it")
    rows = measure(options, points, module, out)
    if options.simulate:
        rows += scale_simulate.simulate(options, whole, module, out, rows)
    path = os.path.join(out, "scale.csv")
    write_csv(path, rows)
    print(f"\n{scale_words.table(rows)}\n\n{scale_words.paragraph(rows)}\n\nnumbers  {path}")
    draw(rows, os.path.join(out, "scale.png"))


def main(arguments):
    try:
        study(arguments)
    except BadStudy as error:
        print(f"scale: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"scale: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(4)


if __name__ == "__main__":
    main(sys.argv[1:])
