"""./run scale on a small experiment: real runs on one and two modules, and under a launcher that only looks like Slurm's."""

import csv
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STAR = os.path.join(ROOT, "tests", "data", "runs", "star.yaml")
sys.path.insert(0, os.path.join(ROOT, "analysis"))
import scale
import scale_simulate
import scale_words

# srun -n RANKS COMMAND...: notes how it was called, and lets mpirun do the work.
PRETEND_SRUN = """#!/bin/sh
printf '%s\\n' "$*" >>"$(dirname "$0")/calls"
[ "$1" != --mpi=none ] || exit 3
exec mpirun -q --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 --mca pml ob1 --mca btl self,vader "$@"
"""


def row(modules, steps_per_s, **more):
    """A row of a study, as scale.py makes it."""
    times = {f"{clock}_ms_{of}": 0.0 for clock in scale.CLOCKS for of in scale.SPREAD}
    work = steps_per_s * 16 * modules
    base = {"source": "measured", "mode": "weak", "modules": modules, "ranks": modules + 1, "module_ranks": modules, "shards": 1, "cores": 64, "oversubscribed": "no",
            "steps_per_s": steps_per_s, "samples_per_s": 16 * steps_per_s, "work_per_s": work, "step_ms": 1e3 / steps_per_s, "slowest": "attention", "bytes_per_step": 1e4}
    return {**base, **times, **more}


