/* Stored values damaged: what a service wrote through another one is changed there, and the service has to bear it. It
 * may refuse, and call it INTERNAL or DATA_LOSS; it may not crash, hang, or answer what does not decode.
 *
 * A kept sequence that makes something is run, and the records that were not there before, or said something else, are
 * its own. For each a case is made that runs the sequence, reads the record, writes it back damaged by a link, and
 * calls the methods of the service. Its key is what a reply or the place says, so that the case does it on any system.
 */
#include "fuzz/live/beneath.h"

#include "base/hash.h"
#include "fuzz/case/links.h"
#include "fuzz/sequence/check.h"
#include "fuzz/sequence/link.h"
#include "wire/grpc.h"

#include <inttypes.h>
#include <string.h>

#define PERCENT       10 /* of the campaign's cases, as many are made here */
#define LEAST         200
#define RECORDS_MAX   3  /* of a sequence */
#define DAMAGES       24 /* of a record */
#define FOLLOWERS_MAX 8  /* methods of the service that are asked behind it */
#define KEY_SHORTEST  4  /* bytes of what is looked for in a key */
#define SEEN_MAX      20000

struct written {
    struct beneath_place place; /* in the arena, as all of it */
    struct bytes key;
};

struct damage {
    struct engine *engine;
    const struct sequence_graph *graph;
    struct sequence *sequence;
    struct beneath_store store;
    struct map seen;    /* place and key to a hash of the value */
    struct arena arena; /* of what was seen */
    struct written fresh[RECORDS_MAX];
    size_t fresh_count;
    bool first; /* what is there is nobody's */
    struct fuzz_case c;
    struct fuzz_trace trace;
    struct text message;
    int64_t left; /* cases, for the present sequence */
    int64_t cases, sequences;
};

/* ---- what a sequence wrote -------------------------------------------------------------------------------------- */

static uint64_t hash_of(struct bytes b)
{
    return hash_add(HASH_START, b) | 1;
}

static struct bytes keep(struct arena *a, struct bytes b)
{
    const char *kept = arena_string_n(a, (const char *)b.data, b.len);
    return kept ? BYTES(kept, b.len) : BYTES_NONE;
}

static bool look_at(void *arg, const struct beneath_place *place, struct bytes key, struct bytes value)
{
    struct damage *d = arg;
    struct text name = TEXT_INIT;
    for (size_t i = 0; i < d->store.context_count; i++)
        text_printf(&name, "%s\n", place->names[i]);
    for (size_t i = 0; i < key.len; i++)
        text_printf(&name, "%02x", key.data[i]);
    uintptr_t now = (uintptr_t)hash_of(value), before = (uintptr_t)map_get(&d->seen, text_string(&name));
    if (now != before && text_ok(&name) && map_put(&d->seen, text_string(&name), (void *)now) && !d->first &&
        d->fresh_count < RECORDS_MAX && key.len > 0) {
        struct written *r = &d->fresh[d->fresh_count];
        *r = (struct written){.key = keep(&d->arena, key)};
        for (size_t i = 0; i < d->store.context_count; i++)
            r->place.names[i] = arena_string(&d->arena, place->names[i]);
        d->fresh_count += r->key.len > 0;
    }
    text_deinit(&name);
    return map_count(&d->seen) < SEEN_MAX;
}

static void look(struct damage *d)
{
    d->fresh_count = 0;
    beneath_each(d->engine, &d->store, look_at, d);
}

/* Of the sequence's calls, the last that makes something in another service; -1: none does. */
static int maker_of(const struct damage *d, const struct sequence_plan *plan)
{
    const struct pb_service *store = d->graph->methods[d->store.read].method->service;
    for (int i = plan->calls; i-- > 0;) {
        const struct sequence_method *m = &d->graph->methods[plan->call[i].method];
        if ((m->role == ROLE_CREATE || m->role == ROLE_UPDATE || m->upsert) && m->method->service != store)
            return plan->call[i].method;
    }
    return -1;
}

static bool build_sequence(struct damage *d, const struct sequence_plan *plan)
{
    fuzz_case_clear(&d->c);
    for (size_t i = 0; i < plan->calls; i++) {
        uint8_t sources[SEQUENCE_LEAVES_MAX];
        memcpy(sources, plan->call[i].source, sizeof sources);
        if (sequence_append(d->sequence, &d->c, plan->call[i].method, sources, 0) < 0)
            return false;
    }
    return true;
}

/* ---- the case --------------------------------------------------------------------------------------------------- */

/* Where a reply of the sequence has the key, or what it ends or begins with. False: nowhere. */
struct named {
    uint32_t call;
    const struct sequence_leaf *leaf;
    int flag; /* of the request that reads: the key is only a part; -1: it is whole */
};

