"""Learn from a few pictures of each class: every variant with every number of shots for every seed, tested on all held-out pictures.

usage: ./run fewshot EXPERIMENT.yaml [--variants a,b] [--shots 1,5,10,20,50] [--seeds 1,2,3,4,5] [--steps 300] [--phases learn] [--set key=value]... [--out DIR]

The stimulus has to be of the kind `file`, whose `shots` are drawn by the seed: all variants learn from the same pictures, and so does their control, which
names the nearest of these (1-NN). All make the same number of steps. Runs go to DIR/fewshot/shots-<k>/<variant>/seed-<n>/, and what is finished is kept; the
numbers to DIR/fewshot.csv, a figure to DIR/figures/fewshot.png, and a table to stdout: accuracy in per cent, mean and sample deviation.
"""

import argparse
import csv
import io
import os
import sys

import compare
import figures_evaluation
import several

NEAREST = "1-NN"


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(prog="./run fewshot", description="Every variant of an experiment on a few pictures of each class.")
    parser.add_argument("experiment", help="the YAML file; its stimulus is of the kind `file`")
    parser.add_argument("--variants", type=lambda text: text.split(","), help="comma-separated (default: all of the file)")
    parser.add_argument("--shots", default="1,5,10,20,50", type=compare.seed_list, help="pictures of each class, comma-separated (default: 1,5,10,20,50)")
    parser.add_argument("--seeds", default="1,2,3,4,5", type=compare.seed_list, help="comma-separated (default: 1,2,3,4,5)")
    parser.add_argument("--steps", default=300, type=int, help="of learning, whatever the shots (default: 300)")
    parser.add_argument("--phases", default="learn", type=lambda text: text.split(","), help="those that have so many steps each, comma-separated (default: learn)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of the experiment in every run")
    parser.add_argument("--out", metavar="DIR", help="where the results go (default: runs/<experiment>)")
    return parser.parse_args(arguments)


def results(options, variants, out):
    """[(variant, shots, seed, accuracy)], the control's as a variant of its own: it is the same in all."""
    rows, nearest = [], {}
    for shots in options.shots:
        for seed in options.seeds:
            for variant in variants:
                folder = os.path.join(out, "fewshot", f"shots-{shots}")
                settings = [f"stimulus.shots={shots}", *(f"phases.{phase}.steps={options.steps}" for phase in options.phases), *options.set]
                words = [word for setting in settings for word in ("--set", setting)]
                print(f"== {shots} shots, {variant}, seed {seed}", flush=True)
                compare.run_or_exit([os.path.join(compare.ROOT, "run"), options.experiment, "--variant", variant, "--seed", seed, "--single", "--out", folder, "--resume", *words])
                measures = compare.measures_of(os.path.join(folder, variant, f"seed-{seed}"))
                if "accuracy" not in measures:
                    sys.exit(several.complain("fewshot", 2, f"{variant}: has no measure `accuracy`; record `logits` in a held-out phase"))
                rows.append((variant, int(shots), int(seed), measures["accuracy"]))
                if "accuracy_nearest" in measures:
                    nearest[int(shots), int(seed)] = measures["accuracy_nearest"]
    return rows + [(NEAREST, shots, seed, accuracy) for (shots, seed), accuracy in nearest.items()]


def tabulate(rows):
    """A column a variant, a line a number of shots."""
    by_variant = {}
    for variant, shots, _, accuracy in rows:
        by_variant.setdefault(variant, {}).setdefault(f"{shots} shots", []).append(100 * accuracy)
    return {variant: {shots: compare.summarise(values) for shots, values in found.items()} for variant, found in by_variant.items()}


def main(arguments):
    options = parse_arguments(arguments)
    variants = options.variants or compare.variants_of(options.experiment)
    out = options.out or os.path.join("runs", compare.experiment_name(options.experiment))
    rows = results(options, variants, out)
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["variant", "shots", "seed", "accuracy"])
    writer.writerows(rows)
    try:
        os.makedirs(os.path.join(out, "figures"), exist_ok=True)
        path = os.path.join(out, "fewshot.csv")
        several.write(path, lines.getvalue())
        figure = figures_evaluation.fewshot(rows)
        figure.savefig(os.path.join(out, "figures", "fewshot.png"))
    except OSError as error:
        sys.exit(several.complain("fewshot", 4, error))
    print(f"\naccuracy (%) by pictures of each class, {len(options.seeds)} seeds, {options.steps} steps\n{compare.format_table(tabulate(rows), len(options.seeds))}\n\nnumbers: {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
