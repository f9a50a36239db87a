/* Is the system shut, and who did it: probes, the likeliest cases run again, and starting it anew. */
#include "fuzz/live/shut_internal.h"

#include "fuzz/sequence/words.h"
#include "wire/grpc.h"
#include "world/sim.h"

#include <stdlib.h>

#define PATIENCE_MAX    ((int64_t)1 << 20)
#define PART            5                               /* one probe in so many refused: the system is shut */
#define PART_AGE        ((uint64_t)(10 * SECOND))       /* for less than that it is not started anew before */
#define LOOK_AGAIN      ((uint64_t)(200 * MILLISECOND)) /* from one look to the next */
#define START_TIME      ((uint64_t)(250 * MILLISECOND)) /* a start, in simulation: a high estimate */
#define TIME_SHARE      4                               /* one part in so many of the time may go to starts */
#define HARMLESS_ENOUGH 2
#define BEFORE          ((uint64_t)(2 * SECOND))       /* rules take their time to be known everywhere */
#define CANDIDATES      12                             /* run again */
#define KNOWN_WITHIN    ((uint64_t)(30 * MILLISECOND)) /* what one of them did */
#define PROBE_TRIES     4
#define PROBE_PAUSE     ((uint64_t)(50 * MILLISECOND))
#define ACCESS_WEIGHT   8.0

/* ---- who did it ------------------------------------------------------------------------------------------------- */

static double weight(const struct engine *e, size_t at)
{
    static const char *const access[] = {"auth",  "rule",  "rules", "account", "accounts", "policy", "role",  "user",
                                         "users", "token", "grant", "access",  "block",    "ban",    "limit", "quota",
                                         "lock",  "login", "key",   "keys",    "secret",   "session"};
    const struct pb_method *m = e->methods[at];
    const char *const names[] = {m->name, m->service->name, m->service->package};
    double points = 1;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        struct sequence_words w;
        sequence_words_of(names[n], &w);
        for (size_t i = 0; i < sizeof access / sizeof access[0]; i++)
            if (sequence_words_have(&w, access[i]))
                points = ACCESS_WEIGHT;
    }
    return points / (double)(1 + e->shut.methods[at].oks);
}

struct window {
    uint64_t from, until;
};

/* What is refused first was OK for the last time and refused for the first time about then. */
static bool window_of(const struct engine *e, const bool *refused, struct window *out)
{
    *out = (struct window){0, UINT64_MAX};
    for (size_t i = 0; i < e->method_count; i++) {
        const struct shut_method *m = &e->shut.methods[i];
        if (refused[i] && m->refused > 0 && m->refused_at < out->until)
            *out = (struct window){m->ok_at > BEFORE ? m->ok_at - BEFORE : 1, m->refused_at};
    }
    return out->until != UINT64_MAX;
}

/* The likeliest of those under way then that were not taken yet; NULL: none is left. What one does may be seen before
 * it is answered. */
