"""Attacks, statistics of synapses and the nearest neighbour, on small finished runs of every kind of classifier.

usage: test_evaluation_runs.py CALLOSUM [unittest arguments]"""

import glob
import json
import os
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

TESTS = os.path.dirname(os.path.abspath(__file__))
EXPERIMENT = os.path.join(TESTS, "data", "runs", "classify.yaml")
STAR = os.path.join(TESTS, "data", "runs", "star.yaml")
CALLOSUM = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
VARIANTS = ("rule", "perceptron", "stages", "backprop")
SIDE = 8
sys.path.insert(0, os.path.join(os.path.dirname(TESTS), "analysis"))
import rundir
import weights


def pictures(count, rng):
    """Three faint patterns in noise, from 0 to 1."""
    y, x = np.mgrid[:SIDE, :SIDE]
    patterns = np.array([(x + y) % 4 < 2, x < SIDE // 2, (x - 3.5) ** 2 + (y - 3.5) ** 2 < 8])
    label = rng.integers(0, 3, count)
    return np.uint8(255 * np.clip(0.5 + 0.25 * (patterns[label] - 0.5) + 0.17 * rng.normal(size=(count, SIDE, SIDE)), 0, 1))[:, None], label


def call(*words, cwd=None):
    return subprocess.run([CALLOSUM, *words], capture_output=True, text=True, check=False, timeout=120, cwd=cwd)


class Runs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = cls.folder.name
        rng = np.random.default_rng(1)
        cls.train, cls.test = pictures(300, rng), pictures(120, rng)
        with h5py.File(os.path.join(cls.dir, "pictures.h5"), "w") as file:
            for prefix, (images, labels) in (("", cls.train), ("test_", cls.test)):
                file[prefix + "images"], file[prefix + "labels"] = images, labels
        for variant in VARIANTS:
            result = call("run", EXPERIMENT, "--single", "--variant", variant, "--out", "runs", cwd=cls.dir)
            assert result.returncode == 0, result.stderr

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_of(self, variant):
        return os.path.join("runs", variant, "seed-2")

    def attack(self, variant, *options):
        result = call("attack", self.run_of(variant), *options, cwd=self.dir)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        with open(os.path.join(self.dir, self.run_of(variant), "attack.json"), "rb") as file:
            return file.read(), result.stdout

    def accuracy(self, variant):
        with open(os.path.join(self.dir, self.run_of(variant), "summary.json"), encoding="utf-8") as file:
            return json.load(file)["measures"]


class Attacks(Runs):
    def test_every_classifier(self):
        for variant in VARIANTS:
            with self.subTest(variant):
                text, table = self.attack(variant, "--eps", "0,.06,.15")
                found = json.loads(text)
                self.assertEqual(found["images"], 120)
                self.assertAlmostEqual(found["clean"], self.accuracy(variant)["accuracy"])
                self.assertGreater(found["clean"], 0.8)
                none, small, large = found["eps"]
                names = {"fgsm", "pgd", "margin"} | ({"bpda", "bpda-margin"} if variant == "rule" else set())
                self.assertEqual(set(none), names | {"eps", "worst", "noise"})
                self.assertEqual({none[name] for name in names | {"worst", "noise"}}, {found["clean"]})
                self.assertLess(small["fgsm"], found["clean"])
                self.assertLessEqual(small["pgd"], small["fgsm"] + 0.05)
                self.assertLess(large["worst"], small["worst"])
                for row in found["eps"]:
                    self.assertLessEqual(row["worst"], min(row[name] for name in names))
                self.assertIn(f"{100 * large['worst']:.1f}", table)

    def test_the_same_again(self):
        self.assertEqual(self.attack("rule", "--images", "30")[0], self.attack("rule", "--images", "30")[0])

    def test_transfer_between_nets_that_see_otherwise(self):
        found = json.loads(self.attack("stages", "--eps", ".15", "--from", self.run_of("rule"))[0])
        self.assertEqual(found["from"], self.run_of("rule"))
        row = found["eps"][0]
        self.assertLess(row["worst"], row["transfer"])
        own = json.loads(self.attack("stages", "--eps", ".15", "--from", self.run_of("stages"))[0])["eps"][0]
        self.assertEqual(own["transfer"], own["pgd"])

    def test_bad_input(self):
        for words, code, said in (
            (["nowhere"], 3, "nowhere/used.yml"),
            ([self.run_of("rule"), "--eps", "0.1,two"], 2, "--eps 0.1,two: expected"),
            ([self.run_of("rule"), "--eps", "1.5"], 2, "from 0 to 1"),
            ([self.run_of("rule"), "--images", "0"], 2, "--images 0: expected"),
            ([self.run_of("rule"), "--from", "nowhere"], 3, "nowhere/used.yml"),
        ):
            result = call("attack", *words, cwd=self.dir)
            self.assertEqual((result.returncode, result.stdout), (code, ""), result.stderr)
            self.assertRegex(result.stderr, r"^callosum: .*\n$")
            self.assertIn(said, result.stderr)

    def test_what_names_nothing_cannot_be_attacked(self):
        self.assertEqual(call("run", STAR, "--single", "--out", "star", cwd=self.dir).returncode, 0)
        result = call("attack", glob.glob(os.path.join(self.dir, "star", "*", "seed-*"))[0])
        self.assertEqual(result.returncode, 2)
        self.assertIn("no region reads out classes", result.stderr)


class Synapses(Runs):
    def measure(self, variant):
        result = call("weights", self.run_of(variant), cwd=self.dir)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return weights.measure(os.path.join(self.dir, self.run_of(variant)))

    def test_of_the_rule_none_appears_and_none_changes_sign(self):
        found = self.measure("rule")
        channels = 2 * 5 * 5  # of each of four windows
        self.assertEqual((found["P.w.synapses"], found["P.w.born"]), (4 * channels, 4 * channels))
        self.assertEqual((found["P.w.appeared"], found["P.w.sign_changes"], found["P.w.negative"]), (0, 0, 0))
        self.assertEqual((found["readout.V.sign_changes"], found["readout.V.negative"]), (0, 0))
        self.assertAlmostEqual(found["P.w.density"], 4 * channels / (24 * 2 * SIDE * SIDE))
        self.assertTrue(0 < found["P.sparseness"] < 1 and 0 < found["P.selectivity"] < 1 and 0 < found["P.active"] < 1, found)

    def test_of_a_perceptron_signs_change(self):
        found = self.measure("perceptron")
        self.assertEqual(found["net.w1.synapses"], 12 * SIDE * SIDE)
        self.assertEqual((found["net.w1.appeared"], found["net.w1.density"]), (0, 1))
        self.assertGreater(found["net.w1.sign_changes"], 0)
        self.assertIn("net.selectivity", found)

    def test_of_nets_every_block_and_head(self):
        self.assertEqual({name.rsplit(".", 1)[0] for name in self.measure("backprop")}, {"net.w1", "net.w2", "net.head.w"})
        self.assertIn("S2.head.w.ks", self.measure("stages"))

    def test_born_is_what_an_untrained_run_has(self):
        result = call("run", EXPERIMENT, "--single", "--variant", "perceptron", "--set", "phases.learn.steps=0", "--out", "untrained", cwd=self.dir)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.measure("perceptron")
        born = rundir.read_arrays(os.path.join(self.dir, self.run_of("perceptron")))
        with h5py.File(glob.glob(os.path.join(self.dir, "untrained", "perceptron", "seed-2", "checkpoint", "step-*", "net.h5"))[0]) as file:
            np.testing.assert_array_equal(born["net", "w1"]["first"], file["state/w1"][:].ravel())


class Nearest(Runs):
    def test_against_numpy(self):
        train, test = (images.reshape(len(images), -1) / 255 for images in (self.train[0], self.test[0]))
        distance = ((test[:, None] - train[None]) ** 2).sum(2)
        expected = np.mean(self.train[1][distance.argmin(1)] == self.test[1])
        for variant in ("rule", "stages"):  # padding adds nothing
            self.assertAlmostEqual(self.accuracy(variant)["accuracy_nearest"], expected)


if __name__ == "__main__":
    unittest.main()
