/* experiments/stimuli/file.h - the world in a stimulus file: whole images, or patches cut from them (format: pictures.h). */
#ifndef CAL_EXPERIMENTS_STIMULI_FILE_H
#define CAL_EXPERIMENTS_STIMULI_FILE_H

#include "core/stimulus.h"

extern const struct cal_stimulus_ops cal_file_ops;

#endif
