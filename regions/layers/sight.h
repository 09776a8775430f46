/* regions/layers/sight.h - a picture as values to read: for the kinds that look at it without convolutions. */
#ifndef CAL_REGIONS_LAYERS_SIGHT_H
#define CAL_REGIONS_LAYERS_SIGHT_H

#include "regions/region.h"

/* What there is to read of a value x of the picture: channel j is x_j; with ON and OFF, channel D + j is 1 - x_j. */
enum cal_channels { CAL_ON, CAL_ON_OFF };
extern const char *const cal_channel_names[];
#define CAL_CHANNELS_HELP "what there is to read: each value x of the picture, or x and 1 - x"

extern const char *const cal_sight_takes[]; /* takes_drive */

/* The contrast response of a receptor, Naka and Rushton's: I^g / (I^g + I0^g) of an intensity I, which is logistic in log I, and values of pictures
 * are near to that. So x becomes r(x) = (1 + tanh(g (x - 1/2) / 2) / tanh(g / 4)) / 2: 0, 1/2 and 1 stay, what lies between is pushed apart, and
 * r(1 - x) = 1 - r(x). g = 0: r(x) = x.
 * Source: Naka, Rushton 1966, "S-potentials from luminosity units in the retina of fish". */
#define CAL_CONTRAST_MOST 40.0   /* above it pictures are black and white in float32 */
#define CAL_CONTRAST_LEAST 1e-2f /* below it a value stays as it is, within 1e-5 */
#define CAL_CONTRAST_HELP "how steep the response to a value between black and white is; 0: the value itself; values have to be from 0 to 1"

/* x[n] = r(x). */
void cal_sight_respond(float contrast, size_t n, float *x);
void cal_sight_respond_twin(float contrast, size_t n, double *x);
/* dr/dx where the response is r. */
float cal_sight_slope(float contrast, float r);

/* The picture that the region's one drive brings; NULL, with CAL_EUSAGE failed, where it has another number of drives or none brings one. */
const struct cal_slice *cal_sight_check(const struct cal_region *r);
/* The number of the slice that is the picture. */
int cal_sight_slice(const struct cal_rep_spec *spec);
static inline int cal_sight_channels(int channels, int inputs)
{
    return channels == CAL_ON_OFF ? 2 * inputs : inputs;
}

#endif
