/* A call: the stub that answers it, and its answer. */
#include "fakes/stub/internal.h"

#include <stdlib.h>
#include <string.h>

#define BY_MAX 200 /* bytes of the name of who answered */

/* ---- looking at the call ---- */

/* Several values of one name are one, joined by commas, as HTTP has it (RFC 9110, 5.3). */
static bool fill_metadata(struct asking *x)
{
    struct grpc_metadata all = x->asked->metadata;
    for (size_t w = 0; w < x->method->metadata.count; w++) {
        const struct metadata_watch *watch = &x->method->metadata.items[w];
        struct slot *slot = &x->set->scan.slots.items[x->subject.base + (size_t)watch->slot];
        for (size_t i = 0; i < all.count; i++) {
            struct bytes value = all.items[i].value;
            if (!bytes_is(all.items[i].name, watch->name))
                continue;
            if (slot->present) {
                struct bytes first = slot->value.bytes;
                char *joined = arena_alloc(&x->set->scratch, first.len + value.len + 2);
                if (joined == NULL)
                    return false;
                memcpy(joined, first.data, first.len);
                memcpy(joined + first.len, ", ", 2);
                if (value.len > 0)
                    memcpy(joined + first.len + 2, value.data, value.len);
                value = BYTES(joined, first.len + value.len + 2);
            }
            slot->value.bytes = value;
            slot->present = true;
        }
    }
    return true;
}

static struct slot *slot_at(struct asking *x, int slot)
{
    return &x->set->scan.slots.items[x->subject.base + (size_t)slot];
}

static struct bytes message_at(const struct fake_asked *asked, size_t i)
{
    return asked->request.len > 0 ? fake_asked_message(asked, i) : BYTES_NONE;
}

static bool fill_messages(struct asking *x)
{
    for (size_t i = 0; x->method->looks_at_messages && i < x->asked->messages; i++)
        if (!scan_append(&x->set->scan, slot_at(x, SLOT_MESSAGES), (struct value){.bytes = message_at(x->asked, i)},
                         false))
            return false;
    return true;
}

static void fill_text(struct slot *slot, const char *text)
{
    slot->value.bytes = bytes_of(text);
    slot->present = text[0] != '\0';
}

bool asking_look(struct asking *x, struct stub_set *s, struct stub_method *m, const struct fake_asked *asked)
{
    *x = (struct asking){.set = s, .asked = asked, .method = m};
    x->session = asked->session[0] == '\0' ? s->plain : set_session(s, asked->session, false);
    s->scan.slots.count = s->scan.occurrences.count = 0;
    s->scan.failed = false;
    if (s->scratch.used > 0)
        arena_reset(&s->scratch);
    s->scratch.used = 0;
    x->subject.scan = &s->scan;
    x->subject.message = asked->messages > 0 ? message_at(asked, asked->messages - 1) : BYTES_NONE;
    x->subject.base = scan_open(&s->scan, &m->plan);
    if (x->subject.base == SIZE_MAX)
        return false;
    fill_text(slot_at(x, SLOT_SESSION), asked->session);
    fill_text(slot_at(x, SLOT_CALLER), asked->caller != NULL ? asked->caller : "");
    if (!fill_metadata(x) || !fill_messages(x)) {
        s->scan.failed = true;
        return false;
    }
    return scan_message(&s->scan, x->subject.base, m->plan.root, x->subject.message);
}

void asking_end(struct asking *x)
{
    error_clear(&x->why);
}

struct random *asking_random(struct asking *x)
{
    if (!x->drawn) {
        const struct stub_extra *e = x->stub->extra;
        uint64_t seed = e != NULL && e->seeded ? e->seed : x->set->seed ^ x->stub->id * UINT64_C(0x9E3779B97F4A7C15);
        random_seed(&x->random, seed + x->use.tries * UINT64_C(0xD1B54A32D192ED03));
        x->drawn = true;
    }
    return &x->random;
}

/* ---- choosing ---- */

static bool tests_hold(const struct asking *x, const struct stub *stub)
{
    for (size_t i = 0; i < stub->test_count; i++)
        if (!test_holds(&x->subject, stub->tests[i]))
            return false;
    return true;
}

bool stub_is_used_up(const struct stub *stub, struct stub_use use)
{
    return (stub->times > 0 && use.count >= stub->times) || (stub->then == STUB_PASSES && use.count >= stub->sequence);
}

bool asking_machine(struct asking *x, const struct stub *stub, const char **machine, const char **current)
{
    struct bytes name;
    *machine = *current = NULL;
    if (stub->extra == NULL || stub->extra->state == NULL)
        return true;
    if (!template_text(x, stub->extra->state->machine, &name))
        return false;
    *machine = (const char *)name.data;
    *current = asking_state(x, *machine);
    return true;
}

bool state_is(const struct stub_state *state, const char *current)
{
    for (size_t i = 0; i < state->is_count; i++)
        if (strcmp(state->is[i], current) == 0)
            return true;
    return state->is == NULL;
}

/* A stub whose tests hold: may it answer this time? */
static bool may_answer(struct asking *x, struct stub *stub)
{
    const struct stub_extra *e = stub->extra;
    const char *machine, *current;
    x->stub = stub;
    x->use = asking_use(x, stub);
    x->drawn = false;
    if (x->use.removed || stub_is_used_up(stub, x->use))
        return false;
    if (e == NULL)
        return true;
    if (!asking_machine(x, stub, &machine, &current)) {
        /* A machine's name that cannot be made is no state that could be asked for. */
        x->set->scan.failed = x->set->scan.failed || x->why.code == ERROR_MEMORY;
        error_clear(&x->why);
        return false;
    }
    if (machine != NULL && !state_is(e->state, current))
        return false;
    if (e->probability >= 1 || random_unit(asking_random(x)) < e->probability)
        return true;
    x->use.tries++;
    asking_put_use(x, stub, x->use);
    error_clear(&x->why);
    return false;
}

