"""An attention in several shards."""

import glob
import os

import h5py
import numpy

from runs.case import Case, SHARDS, STAR, newest, summary


class Shards(Case):
    """An attention in several shards: who deals with what changes no bit, and bits do not depend on ranks."""

    def state(self, run, pattern):
        """Every state array of the regions, their rows one below the other in region order."""
        regions = []
        for path in sorted(glob.glob(os.path.join(newest(run), pattern + ".h5"))):
            with h5py.File(path) as f:
                regions.append({name: numpy.array(f["state"][name]) for name in f["state"]})
        return {name: numpy.concatenate([region[name] for region in regions]) for name in regions[0]}

    def test_shards_that_read_all_are_one_attention(self):
        one = self.run_it("one", SHARDS, "one")
        for variant in ("two", "three"):
            with self.subTest(variant):
                many = self.run_it(variant, SHARDS, variant)
                for pattern in ("V.*", "W.*", "A.?"):
                    a, b = self.state(one, pattern), self.state(many, pattern)
                    self.assertEqual(set(a), set(b))
                    for name in a:
                        self.assertEqual(a[name].tobytes(), b[name].tobytes(), f"{pattern}: {name}")
                for name in ("decode_mse", "unit_correlation"):
                    self.assertEqual(summary(one)["measures"][name], summary(many)["measures"][name])
                self.assertAlmostEqual(summary(one)["measures"]["adversary_gain"], summary(many)["measures"]["adversary_gain"], 9)

    def test_a_group_of_one_is_a_region(self):
        """`count: 1` and no count differ in the name alone."""
        star = self.run_it("star", STAR, "minimax")
        group = self.run_it("group", STAR, "minimax", "--set", "regions={V: {kind: cortex, count: 4, units: 2, hidden: 16, guard: 0, optimiser: {rate: 0.01}}, "
                            "attention: {kind: attention, count: 1, optimiser: {rate: 0.01}}}", "--set", "projections.codes.to=attention.*",
                            "--set", "projections.context.from=attention.0")
        for mine, theirs in (("V.?", "V.?"), ("attention", "attention.0")):
            a, b = self.state(star, mine), self.state(group, theirs)
            self.assertTrue(all(a[name].tobytes() == b[name].tobytes() for name in a))

    def test_the_same_bits_on_any_ranks(self):
        for variant, regions in (("two", 8), ("sparse", 9), ("late", 9)):
            with self.subTest(variant):
                reference = self.run_it("single", SHARDS, variant)
                self.assert_equal_runs(reference, self.run_it("full", SHARDS, variant, ranks=regions))
                self.assert_equal_runs(reference, self.run_it("reverse", SHARDS, variant, "--place", "reverse", ranks=regions))
                for ranks in (2, 3, 5):
                    self.assert_equal_runs(reference, self.run_it(f"ranks-{ranks}", SHARDS, variant, "--ranks", str(ranks), ranks=ranks))

    def test_only_what_is_read_crosses(self):
        """Of six cortices 22 units: each shard gets two views of its own and one view of each far region, each cortex its columns."""
        batch, steps, units = 16, 40, 22
        for variant, far in (("one", 0), ("three", 2 * units), ("sparse", None)):
            with self.subTest(variant):
                run = self.run_it(variant, SHARDS, variant)
                ledger = summary(run)["ledger"]
                edges = {"one": 12, "three": 6 * 3 + 6, "sparse": 6 + 3 + 6}[variant]
                self.assertEqual(ledger["messages"], steps * edges)
                if far is not None:
                    self.assertEqual(ledger["bytes"], 4 * steps * (batch * (2 * units + far) + (batch + 1) * units))

    def test_stopped_and_resumed_on_other_ranks(self):
        reference = self.run_it("whole", SHARDS, "late")
        stopped = self.stopped(SHARDS, "late", ranks=(1, 9, 1, 1, 1, 2, 1, 1, 1, 5), regions=9, least=11)
        self.assert_equal_runs(reference, stopped)
