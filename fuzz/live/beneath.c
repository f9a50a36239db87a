#include "fuzz/live/beneath.h"

#include "base/units.h"
#include "fuzz/case/path.h"
#include "fuzz/sequence/link.h"
#include "wire/grpc.h"

#include <stdlib.h>
#include <string.h>

#define ASK_TIME     ((uint64_t)SECOND)
#define FIRST_LOOK   1000 /* cases; then each time there are LOOKS_APART times as many */
#define LOOKS_APART  4
#define WORD_LONGEST 24 /* bytes */

/* ---- the contract ----------------------------------------------------------------------------------------------- */

static const char *name_of(const struct sequence_leaf *l)
{
    return sequence_leaf_field(l)->name;
}

static bool is_text(const struct sequence_leaf *l)
{
    enum pb_kind kind = sequence_leaf_field(l)->kind;
    return kind == PB_STRING || kind == PB_BYTES;
}

/* In one message. */
static bool side_by_side(const struct sequence_leaf *a, const struct sequence_leaf *b)
{
    if (a->depth != b->depth)
        return false;
    for (size_t i = 0; i + 1 < a->depth; i++)
        if (a->fields[i] != b->fields[i])
            return false;
    return true;
}

/* The bytes `value`, and what they are known by. */
static bool find_pair(const struct sequence_shape *s, const char *key_name, const char *value_name, int *key,
                      int *value)
{
    for (size_t v = 0; v < s->count; v++) {
        const struct sequence_leaf *l = &s->leaves[v];
        if (sequence_leaf_field(l)->kind != PB_BYTES || (value_name && strcmp(name_of(l), value_name) != 0))
            continue;
        for (size_t k = 0; k < s->count; k++) {
            const struct sequence_leaf *other = &s->leaves[k];
            if (k == v || !is_text(other) || !side_by_side(l, other) || !sequence_class_names_one(other->class) ||
                (key_name && strcmp(name_of(other), key_name) != 0))
                continue;
            *key = (int)k;
            *value = (int)v;
            return true;
        }
    }
    return false;
}

static int find_leaf(const struct sequence_shape *s, const char *name, enum pb_kind kind)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(name_of(&s->leaves[i]), name) == 0 &&
            (kind == 0 ? is_text(&s->leaves[i]) : sequence_leaf_field(&s->leaves[i])->kind == kind))
            return (int)i;
    return -1;
}

static bool find_writer(const struct sequence_graph *g, struct beneath_store *s)
{
    const struct sequence_shape *reply = sequence_output(g, (size_t)s->read);
    const struct pb_method *read = g->methods[s->read].method;
    for (size_t i = 0; i < g->method_count; i++) {
        const struct sequence_method *m = &g->methods[i];
        bool writes = m->upsert || m->role == ROLE_CREATE || m->role == ROLE_UPDATE;
        if (!writes || m->method->service != read->service || m->method->client_streaming ||
            !find_pair(sequence_input(g, i), name_of(&reply->leaves[s->key]), name_of(&reply->leaves[s->value]),
                       &s->write_key, &s->write_value))
            continue;
        s->write = (int)i;
        return true;
    }
    return false;
}

static void find_contexts(const struct sequence_graph *g, struct beneath_store *s)
{
    const struct sequence_shape *read = sequence_input(g, (size_t)s->read),
                                *write = sequence_input(g, (size_t)s->write);
    for (size_t i = 0; i < read->count && s->context_count < BENEATH_CONTEXTS; i++) {
        if (read->leaves[i].class != CLASS_CONTEXT || sequence_leaf_field(&read->leaves[i])->kind != PB_STRING)
            continue;
        s->contexts[s->context_count] = (int)i;
        s->write_contexts[s->context_count++] = find_leaf(write, name_of(&read->leaves[i]), PB_STRING);
    }
}

