/* regions/layers/sight.h - a picture as values to read: for the kinds that look at it without convolutions. */
#ifndef CAL_REGIONS_LAYERS_SIGHT_H
#define CAL_REGIONS_LAYERS_SIGHT_H

#include "regions/region.h"

/* What there is to read of a value x of the picture: channel j is x_j; with ON and OFF, channel D + j is 1 - x_j. */
enum cal_channels { CAL_ON, CAL_ON_OFF };
extern const char *const cal_channel_names[];
#define CAL_CHANNELS_HELP "what there is to read: each value x of the picture, or x and 1 - x"

extern const char *const cal_sight_takes[]; /* takes_drive */

/* The picture that the region's one drive brings; NULL, with CAL_EUSAGE failed, where it has another number of drives or none brings one. */
const struct cal_slice *cal_sight_check(const struct cal_region *r);
/* The number of the slice that is the picture. */
int cal_sight_slice(const struct cal_rep_spec *spec);
static inline int cal_sight_channels(int channels, int inputs)
{
    return channels == CAL_ON_OFF ? 2 * inputs : inputs;
}

#endif
