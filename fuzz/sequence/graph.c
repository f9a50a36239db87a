#include "fuzz/sequence/graph_internal.h"

#include "wire/grpc.h"

#include <stdlib.h>
#include <string.h>

/* ---- methods ---- */

static bool is_wanted(const struct sequence_graph_options *o, const struct pb_method *m)
{
    if (o != NULL && o->wanted != NULL)
        return o->wanted(o->arg, m);
    return strncmp(m->service->full_name, "grpc.", 5) != 0;
}

/* Shapes are made once a type; looking for one goes over all, which is done twice a method at the start only. */
static int shape_for(struct sequence_graph *g, const struct pb_type *t, uint32_t *out)
{
    for (size_t i = 0; i < g->shape_count; i++)
        if (g->shapes[i].type == t) {
            *out = (uint32_t)i;
            return 0;
        }
    int rc = sequence_shape_of(t, &g->shapes[g->shape_count]);
    if (rc == 0)
        *out = (uint32_t)g->shape_count++;
    return rc;
}

/* The nouns of the method's name; without any, those of its service. */
static void find_resource(struct sequence_method *m, const struct sequence_words *name, size_t verb)
{
    static const char *const joints[] = {"to",   "from", "of",  "by", "for", "in",   "at",
                                         "with", "all",  "the", "a",  "and", "into", "on"};
    m->resource.count = 0;
    for (size_t i = 0; i < name->count; i++) {
        bool noun = i != verb;
        for (size_t k = 0; k < sizeof joints / sizeof joints[0]; k++)
            noun = noun && strcmp(name->word[i], joints[k]) != 0;
        if (noun)
            memcpy(m->resource.word[m->resource.count++], name->word[i], SEQUENCE_WORD_MAX);
    }
    if (m->resource.count == 0)
        sequence_words_of(m->method->service->name, &m->resource);
}

static bool lists_by_plural(const struct pb_method *m)
{
    size_t len = strlen(m->name);
    bool many = false;
    for (size_t i = 0; i < m->output->field_count; i++)
        many = many || (m->output->fields[i].repeated && !m->output->fields[i].map);
    return len > 2 && m->name[len - 1] == 's' && many;
}

static int add_method(struct sequence_graph *g, const struct pb_method *method)
{
    struct sequence_method *m = &g->methods[g->method_count];
    struct sequence_words name;
    size_t verb;
    m->method = method;
    sequence_words_of(method->name, &name);
    m->role = sequence_role_of(&name, &verb);
    if (m->role == ROLE_OTHER && lists_by_plural(method))
        m->role = ROLE_LIST;
    m->upsert = m->role == ROLE_CREATE && verb < name.count &&
                (strcmp(name.word[verb], "write") == 0 || strcmp(name.word[verb], "put") == 0 ||
                 strcmp(name.word[verb], "set") == 0 || strcmp(name.word[verb], "save") == 0 ||
                 strcmp(name.word[verb], "upsert") == 0 || strcmp(name.word[verb], "store") == 0 ||
                 strcmp(name.word[verb], "register") == 0);
    find_resource(m, &name, verb);
    int rc = shape_for(g, method->input, &m->input);
    if (rc == 0)
        rc = shape_for(g, method->output, &m->output);
    if (rc == 0 && !map_put(&g->by_path, method->path, (void *)(uintptr_t)(g->method_count + 1)))
        rc = ERROR_MEMORY;
    g->method_count += rc == 0;
    return rc;
}

