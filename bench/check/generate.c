#include "bench/check/generate.h"

#include "base/random.h"

#include <stdlib.h>

#define DURATION_MIN 200 /* ticks */
#define DURATION_MAX 1800
#define PAUSE_MAX    100
#define VALUES       5
#define MARK         99 /* written once, half way, where five values would hide what is stale */

enum phase { IDLE, ASKED, DONE };

struct client {
    enum phase phase;
    uint64_t at, end; /* of what comes next */
    int64_t index, learnt;
    int32_t process;
    bool crashes, effective, ok, lies;
};

struct making {
    const struct generate *g;
    struct history *h;
    struct random random;
    int64_t value, next_value;
    int64_t overwritten; /* a value that was replaced long ago */
    size_t crashed, flaw_at;
    int32_t next_process;
    uint64_t last_write; /* of `overwritten`'s replacement */
};

static int64_t pick_value(struct making *m)
{
    uint64_t values = m->g->values > 0 ? (uint64_t)m->g->values : VALUES;
    return m->g->cas ? 1 + (int64_t)random_below(&m->random, values) : ++m->next_value;
}

static bool ask(struct making *m, struct client *c)
{
    struct history *h = m->h;
    uint64_t lot = random_below(&m->random, m->g->cas ? 3 : 2);
    enum operation_function f = lot == 0 ? OPERATION_READ : lot == 1 ? OPERATION_WRITE : OPERATION_CAS;
    bool mark = m->g->cas && m->g->flaw == FLAW_STALE && h->count == m->g->operations / 2;
    if (mark)
        f = OPERATION_WRITE;
    bool crash = !mark && m->g->crashed > 0 && m->crashed < m->g->crashed &&
                 h->count * m->g->crashed >= m->crashed * m->g->operations && f != OPERATION_READ;
    if (m->flaw_at == h->count)
        f = OPERATION_READ;
    c->lies = m->flaw_at == h->count || (m->g->flaw == FLAW_MANY && random_below(&m->random, 20) == 0);
    c->crashes = crash && !c->lies;
    c->effective = !c->crashes || random_below(&m->random, 2) == 0;
    m->crashed += c->crashes;
    c->index = history_invoke(h, c->process, f, 0,
                              f == OPERATION_READ ? VALUE_NIL
                              : mark              ? MARK
                                                  : pick_value(m),
                              c->at);
    if (c->index < 0)
        return false;
    if (f == OPERATION_CAS)
        h->operations[c->index].other = pick_value(m);
    uint64_t duration = (uint64_t)random_range(&m->random, DURATION_MIN, DURATION_MAX);
    c->end = c->at + duration;
    c->at += random_below(&m->random, duration);
    c->phase = ASKED;
    return true;
}

static void act(struct making *m, struct client *c)
{
    const struct operation *o = &m->h->operations[c->index];
    c->ok = true;
    c->learnt = m->value;
    if (c->lies && m->g->flaw >= FLAW_OTHER)
        c->learnt = m->value % (m->g->values > 0 ? m->g->values : VALUES) + 1;
    else if (c->lies)
        c->learnt = m->g->flaw == FLAW_NEVER ? -1 : m->g->cas ? MARK : m->overwritten;
    if (o->function == OPERATION_CAS && m->value != o->other)
        c->ok = false;
    else if (o->function != OPERATION_READ && c->effective) {
        if (m->value != VALUE_NIL && c->at > m->last_write + (uint64_t)8 * DURATION_MAX) {
            m->overwritten = m->value;
            m->last_write = c->at;
        }
        m->value = o->value;
    }
    if (c->lies && m->g->flaw == FLAW_MANY && o->function == OPERATION_CAS)
        c->ok = !c->ok;
    c->at = c->end;
    c->phase = DONE;
}

static void answer(struct making *m, struct client *c)
{
    history_end(m->h, c->index, c->crashes ? END_INFO : c->ok ? END_OK : END_FAIL, c->learnt, c->at);
    if (c->crashes)
        c->process = m->next_process++;
    c->at += random_below(&m->random, PAUSE_MAX + 1);
    c->phase = IDLE;
}

bool generate(const struct generate *g, struct history *h)
{
    struct making m = {.g = g, .h = h, .value = VALUE_NIL, .overwritten = VALUE_NIL, .next_process = g->clients};
    struct client *clients = calloc((size_t)g->clients, sizeof *clients);
    bool ok = clients != NULL;
    history_init(h);
    random_seed(&m.random, g->seed);
    m.flaw_at = g->flaw == FLAW_NONE || g->flaw == FLAW_MANY ? SIZE_MAX : g->operations / 10 * 9;
    for (int i = 0; ok && i < g->clients; i++) {
        clients[i].process = i;
        clients[i].at = random_below(&m.random, DURATION_MAX);
    }
    for (int busy = g->clients; ok && busy > 0;) {
        struct client *c = NULL;
        for (int i = 0; i < g->clients; i++)
            if (clients[i].at != TIME_NEVER && (c == NULL || clients[i].at < c->at))
                c = &clients[i];
        if (c == NULL)
            break;
        if (c->phase == ASKED) {
            act(&m, c);
        } else if (c->phase == DONE) {
            answer(&m, c);
        } else if (h->count < g->operations) {
            ok = ask(&m, c);
        } else {
            c->at = TIME_NEVER;
            busy--;
        }
    }
    free(clients);
    if (!ok)
        history_deinit(h);
    return ok;
}
