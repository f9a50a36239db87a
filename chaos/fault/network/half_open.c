#include "chaos/fault/network/network.h"

/* The component keeps its end; whoever is at the other one is reset. */
static void orphan_one(void *arg, struct proxy_link *l, bool calls)
{
    uint64_t *count = arg;
    *count += proxy_orphan(l, calls ? PROXY_UP : PROXY_DOWN);
}

static int inject(struct fault_injection *f, struct error *err)
{
    /* Its being taken away ends what was left half open. */
    const struct proxy_effect shape = {.deaf = true};
    int code = network_inject(f, &shape, NETWORK_HEARS, err);
    if (code != 0)
        return code;
    struct proxy_effect *e = f->state;
    (void)network_each(f, f->component, orphan_one, &e->hits);
    return e->hits > 0 ? 0 : error_set(err, ERROR_NOT_FOUND, "no connection to or from %s is open", f->component);
}

const struct chaos_fault fault_half_open = {
    NETWORK_FAULT,
    .name = "half-open",
    .summary = "the component's connections are gone for its peers, and it is not told",
    .inject = inject,
};
