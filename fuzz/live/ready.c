/* A component that says it serves may still refuse calls as UNAVAILABLE, until it has found the others: it does not
 * know yet who may call it. A case that is run then shows nothing. So before the first one each component is asked for
 * something that changes nothing, until it answers otherwise. */
#include "fuzz/live/engine.h"

#include "wire/grpc.h"

#define READY_WITHIN                                                                                                   \
    ((uint64_t)(5 * SECOND)) /* for all; one that always answers UNAVAILABLE is not waited for longer */
#define READY_PAUSE ((uint64_t)(20 * MILLISECOND))

/* A method of it that only reads and takes one message; NULL: none is known. */
static const struct pb_method *harmless(struct engine *e, const struct target_component *c)
{
    const struct sequence_graph *g = maker_graph(e->maker);
    for (size_t i = 0; i < g->method_count; i++) {
        const struct method_tally *m = engine_tally(e, g->methods[i].method);
        bool reads = g->methods[i].role == ROLE_READ || g->methods[i].role == ROLE_LIST;
        if (reads && m != NULL && m->component == c && !m->method->client_streaming && !m->method->server_streaming)
            return m->method;
    }
    return NULL;
}

static int add(struct fuzz_case *c, uint8_t kind, const char *name)
{
    int rc = fuzz_case_add(c, &(struct fuzz_event){.kind = kind}, name ? bytes_of(name) : BYTES_NONE, BYTES_NONE);
    return rc < 0 ? rc : 0;
}

static bool is_unavailable(struct engine *e, const struct pb_method *m)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    bool unavailable = add(&c, EVENT_CALL, m->path) == 0 && add(&c, EVENT_MESSAGE, NULL) == 0 &&
                       add(&c, EVENT_HALF_CLOSE, NULL) == 0 && add(&c, EVENT_AWAIT, NULL) == 0 &&
                       engine_run_alone(e, &c, &t) == 0 && t.calls.count == 1 &&
                       t.calls.items[0].status == GRPC_UNAVAILABLE;
    fuzz_trace_deinit(&t);
    fuzz_case_deinit(&c);
    return unavailable;
}

void engine_get_ready(struct engine *e)
{
    uint64_t end = world_now(e->target->world) + READY_WITHIN;
    for (size_t i = 0; i < e->target->component_count; i++) {
        const struct pb_method *m = harmless(e, &e->target->components[i]);
        while (m != NULL && !engine_ends(e) && world_now(e->target->world) < end && is_unavailable(e, m))
            if (world_sleep(e->target->world, READY_PAUSE) != 0)
                return;
    }
}
