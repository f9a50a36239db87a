/* Messages that contracts hold and no method takes: what is sent on a stream in a form its method does not show, as
 * acknowledgements are on streams that began with one request. A descriptor says no more of them than their name. */
#include "fuzz/sequence/graph_internal.h"

#include <stdlib.h>
#include <string.h>

/* "AckRequest", "Command": what somebody sends, and no part of another message. */
static bool is_sent(const struct pb_type *t)
{
    static const char *const ends[] = {"request", "ack", "acknowledgement", "nack", "command"};
    struct sequence_words w;
    sequence_words_of(t->name, &w);
    for (size_t i = 0; w.count > 0 && !t->map_entry && i < sizeof ends / sizeof ends[0]; i++)
        if (strcmp(w.word[w.count - 1], ends[i]) == 0)
            return true;
    return false;
}

static bool is_named(const struct pb_pool *pool, const struct pb_type *t)
{
    for (size_t i = 0; i < pb_service_count(pool); i++)
        for (size_t k = 0; k < pb_service_at(pool, i)->method_count; k++)
            if (pb_service_at(pool, i)->methods[k].input == t || pb_service_at(pool, i)->methods[k].output == t)
                return true;
    for (size_t i = 0; i < pb_type_count(pool); i++)
        for (size_t k = 0; k < pb_type_at(pool, i)->field_count; k++)
            if (pb_type_at(pool, i)->fields[k].message == t)
                return true;
    return false;
}

int graph_find_loose(struct sequence_graph *g)
{
    size_t count = 0;
    for (size_t i = 0; i < pb_type_count(g->pool); i++)
        count += is_sent(pb_type_at(g->pool, i));
    g->loose = calloc(count + 1, sizeof *g->loose);
    if (g->loose == NULL)
        return ERROR_MEMORY;
    for (size_t i = 0; i < pb_type_count(g->pool); i++) {
        const struct pb_type *t = pb_type_at(g->pool, i);
        if (!is_sent(t) || is_named(g->pool, t))
            continue;
        int rc = sequence_shape_of(t, &g->loose[g->loose_count]);
        if (rc != 0)
            return rc;
        g->loose_count++;
    }
    return 0;
}

const struct sequence_shape *sequence_loose(const struct sequence_graph *g, size_t method, size_t n)
{
    const char *package = g->methods[method].method->service->package;
    size_t len = strlen(package);
    for (size_t i = 0; i < g->loose_count; i++) {
        const struct pb_type *t = g->loose[i].type;
        bool same = strncmp(t->full_name, package, len) == 0 && strcmp(t->full_name + len + (len > 0), t->name) == 0 &&
                    (len == 0 || t->full_name[len] == '.');
        if (same && n-- == 0)
            return &g->loose[i];
    }
    return NULL;
}