static bool find_name(const struct damage *d, struct bytes key, struct named *out)
{
    for (uint32_t i = 0; i < d->trace.calls.count; i++) {
        const struct pb_method *m = d->trace.calls.items[i].method;
        int method = m ? sequence_graph_find(d->graph, m->path) : -1;
        struct bytes reply = sequence_reply(&d->trace, i, 0);
        for (size_t k = 0; method >= 0 && k < sequence_output(d->graph, (size_t)method)->count; k++) {
            const struct sequence_leaf *l = &sequence_output(d->graph, (size_t)method)->leaves[k];
            enum pb_kind kind = sequence_leaf_field(l)->kind;
            struct bytes value;
            if ((kind != PB_STRING && kind != PB_BYTES) || !sequence_leaf_get(l, reply, &value) ||
                value.len < KEY_SHORTEST || value.len > key.len)
                continue;
            bool ends = memcmp(key.data + key.len - value.len, value.data, value.len) == 0,
                 begins = memcmp(key.data, value.data, value.len) == 0;
            *out = (struct named){.call = i,
                                  .leaf = l,
                                  .flag = value.len == key.len ? -1
                                          : ends               ? d->store.ends
                                          : begins             ? d->store.begins
                                                               : -1};
            if ((ends || begins) && (value.len == key.len || out->flag >= 0))
                return true;
        }
    }
    return false;
}

/* The last event of the case is a call's message; `path` says what its leaf gets. */
static bool add_link(struct damage *d, uint32_t call, const struct sequence_leaf *from, const struct sequence_leaf *to,
                     unsigned damage)
{
    struct fuzz_path source, target;
    sequence_leaf_path(from, from->depth, &source);
    sequence_leaf_path(to, to->depth, &target);
    int at = fuzz_links_add(&d->c, d->c.events.count - 1, call, 0, &source, &target);
    if (at >= 0)
        d->c.events.items[at].flags |= (uint16_t)(damage << EVENT_LINK_DAMAGE_SHIFT);
    return at >= 0;
}

static bool add_call(struct damage *d, int method, uint32_t *call)
{
    *call = (uint32_t)fuzz_case_calls(&d->c);
    return fuzz_case_add(&d->c, &(struct fuzz_event){.kind = EVENT_CALL},
                         bytes_of(d->graph->methods[method].method->path), BYTES_NONE) >= 0 &&
           fuzz_case_add(&d->c, &(struct fuzz_event){.kind = EVENT_MESSAGE, .call = *call}, BYTES_NONE,
                         text_bytes(&d->message)) >= 0;
}

static bool end_call(struct damage *d, uint32_t call)
{
    return fuzz_case_add(&d->c, &(struct fuzz_event){.kind = EVENT_HALF_CLOSE, .call = call}, BYTES_NONE, BYTES_NONE) >=
               0 &&
           fuzz_case_add(&d->c, &(struct fuzz_event){.kind = EVENT_AWAIT, .call = call}, BYTES_NONE, BYTES_NONE) >= 0;
}

static bool add_read(struct damage *d, const struct written *r, const struct named *named, uint32_t *call)
{
    const struct sequence_shape *request = sequence_input(d->graph, (size_t)d->store.read);
    bool ok = beneath_read(d->graph, &d->store, &r->place, r->key, &d->message);
    if (ok && named && named->flag >= 0)
        ok = beneath_put(request, named->flag, bytes_of("1"), &d->message);
    ok = ok && add_call(d, d->store.read, call);
    if (ok && named)
        ok = add_link(d, named->call, named->leaf, &request->leaves[d->store.read_key], 0);
    return ok && end_call(d, *call);
}

static bool add_write(struct damage *d, const struct written *r, uint32_t read, unsigned damage)
{
    const struct sequence_shape *request = sequence_input(d->graph, (size_t)d->store.write),
                                *reply = sequence_output(d->graph, (size_t)d->store.read);
    uint32_t call;
    text_clear(&d->message);
    bool ok = beneath_put(request, d->store.write_key, r->key, &d->message);
    for (size_t i = 0; ok && i < d->store.context_count; i++)
        if (r->place.names[i][0] && d->store.write_contexts[i] >= 0)
            ok = beneath_put(request, d->store.write_contexts[i], bytes_of(r->place.names[i]), &d->message);
    return ok && add_call(d, d->store.write, &call) &&
           add_link(d, read, &reply->leaves[d->store.key], &request->leaves[d->store.write_key], 0) &&
           add_link(d, read, &reply->leaves[d->store.value], &request->leaves[d->store.write_value], damage) &&
           end_call(d, call);
}