static int add_methods(struct sequence_graph *g, const struct sequence_graph_options *options, struct error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < pb_service_count(g->pool); i++)
        for (size_t k = 0; k < pb_service_at(g->pool, i)->method_count; k++)
            count += is_wanted(options, &pb_service_at(g->pool, i)->methods[k]);
    if (count == 0)
        return error_set(err, ERROR_NOT_FOUND, "no method to call: the descriptors have none that is wanted");
    if (count > SEQUENCE_METHODS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu methods: the graph holds %d", count, SEQUENCE_METHODS_MAX);
    g->methods = calloc(count, sizeof *g->methods);
    g->shapes = calloc(2 * count, sizeof *g->shapes);
    if (g->methods == NULL || g->shapes == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < pb_service_count(g->pool); i++)
        for (size_t k = 0; k < pb_service_at(g->pool, i)->method_count; k++) {
            const struct pb_method *m = &pb_service_at(g->pool, i)->methods[k];
            if (is_wanted(options, m) && add_method(g, m) != 0)
                return error_set(err, ERROR_MEMORY, "out of memory");
        }
    for (size_t m = 0; m < g->method_count; m++)
        g->slot_count += sequence_input(g, m)->count;
    g->slots = calloc(g->slot_count + 1, sizeof *g->slots);
    if (g->slots == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    struct sequence_slot *next = g->slots;
    for (size_t m = 0; m < g->method_count; m++) {
        g->methods[m].slots = next;
        next += sequence_input(g, m)->count;
    }
    return 0;
}

/* ---- edges ---- */

/* Kept in order; among equals the first found stays in front, which goes by the order of the descriptors. One edge a
 * producer and kind is enough: its best. */
static void offer(struct sequence_graph *g, const struct sequence_edge *e)
{
    struct sequence_slot *slot = &g->methods[e->to].slots[e->to_leaf];
    for (size_t i = 0; i < slot->edge_count; i++) {
        struct sequence_edge *known = &slot->edges[i];
        if (known->from != e->from || known->kind != e->kind)
            continue;
        if (known->score >= e->score)
            return;
        memmove(known, known + 1, (slot->edge_count - i - 1) * sizeof *known);
        slot->edge_count--;
        g->edge_count--;
        break;
    }
    size_t at = slot->edge_count;
    while (at > 0 && slot->edges[at - 1].score < e->score)
        at--;
    if (at == SEQUENCE_EDGES_MAX)
        return;
    if (slot->edge_count == SEQUENCE_EDGES_MAX) {
        slot->edge_count--;
        g->edge_count--;
    }
    memmove(&slot->edges[at + 1], &slot->edges[at], (slot->edge_count - at) * sizeof slot->edges[0]);
    slot->edges[at] = *e;
    slot->edge_count++;
    g->edge_count++;
}

static void join(struct sequence_graph *g, const struct graph_end *from, size_t count, enum sequence_edge_kind kind,
                 const struct graph_end *to)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t reasons = 0;
        int score = graph_score(g, &from[i], kind, to, &reasons);
        if (score < SEQUENCE_SCORE_MIN)
            continue;
        offer(g, &(struct sequence_edge){.from = from[i].method,
                                         .to = to->method,
                                         .from_leaf = from[i].leaf,
                                         .to_leaf = to->leaf,
                                         .kind = (uint8_t)kind,
                                         .score = (int16_t)score,
                                         .reasons = reasons});
    }
}

static int find_edges(struct sequence_graph *g)
{
    struct graph_end *requests = NULL, *replies = NULL;
    size_t request_count = 0, reply_count = 0;
    int rc = graph_ends_of(g, true, &requests, &request_count);
    if (rc == 0)
        rc = graph_ends_of(g, false, &replies, &reply_count);
    for (size_t i = 0; rc == 0 && i < request_count; i++) {
        join(g, replies, reply_count, EDGE_REPLY, &requests[i]);
        join(g, requests, request_count, EDGE_REQUEST, &requests[i]);
    }
    free(requests);
    free(replies);
    return rc;
}

int sequence_graph_new(const struct pb_pool *pool, const struct sequence_graph_options *options,
                       struct sequence_graph **out, struct error *err)
{
    struct sequence_graph *g = calloc(1, sizeof *g);
    *out = NULL;
    if (g == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    g->pool = pool;
    int rc = add_methods(g, options, err);
    if (rc == 0) {
        rc = find_edges(g);
        if (rc == 0)
            rc = graph_find_loose(g);
        if (rc != 0)
            error_set(err, rc, "out of memory");
    }
    if (rc != 0) {
        sequence_graph_free(g);
        return rc;
    }
    *out = g;
    return 0;
}

void sequence_graph_free(struct sequence_graph *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->shape_count; i++)
        sequence_shape_deinit(&g->shapes[i]);
    for (size_t i = 0; i < g->loose_count; i++)
        sequence_shape_deinit(&g->loose[i]);
    free(g->loose);
    map_deinit(&g->by_path);
    free(g->shapes);
    free(g->methods);
    free(g->slots);
    free(g);
}

int sequence_graph_find_bytes(const struct sequence_graph *g, struct bytes path)
{
    return path.len > 0 ? (int)(uintptr_t)map_get_n(&g->by_path, path.data, path.len) - 1 : -1;
}

