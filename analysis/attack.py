"""How well finished runs stand up to pictures that were changed to mislead them (analysis/attack.h says how).

usage: ./run attack DIR [--images 1000] [--eps .05,.1,.2] [--from DIR2]

DIR is a run or a comparison. Each run gets an attack.json; of a comparison the numbers are in DIR/attack.csv as well. --from: show them the pictures made to
mislead another run, too: that run's folder, or a variant's, of which the run with the same seed is taken.
"""

import argparse
import os
import sys

import rundir
import several


def source(where, folder):
    """The run that goes with the one in `folder`."""
    if where is None or os.path.exists(os.path.join(where, "summary.json")):
        return where
    return os.path.join(where, os.path.basename(os.path.abspath(folder)))


def flatten(result):
    """attack.json -> {measure: per cent}."""
    found = {"clean": 100 * result["clean"]}
    for row in result["eps"]:
        found |= {f"{row['eps']:g} {name}": 100 * value for name, value in row.items() if name != "eps"}
    return found


def main(arguments):
    parser = argparse.ArgumentParser(prog="./run attack", description="How well finished runs stand up to pictures that were changed to mislead them.")
    parser.add_argument("dir", help="a run's folder, or that of a comparison")
    parser.add_argument("--images", default="1000", help="how many held-out pictures (default: 1000, all where there are fewer)")
    parser.add_argument("--eps", default=".05,.1,.2", help="how far each value may change, of a range of 1 (default: .05,.1,.2)")
    parser.add_argument("--from", dest="other", metavar="DIR2", help="another run, or the folder of a variant: the run of the same seed in it")
    options = parser.parse_args(arguments)

    def attack(folder):
        other = source(options.other, folder)
        return several.program("attack", folder, "--images", options.images, "--eps", options.eps, *(["--from", other] if other else []))

    def one(folder):
        attack(folder)
        return flatten(rundir.read_json(os.path.join(folder, "attack.json")))

    if os.path.exists(os.path.join(options.dir, "compare.json")):
        several.over_runs("attack", options.dir, one)
    else:
        print(attack(options.dir), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
