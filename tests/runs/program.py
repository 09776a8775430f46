"""What the program says, and the memory it takes."""

import json
import os
import re
import subprocess

from runs.case import CALLOSUM, Case, DATA, ENVIRONMENT, STAR, call, command, kill_all, processes, read, summary, wait_until_written


class Commands(Case):
    def test_help_version_and_mistakes(self):
        self.assertRegex(call([CALLOSUM, "--version"]).stdout, r"^callosum \d+\.\d+\.\d+\n$")
        for name in ("run", "check", "ranks", "variants", "measure", "parameters"):
            result = call([CALLOSUM, name, "--help"])
            self.assertEqual((result.returncode, result.stdout.startswith(f"callosum {name}")), (0, True))
        self.assert_one_line(call([CALLOSUM, "rnu", STAR]), 2, "`run`")
        self.assert_one_line(call([CALLOSUM, "run", STAR, "--sede", "3"]), 2, "--sede", "--seed")
        self.assert_one_line(call([CALLOSUM, "run"]), 2, "EXPERIMENT.yaml")
        self.assert_one_line(call([CALLOSUM, "run", STAR, "--seed"]), 2, "--seed")
        self.assert_one_line(call([CALLOSUM, "run", STAR, "--max-time", "soon"]), 2, "--max-time")
        self.assert_one_line(call([CALLOSUM, "run", "missing.yaml", "--single"]), 3, "missing.yaml")

    def test_ranks_and_variants(self):
        self.assertEqual(call([CALLOSUM, "ranks", STAR]).stdout, "5\n")
        self.assertEqual(call([CALLOSUM, "ranks", STAR, "--ranks", "2", "--resume"]).stdout, "2\n")
        self.assertEqual(call([CALLOSUM, "ranks", STAR, "--single"]).stdout, "1\n")
        self.assertEqual(call([CALLOSUM, "variants", STAR]).stdout.split()[:2], ["minimax", "masked"])

    def test_measure_writes_the_same_measures(self):
        run = self.run_it("a", STAR, "minimax")
        path = os.path.join(run, "summary.json")
        before = summary(run)
        with open(path, "wb") as f:
            f.write(json.dumps({**before, "measures": {"other": 1}}).encode())
        self.assertEqual(call([CALLOSUM, "measure", run]).returncode, 0)
        self.assertEqual(summary(run), before)


class Memory(Case):
    """What a cortex adds to a process, against what `check` says."""

    EXPERIMENT = """
experiment: memory
batch: 128
stimulus: {kind: dead-leaves, size: 512, discs: 1500, patch: 16}
regions: {V: {kind: cortex, count: 2, units: 16, hidden: 128}, attention: {kind: attention}, N: {kind: "null"}}
projections:
  sight: {from: stimulus, to: [V.*, N]}
  codes: {from: V.*, to: attention}
  context: {from: attention, to: V.*, role: context}
phases: {train: {steps: 1000000, learn: all}}
log: {every: 5}
"""

    def test_check_predicts_the_memory(self):
        patches = os.path.join(os.path.dirname(DATA), "..", "..", "experiments", "bhn-patches.yaml")
        short = ("--set", "phases.train.steps=2", "--set", "phases.probe.steps=40")
        used = summary(self.run_it("a", patches, "minimax", *short, ranks=9))["memory_max_bytes"]
        output = call([CALLOSUM, "check", patches, *short]).stdout
        sizes = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
        rows = [line.split() for line in output.split("rank ")[-1].splitlines()[1:]]
        predicted = max(float(number) * sizes[unit] for _, number, unit in rows)
        self.assertLess(abs(used / predicted - 1), 0.05)

    def test_resident_memory_is_what_check_predicts(self):
        path = os.path.join(self.dir, "memory.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.EXPERIMENT)
        sizes = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}
        rows = [line.split() for line in call([CALLOSUM, "check", path]).stdout.split("rank ")[-1].splitlines()[1:]]
        predicted = [float(number) * sizes[unit] for _, number, unit in rows]
        out = os.path.join(self.dir, "o")
        process = subprocess.Popen(command(path, "--out", out, ranks=4), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            metrics = os.path.join(out, "default", "seed-1", "metrics", "V.1.jsonl")
            wait_until_written(process, metrics)
            resident = {}
            for pid in processes(path, CALLOSUM):
                rank = re.search(rb"OMPI_COMM_WORLD_RANK=(\d+)", read(f"/proc/{pid}/environ"))[1]
                resident[int(rank)] = 1024 * int(re.search(rb"VmRSS:\s*(\d+)", read(f"/proc/{pid}/status"))[1])
        finally:
            process.kill()
            process.wait()
            kill_all(out)
        cortex, null = 1, 3
        self.assertLess(abs((resident[cortex] - resident[null]) / (predicted[cortex] - predicted[null]) - 1), 0.2)

    def stages(self, count):
        """Bytes at the highest of each rank of a pipeline of equal stages: the program's own, and the system's."""
        path = os.path.join(self.dir, f"{count}.yaml")
        names = ", ".join(f"S{i}" for i in range(1, count + 1))
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"""
experiment: stages
batch: 32
stimulus: {{kind: traffic-signs, samples: 64, held_out: 32}}
regions: {{{", ".join(f"S{i}: {{kind: stage, channels: 8, classes: 20}}" for i in range(1, count + 1))}}}
projections:
  sight:  {{from: stimulus, to: S1}}
  chain:  {{chain: [{names}], delay: 1}}
  labels: {{from: stimulus, to: S*, role: context, take: [label]}}
phases: {{learn: {{steps: 8, learn: all}}}}
""")
        used = summary(self.run_it(str(count), path, "default", ranks=count))
        self.assertEqual(max(used["memory_rank_bytes"]), used["memory_max_bytes"])
        return used["memory_rank_bytes"], used["resident_rank_bytes"]

    def test_a_stage_needs_memory_for_itself_alone(self):
        (short, short_resident), (long, long_resident) = self.stages(3), self.stages(6)
        for rank, like in ((0, 0), (1, 1), (2, 1), (3, 1), (4, 1), (5, 2)):
            self.assertLess(abs(long[rank] / short[like] - 1), 0.01, (rank, long, short))
            self.assertLess(long_resident[rank] / short_resident[like], 1.15, (rank, long_resident, short_resident))
            self.assertGreater(long_resident[rank], long[rank])
