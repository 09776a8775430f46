"""What the tests of runs share: how the program is called, what its runs are compared by, and a folder for each test."""

import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import h5py
import numpy

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "runs")
STAR = os.path.join(DATA, "star.yaml")
CHAIN = os.path.join(DATA, "chain.yaml")
STAGES = os.path.join(DATA, "stages.yaml")
RECORDED = os.path.join(DATA, "recorded.yaml")
RACING = os.path.join(DATA, "racing.yaml")
MEMORY = os.path.join(DATA, "memory.yaml")
SHARDS = os.path.join(DATA, "shards.yaml")
COLUMNS = os.path.join(DATA, "columns.yaml")
POPULATIONS = os.path.join(DATA, "populations.yaml")
CALLOSUM = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
MPIRUN = "mpirun -q --mca odls_base_sigkill_timeout 0 --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 --mca pml ob1 --mca btl self,vader".split()
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def command(experiment, *options, ranks=1):
    if ranks == 1:
        return [CALLOSUM, "run", experiment, "--single", *options]
    return [*MPIRUN, "-n", str(ranks), CALLOSUM, "run", experiment, *options]


def call(words, **options):
    return subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False, **options)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def summary(run):
    return json.loads(read(os.path.join(run, "summary.json")))


def processes(text, program=""):
    """Numbers of the processes whose command line has the text in it and starts with the program, lowest first."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            line = read(path).replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # gone meanwhile
        if text in line and line.startswith(program):
            found.append(int(path.split("/")[2]))
    return sorted(found)


def kill_all(text):
    for pid in processes(text):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def wait_until_written(process, path):
    """Until something is in the file, or the process has ended."""
    while process.poll() is None and not (os.path.exists(path) and os.path.getsize(path)):
        time.sleep(0.01)


def newest(run):
    return sorted(glob.glob(os.path.join(run, "checkpoint", "step-?????????")))[-1]


def states(run, region="*"):
    """Every state array of the newest checkpoint, region by region, as bytes."""
    out = {}
    for path in glob.glob(os.path.join(newest(run), region + ".h5")):
        with h5py.File(path) as f:
            out[os.path.basename(path)] = {name: numpy.array(f["state"][name]).tobytes() for name in f["state"]}
    if not out:
        raise AssertionError(f"{run}: the newest checkpoint has no {region}")
    return out


def difference(one, other):
    """What differs between two runs that should be equal, or ''."""
    files = [sorted(os.path.relpath(path, run) for pattern in ("metrics/*", "activity/*") for path in glob.glob(os.path.join(run, pattern)))
             for run in (one, other)]
    if files[0] != files[1] or sorted(os.listdir(newest(one))) != sorted(os.listdir(newest(other))):
        return f"files: {files}"
    for path in sorted(glob.glob(os.path.join(newest(one), "*"))):
        same = os.path.join(newest(other), os.path.basename(path))
        if not os.path.exists(same) or read(path) != read(same):
            return path
    for path in sorted(glob.glob(os.path.join(one, "activity", "*.h5"))):
        if path.count(".") < 3:
            continue  # a master
        with h5py.File(path) as a, h5py.File(path.replace(one, other)) as b:
            (name,) = a["report"]
            a, b = a["report"][name], b["report"][name]
            if not numpy.array_equal(a["data"], b["data"]) or list(a["mapping/time"]) != list(b["mapping/time"]):
                return path
            if a["data"].attrs["stimulus_hash"] != b["data"].attrs["stimulus_hash"]:
                return path + ": stimulus_hash"
    for path in sorted(glob.glob(os.path.join(one, "metrics", "*"))):
        if read(path) != read(path.replace(one, other)):
            return path
    a, b = summary(one), summary(other)
    for ledger in (a["ledger"], b["ledger"]):
        del ledger["control_messages"]
    for key in ("experiment", "variant", "seed", "steps", "measures", "ledger"):
        if a[key] != b[key]:
            return f"summary.json: {key}: {a[key]} and {b[key]}"
    return ""


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def folder(self, name, variant):
        return os.path.join(self.dir, name, variant, "seed-1")

    def run_it(self, name, experiment, variant, *options, ranks=1, code=0):
        result = call(command(experiment, "--variant", variant, "--out", os.path.join(self.dir, name), *options, ranks=ranks))
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return self.folder(name, variant)

    def stopped(self, experiment, variant, *options, ranks=(1,), regions=None, least=4):
        """The run stopped after every few steps, again and again, and resumed each time on the next of these numbers of ranks."""
        for step in range(1, 200):
            n = ranks[step % len(ranks)]
            some = () if n in (1, regions) else ("--ranks", str(n))
            words = command(experiment, "--variant", variant, "--out", os.path.join(self.dir, "stopped"), "--resume", "--max-time", "0.0001",
                            *some, *options, ranks=n)
            result = call(words)
            self.assertIn(result.returncode, (0, 6), result.stderr)
            if result.returncode == 0:
                break
        self.assertGreaterEqual(step, least)
        return self.folder("stopped", variant)

    def kill_and_resume(self, experiment, variant, ranks, *, seed, long=()):
        """Kill all processes at a random moment after the first checkpoint, as often as it takes to finish by resuming."""
        out = os.path.join(self.dir, f"killed-{variant}-{ranks}")
        words = command(experiment, "--variant", variant, "--out", out, "--resume", *long, ranks=ranks)
        chance = random.Random(seed)
        run = os.path.join(out, variant, "seed-1")
        kills = 0
        for _ in range(3):
            process = subprocess.Popen(words, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            before = set(glob.glob(os.path.join(run, "checkpoint", "step-?????????")))
            while process.poll() is None and set(glob.glob(os.path.join(run, "checkpoint", "step-?????????"))) <= before:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.03))
            if process.poll() is None:
                kill_all(out)
                kills += 1
            process.wait(timeout=60)
        result = call(words)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertGreater(kills, 0, "never caught it running")
        return run

    def assert_equal_runs(self, one, other):
        self.assertEqual(difference(one, other), "")

    def assert_one_line(self, result, code, *words):
        """Ends with the code and says one line on standard error, with these words in it."""
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        self.assertEqual((result.returncode, len(lines)), (code, 1), result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, lines[0])
        self.assertTrue(lines[0].startswith("callosum: "), lines[0])
