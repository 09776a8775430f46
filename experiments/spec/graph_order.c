/* experiments/spec/graph_order.c - an order of all regions in which those come first that drive others in the same step. See graph_wiring.h.
 *
 * The next is always the lowest number whose drives have all been; where there is none, the lowest whose undelayed drives have. */
#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/graph_wiring.h"

/* Region numbers, the lowest on top. */
struct heap {
    int *item;
    int n;
};

static void push(struct heap *h, int x)
{
    int at = h->n++;
    for (; at > 0 && h->item[(at - 1) / 2] > x; at = (at - 1) / 2)
        h->item[at] = h->item[(at - 1) / 2];
    h->item[at] = x;
}

static int pop(struct heap *h)
{
    int top = h->item[0], x = h->item[--h->n], at = 0;
    for (int child = 1; child < h->n; child = 2 * at + 1) {
        child += child + 1 < h->n && h->item[child + 1] < h->item[child];
        if (h->item[child] >= x)
            break;
        h->item[at] = h->item[child];
        at = child;
    }
    h->item[at] = x;
    return top;
}

/* What every region waits for. */
struct queue {
    int *all, *undelayed; /* [region]: drives of regions that have not been yet */
    struct cal_outgoing drives;
    bool *done;
    struct heap ready, nearly;
};

static bool is_undelayed(const struct cal_experiment *e, int edge)
{
    return e->projection[e->edge[edge].projection].delay == 0;
}

static void begin(const struct cal_experiment *e, struct queue *q)
{
    size_t n = (size_t)e->n_regions;
    *q = (struct queue){.all = cal_alloc(n * sizeof(int)),
                        .undelayed = cal_alloc(n * sizeof(int)),
                        .done = cal_alloc(n * sizeof(bool)),
                        .ready.item = cal_alloc(n * sizeof(int)),
                        .nearly.item = cal_alloc(n * sizeof(int))};
    cal_outgoing_find(e, CAL_DRIVE, &q->drives);
    for (int i = 0; i < q->drives.first[n]; i++) {
        q->all[q->drives.to[i]]++;
        q->undelayed[q->drives.to[i]] += is_undelayed(e, q->drives.edge[i]);
    }
    for (int r = 0; r < e->n_regions; r++) {
        if (q->all[r] == 0)
            push(&q->ready, r);
        if (q->undelayed[r] == 0)
            push(&q->nearly, r);
    }
}

static void end(struct queue *q)
{
    cal_outgoing_finish(&q->drives);
    cal_free(q->all);
    cal_free(q->undelayed);
    cal_free(q->done);
    cal_free(q->ready.item);
    cal_free(q->nearly.item);
}

static int next(struct queue *q)
{
    struct heap *heaps[] = {&q->ready, &q->nearly};
    for (int i = 0; i < 2; i++)
        while (heaps[i]->n) {
            int r = pop(heaps[i]);
            if (!q->done[r])
                return r;
        }
    return -1;
}

/* Region r has been: who waited for it? */
static void tell(const struct cal_experiment *e, struct queue *q, int r)
{
    q->done[r] = true;
    for (int i = q->drives.first[r]; i < q->drives.first[r + 1]; i++) {
        int to = q->drives.to[i];
        if (--q->all[to] == 0)
            push(&q->ready, to);
        if (is_undelayed(e, q->drives.edge[i]) && --q->undelayed[to] == 0)
            push(&q->nearly, to);
    }
}

int cal_graph_find_order(const struct cal_experiment *e, int *order)
{
    struct queue q;
    int n = 0;
    begin(e, &q);
    for (int r = next(&q); r >= 0; r = next(&q)) {
        order[n++] = r;
        tell(e, &q, r);
    }
    end(&q);
    return n == e->n_regions
               ? CAL_OK
               : cal_fail(CAL_EUSAGE, "%s: the drives form a cycle without any delay; give one of its projections `delay: 1`", e->path);
}
