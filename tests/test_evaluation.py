"""analysis/weights.py, attack.py, fewshot.py and their figures: on known distributions, files made here, and a program that only pretends."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "analysis"))
import attack
import figures
import figures_evaluation as evaluation
import rundir
import weights

# The program: `attack RUN ...` writes an attack.json that depends on the run, `weights RUN` fails, `variants` names two.
PRETEND_PROGRAM = """#!/bin/sh
echo "$@" >>"$(dirname "$0")/calls"
case $1 in
attack) echo "a table of $2"; echo "{\\"images\\": 9, \\"clean\\": 0.$(echo "$2" | tail -c 2), \\"eps\\": [{\\"eps\\": 0.05, \\"fgsm\\": 0.25, \\"worst\\": 0.125}]}" >"$2/attack.json" ;;
variants) printf 'rule\\nplain\\n' ;;
*) echo 'callosum: cannot' >&2; exit 3 ;;
esac
"""
# ./run EXPERIMENT --variant V --seed S --single --out DIR --resume ...: a summary whose accuracy grows with shots and seed.
PRETEND_RUN = """#!/bin/sh
echo "$@" >>"$(dirname "$0")/runs.log"
mkdir -p "$8/$3/seed-$5"
echo "{\\"measures\\": {\\"accuracy\\": 0.$(echo "$8" | tail -c 2)$5, \\"accuracy_nearest\\": 0.5}}" >"$8/$3/seed-$5/summary.json"
"""


def write_weights(path, units=4, inputs=2 * 36, regions=("P.0", "P.1")):
    """Two regions of sparse units on 6 x 6 pictures and their negatives; one synapse has vanished in each, none has appeared."""
    os.makedirs(os.path.join(path, "figures"))
    rng = np.random.default_rng(3)
    with h5py.File(os.path.join(path, "figures", "weights.h5"), "w") as file:
        for region in regions:
            channel = np.concatenate([rng.permutation(inputs)[:10] for _ in range(units)])
            unit = np.repeat(np.arange(units), 10)
            first = np.exp(rng.normal(size=40)).astype(np.float32)
            w = np.where(np.arange(40) == 7, 0, first * 2)
            group = file.create_group(region)
            for name, values in (("w.w", w), ("w.first", first), ("w.unit", unit), ("w.channel", channel), ("w.first_unit", unit), ("w.first_channel", channel)):
                group[name] = values
            group["w.w"].attrs.update({"units": units, "inputs": inputs, "channels": 1, "height": 6, "width": 6})


class Statistics(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(1)

    def test_distance_from_normal(self):
        self.assertLess(weights.normal_distance(self.rng.normal(3, 7, 20000)), 0.01)
        self.assertAlmostEqual(weights.normal_distance(self.rng.exponential(size=200000)), 0.15865525, delta=0.003)  # none below 0, where the normal has so many
        two = weights.normal_distance([0, 1])  # standardised -1 and 1: half the mass jumps where the normal has 0.1587
        self.assertAlmostEqual(two, 0.5 - 0.15865525, places=7)
        self.assertTrue(np.isnan(weights.normal_distance([5, 5, 5])))

    def test_distance_by_definition(self):
        x = np.sort(self.rng.gamma(2, size=50))
        grid = np.concatenate([x, np.nextafter(x, -np.inf)])  # on both sides of each step
        empirical = (x[None] <= grid[:, None]).mean(1)
        z = (grid - x.mean()) / x.std()
        draws = np.linspace(-9, 9, 400001)
        below = np.interp(z, draws, np.cumsum(np.exp(-draws**2 / 2)) * (draws[1] - draws[0]) / np.sqrt(2 * np.pi))
        self.assertAlmostEqual(weights.normal_distance(x), np.abs(empirical - below).max(), places=4)

    def test_moments(self):
        self.assertAlmostEqual(weights.moment(self.rng.exponential(size=400000), 3), 2, delta=0.1)
        self.assertAlmostEqual(weights.moment([-1, 0, 1], 3), 0)
        self.assertAlmostEqual(weights.moment(self.rng.normal(size=400000), 4), 3, delta=0.1)

    def test_sparseness(self):
        self.assertAlmostEqual(weights.sparseness(np.ones((2, 8))), 0)
        self.assertAlmostEqual(weights.sparseness(np.eye(8)), 1 - 1 / 8)
        self.assertAlmostEqual(weights.sparseness(self.rng.exponential(size=(20, 20000))), 0.5, delta=0.01)  # mean^2 / (2 mean^2)
        self.assertTrue(np.isnan(weights.sparseness(np.zeros((2, 8)))))

    def test_selectivity(self):
        labels = np.array([0, 0, 1, 1, 2, 2])
        rates = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]], dtype=float)
        self.assertAlmostEqual(weights.selectivity(rates, labels), 0.5)  # one unit of one class, one of all; the silent one does not count
        self.assertAlmostEqual(weights.selectivity(np.array([[3.0], [1.0]]), np.array([0, 1])), 0.5)

    def test_lognormal_weights(self):
        logarithm = self.rng.normal(-2, 0.8, 30000)
        places = np.arange(30000)
        found = weights.synapses({"w": np.exp(logarithm), "first": np.ones(30000), "unit": places // 100, "places": places, "first_places": places, "units": 300, "inputs": 200})
        self.assertLess(found["ks_log"], 0.01)
        self.assertGreater(found["ks"], 0.1)
        self.assertAlmostEqual(found["sd_log"], 0.8, delta=0.02)
        self.assertGreater(found["skew"], 2)
        self.assertEqual((found["density"], found["sign_changes"], found["appeared"]), (0.5, 0, 0))

    def test_changes_are_seen(self):
        array = {"w": np.array([1, -2, 3, 1e-6, 0]), "first": np.array([1, 2, 0, 1, 1.0]), "unit": np.zeros(5, int), "places": np.array([0, 1, 2, 3, 9]),
                 "first_places": np.array([0, 1, 4, 3, 9]), "units": 1, "inputs": 10}
        found = weights.synapses(array)
        self.assertEqual((found["synapses"], found["born"], found["negative"], found["sign_changes"], found["appeared"], found["not_silent"]), (4, 4, 1, 1, 1, 3))


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def run_directory(self, variant, seed, **more):
        path = os.path.join(self.dir, variant, f"seed-{seed}")
        os.makedirs(path)
        with open(os.path.join(path, "summary.json"), "w", encoding="utf-8") as file:
            json.dump({"experiment": "toy", "variant": variant, "seed": seed, "measures": {"accuracy": 0.9}} | more, file)
        return path

    def comparison(self, *variants):
        with open(os.path.join(self.dir, "compare.json"), "w", encoding="utf-8") as file:
            json.dump({variant: {} for variant in variants}, file)

    def test_regions_of_a_group_are_one_array(self):
        write_weights(self.dir)
        (name, array), = rundir.read_arrays(self.dir).items()
        self.assertEqual(name, ("P", "w"))
        self.assertEqual((array["units"], len(array["w"]), array["unit"].max()), (8, 80, 7))
        found = weights.measure(self.dir)
        self.assertEqual((found["P.w.synapses"], found["P.w.born"], found["P.w.appeared"]), (78, 80, 0))
        self.assertAlmostEqual(found["P.w.density"], 78 / (8 * 72))

    def test_a_damaged_file_is_named(self):
        write_weights(self.dir)
        os.truncate(os.path.join(self.dir, "figures", "weights.h5"), 300)
        with self.assertRaisesRegex(rundir.BadRun, "weights.h5"):
            weights.measure(self.dir)

    def test_fields_show_the_negative_below_zero(self):
        path = self.run_directory("rule", 1)
        write_weights(path)
        run = rundir.read_run(path)
        _, sheet = evaluation.field_sheet(run)
        array = run.arrays["P", "w"]
        self.assertEqual(sheet.shape, (8, 6, 6))
        at = array["channel"][0] % 36
        self.assertEqual(np.sign(sheet[0].flat[at]), 1 if array["channel"][0] < 36 else -1)

    def test_report_has_every_figure(self):
        for variant, synapses in (("rule", 4), ("wide", 5)):
            for seed in (1, 2):
                path = self.run_directory(variant, seed)
                write_weights(path, units=4, inputs=72)
                with open(os.path.join(path, "attack.json"), "w", encoding="utf-8") as file:
                    json.dump({"images": 10, "clean": 0.9, "eps": [{"eps": eps, "pgd": 0.5, "worst": 0.9 - eps * synapses, "noise": 0.8} for eps in (0.05, 0.1)]}, file)
        self.comparison("rule", "wide")
        with open(os.path.join(self.dir, "fewshot.csv"), "w", encoding="utf-8") as file:
            file.write("variant,shots,seed,accuracy\nrule,1,1,0.5\nrule,1,2,0.6\nrule,10,1,0.8\n1-NN,1,1,0.4\n1-NN,10,1,0.7\n")
        result = subprocess.run([sys.executable, os.path.join(ROOT, "analysis", "report.py"), self.dir], capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        made = set(os.listdir(os.path.join(self.dir, "figures")))
        self.assertLessEqual({"robustness.png", "synapses.png", "weights.png", "fields.png", "fewshot.png"}, made)
        with open(os.path.join(self.dir, "report.html"), encoding="utf-8") as file:
            text = file.read()
        for heading in ("Pictures changed to mislead", "Learning from a few pictures", "Accuracy against synapses", "Distribution of weights", "Receptive fields"):
            self.assertIn(f"<h2>{heading}</h2>", text)

    def test_curves_are_the_numbers(self):
        runs = []
        for seed, worst in ((1, 0.4), (2, 0.6)):
            path = self.run_directory("rule", seed)
            with open(os.path.join(path, "attack.json"), "w", encoding="utf-8") as file:
                json.dump({"clean": 1.0, "eps": [{"eps": 0.1, "worst": worst, "noise": 0.5}]}, file)
            runs.append(rundir.read_run(path))
        figure = evaluation.robustness(runs)
        line = figure.axes[0].lines[0]
        self.assertEqual((list(line.get_xdata()), list(line.get_ydata())), ([0, 0.1], [100, 50]))
        figures.plt.close(figure)

    def test_fewshot_csv_that_is_damaged_is_named(self):
        self.run_directory("rule", 1)
        self.comparison("rule")
        with open(os.path.join(self.dir, "fewshot.csv"), "w", encoding="utf-8") as file:
            file.write("variant,shots,seed,accuracy\nrule,one,1,0.5\n")
        result = subprocess.run([sys.executable, os.path.join(ROOT, "analysis", "report.py"), self.dir], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 3)
        self.assertRegex(result.stderr, r"^report: .*fewshot.csv: .*\n$")


class Tools(Files):
    """With a program that pretends."""

    def setUp(self):
        super().setUp()
        self.tree = os.path.join(self.dir, "tree")
        shutil.copytree(os.path.join(ROOT, "analysis"), os.path.join(self.tree, "analysis"))
        for path, text in (("run", PRETEND_RUN), ("build/callosum", PRETEND_PROGRAM), ("toy.yaml", "experiment: toy\n")):
            os.makedirs(os.path.dirname(os.path.join(self.tree, path)), exist_ok=True)
            with open(os.path.join(self.tree, path), "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(os.path.join(self.tree, path), 0o755)

    def tool(self, name, *arguments):
        return subprocess.run([sys.executable, os.path.join(self.tree, "analysis", name + ".py"), *arguments], capture_output=True, text=True, check=False, cwd=self.tree)

    def test_attack_on_a_comparison(self):
        for variant, seed in (("rule", 4), ("rule", 8), ("plain", 6)):
            self.run_directory(variant, seed)
        self.comparison("rule", "plain")
        other = os.path.join(self.dir, "plain")
        result = self.tool("attack", self.dir, "--eps", ".05", "--from", other)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"clean +60 ± 28 +60\b")
        self.assertRegex(result.stdout, r"0.05 worst +12.5 ± 0 +12.5\b")
        with open(os.path.join(self.dir, "attack.csv"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertEqual(lines[:2], ["variant,seed,measure,value", "rule,4,clean,40.0"])
        with open(os.path.join(self.tree, "build", "calls"), encoding="utf-8") as file:
            self.assertEqual(file.readline().split(), ["attack", os.path.join(self.dir, "rule", "seed-4"), "--images", "1000", "--eps", ".05", "--from", os.path.join(other, "seed-4")])

    def test_a_run_alone_shows_the_program_s_table(self):
        path = self.run_directory("rule", 4)
        result = self.tool("attack", path)
        self.assertEqual((result.returncode, result.stdout), (0, f"a table of {path}\n"))
        self.assertEqual(sorted(os.listdir(path)), ["attack.json", "summary.json"])

    def test_failures(self):
        result = self.tool("weights", self.run_directory("rule", 4))
        self.assertEqual((result.returncode, result.stderr), (3, "callosum: cannot\n"))
        result = self.tool("weights", os.path.join(self.dir, "nowhere"))
        self.assertEqual(result.returncode, 3)
        self.assertRegex(result.stderr, r"^weights: .*nowhere: neither a finished run .*\n$")
        self.assertEqual(self.tool("fewshot", "toy.yaml", "--shots", "few").returncode, 2)

    def test_fewshot(self):
        result = self.tool("fewshot", "toy.yaml", "--shots", "1,5", "--seeds", "2,4", "--steps", "70", "--phases", "one,two", "--set", "batch=9")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        with open(os.path.join(self.tree, "runs.log"), encoding="utf-8") as file:
            calls = file.read().splitlines()
        self.assertEqual(calls[0], "toy.yaml --variant rule --seed 2 --single --out runs/toy/fewshot/shots-1 --resume --set stimulus.shots=1 --set phases.one.steps=70 --set phases.two.steps=70 --set batch=9")
        self.assertEqual(len(calls), 8)
        self.assertRegex(result.stdout, r"1 shots +13 ± 1.4 +13 ± 1.4 +50 ± 0\n")
        rows = rundir.read_fewshot(os.path.join(self.tree, "runs", "toy"))
        self.assertEqual(rows[0], ("rule", 1, 2, 0.12))
        self.assertEqual({row[0] for row in rows}, {"rule", "plain", "1-NN"})
        self.assertEqual(len(rows), 8 + 4)
        figure = evaluation.fewshot(rows)
        np.testing.assert_allclose(np.array(figure.axes[0].lines[0].get_ydata(), dtype=float), [13, 53])
        figures.plt.close(figure)


if __name__ == "__main__":
    unittest.main()
