/* analysis/sheet.h - the sheet of preferred stimuli: what each cortex unit of a finished run likes to see, for the report to draw. */
#ifndef CAL_ANALYSIS_SHEET_H
#define CAL_ANALYSIS_SHEET_H

/* Write DIR/figures/preferred.h5: `sheet` (units, height, width) float32 of all cortex regions in region order, with attributes
 * `regions` (names, a blank between), `method`, `starts`, `steps` and `seed`; and `units`, how many each region has. A run without
 * cortex regions, or whose regions see pictures of several sizes or colours, gets none. Local.
 * Errors: CAL_EINPUT (no checkpoint, or a damaged one), CAL_EUSAGE (used.yml), CAL_EIO. */
int cal_sheet_write(const char *dir);

#endif
