"""Regions that code and predict in time, and the attentions they learn with: the same bits wherever columns live and wherever a run is broken off, and
what is remembered is what the phase says."""

import glob
import os
import shutil

import h5py
import numpy

from runs.case import COLUMNS, Case, call, command, newest, read, states

WINDOW, BATCH, LEAD, BLIND_FROM, STRETCH, LOOK = 16, 8, 3, 6, 3, 7  # of the file
PHASES = {"look": lambda frame: frame // STRETCH % 2 == 0, "seen": lambda frame: frame % 2 == 0,
          "blind": lambda frame: frame % 2 == 0 and frame < BLIND_FROM}  # and what each perceives


def recorded(run, phase, variable, pattern="V.*"):
    """What regions recorded, side by side in region order: (frames, rows, columns)."""
    paths = glob.glob(os.path.join(run, "activity", f"{phase}.{pattern}.{variable}.h5"))
    parts = []
    for path in sorted(paths):
        with h5py.File(path) as f:
            for region in f["report"]:
                parts.append(numpy.array(f["report"][region]["data"]))
    return numpy.concatenate(parts, axis=1).reshape(-1, BATCH, sum(part.shape[1] for part in parts))


def frame_of(phase, t):
    return t % LOOK if phase == "look" else t % WINDOW


def columns(run):
    """The state of each column, in region order, under its names without the number."""
    out = []
    for path in sorted(glob.glob(os.path.join(newest(run), "V.*.h5"))):
        with h5py.File(path) as f:
            state = {name: numpy.array(f["state"][name]) for name in f["state"]}
        mine = {}
        for name, array in state.items():
            stem, _, rest = name.partition(".")
            number, _, suffix = rest.partition(".")
            if number.isdigit():
                mine.setdefault(int(number), {})[(stem, suffix)] = array
        out += [mine[number] for number in sorted(mine)]
    return out