/* The service's methods, those that read before those that take away. */
static bool add_followers(struct damage *d, int maker)
{
    static const enum sequence_role roles[] = {ROLE_READ, ROLE_LIST, ROLE_OTHER, ROLE_UPDATE, ROLE_CREATE, ROLE_END};
    const struct pb_service *service = d->graph->methods[maker].method->service;
    size_t added = 0;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        for (size_t m = 0; m < d->graph->method_count && added < FOLLOWERS_MAX; m++) {
            const struct sequence_method *method = &d->graph->methods[m];
            if (method->role != roles[i] || method->method->service != service || method->method->client_streaming)
                continue;
            if (sequence_append(d->sequence, &d->c, m, NULL, 0) < 0)
                return false;
            added++;
        }
    return true;
}

static void try_case(struct damage *d)
{
    struct engine_verdict v;
    struct text why = TEXT_INIT;
    d->left--;
    d->cases++;
    if (engine_try(d->engine, &d->c, &v, &why))
        engine_keep(d->engine, &d->c, &v, &why);
    text_deinit(&why);
}

static void damage_record(struct damage *d, const struct written *r, const struct fuzz_case *made, int maker)
{
    struct named named;
    bool found = find_name(d, r->key, &named);
    for (unsigned n = 1; n <= DAMAGES && d->left > 0 && !engine_ends(d->engine) && !d->engine->gone; n++) {
        uint32_t read;
        if (fuzz_case_copy(&d->c, made) != 0 || !add_read(d, r, found ? &named : NULL, &read) ||
            !add_write(d, r, read, n) || !add_followers(d, maker))
            return;
        try_case(d);
    }
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static void damage_sequence(struct damage *d, const struct sequence_plan *plan, int maker)
{
    struct fuzz_case made = FUZZ_CASE_INIT;
    struct written fresh[RECORDS_MAX];
    d->sequences++;
    if (build_sequence(d, plan) && fuzz_case_copy(&made, &d->c) == 0 &&
        engine_run_alone(d->engine, &made, &d->trace) == 0) {
        look(d);
        size_t count = d->fresh_count;
        memcpy(fresh, d->fresh, sizeof fresh);
        for (size_t i = 0; i < count; i++)
            damage_record(d, &fresh[i], &made, maker);
        if (count > 0)
            look(d); /* what all that left is not the next one's */
    }
    fuzz_case_deinit(&made);
}

/* Of each method that makes something the shortest sequence that worked. */
static const struct sequence_plan *plan_for(const struct damage *d, int maker)
{
    const struct sequence_plan *best = NULL, *plan;
    for (size_t i = 0; (plan = sequence_kept(d->sequence, i)) != NULL; i++)
        if (plan->probe == NULL && maker_of(d, plan) == maker && (!best || plan->calls < best->calls))
            best = plan;
    return best;
}

static void tell(const struct damage *d)
{
    struct text note = TEXT_INIT;
    text_printf(&note, "fuzz: %" PRId64 " cases changed what %" PRId64 " sequences of other services had put into %s",
                d->cases, d->sequences, d->graph->methods[d->store.read].method->service->full_name);
    result_emit(d->engine->target->results, "note", json_pack("{s:s}", "text", text_string(&note)));
    text_deinit(&note);
}

void damage_run(struct engine *e)
{
    struct damage d = {.engine = e, .graph = maker_graph(e->maker), .sequence = maker_sequence(e->maker)};
    int64_t all = e->summary->cases * PERCENT / 100, waiting = 0;
    all = all > LEAST ? all : LEAST;
    if (e->options.filter || !e->options.hooks.anew || engine_ends(e) || engine_settled(e) ||
        !beneath_find(d.graph, &d.store))
        return;
    shut_start_anew(e);
    e->summary->anew--; /* nobody shut anything */
    if (e->gone)
        return;
    d.first = true;
    look(&d);
    d.first = false;
    for (size_t i = 0; i < d.graph->method_count; i++)
        waiting += plan_for(&d, (int)i) != NULL;
    for (size_t i = 0; i < d.graph->method_count && !e->gone && !engine_ends(e) && !engine_settled(e); i++) {
        const struct sequence_plan *plan = plan_for(&d, (int)i);
        if (!plan)
            continue;
        d.left = (all - d.cases) / waiting--;
        damage_sequence(&d, plan, (int)i);
    }
    tell(&d);
    fuzz_case_deinit(&d.c);
    fuzz_trace_deinit(&d.trace);
    text_deinit(&d.message);
    map_deinit(&d.seen);
    arena_deinit(&d.arena);
}
