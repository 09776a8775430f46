/* analysis/video.h - what the codes and predictions of a run in time hold of the world, and how long they hold it where the world is off.
 *
 * Applies where the world has windows and shows one picture a frame, `image`, and a phase in which nobody learns recorded `p` of each split, the training
 * one as well as the held-out one. A phase that is blind from some frame on (`blind_from`) is measured as a blind one, another that recorded `e` as a
 * perceiving one; of several the last that ran. Everything is fitted on training sequences and scored on held-out ones. The target is the latest frame
 * of the stack, normalised error is as in analysis/decoder.h. Codes of all regions that recorded them count as one.
 *
 * Perceiving, every other frame from 20 on, x one of e, p, g:
 *   mlp_x, ridge_x          error of the frame, by a network and by a straight line
 *   road_x                  of the road mask, by a network (where the world offers `road`)
 *   low_x                   of the means over blocks of 8 x 8 pixels, by a network
 *   curvature_r2            share of the variance of the road's curvature at the car that ridge regression reads from g (where the world offers it)
 *   redundancy, code_mean   of the codes e of the units (analysis/linear.h): the mean squared canonical correlation of pairs, the largest |mean|
 *   gain, gain_random, gain_trained    L - L_control (analysis/adversary.h): of the run's own attention, of freshly drawn ones, and of fresh
 *                           ones after 30 updates on the training sequences' codes (where every frame of a window was recorded)
 * Blind, frames up to 63, decoded from p by a network that was fitted on the predictions of the blind phase of the training sequences, while
 * they see and while they do not; the mean over sequences makes a frame's error:
 *   blind_better            frames in which the error is less than that of the training mean image and that of the last frame seen
 *   blind_better_5          by at least 5 % of the error of the mean image
 *   blind_first             frames in a row in which it is, counted from the second blind one on; the first one is nearly the last one seen
 *   blind_mean              error over that of the mean image, mean over frames
 *   blind_road_...          the same of the road mask, but for `first`: the last mask seen is hard to beat for some frames
 *
 * DIR/figures/video.h5, for the report. F frames from the first predicted one to 63; n of the g vector; H x W pixels:
 *   frame (F) int64, attribute blind_from      number in the window
 *   curve (F,3), curve_road (F,3) float64      normalised error of the prediction, the training mean image, the last frame seen (NaN before blind)
 *   truth, generated (3,F,H,W) float32         of the first held-out sequences
 *   g (R,n), sequence (R), curvature (R), car (R,5) float32    of all frames from 20 on of the perceiving held-out phase; what the world does not
 *                                              offer is left out
 *   g_window, g_frame (R) int64                which window (turn x B + row) and which frame of it */
#ifndef CAL_ANALYSIS_VIDEO_H
#define CAL_ANALYSIS_VIDEO_H

#include "analysis/dump.h"
#include "analysis/measures.h"

/* Local. Errors: CAL_EINPUT, CAL_ENUMERICS, CAL_EIO. */
int cal_video_measure(struct cal_dump *d, struct cal_measures *m);

#endif
