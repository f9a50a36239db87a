#include "fuzz/live/shut_internal.h"

#include "wire/grpc.h"
#include "world/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE  16                      /* refusals in a row */
#define CALL_TIME ((uint64_t)MILLISECOND) /* that a call counts for in simulation */
#define TRIES_MAX 64                      /* cases made in a row that are put by */

#define REFUSED                                                                                                        \
    (1u << GRPC_PERMISSION_DENIED | 1u << GRPC_UNAUTHENTICATED | 1u << GRPC_UNAVAILABLE | 1u << GRPC_RESOURCE_EXHAUSTED)

uint64_t shut_clock(const struct engine *e)
{
    return world_is_simulated(e->target->world) ? (uint64_t)e->summary->inputs * CALL_TIME : engine_now(e);
}

bool shut_is_refusal(int status)
{
    return status >= 0 && status < FUZZ_STATUSES && (REFUSED >> status & 1) != 0;
}

int shut_open(struct engine *e)
{
    const struct sequence_graph *g = maker_graph(e->maker);
    e->shut.methods = calloc(e->method_count + 1, sizeof *e->shut.methods);
    if (e->shut.methods == NULL)
        return ERROR_MEMORY;
    for (size_t i = 0; i < e->method_count; i++) {
        int at = sequence_graph_find(g, e->methods[i]->path);
        enum sequence_role role = at >= 0 ? g->methods[at].role : ROLE_OTHER;
        e->shut.methods[i] = (struct shut_method){.patience = PATIENCE,
                                                  .changes = role == ROLE_CREATE || role == ROLE_UPDATE ||
                                                             role == ROLE_END || role == ROLE_OTHER};
    }
    e->shut.began = e->shut.slice = shut_clock(e);
    return 0;
}

void shut_close(struct engine *e)
{
    for (size_t i = 0; e->shut.methods != NULL && i < e->method_count; i++) {
        fuzz_case_deinit(&e->shut.methods[i].probe);
        for (size_t k = 0; k < SHUT_RECENT; k++)
            fuzz_case_deinit(&e->shut.methods[i].recent[k].c);
    }
    for (size_t i = 0; i < SHUT_PUT_BY; i++)
        fuzz_case_deinit(&e->shut.put_by[i].c);
    free(e->shut.methods);
    e->shut.methods = NULL;
}

/* ---- what calls were answered ----------------------------------------------------------------------------------- */

static struct shut_method *method_of(struct engine *e, const struct trace_call *k, size_t *at)
{
    const struct method_tally *m = k->method ? engine_tally(e, k->method) : NULL;
    if (m == NULL)
        return NULL;
    *at = (size_t)(m - e->tallies);
    return &e->shut.methods[*at];
}

/* With the campaign's own token, and nothing in its metadata that could speak for somebody else. */
static bool is_own(const struct fuzz_case *c, const struct trace_call *k)
{
    if (k->without_token || k->other_tenant)
        return false;
    for (size_t i = k->event + 1; i < c->events.count; i++)
        if (c->events.items[i].kind != EVENT_LINK)
            return c->events.items[i].kind != EVENT_METADATA;
    return true;
}

/* One call, and nothing it would need another one for. */
static bool is_probe(const struct fuzz_case *c)
{
    size_t calls = 0;
    for (size_t i = 0; i < c->events.count; i++) {
        uint8_t kind = c->events.items[i].kind;
        calls += kind == EVENT_CALL;
        if (kind == EVENT_LINK || kind == EVENT_METADATA || kind == EVENT_FAULT || kind == EVENT_CANCEL)
            return false;
    }
    return calls == 1;
}

static void was_ok(struct engine *e, size_t at, const struct fuzz_case *c, const struct trace_call *k)
{
    struct shut *s = &e->shut;
    struct shut_method *m = &s->methods[at];
    m->oks++;
    m->refused = 0;
    m->ok_at = k->started > m->ok_at ? k->started : m->ok_at;
    if (m->probe.events.count == 0 && !k->method->server_streaming && is_probe(c) && fuzz_case_copy(&m->probe, c) != 0)
        fuzz_case_clear(&m->probe);
    if (!m->changes)
        return;
    struct shut_change *change = &m->recent[m->recent_next];
    change->from = k->started;
    change->until = k->started + k->duration;
    m->recent_next = (m->recent_next + 1) % SHUT_RECENT;
    if (s->taking != NULL && fuzz_case_copy(&s->taking->c, c) != 0)
        s->taking->until = 0;
    s->taking = change;
}