class Scale(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.out = os.path.join(folder.name, "study")
        self.environment = {**os.environ, "PATH": f"{folder.name}:{os.environ['PATH']}", "CALLOSUM_BUILT": ROOT}

    def scale(self, *arguments, experiment=STAR):
        command = [os.path.join(ROOT, "run"), "scale", experiment, *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=200, check=False)
        return done.returncode, done.stdout, done.stderr

    def short(self, *arguments):
        return self.scale("--steps", "4", "--repeat", "2", "--out", self.out, *arguments)

    def rows(self):
        with open(os.path.join(self.out, "scale.csv"), encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            self.assertEqual(reader.fieldnames, scale.COLUMNS)
            return list(reader)

    def pretend_srun(self):
        path = os.path.join(self.folder, "srun")
        with open(path, "w", encoding="utf-8") as file:
            file.write(PRETEND_SRUN)
        os.chmod(path, 0o755)

    def test_weak(self):
        code, output, errors = self.short("--modules", "1,2", "--cores", "2")
        self.assertEqual((code, errors), (0, ""))
        first, second = self.rows()
        self.assertEqual([first[name] for name in ("mode", "modules", "ranks", "shards", "oversubscribed", "efficiency", "repeats")], ["weak", "1", "2", "1", "no", "1", "2"])
        self.assertEqual([second[name] for name in ("modules", "ranks", "oversubscribed", "efficiency")], ["2", "3", "yes", ""])
        for line in (first, second):
            for clock in scale.CLOCKS:
                least, mean, most = (float(line[f"{clock}_ms_{of}"]) for of in scale.SPREAD)
                self.assertTrue(0 <= least <= mean <= most, (clock, least, mean, most))
            self.assertGreater(float(line["compute_ms_mean"]), 0)
            self.assertGreater(float(line["resident_max_bytes"]), float(line["memory_max_bytes"]))
            self.assertAlmostEqual(float(line["samples_per_s"]) / float(line["steps_per_s"]), 16, 2)
            self.assertAlmostEqual(float(line["step_ms"]) * float(line["steps_per_s"]), 1000, 0)
            self.assertTrue(float(line["steps_per_s_min"]) <= float(line["steps_per_s"]) <= float(line["steps_per_s_max"]))
            # up: two views of a module's two units; down: guesses and temperatures
            self.assertEqual(float(line["bytes_per_step"]), int(line["modules"]) * 4 * (2 * 16 * 2 + 16 * 2 + 2))
        self.assertIn("oversubscribed", output)
        self.assertIn("the only size with a core for each rank", output)
        self.assertTrue(os.path.exists(os.path.join(self.out, "scale.png")))

    def test_strong_divides_the_work(self):
        code, _, errors = self.short("--modules", "1,2", "--mode", "strong", "--ranks", "modules", "--cores", "2")
        self.assertEqual((code, errors), (0, ""))
        first, second = self.rows()
        self.assertEqual([(line["ranks"], line["module_ranks"], line["oversubscribed"]) for line in (first, second)], [("1", "1", "no"), ("2", "2", "no")])
        self.assertAlmostEqual(float(second["efficiency"]), float(second["steps_per_s"]) / float(first["steps_per_s"]) / 2, 3)
        for folder, units in (("1-modules-1-ranks-2-regions", 8), ("2-modules-2-ranks-3-regions", 4)):  # of eight in the file
            with open(os.path.join(self.out, "points", folder, "repeat-1", "minimax", "seed-1", "used.yml"), encoding="utf-8") as file:
                self.assertRegex(file.read(), rf"\bunits: {units}\b")

    def test_goes_on_where_it_was(self):
        self.assertEqual(self.short("--modules", "1")[0], 0)
        code, output, errors = self.short("--modules", "1")
        self.assertEqual((code, output), (2, ""))
        self.assertRegex(errors, r"^scale: .*there is a study already; go on with --resume.*\n$")
        code, output, _ = self.short("--modules", "1,2", "--ranks", "1", "--resume")
        self.assertEqual((code, output.count("kept")), (0, 0))  # other ranks are another point
        code, output, _ = self.short("--modules", "1,2", "--ranks", "1", "--resume")
        self.assertEqual((code, output.count("kept")), (0, 4))

    def test_under_srun(self):
        self.pretend_srun()
        code, _, errors = self.short("--modules", "1,2", "--launcher", "srun --mpi=none")
        self.assertEqual((code, errors), (3, ""))
        code, _, errors = self.short("--modules", "1,2", "--launcher", "srun", "--resume")
        self.assertEqual((code, errors), (0, ""))
        with open(os.path.join(self.folder, "calls"), encoding="utf-8") as file:
            calls = file.read().splitlines()[1:]
        self.assertEqual([call.split()[:2] for call in calls], [["-n", "2"], ["-n", "3"]] * 2)
        self.assertEqual([line["oversubscribed"] for line in self.rows()], ["no", "no"])

    def test_a_job_script_does_the_same(self):
        self.pretend_srun()
        job = os.path.join(self.folder, "job.sh")
        code, output, errors = self.short("--modules", "1,2", "--job", job)
        self.assertEqual((code, output, errors), (0, f"sbatch {job}\n", ""))
        self.assertFalse(os.path.exists(self.out))
        with open(job, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("#SBATCH --ntasks=3\n", text)
        self.assertIn("#SBATCH --signal=B:USR1@120\n", text)
        done = subprocess.run(["sh", job], env=self.environment, capture_output=True, text=True, timeout=200, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual([line["modules"] for line in self.rows()], ["1", "2"])

    @unittest.skipUnless(os.path.exists(scale_simulate.SIMULATOR), "built without SimGrid")
    def test_simulated_sizes(self):
        code, output, errors = self.short("--modules", "1", "--cores", "2", "--simulate", "4,16", "--jitter", "0.05", "--variant", "delayed")
        self.assertEqual((code, errors), (0, ""))
        rows = self.rows()
        sources = [line["source"] for line in rows]
        self.assertEqual(sources, ["measured", "validation"] + ["simulated"] * 3 + ["model"] * 3)
        self.assertEqual([(line["modules"], line["ranks"]) for line in rows[2:5]], [("1", "2"), ("4", "5"), ("16", "17")])
        self.assertEqual(float(rows[4]["bytes_per_step"]), 16 * 4 * (2 * 16 * 2 + 16 * 2 + 2))
        self.assertEqual([rows[i]["efficiency"] for i in (2, 5)], ["1", "1"])
        self.assertEqual([(line["platform"], line["jitter"]) for line in rows[:5]], [("", ""), ("node", "0"), *[("infiniband-100g", j) for j in ("0", "0.05", "0.05")]])
        for line in rows[2:5]:
            self.assertGreater(float(line["compute_ms_min"]), 0)
        self.assertIn("validation: 1 module on 2 ranks, measured", output)
        self.assertIn("On paper (alpha-beta) it would be", output)

    @unittest.skipUnless(os.path.exists(scale_simulate.SIMULATOR), "built without SimGrid")
    def test_bad_simulations_in_one_line(self):
        for words, said in (
            (["--mode", "strong"], "--simulate belongs to --mode weak"),
            (["--platform", "abacus"], "there is no `abacus`; experiments/platforms has "),
            (["--jitter", "5"], "'5' is not a share from 0 to 1"),
            (["--cores", "1"], "2 ranks share 1 core;"),
        ):
            code, _, errors = self.short("--simulate", "4", "--modules", "1", *words)
            self.assertEqual((code, errors.count("\n")), (2, 1), errors)
            self.assertIn(said, errors)
        self.assertFalse(os.path.exists(self.out))

    def test_bad_arguments_in_one_line(self):
        for words, said in (
            (["--modules", "0"], "'0' is not a list such as 1,2,4"),
            (["--modules", "1;2"], "'1;2' is not a list"),
            (["--mode", "fast"], "invalid choice: 'fast'"),
            (["--modes", "weak"], "unrecognized arguments"),
            (["--module", "W"], "has no region `W`; it has V, attention"),
            (["--mode", "strong", "--modules", "3"], "regions.V.units: 8 in all cannot be dealt to 3 modules"),
            (["--mode", "strong", "--split", "regions.V.hidden"], "--split needs --total"),
            (["--total", "8"], "belong to --mode strong"),
            (["--launcher", "no-such-program"], "--launcher: there is no program"),
            (["--set", "regions.V.unis=3"], "did you mean `units`"),
        ):
            code, output, errors = self.short(*words)
            self.assertEqual((code, output, errors.count("\n")), (2, "", 1), errors)
            self.assertIn(said, errors)
        self.assertFalse(os.path.exists(self.out))
        self.assertEqual(self.scale(experiment="missing.yaml")[0], 3)


class OnPaper(unittest.TestCase):
    COSTS = {"V": {"forward": 2e-3, "learn": 5e-3, "stimulus": 1e-3}, "A": {"forward": 1e-3, "learn": 3e-3, "units": 64, "power": 1.0}, "exchange": {"message": 1e-6, "byte": 0}}

    def setUp(self):
        with tempfile.NamedTemporaryFile("w", suffix=".xml", delete=False) as file:
            file.write('<cluster core="4" loopback_bw="8GBps" bw="10Gbps" lat="0.5us" bb_lat="1us" bb_bw="1GBps"/>')
        self.addCleanup(os.remove, file.name)
        self.platform = file.name

    def seconds(self, delay=0, **more):
        size = {"messages_per_step": 16.0, "bytes_per_step": 125e3, "shards": 1, "modules": 8, "ranks": 9, "hub_units": 64, "jitter": 0.0, **more}
        return scale_simulate.on_paper(size, self.COSTS, "V", "A", delay, self.platform)

    def test_a_round(self):
        self.assertEqual(scale_simulate.network_of(self.platform), (2e-6, 1.25e9, 4))
        # module and attention's forward in turn, there and back, 125 KB at 1.25 GB/s, 16 messages at the hub
        self.assertAlmostEqual(self.seconds(), 8e-3 + 1e-3 + 4e-6 + 1e-4 + 16e-6)

    def test_a_delay_hides_the_round(self):
        self.assertAlmostEqual(self.seconds(delay=1), 8e-3 + 2e-6)

    def test_a_link_that_ranks_share(self):
        self.assertAlmostEqual(self.seconds(delay=1, shards=4, ranks=12, bytes_per_step=125e6), 125e6 / 3 / 1.25e9)

    def test_a_hub_that_grows(self):
        self.assertAlmostEqual(self.seconds(delay=1, hub_units=256), 4 * 4e-3 + 16e-6)

    def test_jitter(self):
        self.assertAlmostEqual(self.seconds(delay=1, jitter=0.1) / self.seconds(delay=1), 1 + 0.1 * (2 * 2.0794415) ** 0.5, 6)


class Words(unittest.TestCase):
    def said(self, *rows):
        rows = list(rows)
        scale.add_efficiency(rows)
        return scale_words.paragraph(rows)

    def test_nothing_stops_it(self):
        self.assertIn("Nothing stops it up to here", self.said(row(1, 100.0), row(8, 99.0)))

    def test_a_hub(self):
        said = self.said(row(1, 100.0, compute_ms_max=6.0), row(8, 50.0, compute_ms_max=15.0, wait_ms_mean=13.0))
        self.assertIn("efficiency 0.50. The busiest rank, attention, computes 15 ms a step where it was 6, and all wait for it", said)

    def test_turns(self):
        said = self.said(row(1, 100.0, compute_ms_max=6.0), row(8, 50.0, compute_ms_max=6.1, wait_ms_mean=13.0))
        self.assertIn("Ranks wait 13 ms of it, though none has much more to do: regions take turns within a step", said)

    def test_jitter(self):
        said = self.said(row(1, 100.0, source="simulated", jitter=0.05), row(1024, 84.0, source="simulated", jitter=0.05, compute_ms_max=2.0))
        self.assertIn("with a deviation of 5 % no synchronous network of 1024 modules does better than 0.843", said)

    def test_data(self):
        self.assertIn("Moving data grew most, to 9 ms where it takes longest: 10 KB cross in a step", self.said(row(1, 100.0), row(8, 50.0, transfer_ms_max=9.0)))

    def test_no_efficiency_without_cores(self):
        rows = [row(1, 100.0), row(64, 2.0, oversubscribed="yes", cores=2)]
        said = self.said(*rows)
        self.assertEqual([line["efficiency"] for line in rows][1], "")
        self.assertIn("no efficiency is quoted", said)
        self.assertIn("65 ranks did 1.28 times the work a second of 2", said)


if __name__ == "__main__":
    unittest.main()
