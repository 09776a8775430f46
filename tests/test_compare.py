"""analysis/compare.py, with a program that only pretends to run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "analysis"))
import compare

# ./run EXPERIMENT --variant V --seed S --out DIR --resume ...: notes its arguments and writes a summary; fails for the variant `broken`;
# for the variant `slow` waits to be asked to stop.
PRETEND_RUN = """#!/bin/sh
echo "$@" >>"$(dirname "$0")/calls"
[ "$3" != broken ] || exit 5
if [ "$3" = slow ]; then
    trap 'exit 6' USR1 TERM INT
    touch "$(dirname "$0")/started"
    while :; do sleep 0.1; done
fi
mkdir -p "$7/$3/seed-$5"
echo "{\\"measures\\": {\\"decode_mse\\": 0.$5, \\"of_$3\\": 2}}" >"$7/$3/seed-$5/summary.json"
"""
PRETEND_PROGRAM = """#!/bin/sh
[ "$1" = variants ] && printf 'full\\nplain\\n'
"""


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = folder.name
        for path, text in (("run", PRETEND_RUN), ("build/callosum", PRETEND_PROGRAM), ("toy.yaml", "# a toy\nexperiment: toy  # by name\n")):
            os.makedirs(os.path.dirname(os.path.join(self.tree, path)), exist_ok=True)
            with open(os.path.join(self.tree, path), "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(os.path.join(self.tree, path), 0o755)
        shutil.copytree(os.path.join(ROOT, "analysis"), os.path.join(self.tree, "analysis"))

    def start(self, *arguments):
        command = [sys.executable, os.path.join(self.tree, "analysis", "compare.py"), "toy.yaml", *arguments]
        return subprocess.Popen(command, cwd=self.tree, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def compare(self, *arguments):
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    def calls(self):
        with open(os.path.join(self.tree, "calls"), encoding="utf-8") as file:
            return file.read().splitlines()

    def test_every_variant_for_every_seed(self):
        code, output, errors = self.compare("--seeds", "1,3", "--set", "a.b=2", "--set", "c=d e")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(self.calls()[0], "toy.yaml --variant full --seed 1 --out runs/toy --resume --set a.b=2 --set c=d e")
        self.assertEqual([call.split()[2:5:2] for call in self.calls()], [["full", "1"], ["plain", "1"], ["full", "3"], ["plain", "3"]])
        with open(os.path.join(self.tree, "runs/toy/compare.json"), encoding="utf-8") as file:
            table = json.load(file)
        self.assertEqual(list(table), ["full", "plain"])
        self.assertEqual(table["full"]["decode_mse"]["values"], [0.1, 0.3])
        self.assertAlmostEqual(table["full"]["decode_mse"]["mean"], 0.2)
        self.assertAlmostEqual(table["full"]["decode_mse"]["sd"], 0.02**0.5)
        self.assertIn("decode_mse  0.2 ± 0.14  0.2 ± 0.14\n", output)
        self.assertIn("of_plain             -       2 ± 0\n", output)

    def test_one_seed_chosen_variants_other_folder(self):
        code, output, _ = self.compare("--seeds", "7", "--variants", "plain", "--out", "elsewhere")
        self.assertEqual(code, 0)
        self.assertEqual(len(self.calls()), 1)
        self.assertIn("decode_mse    0.7\n", output)
        self.assertTrue(os.path.exists(os.path.join(self.tree, "elsewhere/compare.json")))

    def test_a_failing_run_ends_it_with_its_code(self):
        code, _, _ = self.compare("--seeds", "1", "--variants", "broken,full")
        self.assertEqual(code, 5)
        self.assertEqual(len(self.calls()), 1)

    def test_a_signal_reaches_the_run(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            process = self.start("--seeds", "1", "--variants", "slow")
            deadline = time.monotonic() + 30
            while not os.path.exists(os.path.join(self.tree, "started")) and time.monotonic() < deadline:
                time.sleep(0.02)
            os.remove(os.path.join(self.tree, "started"))
            process.send_signal(number)
            process.communicate(timeout=30)
            self.assertEqual(process.returncode, 6)

    def test_bad_seeds(self):
        code, _, errors = self.compare("--seeds", "one")
        self.assertEqual(code, 2)
        self.assertIn("'one' is not a list such as 1,2,3", errors)

    def test_null_measures_stay_null(self):
        table = compare.compare({"full": [{"gain": None}, {"gain": 1.0}]})
        self.assertEqual(table["full"]["gain"], {"mean": None, "sd": None, "values": [None, 1.0]})
        self.assertTrue(compare.format_table(table, 2).endswith("gain        -"))


if __name__ == "__main__":
    unittest.main()