/* At the end of a stream of both sides only stubs that are for it answer; or, `standing`, those whose tests hold, to
 * see whether the stream was one of theirs. */
static struct stub *choose(struct asking *x, bool at_end, bool standing)
{
    struct index_walk walk;
    struct stub *stub;
    index_begin(&walk, &x->method->index, x->set->scan.slots.items + x->subject.base);
    while ((stub = index_next(&walk)) != NULL) {
        bool for_end = stub->extra != NULL && stub->extra->at_end;
        if (for_end == at_end && tests_hold(x, stub) && (standing || may_answer(x, stub)))
            return stub;
    }
    return NULL;
}

/* ---- answering ---- */

static const struct outcome *outcome_of(const struct stub *stub, uint64_t count)
{
    uint64_t turn = stub->then == STUB_CYCLES ? count % stub->sequence : count;
    for (uint32_t i = 0; i + 1 < stub->outcome_count; i++) {
        if (turn < stub->outcomes[i].turns)
            return &stub->outcomes[i];
        turn -= stub->outcomes[i].turns;
    }
    return &stub->outcomes[stub->outcome_count - 1];
}

static char *add_text(char *at, const char *end, const char *text)
{
    size_t len = strlen(text), room = (size_t)(end - at);
    if (len > room)
        len = room;
    memcpy(at, text, len);
    return at + len;
}

/* "stub users.yaml:12 a name", cut to BY_MAX. It is the thread's, so that a stub may go while its name is still read.
 */
static const char *name_of(const struct stub *stub)
{
    static _Thread_local char by[BY_MAX];
    char digits[12], *at = by, *from = digits + sizeof digits - 1;
    const char *end = by + sizeof by - 1;
    int line = stub->line;
    *from = '\0';
    do
        *--from = (char)('0' + line % 10);
    while ((line /= 10) > 0);
    at = add_text(at, end, "stub ");
    at = add_text(at, end, stub->file);
    at = add_text(at, end, ":");
    at = add_text(at, end, from);
    if (stub->extra != NULL && stub->extra->name != NULL) {
        at = add_text(at, end, " ");
        at = add_text(at, end, stub->extra->name);
    }
    *at = '\0';
    return by;
}

static bool move_state(struct asking *x, const struct stub *stub)
{
    const char *machine, *current;
    struct bytes becomes;
    if (stub->extra == NULL || stub->extra->state == NULL || stub->extra->state->becomes == NULL)
        return true;
    return asking_machine(x, stub, &machine, &current) && template_text(x, stub->extra->state->becomes, &becomes) &&
           asking_put_state(x, machine, (const char *)becomes.data);
}

static void answer(struct asking *x, struct stub *stub, struct fake_answer *out)
{
    bool ok = outcome_say(x, outcome_of(stub, x->use.count), out) && move_state(x, stub);
    const char *by = name_of(stub);
    stub->used++;
    stub->last = x->asked->now;
    x->use.count++;
    x->use.tries++;
    ok = asking_put_use(x, stub, x->use) && ok;
    if (ok && stub->extra != NULL && stub->extra->effect_count > 0)
        ok = effects_apply(x, stub); /* the stub may be gone */
    if (!ok) {
        int status =
            x->why.code == ERROR_MEMORY || x->why.code == ERROR_LIMIT ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL;
        fake_answer_clear(out);
        fake_answer_fail(out, status, "%s: %s", by, x->why.message != NULL ? x->why.message : "out of memory");
    }
    out->by = by;
}

static bool is_last_ask(const struct fake_asked *asked)
{
    return asked->complete && asked->method->client_streaming && asked->method->server_streaming;
}

static enum fake_verdict respond_locked(struct stub_set *s, const struct fake_asked *asked, struct fake_answer *out)
{
    struct stub_method *m = map_get(&s->methods, asked->method->path);
    struct asking x;
    enum fake_verdict verdict = FAKE_PASSED;
    if (m == NULL || m->stubs == 0)
        return FAKE_PASSED;
    if (asking_look(&x, s, m, asked)) {
        bool last = is_last_ask(asked);
        struct stub *stub = choose(&x, last, false);
        if (stub != NULL)
            answer(&x, stub, out);
        else if (last && (stub = choose(&x, false, true)) != NULL)
            out->by = name_of(stub); /* the stream was a stub's: it ends well */
        verdict = stub != NULL ? FAKE_ANSWERED : FAKE_PASSED;
    }
    if (s->scan.failed) {
        fake_answer_clear(out);
        fake_answer_fail(out, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        out->by = "stubs";
        verdict = FAKE_ANSWERED;
    }
    asking_end(&x);
    return verdict;
}

static enum fake_verdict respond(void *arg, const struct fake_asked *asked, struct fake_answer *out)
{
    struct stub_set *s = arg;
    pthread_mutex_lock(&s->lock);
    enum fake_verdict verdict = respond_locked(s, asked, out);
    pthread_mutex_unlock(&s->lock);
    return verdict;
}

static void reset(void *arg, const char *session)
{
    stub_set_reset(arg, session);
}

struct fake_responder stub_set_responder(struct stub_set *s)
{
    return (struct fake_responder){.name = "stubs", .respond = respond, .reset = reset, .arg = s};
}