int sequence_graph_find(const struct sequence_graph *g, const char *path)
{
    return sequence_graph_find_bytes(g, bytes_of(path));
}

const struct sequence_leaf *sequence_edge_source(const struct sequence_graph *g, const struct sequence_edge *e)
{
    const struct sequence_shape *s = e->kind == EDGE_REPLY ? sequence_output(g, e->from) : sequence_input(g, e->from);
    return &s->leaves[e->from_leaf];
}

const struct sequence_leaf *sequence_edge_target(const struct sequence_graph *g, const struct sequence_edge *e)
{
    return &sequence_input(g, e->to)->leaves[e->to_leaf];
}

const struct sequence_edge *sequence_graph_edge(const struct sequence_graph *g, const char *from, const char *to)
{
    const struct sequence_edge *best = NULL;
    int p = sequence_graph_find(g, from), c = sequence_graph_find(g, to);
    if (p < 0 || c < 0)
        return NULL;
    for (size_t i = 0; i < sequence_input(g, (size_t)c)->count; i++) {
        const struct sequence_slot *slot = &g->methods[c].slots[i];
        for (size_t k = 0; k < slot->edge_count; k++)
            if (slot->edges[k].from == p && (best == NULL || slot->edges[k].score > best->score))
                best = &slot->edges[k];
    }
    return best;
}

bool sequence_same_resource(const struct sequence_graph *g, size_t a, size_t b)
{
    const struct sequence_method *x = &g->methods[a], *y = &g->methods[b];
    return sequence_words_shared(&x->resource, &y->resource) > 0;
}

/* ---- for people ---- */

static void explain(const struct sequence_graph *g, const struct sequence_edge *e, struct text *out)
{
    text_printf(out, "%s ", g->methods[e->from].method->path);
    text_puts(out, e->kind == EDGE_REPLY ? "reply " : "request ");
    sequence_leaf_print(sequence_edge_source(g, e), out);
    text_printf(out, " -> %s ", g->methods[e->to].method->path);
    sequence_leaf_print(sequence_edge_target(g, e), out);
    text_printf(out, ": %d =", e->score);
    int points = 0;
    for (size_t i = 0; i < graph_reason_count; i++)
        if (e->reasons >> i & 1) {
            text_printf(out, "%s%d %s", points != 0 ? ", " : " ", graph_reasons[i].points, graph_reasons[i].words);
            points += graph_reasons[i].points;
        }
    const struct sequence_leaf *to = sequence_edge_target(g, e);
    text_printf(out, "; %d %% for a value of sort \"%s\"", graph_weight(to, e->reasons),
                sequence_class_name(to->class));
    if (e->tried > 0)
        text_printf(out, "; worked in %u of %u", e->worked, e->tried);
    text_char(out, '\n');
}

void sequence_explain(const struct sequence_graph *g, const char *from, const char *to, struct text *out)
{
    int c = sequence_graph_find(g, to), p = from != NULL ? sequence_graph_find(g, from) : -1;
    bool any = false;
    for (size_t i = 0; c >= 0 && i < sequence_input(g, (size_t)c)->count; i++) {
        const struct sequence_slot *slot = &g->methods[c].slots[i];
        for (size_t k = 0; k < slot->edge_count; k++)
            if (from == NULL || slot->edges[k].from == p) {
                explain(g, &slot->edges[k], out);
                any = true;
            }
    }
    if (!any && c < 0)
        text_printf(out, "%s is not in the graph\n", to);
    else if (!any && from != NULL)
        text_printf(out, "nothing of %s was found to fit %s better than %d others\n", from, to, SEQUENCE_EDGES_MAX);
    else if (!any)
        text_printf(out, "nothing feeds %s\n", to);
}

void sequence_graph_print(const struct sequence_graph *g, struct text *out)
{
    for (size_t i = 0; i < g->method_count; i++) {
        const struct sequence_method *m = &g->methods[i];
        text_printf(out, "%s %s of", m->method->path, sequence_role_name(m->role));
        for (size_t k = 0; k < m->resource.count; k++)
            text_printf(out, " %s", m->resource.word[k]);
        text_printf(out, "; %u of %u calls OK", m->worked, m->tried);
        for (int s = 0; s <= GRPC_UNAUTHENTICATED; s++)
            if (m->statuses >> s & 1)
                text_printf(out, " %s", grpc_status_name(s));
        text_char(out, '\n');
    }
}