class Columns(Case):
    def placed(self, variant, regions):
        reference = self.run_it("single", COLUMNS, variant)
        self.assert_equal_runs(reference, self.run_it("full", COLUMNS, variant, "--place", "reverse", ranks=regions))
        for ranks in (2, 3):
            self.assert_equal_runs(reference, self.run_it(f"ranks-{ranks}", COLUMNS, variant, "--ranks", str(ranks), ranks=ranks))
        return reference

    def test_the_same_bits_anywhere(self):
        for variant in ("minimax", "layers"):
            with self.subTest(variant):
                run = self.placed(variant, 5)
                self.assertTrue(all(recorded(run, phase, "p").any() for phase in PHASES))

    def test_columns_in_any_number_of_regions(self):
        """The weights of every column, all that is recorded, and what the attention has learnt and said."""
        reference = self.run_it("4", COLUMNS, "minimax")
        expected = columns(reference)
        self.assertEqual(len(expected), 8)
        self.assertFalse(any(numpy.array_equal(expected[0][("w1", "")], other[("w1", "")]) for other in expected[1:]))
        for regions, ranks in ((8, 9), (2, 1), (1, 2), (8, 1), (1, 1)):
            with self.subTest(f"{regions} regions on {ranks} ranks"):
                run = self.run_it(f"{regions}-{ranks}", COLUMNS, "minimax", "--set", f"regions.V.count={regions}", "--set",
                                  f"regions.V.columns={8 // regions}", ranks=ranks)
                found = columns(run)
                self.assertEqual(len(found), 8)
                for i, (mine, theirs) in enumerate(zip(expected, found)):
                    self.assertEqual(set(mine), set(theirs))
                    for name in mine:
                        self.assertEqual(mine[name].tobytes(), theirs[name].tobytes(), f"column {i}: {name}")
                for phase in PHASES:
                    for variable in ("cache", "e", "p"):
                        self.assertTrue(numpy.array_equal(recorded(reference, phase, variable), recorded(run, phase, variable)), (phase, variable))
                self.assertEqual(states(reference, "A"), states(run, "A"))
                self.assertEqual(read(os.path.join(reference, "metrics", "A.jsonl")), read(os.path.join(run, "metrics", "A.jsonl")))
                for phase in ("seen", "blind"):
                    self.assertTrue(numpy.array_equal(recorded(reference, phase, "g", "A"), recorded(run, phase, "g", "A")))

    def test_what_is_remembered_is_what_the_phase_says(self):
        run = self.run_it("a", COLUMNS, "minimax")
        for phase, perceives in PHASES.items():
            cache, e, p = (recorded(run, phase, variable) for variable in ("cache", "e", "p"))
            self.assertGreater(len(e), LEAD + BLIND_FROM)
            for t in range(len(e)):
                frame = frame_of(phase, t)
                blind = phase == "blind" and frame >= BLIND_FROM
                self.assertEqual(p[t].any(), frame >= LEAD, (phase, t))
                self.assertTrue(e[t].any())
                self.assertEqual(numpy.array_equal(e[t], p[t]), blind, (phase, t))
                self.assertTrue(numpy.array_equal(cache[t], e[t] if frame < LEAD or perceives(frame) else p[t]), (phase, t))

    def broken_off(self, whole, step):
        """The run as it was found had it been killed after the checkpoint of that step, and some time later."""
        folder = os.path.join(self.dir, f"broken-{step}")
        run = os.path.join(folder, os.path.relpath(whole, os.path.dirname(os.path.dirname(whole))))
        shutil.copytree(whole, run)
        os.remove(os.path.join(run, "summary.json"))
        sets = sorted(glob.glob(os.path.join(run, "checkpoint", "step-?????????")))
        self.assertIn(step, [int(path[-9:]) for path in sets])
        for path in sets:
            if int(path[-9:]) > step:
                shutil.rmtree(path)
        return folder, run

    def test_resumed_in_the_middle_of_a_window_and_of_a_chunk(self):
        """In training, in both phases that look, and blind, where all that goes on is remembered."""
        keep = ("--set", "checkpoint={every: 7, keep: 100}")
        whole = self.run_it("whole", COLUMNS, "layers", *keep)
        for step, ranks in ((28, 5), (42, 2), (56, 3), (70, 1), (91, 5)):
            with self.subTest(f"step {step} on {ranks} ranks"):
                folder, run = self.broken_off(whole, step)
                some = () if ranks in (1, 5) else ("--ranks", str(ranks))
                result = call(command(COLUMNS, "--variant", "layers", "--out", folder, "--resume", *keep, *some, ranks=ranks))
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assert_equal_runs(whole, run)

    def test_stopped_and_resumed_on_other_ranks(self):
        short = ("--set", "phases.train.steps=14", "--set", "phases.seen.steps=0", "--set", "phases.blind.steps=9")
        whole = self.run_it("whole", COLUMNS, "minimax", *short)
        self.assert_equal_runs(whole, self.stopped(COLUMNS, "minimax", *short, ranks=(1, 5, 1, 2, 1, 3), regions=5, least=6))

    def test_killed_and_resumed(self):
        long = ("--set", "phases.train.steps=300", "--set", "phases.look.every=96", "--set", "phases.blind.steps=200",
                "--set", "checkpoint.every=37")
        whole = self.run_it("whole", COLUMNS, "minimax", *long)
        self.assert_equal_runs(whole, self.kill_and_resume(COLUMNS, "minimax", 3, seed=11, long=(*long, "--ranks", "3")))

    def video(self, name, changed):
        """A file of sequences of one window each, in which those frames of the test split are others."""
        path = os.path.join(self.dir, name)
        shape = (12, WINDOW + 1, 1, 8, 8)  # the frame before the first is the second channel
        images = numpy.random.default_rng(1).integers(0, 255, (2, *shape), dtype=numpy.uint8)
        images[1, :, [1 + frame for frame in changed]] ^= 0xa5
        with h5py.File(path, "w") as f:
            for prefix, split in zip(("", "test_"), images):
                f[prefix + "images"] = split.reshape(-1, *shape[2:])
                f[prefix + "lengths"] = numpy.full(shape[0], shape[1], numpy.int32)
        return "--set", f"stimulus={{kind: video, path: {path}, window: {WINDOW}, stack: 2, noise: 0.2}}", "--set", "phases.blind.stimulus=held-out"

    def everything(self, run):
        found = {variable: recorded(run, "blind", variable) for variable in ("cache", "e", "p")}
        return found | {"g": recorded(run, "blind", "g", "A")}

    def test_what_the_blind_do_not_see_changes_no_bit(self):
        """A world that is another one after the stimulus is off, and one that is another in the last frame that is remembered."""
        last = BLIND_FROM - 2
        known = self.everything(self.run_it("a", COLUMNS, "minimax", *self.video("a.h5", [])))
        unseen = self.everything(self.run_it("b", COLUMNS, "minimax", *self.video("b.h5", range(BLIND_FROM, WINDOW))))
        self.assertTrue(all(numpy.array_equal(known[name], unseen[name]) for name in known))
        seen = self.everything(self.run_it("c", COLUMNS, "minimax", *self.video("c.h5", [last])))
        for name, first in (("e", last), ("cache", last), ("p", last + LEAD), ("g", last + LEAD)):
            same = [numpy.array_equal(a, b) for a, b in zip(known[name][:WINDOW], seen[name])]
            self.assertEqual(same.index(False), first, name)
        awake = self.everything(self.run_it("d", COLUMNS, "minimax", "--set", f"phases.blind.blind_from={WINDOW - 1}", *self.video("b.h5", range(BLIND_FROM, WINDOW))))
        self.assertFalse(numpy.array_equal(known["e"][BLIND_FROM], awake["e"][BLIND_FROM]))
        self.assertTrue(numpy.array_equal(known["e"][:BLIND_FROM], awake["e"][:BLIND_FROM]))
