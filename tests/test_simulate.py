"""The exchange in simulated time: the same messages as in real time, the same line again, times that add up, and one line for what is wrong.

usage: test_simulate.py CALLOSUM CALLOSUM_SIMULATE [unittest arguments]"""

import json
import math
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.path.join(ROOT, "tests", "data", "runs")
STAR = os.path.join(DATA, "star.yaml")
CHAIN = os.path.join(DATA, "chain.yaml")
MEMORY = os.path.join(DATA, "memory.yaml")
NODE = os.path.join(ROOT, "experiments", "platforms", "node.xml")
INFINIBAND = os.path.join(ROOT, "experiments", "platforms", "infiniband-100g.xml")
PROGRAM, SIMULATOR = (os.path.abspath(sys.argv.pop(1)) for _ in range(2)) if len(sys.argv) > 2 else ("", "")
COSTS = {
    "V": {"forward": 0.002, "learn": 0.008, "stimulus": 0.0005},
    "attention": {"forward": 0.001, "learn": 0.003},
    "exchange": {"message": 1e-6, "byte": 1e-9},
}


class Simulated(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def call(self, experiment, *options, costs=None, platform=INFINIBAND):
        path = os.path.join(self.folder.name, "costs.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(COSTS if costs is None else costs, f)
        words = [SIMULATOR, experiment, "--costs", path, "--platform", platform, *options]
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)

    def line(self, *arguments, **options):
        done = self.call(*arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.count("\n"), 1)
        return done.stdout

    def run_it(self, *arguments, **options):
        return json.loads(self.line(*arguments, **options))

    def real_ledger(self, experiment, variant, *settings):
        out = os.path.join(self.folder.name, "real")
        words = [PROGRAM, "run", experiment, "--single", "--variant", variant, "--out", out, *settings]
        subprocess.run(words, capture_output=True, timeout=120, check=True)
        with open(os.path.join(out, variant, "seed-1", "summary.json"), encoding="utf-8") as f:
            ledger = json.load(f)["ledger"]
        return {"messages": ledger["messages"], "bytes": ledger["bytes"]}


class Messages(Simulated):
    def test_as_many_and_as_large_as_in_real_time(self):
        only_train = ["--set", "phases.train.steps=9", "--set", "phases.probe.steps=0"]
        only_first = ["--set", "phases.first.steps=9", "--set", "phases.asleep.steps=0", "--set", "phases.last.steps=0"]
        for experiment, variants, settings, costs in (
            (STAR, ("minimax", "control", "later"), only_train, COSTS),
            (CHAIN, ("simultaneous", "late", "ring"), only_first, {"null": {"forward": 1e-3}}),
            (MEMORY, ("default",), [*only_train[:2], "--set", "phases.look.steps=0", "--set", "phases.blind.steps=0"], {"null": {"forward": 1e-3}}),
        ):
            for variant in variants:
                with self.subTest(variant=variant):
                    simulated = self.run_it(experiment, "--variant", variant, "--steps", "9", costs=costs)
                    self.assertEqual(simulated["ledger"], self.real_ledger(experiment, variant, *settings))

    def test_wherever_regions_live(self):
        lines = [self.run_it(STAR, "--steps", "6", "--ranks", str(ranks)) for ranks in (1, 2, 3, 5)]
        for line in lines[1:]:
            self.assertEqual(line["ledger"], lines[0]["ledger"])
        self.assertEqual([line["ranks"] for line in lines], [1, 2, 3, 5])

    def test_the_control_word_is_a_tree(self):
        line = self.run_it(STAR, "--set", "regions.V.count=30", "--steps", "10")
        self.assertEqual(line["control_messages_per_step"], 2 * (line["ranks"] - 1))


class Times(Simulated):
    def test_add_up(self):
        """A presentation goes from a cortex to attention and back; with a delay the cortex does not wait, unless it has nothing else to do."""
        free = {**COSTS, "exchange": {}}
        step = self.run_it(STAR, costs=free)["seconds_per_step"]
        self.assertAlmostEqual(step, 0.0005 + 0.002 + 0.001 + 0.008, delta=2e-5)
        step = self.run_it(STAR, "--variant", "delayed", costs=free)["seconds_per_step"]
        self.assertAlmostEqual(step, 0.0005 + 0.002 + 0.008, delta=2e-5)

    def test_of_each_sort(self):
        line = self.run_it(STAR, "--steps", "10")
        self.assertAlmostEqual(line["compute"]["max"], 10 * 0.010, delta=1e-6)
        self.assertAlmostEqual(line["compute"]["min"], 10 * 0.004, delta=1e-6)
        self.assertAlmostEqual(line["stimulus"]["max"], 10 * 0.0005, delta=1e-6)
        # attention packs or sums up every message there is, and the cortices as much between them
        self.assertAlmostEqual(line["transfer"]["max"], line["ledger"]["messages"] * 1e-6 + line["ledger"]["bytes"] * 1e-9, delta=1e-6)
        self.assertAlmostEqual(line["transfer"]["mean"], 2 * line["transfer"]["max"] / 5, delta=1e-6)

    def test_of_a_hub_grow_with_its_units(self):
        costs = {**COSTS, "attention": {"forward": 0.001, "learn": 0, "units": 8, "power": 2}}
        line = self.run_it(STAR, "--set", "regions.V.count=16", "--steps", "10", costs=costs)
        self.assertAlmostEqual(line["compute"]["max"], 10 * 0.001 * (16 * 2 / 8) ** 2, delta=1e-5)

    def test_on_a_slower_network_are_longer(self):
        times = [self.run_it(STAR, platform=os.path.join(os.path.dirname(NODE), name))["seconds_per_step"] for name in ("infiniband-100g.xml", "ethernet-25g.xml")]
        self.assertLess(times[0], times[1])

    def test_with_jitter_wait_for_the_slowest(self):
        """The slowest of N normal steps is, on average, above the mean by less than c sqrt(2 ln N), and by more than half of that."""
        still = self.run_it(STAR, "--set", "regions.V.count=64", "--steps", "20")["seconds_per_step"]
        line = self.run_it(STAR, "--set", "regions.V.count=64", "--steps", "20", "--jitter", "0.05")
        most = 0.05 * math.sqrt(2 * math.log(64))
        self.assertLess(line["seconds_per_step"], still * (1 + most))
        self.assertGreater(line["seconds_per_step"], still * (1 + most / 2))
        self.assertEqual(line["ranks"], 65)

    def test_are_the_same_again(self):
        options = [STAR, "--set", "regions.V.count=64", "--steps", "10", "--jitter", "0.1"]
        self.assertEqual(self.line(*options), self.line(*options))
        self.assertNotEqual(self.line(*options), self.line(*options, "--seed", "2"))


class BadInput(Simulated):
    def told(self, code, words, *arguments, **options):
        done = self.call(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (code, "", 1), done.stderr)
        self.assertIn(words, done.stderr)

    def test_of_costs(self):
        self.told(2, "no costs for attention", STAR, costs={"V": {}})
        self.told(2, "costs for `W`", STAR, costs={**COSTS, "W": {}})
        self.told(2, "did you mean `forward`", STAR, costs={**COSTS, "V": {"forwrad": 1}})
        self.told(2, "learn", STAR, costs={**COSTS, "V": {"learn": -1}})
        self.told(2, "expected the costs", STAR, costs=[])

    def test_of_platforms(self):
        self.told(3, "absent.xml: cannot open", STAR, platform="absent.xml")
        self.told(2, "128 cores, expected one for each of 201 ranks", STAR, "--set", "regions.V.count=200", platform=NODE)

    def test_of_options(self):
        self.told(2, "did you mean `--jitter`", STAR, "--jiter", "0.1")
        self.told(2, "--jitter 2", STAR, "--jitter", "2")
        self.told(2, "--steps 1.5", STAR, "--steps", "1.5")
        self.told(2, "only 5 regions", STAR, "--ranks", "6")
        self.told(2, "no phase learns", STAR, "--set", "phases.train.learn=none")


if __name__ == "__main__":
    unittest.main()
