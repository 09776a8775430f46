"""The program on small experiments: the same bits wherever regions live and across a kill, and a plain end whatever goes wrong.

usage: test_runs.py CALLOSUM [CLASS[.test] ...]; the classes are in runs/"""

import unittest

from runs.columns import Columns  # noqa: F401
from runs.failures import BadInput, OneRankFails, Ranks  # noqa: F401
from runs.lossy import Lossy  # noqa: F401
from runs.placement import Delays, Placement  # noqa: F401
from runs.populations import Populations  # noqa: F401
from runs.program import Commands, Memory  # noqa: F401
from runs.resume import Resume, Signals  # noqa: F401
from runs.shards import Shards  # noqa: F401
from runs.stages import Recorded, Stages  # noqa: F401
from runs.windows import Windows  # noqa: F401

if __name__ == "__main__":
    unittest.main()
