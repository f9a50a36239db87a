#include "chaos/workload/members.h"

#include <stdlib.h>

struct members *members_new(const struct workload *w)
{
    return calloc((size_t)workload_keys(w), sizeof(struct members));
}

void members_free(struct members *m, const struct workload *w)
{
    for (int i = 0; m != NULL && i < workload_keys(w); i++)
        array_deinit(&m[i].in);
    free(m);
}

void members_added(struct members *m, struct workload_client *c)
{
    const struct operation *o = workload_operation(c);
    if (!array_push(&m[o->key].in, o->value))
        array_clear(&m[o->key].in); /* then they stay in */
}

bool members_take(struct members *m, struct workload *w, uint32_t key, int64_t *value)
{
    struct random *r = workload_random(w);
    size_t count = m[key].in.count;
    if (count == 0 || random_below(r, 2 * MEMBERS_SIZE) >= count)
        return false;
    size_t at = (size_t)random_below(r, count);
    *value = m[key].in.items[at];
    array_remove(&m[key].in, at);
    return true;
}
