/* regions/layers/relay.h - a few learnt mixtures of all inputs, for a bank whose units read a few values each (sparse.h).
 *
 *     r_g = sum_j m_gj x_j, and unit u reads r_g without its own input o: r_ug = r_g - m_go x_o
 * A unit's network stays as small as its reads, and knows of all inputs what their mixtures keep: what many of them share. The mixtures are
 * made once for all units. What a unit must not see is taken out by its last read, which is its own input, and whose weight is not learnt:
 * w1_(uh,last) = - sum_g w1_(uh,g) m_go. So a unit's reads end in the G mixtures, rows D ... D+G-1 of x, and its own row. */
#ifndef CAL_REGIONS_LAYERS_RELAY_H
#define CAL_REGIONS_LAYERS_RELAY_H

#include "regions/layers/sparse.h"

struct cal_relay {
    int values, inputs, own; /* G; D; unit u's own input is own + u */
    float *m, *g_m;          /* (G,D) and its gradient */
    float *d;                /* (G,P) scratch: gradient in the mixtures */
};

/* The weights of one forward pass. */
struct cal_relay_tape {
    float *m;  /* (G,D) */
    float *w1; /* (U,H,K) of the bank */
};

/* Declare "relay", its gradient and moments. */
void cal_relay_declare(struct cal_relay *k, int values, int inputs, int own, int pitch, struct cal_layout *l, struct cal_optim *o);
void cal_relay_declare_tape(const struct cal_relay *k, const struct cal_sparse *s, struct cal_relay_tape *t, struct cal_layout *l);
/* Xavier-normal m; the last G + 1 of the reads of each unit of s. */
void cal_relay_init(struct cal_relay *k, struct cal_sparse *s, uint32_t seed, int owner);
/* Before the bank's forward pass: rows D ... of x (D+G,P) from those before, and the weights that blind each unit to itself. */
void cal_relay_forward(const struct cal_relay *k, struct cal_sparse *s, struct cal_relay_tape *t, int pitch, float *x);
/* After the bank's backward pass, whose dz (U,H,P) is on its tape: the gradient of m, and those of the bank's weights made right. x as it
 * was, mixtures included. */
void cal_relay_backward(struct cal_relay *k, struct cal_sparse *s, const struct cal_relay_tape *t, int pitch, const float *x,
                        const float *dz);
/* Rows D ... of x once more, with the mixtures of that forward pass. */
void cal_relay_again(const struct cal_relay *k, const struct cal_relay_tape *t, int pitch, float *x);

#endif
