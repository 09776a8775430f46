# tests/test_bmtk.py - other people's readers read our frame reports: BMTK and h5py, the report and the master of links.
#
# test_bmtk.py TEST_SONATA     the built tests/test_sonata, which writes a report of known values when given two file names
# test_bmtk.py REPORT.h5       any report, whose data must be what h5py finds in the file
# Exit code 77: BMTK is not installed.
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
    from bmtk.utils.reports.compartment import CompartmentReport
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

UNITS, ROWS_PER_STEP, STEPS, POPULATION = 5, 6, 50, "V.3"  # as in test_sonata.c


def check_with_bmtk(path, population, expected):
    """The report at path, as BMTK sees it, is `expected` (frames, units)."""
    reader = CompartmentReport.load(path)
    frames, units = expected.shape
    assert reader.populations == [population], reader.populations
    assert list(reader.node_ids(population=population)) == list(range(units))
    assert reader[population].n_steps() == frames
    assert reader.tstart(population=population) == 0.0 and reader.tstop(population=population) == frames
    assert reader.dt(population=population) == 1.0
    assert list(reader.element_pos(population=population)) == [0.0] * units
    assert list(reader.element_ids(population=population)) == [0] * units
    assert reader.units(population=population) and reader.variable(population=population)
    np.testing.assert_array_equal(reader.data(population=population), expected)
    for unit in (0, units - 1):
        column = reader.data(node_id=unit, population=population).reshape(frames)
        np.testing.assert_array_equal(column, expected[:, unit])
    middle = reader.data(population=population, time_window=(frames // 2, frames))
    np.testing.assert_array_equal(middle, expected[frames // 2 :])


def check_with_h5py(path, expected):
    """The types that the format asks for, and that other readers insist on."""
    with h5py.File(path, "r") as f:
        assert f.attrs["magic"] == 0x0A7A and f.attrs["magic"].dtype == np.uint32
        assert list(f.attrs["version"]) == [0, 1] and f.attrs["version"].dtype == np.uint32
        assert list(f) == ["report"] and list(f["report"]) == [POPULATION]
        report = f["report"][POPULATION]
        mapping = report["mapping"]
        assert report["data"].dtype == np.dtype("<f4") and report["data"].maxshape == (None, UNITS)
        assert report["data"].attrs["units"] == "1" and report["data"].attrs["variable"] == "code"
        assert report["data"].attrs["rows_per_step"] == ROWS_PER_STEP
        assert mapping["node_ids"].dtype == np.uint64 and mapping["node_ids"].attrs["sorted"] == 1
        assert mapping["node_ids"].attrs["sorted"].dtype == np.uint8
        assert mapping["index_pointers"].dtype == np.uint64 and mapping["index_pointers"].shape == (UNITS + 1,)
        assert mapping["index_pointer"] == mapping["index_pointers"]  # one object, two names
        assert mapping["element_ids"].dtype == np.uint32 and mapping["element_pos"].dtype == np.float32
        assert list(mapping["time"]) == [0.0, len(expected), 1.0] and mapping["time"].attrs["units"] == "ms"


def check_master(path, expected):
    with h5py.File(path, "r") as f:
        np.testing.assert_array_equal(f["report"][POPULATION]["data"][()], expected)
        assert isinstance(f["report"].get(POPULATION, getlink=True), h5py.ExternalLink)


def check_written_by(program):
    frame, unit = np.mgrid[0 : STEPS * ROWS_PER_STEP, 0:UNITS].astype(np.float32)
    expected = frame * 0.5 - unit * 1000
    with tempfile.TemporaryDirectory() as folder:
        report, master = os.path.join(folder, "probe.V.3.code.h5"), os.path.join(folder, "probe.code.h5")
        subprocess.run([program, report, master], check=True)
        check_with_h5py(report, expected)
        check_with_bmtk(report, POPULATION, expected)
        moved = os.path.join(folder, "elsewhere")
        os.mkdir(moved)
        for path in (report, master):
            os.rename(path, os.path.join(moved, os.path.basename(path)))
        check_master(os.path.join(moved, "probe.code.h5"), expected)
        check_with_bmtk(os.path.join(moved, "probe.code.h5"), POPULATION, expected)


def check_any(path):
    with h5py.File(path, "r") as f:
        (population,) = f["report"]
        stop = int(f["report"][population]["mapping/time"][1])
        expected = f["report"][population]["data"][:stop]
    check_with_bmtk(path, population, expected)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: test_bmtk.py TEST_SONATA | REPORT.h5")
    (check_any if sys.argv[1].endswith(".h5") else check_written_by)(sys.argv[1])
    print("ok")
