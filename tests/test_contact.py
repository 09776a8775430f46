"""analysis/contact.py, on files made here."""

import os
import sys
import tempfile
import unittest

import h5py
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "analysis"))
import contact


def write(path, images, **more):
    with h5py.File(path, "w") as file:
        file["image"] = images
        for name, values in more.items():
            file[name] = values
        file.attrs.update(kind="synthetic", split="held-out", seed=3)


class Sheet(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "dump.h5")
        self.addCleanup(contact.plt.close, "all")
        self.rng = np.random.default_rng(0)

    def test_labels_and_boxes_stand_on_their_tiles(self):
        boxes = np.tile(np.float32([0.5, 0.25, 0.5, 0.25]), (70, 1))
        write(self.path, self.rng.normal(size=(70, 3, 8, 16)).astype(np.float32), label=np.arange(70, dtype=np.float32), box=boxes)
        figure = contact.sheet(self.path)
        axis = figure.axes[0]
        self.assertEqual([text.get_text() for text in axis.texts], [str(n) for n in range(64)])
        self.assertEqual(axis.get_title(), "synthetic, held-out, seed 3: the first 64 samples, labels, boxes")
        last = axis.patches[-1]  # of tile 63, whose corner is at row 70, column 126: 8 + 2 and 16 + 2 apart
        self.assertEqual((last.get_x(), last.get_y(), last.get_width(), last.get_height()), (126 + 4 - 0.5, 70 + 1 - 0.5, 8, 2))
        self.assertEqual(axis.images[0].get_array().shape, (78, 142, 3))
        figure.canvas.draw()

    def test_tiles_show_the_pixels_channel_by_channel(self):
        images = self.rng.uniform(size=(5, 3, 4, 4)).astype(np.float32)
        images[0, :, 0, 0], images[0, :, 0, 1] = 0, 1  # standardising keeps least and greatest in their place
        write(self.path, (images - 0.4) / np.float32([0.1, 0.2, 0.3])[:, None, None])
        axis = contact.sheet(self.path).axes[0]
        np.testing.assert_allclose(axis.images[0].get_array()[:4, 24:28], np.moveaxis(images[4], 0, -1), atol=1e-5)
        self.assertEqual((len(axis.texts), len(axis.patches)), (0, 0))

    def test_one_channel_is_grey_and_a_flat_one_is_no_trouble(self):
        write(self.path, np.concatenate([np.zeros((1, 1, 4, 4)), np.ones((1, 1, 4, 4))]).astype(np.float32))
        picture = contact.sheet(self.path).axes[0].images[0].get_array()
        self.assertTrue((picture[:, :4] == 0).all() and (picture[:, 6:10] == 1).all())
        write(self.path, np.zeros((2, 3, 4, 4), np.float32))
        self.assertTrue(np.isfinite(contact.sheet(self.path).axes[0].images[0].get_array()).all())

    def test_of_windows_time_goes_from_left_to_right(self):
        images = np.zeros((15, 2, 4, 4), np.float32)  # 3 moments of 5 sequences; the latest frame is the last channel
        images[:, 1] = np.arange(15)[:, None, None]
        write(self.path, images)
        with h5py.File(self.path, "a") as file:
            file.attrs.update(window=9, rows=5, every=3)
        axis = contact.sheet(self.path).axes[0]
        picture = axis.images[0].get_array()
        self.assertEqual(picture.shape, (28, 16, 3))
        np.testing.assert_allclose(14 * picture[::6, ::6, 0], np.arange(15).reshape(3, 5).T, atol=1e-5)
        self.assertEqual(axis.get_title(), "synthetic, held-out, seed 3: 5 sequences, a row each, from left to right every 3 frames")


if __name__ == "__main__":
    unittest.main()