static struct shut_change *likeliest(struct engine *e, struct window w, uint8_t *taken, size_t *method)
{
    struct shut_change *best = NULL;
    size_t at = 0;
    for (size_t i = 0; i < e->method_count; i++)
        for (size_t k = 0; k < SHUT_RECENT; k++) {
            struct shut_change *c = &e->shut.methods[i].recent[k];
            if ((taken[i] >> k & 1) == 0 && c->until != 0 && c->until >= w.from && c->from <= w.until &&
                (best == NULL || weight(e, i) > weight(e, *method))) {
                best = c;
                *method = i;
                at = k;
            }
        }
    if (best != NULL)
        taken[*method] |= (uint8_t)(1U << at);
    return best;
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

/* Sends the call again and, when it is refused for want of something, some more times: that may pass. */
static bool is_shut(struct engine *e, const struct fuzz_case *c, struct fuzz_trace *t)
{
    for (int i = 0; i < PROBE_TRIES; i++) {
        if (engine_run_alone(e, c, t) != 0 || t->calls.count == 0 || !shut_is_refusal(t->calls.items[0].status))
            return false;
        if (t->calls.items[0].status == GRPC_PERMISSION_DENIED || t->calls.items[0].status == GRPC_UNAUTHENTICATED)
            return true;
        if (world_sleep(e->target->world, PROBE_PAUSE) != 0)
            return false;
    }
    return true;
}

enum probes { PROBE_SUSPECTS, PROBE_COMPONENTS, PROBE_ALL };

static bool is_suspect(const struct shut_method *m)
{
    return m->refused >= m->patience && m->probe.events.count > 0;
}

/* The probes' answers: which are refused, and how many were sent: of those that refuse much, one for each component, or
 * all. */
static size_t probe(struct engine *e, enum probes which, bool *refused, size_t *sent)
{
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    const struct target_component *last = NULL;
    size_t count = 0;
    *sent = 0;
    for (size_t i = 0; i < e->method_count && !engine_ends(e) && !e->gone; i++) {
        const struct shut_method *m = &e->shut.methods[i];
        refused[i] = false;
        if (m->probe.events.count == 0 || m->held || (which == PROBE_SUSPECTS && !is_suspect(m)) ||
            (which == PROBE_COMPONENTS && (e->tallies[i].component == last || m->changes)))
            continue;
        last = e->tallies[i].component;
        refused[i] = is_shut(e, &m->probe, &t);
        count += refused[i];
        ++*sent;
    }
    fuzz_trace_deinit(&t);
    return count;
}

static void forget_refusals(struct engine *e)
{
    for (size_t i = 0; i < e->method_count; i++)
        e->shut.methods[i].refused = 0;
}

/* What was known about the running processes is not so any more. */
static void begin_slice(struct engine *e)
{
    for (size_t i = 0; i < e->watch_count; i++) {
        struct component_watch *w = &e->watches[i];
        *w = (struct component_watch){.component = w->component,
                                      .process = e->target->operations->process(e->target, w->component->name)};
    }
    engine_forget_lost(e);
    feedback_refresh(&e->feedback);
    forget_refusals(e);
    e->shut.slice = shut_clock(e);
    e->shut.released = false;
    engine_get_ready(e);
}

void shut_start_anew(struct engine *e)
{
    struct error err = ERROR_INIT;
    uint64_t before = shut_clock(e);
    const char *other = NULL;
    e->summary->anew++;
    int code = e->options.hooks.anew(e->options.hooks.arg, &other, &err);
    if (code == 0) {
        e->options.other_token = other;
        live_door_set_other(e->door, other);
        begin_slice(e);
    } else if (!engine_ends(e)) {
        /* Nothing is left to be asked: what was found is told. */
        struct text line = TEXT_INIT;
        e->gone = true;
        text_puts(&line, "fuzz: the system could not be started anew: ");
        error_format(&err, &line);
        result_emit(e->target->results, "note", json_pack("{s:s}", "text", text_string(&line)));
        text_deinit(&line);
    }
    uint64_t took = shut_clock(e) - before;
    e->shut.spent += world_is_simulated(e->target->world) ? START_TIME : took;
    error_clear(&err);
}

/* Runs what may have done it, on a system that is open. The method that did, by its number; -1: none did it again. */
static int find_out(struct engine *e, struct window w, const struct fuzz_case *witness)
{
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    uint8_t *taken = calloc(e->method_count + 1, 1);
    int found = -1;
    for (int i = 0; taken != NULL && i < CANDIDATES && found < 0 && !engine_ends(e) && !e->gone; i++) {
        size_t method = 0;
        const struct shut_change *c = likeliest(e, w, taken, &method);
        if (c == NULL)
            break;
        if (engine_run_alone(e, &c->c, &t) == 0 && world_sleep(e->target->world, KNOWN_WITHIN) == 0 &&
            is_shut(e, witness, &t))
            found = (int)method;
    }
    fuzz_trace_deinit(&t);
    free(taken);
    return found;
}

/* A call that only reads shows best what is refused. */
static const struct fuzz_case *witness_of(const struct engine *e, const bool *refused)
{
    const struct shut_method *best = NULL;
    for (size_t i = 0; i < e->method_count; i++)
        if (refused[i] && (best == NULL || (best->changes && !e->shut.methods[i].changes)))
            best = &e->shut.methods[i];
    return best != NULL ? &best->probe : NULL;
}

static void hold(struct engine *e, size_t method)
{
    if (e->shut.methods[method].held)
        return;
    e->shut.methods[method].held = true;
    e->shut.methods[method].harmless = 0;
    e->shut.held++;
}

/* Starts it anew, and once more when who did it was found. */
static void open_again(struct engine *e, const bool *refused, bool released)
{
    struct window w;
    bool known = window_of(e, refused, &w) && !released;
    const struct fuzz_case *witness = witness_of(e, refused);
    shut_start_anew(e);
    int method = known && witness != NULL ? find_out(e, w, witness) : -1;
    if (method >= 0) {
        e->shut.methods[method].blamed++;
        hold(e, (size_t)method);
        shut_start_anew(e);
    }
    if (e->options.hooks.say) {
        struct text line = TEXT_INIT;
        text_printf(&line, "fuzz: the system refused what it had answered%s%s; it was started anew",
                    method >= 0 ? ", shut out by " : "", method >= 0 ? e->methods[method]->path + 1 : "");
        e->options.hooks.say(e->options.hooks.arg, text_string(&line));
        text_deinit(&line);
    }
}

/* What was put by was run, and nothing is refused. */
static void was_harmless(struct engine *e)
{
    for (size_t i = 0; i < e->method_count; i++) {
        struct shut_method *m = &e->shut.methods[i];
        if (!m->held || ++m->harmless < HARMLESS_ENOUGH)
            continue;
        m->held = false;
        e->shut.held--;
    }
}

bool shut_due(const struct engine *e)
{
    return e->shut.suspected && shut_clock(e) >= e->shut.not_before;
}

void shut_look(struct engine *e)
{
    struct shut *s = &e->shut;
    size_t sent = 0;
    bool *refused = calloc(e->method_count + 1, sizeof *refused), released = s->released;
    s->suspected = false;
    s->released = false;
    if (refused == NULL)
        return;
    size_t count = released ? 1 : probe(e, PROBE_SUSPECTS, refused, &sent);
    if (count > 0)
        count = probe(e, PROBE_ALL, refused, &sent);
    for (size_t i = 0; i < e->method_count; i++)
        if (is_suspect(&s->methods[i]) && !refused[i]) { /* refusals are what it means */
            s->methods[i].patience = s->methods[i].patience < PATIENCE_MAX ? s->methods[i].patience * 2 : PATIENCE_MAX;
            s->methods[i].refused = 0;
        }
    uint64_t now = shut_clock(e), passed = now - s->began;
    bool shut = count > 0 && count * PART >= sent, time = s->spent * TIME_SHARE <= passed;
    if (count == 0) {
        if (released)
            was_harmless(e);
        s->slice = released ? now : s->slice;
    } else if (!e->options.hooks.anew) {
        struct window w;
        size_t method = 0;
        uint8_t *taken = calloc(e->method_count + 1, 1);
        if (taken != NULL && window_of(e, refused, &w) && likeliest(e, w, taken, &method) != NULL)
            hold(e, method);
        free(taken);
        for (size_t i = 0; i < e->method_count; i++)
            s->methods[i].patience = refused[i] ? PATIENCE_MAX : s->methods[i].patience;
    } else if (time && (shut || released || now - s->slice >= PART_AGE)) {
        open_again(e, refused, released);
    } else {
        s->suspected = true;
    }
    s->not_before = now + LOOK_AGAIN;
    free(refused);
}

void shut_mend(struct engine *e)
{
    size_t sent;
    if (!e->options.hooks.anew || engine_ends(e) || engine_settled(e))
        return;
    bool *refused = calloc(e->method_count + 1, sizeof *refused);
    if (refused != NULL && probe(e, PROBE_COMPONENTS, refused, &sent) > 0)
        shut_start_anew(e);
    free(refused);
}