bool beneath_find(const struct sequence_graph *g, struct beneath_store *out)
{
    for (size_t i = 0; i < g->method_count; i++) {
        const struct sequence_method *m = &g->methods[i];
        *out = (struct beneath_store){.read = (int)i};
        if ((m->role != ROLE_READ && m->role != ROLE_LIST) || m->method->client_streaming ||
            m->method->server_streaming || !find_pair(sequence_output(g, i), NULL, NULL, &out->key, &out->value) ||
            !find_writer(g, out))
            continue;
        const struct sequence_shape *request = sequence_input(g, i);
        out->read_key = find_leaf(request, name_of(&sequence_output(g, i)->leaves[out->key]), 0);
        out->begins = find_leaf(request, "prefix", PB_BOOL);
        out->ends = find_leaf(request, "suffix", PB_BOOL);
        if (out->read_key < 0)
            continue;
        find_contexts(g, out);
        return true;
    }
    return false;
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

bool beneath_put(const struct sequence_shape *request, int leaf, struct bytes text, struct text *message)
{
    struct fuzz_path path;
    struct text changed = TEXT_INIT;
    const struct fuzz_value v = fuzz_value_text(text);
    if (leaf < 0)
        return false;
    sequence_leaf_path(&request->leaves[leaf], request->leaves[leaf].depth, &path);
    bool ok = fuzz_path_put(&path, request->type, text_bytes(message), &v, &changed) == 0 && text_ok(&changed);
    if (ok) {
        text_clear(message);
        text_add(message, changed.data, changed.len);
    }
    text_deinit(&changed);
    return ok && text_ok(message);
}

bool beneath_read(const struct sequence_graph *g, const struct beneath_store *s, const struct beneath_place *place,
                  struct bytes key, struct text *message)
{
    const struct sequence_shape *request = sequence_input(g, (size_t)s->read);
    bool ok = true;
    text_clear(message);
    if (key.len > 0)
        ok = beneath_put(request, s->read_key, key, message);
    else if (s->begins >= 0)
        ok = beneath_put(request, s->begins, bytes_of("1"), message);
    for (size_t i = 0; ok && i < s->context_count; i++)
        if (place->names[i] && place->names[i][0])
            ok = beneath_put(request, s->contexts[i], bytes_of(place->names[i]), message);
    return ok;
}

static bool ask(struct engine *e, const struct pb_method *m, struct bytes message, struct rpc_answer *out)
{
    const struct target_component *c = target_serving(e->target, m->service->full_name);
    struct rpc_channel *channel;
    const struct rpc_request request = {.path = m->path,
                                        .metadata = target_metadata(e->target),
                                        .timeout = ASK_TIME,
                                        .wait_for_ready = true,
                                        .message = message,
                                        .has_message = true};
    *out = (struct rpc_answer){0};
    return c != NULL && !engine_ends(e) && target_channel(e->target, c, &channel, NULL) == 0 &&
           rpc_unary_wait(e->target->world, channel, &request, out, NULL) == 0 && out->reply.status == GRPC_OK;
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

typedef bool record_function(void *arg, const struct beneath_place *place, struct bytes key, struct bytes value);

struct walk {
    struct engine *engine;
    const struct sequence_graph *graph;
    const struct beneath_store *store;
    record_function *one;
    void *arg;
    struct arena arena; /* names of places */
    struct beneath_place place;
    size_t places;
    bool over;
};

struct names {
    const char **items;
    size_t count, max;
    struct arena *arena;
};

static bool take_name(void *arg, struct bytes value)
{
    struct names *n = arg;
    const char *name = value.len > 0 ? arena_string_n(n->arena, (const char *)value.data, value.len) : NULL;
    if (name)
        n->items[n->count++] = name;
    return n->count == n->max;
}

/* "tables" of "table". */
static const struct sequence_leaf *listed(const struct sequence_shape *reply, const struct sequence_leaf *own)
{
    for (size_t i = 0; i < reply->count; i++) {
        const struct sequence_leaf *l = &reply->leaves[i];
        if (l->repeated && l->last_word == own->last_word && sequence_leaf_field(l)->kind == PB_STRING)
            return l;
    }
    return NULL;
}

/* The method that lists what the context's field may be, fed with the places chosen so far. */
static size_t list_places(struct walk *w, size_t context, const char **names, size_t max)
{
    const struct sequence_graph *g = w->graph;
    const struct beneath_store *s = w->store;
    const struct sequence_leaf *own = &sequence_input(g, (size_t)s->read)->leaves[s->contexts[context]];
    struct names found = {.items = names, .max = max, .arena = &w->arena};
    for (size_t i = 0; i < g->method_count && found.count == 0; i++) {
        const struct sequence_method *m = &g->methods[i];
        const struct sequence_leaf *leaf = listed(sequence_output(g, i), own);
        if (!leaf || m->role != ROLE_LIST || m->method->client_streaming || m->method->server_streaming ||
            m->method->service != g->methods[s->read].method->service)
            continue;
        struct text message = TEXT_INIT;
        struct rpc_answer answer = {0};
        for (size_t k = 0; k < context; k++) {
            const struct sequence_shape *request = sequence_input(g, i);
            const char *name = name_of(&sequence_input(g, (size_t)s->read)->leaves[s->contexts[k]]);
            if (w->place.names[k][0])
                (void)beneath_put(request, find_leaf(request, name, PB_STRING), bytes_of(w->place.names[k]), &message);
        }
        if (ask(w->engine, m->method, text_bytes(&message), &answer))
            (void)sequence_leaf_each(leaf, answer.reply.body, take_name, &found);
        rpc_answer_deinit(&answer);
        text_deinit(&message);
    }
    return found.count;
}

/* The records of a reply: the messages that the key and the value stand in, one by one. */
static void show_records(struct walk *w, struct bytes reply)
{
    const struct sequence_shape *shape = sequence_output(w->graph, (size_t)w->store->read);
    const struct sequence_leaf *key = &shape->leaves[w->store->key], *value = &shape->leaves[w->store->value];
    struct fuzz_path path;
    sequence_leaf_path(key, key->depth, &path);
    for (uint32_t i = 0; !w->over; i++) {
        struct fuzz_value k, v;
        struct fuzz_path other;
        sequence_leaf_path(value, value->depth, &other);
        for (size_t step = 0; step + 1 < path.count; step++)
            if (key->fields[step]->repeated)
                path.steps[step].index = other.steps[step].index = i;
        if (fuzz_path_get(&path, shape->type, reply, &k, 1) != 1)
            return;
        bool held = fuzz_path_get(&other, shape->type, reply, &v, 1) == 1;
        w->over = !w->one(w->arg, &w->place, k.bytes, held ? v.bytes : BYTES_NONE);
        if (!key->repeated)
            return;
    }
}

static void visit(struct walk *w)
{
    struct text message = TEXT_INIT;
    struct rpc_answer answer = {0};
    if (beneath_read(w->graph, w->store, &w->place, BYTES_NONE, &message) &&
        ask(w->engine, w->graph->methods[w->store->read].method, text_bytes(&message), &answer))
        show_records(w, answer.reply.body);
    rpc_answer_deinit(&answer);
    text_deinit(&message);
    w->over |= ++w->places >= BENEATH_PLACES;
}

/* As deep as there are contexts. What goes without saying first. */
static void choose(struct walk *w, size_t context)
{
    if (context == w->store->context_count) {
        visit(w);
        return;
    }
    const char *names[BENEATH_PLACES];
    size_t count = list_places(w, context, names, BENEATH_PLACES);
    w->place.names[context] = "";
    for (size_t i = 0; i <= count && !w->over && !engine_ends(w->engine); i++) {
        choose(w, context + 1);
        w->place.names[context] = i < count ? names[i] : "";
    }
}

void beneath_each(struct engine *e, const struct beneath_store *s, record_function *one, void *arg)
{
    struct walk w = {.engine = e, .graph = maker_graph(e->maker), .store = s, .one = one, .arg = arg};
    choose(&w, 0);
    arena_deinit(&w.arena);
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static void keep_word(struct beneath *b, struct bytes word)
{
    char text[WORD_LONGEST + 1];
    if (word.len == 0 || word.len > WORD_LONGEST || b->words.count == BENEATH_WORDS ||
        memchr(word.data, '\\', word.len) || memchr(word.data, '\0', word.len))
        return;
    memcpy(text, word.data, word.len);
    text[word.len] = '\0';
    const char *kept = map_get(&b->seen, text) ? NULL : arena_string(&b->arena, text);
    if (kept && map_put(&b->seen, kept, b))
        (void)array_push(&b->words, kept);
}

/* Names of members, wherever they are in the JSON: what stands in quotes before a colon. */
static bool take_words(void *arg, const struct beneath_place *place, struct bytes key, struct bytes value)
{
    struct beneath *b = arg;
    (void)place;
    (void)key;
    if (value.len == 0 || (value.data[0] != '{' && value.data[0] != '['))
        return true;
    const char *at = (const char *)value.data, *end = at + value.len;
    while ((at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        const char *from = ++at;
        while (at < end && *at != '"')
            at += *at == '\\' && at + 1 < end ? 2 : 1;
        if (at >= end)
            break;
        if (++at < end && *at == ':')
            keep_word(b, BYTES(from, (size_t)(at - 1 - from)));
    }
    return b->words.count < BENEATH_WORDS;
}

bool beneath_due(const struct engine *e)
{
    return !e->options.filter && e->summary->cases >= (e->beneath.next ? e->beneath.next : FIRST_LOOK);
}

void beneath_look(struct engine *e)
{
    struct beneath_store store;
    e->beneath.next = (e->beneath.next ? e->beneath.next : FIRST_LOOK) * LOOKS_APART;
    if (!beneath_find(maker_graph(e->maker), &store)) {
        e->beneath.next = INT64_MAX;
        return;
    }
    beneath_each(e, &store, take_words, &e->beneath);
    sequence_use_stored(maker_sequence(e->maker), e->beneath.words.items, e->beneath.words.count);
}

void beneath_deinit(struct beneath *b)
{
    array_deinit(&b->words);
    map_deinit(&b->seen);
    arena_deinit(&b->arena);
    *b = (struct beneath){.next = 0};
}
