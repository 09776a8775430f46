/* analysis/figure.h - a file that the report draws from, in a run's folder. */
#ifndef CAL_ANALYSIS_FIGURE_H
#define CAL_ANALYSIS_FIGURE_H

/* Write DIR/figures/NAME by write(path, of), under another name first, so that a kill leaves no half a file. Local.
 * Errors: write's, CAL_EIO. */
int cal_figure_write(const char *dir, const char *name, int (*write)(const char *path, const void *of), const void *of);

#endif