void shut_take(struct engine *e, struct fuzz_case *c, bool copy)
{
    struct shut_change *taking = e->shut.taking;
    if (taking != NULL && !copy)
        fuzz_case_swap(&taking->c, c);
    else if (taking != NULL && fuzz_case_copy(&taking->c, c) != 0)
        taking->until = 0;
    e->shut.taking = NULL;
}

void shut_case(struct engine *e, const struct fuzz_case *c, const struct fuzz_trace *t)
{
    for (size_t i = 0; i < t->calls.count; i++) {
        const struct trace_call *k = &t->calls.items[i];
        size_t at;
        struct shut_method *m = method_of(e, k, &at);
        if (m == NULL || k->ended_by_us || !is_own(c, k))
            continue;
        if (k->status == GRPC_OK) {
            was_ok(e, at, c, k);
        } else if (shut_is_refusal(k->status)) {
            uint64_t now = k->started + k->duration;
            m->refused_at = m->refused++ == 0 ? now : m->refused_at;
            e->shut.suspected |= m->refused >= m->patience && m->probe.events.count > 0;
        } else if (engine_is_of_method(k->status)) {
            m->refused = 0;
        }
    }
}

/* ---- cases that are put by -------------------------------------------------------------------------------------- */

static bool calls_held(const struct engine *e, const struct fuzz_case *c)
{
    for (size_t i = 0; e->shut.held > 0 && i < c->events.count; i++) {
        if (c->events.items[i].kind != EVENT_CALL)
            continue;
        struct bytes path = fuzz_case_bytes(c, c->events.items[i].name);
        for (size_t m = 0; m < e->method_count; m++)
            if (e->shut.methods[m].held && bytes_is(path, e->methods[m]->path))
                return true;
    }
    return false;
}

static void swap(struct made *a, struct made *b)
{
    struct made other = *a;
    *a = *b;
    *b = other;
}

static void put_by(struct engine *e, struct made *made)
{
    struct shut *s = &e->shut;
    if (!e->options.hooks.anew)
        return; /* it is not sent at all */
    swap(&s->put_by[s->put_by_next], made);
    s->put_by_next = (s->put_by_next + 1) % SHUT_PUT_BY;
    s->put_by_count += s->put_by_count < SHUT_PUT_BY;
}

static int take_put_by(struct shut *s, struct made *out)
{
    if (s->put_by_count == 0) {
        s->suspected |= s->releasing;
        s->releasing = false;
        return ERROR_NOT_FOUND;
    }
    s->put_by_next = (s->put_by_next + SHUT_PUT_BY - 1) % SHUT_PUT_BY;
    s->put_by_count--;
    swap(out, &s->put_by[s->put_by_next]);
    s->released = true;
    return 0;
}

int shut_next(struct engine *e, struct made *out, bool ending)
{
    struct shut *s = &e->shut;
    s->releasing |= s->put_by_count > 0 && (ending || shut_clock(e) - s->slice >= SHUT_SLICE);
    if (s->releasing || ending) {
        int code = take_put_by(s, out);
        if (code == 0 || ending)
            return code;
    }
    int code = maker_next(e->maker, out);
    for (size_t i = 0; code == 0 && i < TRIES_MAX && calls_held(e, &out->c); i++) {
        put_by(e, out);
        code = maker_next(e->maker, out);
    }
    return code;
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

void shut_tell(struct engine *e)
{
    struct text note = TEXT_INIT, by = TEXT_INIT;
    for (size_t i = 0; i < e->method_count; i++) {
        const struct shut_method *m = &e->shut.methods[i];
        if (m->blamed > 0 || m->held)
            text_printf(&by, "%s%s", by.len > 0 ? ", " : "", e->methods[i]->path + 1);
    }
    if (e->summary->anew > 0)
        text_printf(&note, "fuzz: the system was started anew %" PRId64 " time%s, for it refused what it had answered",
                    e->summary->anew, e->summary->anew == 1 ? "" : "s");
    else if (by.len > 0)
        text_puts(&note, "fuzz: the system refuses what it had answered, and is not ours to start");
    if (by.len > 0)
        text_printf(&note, "; %s %s, %s",
                    e->options.hooks.anew ? "shut out by" : "likely to have done it:", text_string(&by),
                    e->options.hooks.anew ? "called at the end of slices only from there on" : "not called any more");
    if (note.len > 0)
        result_emit(e->target->results, "note", json_pack("{s:s}", "text", text_string(&note)));
    text_deinit(&note);
    text_deinit(&by);
}
