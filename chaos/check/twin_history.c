#include "chaos/check/twin_history.h"

#include <string.h>

#define CLIENTS   4
#define ITEMS_MAX ((size_t)64)
#define REGISTERS ((size_t)4) /* of transactions */
#define PARTS     3
#define VALUES    4 /* small numbers that values are drawn from where they may repeat */

struct client {
    int64_t index; /* of its operation; -1: idle */
    bool done;     /* it has taken effect */
    int32_t process;
    uint32_t key;
    int64_t value, other, list[2 * ITEMS_MAX];
    size_t list_count;
    bool has_list;
    enum operation_end end;
    uint64_t revision, ended;
    int64_t token;   /* of a lock it holds; VALUE_NIL: it holds none */
    size_t position; /* in a log */
};

struct making {
    const struct check_model *model;
    const struct choices *choices;
    struct history *h;
    uint64_t lie; /* one answer in so many; 0: none */
    uint64_t now;
    size_t settled; /* convergence: from here on there are only reads */
    bool unique;
    int64_t step; /* of a counter; 0: any */
    int64_t next_value;
    int32_t next_process;
    struct client clients[CLIENTS];
    /* The object. */
    int64_t items[ITEMS_MAX], extra[ITEMS_MAX];
    size_t count;
    int64_t value, held_by, token;
};

static uint64_t below(struct making *m, uint64_t bound)
{
    return m->choices->below(m->choices->arg, bound);
}

static bool one_in(struct making *m, uint64_t n)
{
    return below(m, n) == 0;
}

static bool knows(const struct making *m, enum operation_function f)
{
    return (m->model->functions >> f & 1) != 0;
}

static size_t find(const struct making *m, int64_t value)
{
    size_t i = 0;
    while (i < m->count && m->items[i] != value)
        i++;
    return i;
}

static void put(struct making *m, int64_t value, int64_t extra)
{
    if (m->count == ITEMS_MAX)
        return;
    m->items[m->count] = value;
    m->extra[m->count++] = extra;
}

static void drop(struct making *m, size_t i)
{
    m->count--;
    memmove(&m->items[i], &m->items[i + 1], (m->count - i) * sizeof m->items[0]);
    memmove(&m->extra[i], &m->extra[i + 1], (m->count - i) * sizeof m->extra[0]);
}

static void learn(struct client *c, int64_t item)
{
    c->has_list = true;
    if (c->list_count < 2 * ITEMS_MAX)
        c->list[c->list_count++] = item;
}

static bool is_model(const struct making *m, const char *name)
{
    return strcmp(m->model->name, name) == 0;
}

/* Reads and writes of registers: few values, so that what is read tells little. */
static void ask_parts(struct making *m, struct client *c)
{
    c->has_list = true;
    c->list_count = 0;
    for (uint64_t n = 1 + below(m, PARTS); n > 0; n--) {
        bool reads = one_in(m, 2);
        learn(c, reads ? OPERATION_READ : OPERATION_WRITE);
        learn(c, (int64_t)below(m, REGISTERS));
        learn(c, reads ? VALUE_NIL : 1 + (int64_t)below(m, VALUES));
    }
}

static void do_parts(struct making *m, struct client *c)
{
    for (size_t i = 0; i < c->list_count; i += PART_SIZE) {
        int64_t *held = &m->items[c->list[i + PART_KEY]], *part = &c->list[i + PART_VALUE];
        if (c->list[i + PART_FUNCTION] == OPERATION_READ)
            *part = *held;
        else
            *held = *part;
    }
}

/* What it is asked with. */
static enum operation_function ask(struct making *m, struct client *c)
{
    enum operation_function known_functions[OPERATION_FUNCTION_COUNT], f;
    size_t functions = 0;
    for (int i = 0; i < OPERATION_FUNCTION_COUNT; i++)
        if (knows(m, (enum operation_function)i))
            known_functions[functions++] = (enum operation_function)i;
    f = known_functions[below(m, functions)];
    if (is_model(m, "convergence") && m->h->count >= m->settled)
        f = OPERATION_READ;
    if (f == OPERATION_ACQUIRE && c->token != VALUE_NIL)
        f = knows(m, OPERATION_WRITE) && one_in(m, 3) ? OPERATION_WRITE : OPERATION_RELEASE;
    else if ((f == OPERATION_RELEASE || (f == OPERATION_WRITE && knows(m, OPERATION_ACQUIRE))) &&
             c->token == VALUE_NIL && !one_in(m, 8))
        f = OPERATION_ACQUIRE;
    if (!knows(m, f))
        f = OPERATION_RELEASE;
    c->value = c->other = VALUE_NIL;
    c->key = knows(m, OPERATION_TXN) ? (uint32_t)below(m, REGISTERS) : 0;
    int64_t fresh = m->next_value + 1, known = 1 + (int64_t)below(m, (uint64_t)m->next_value + 1);
    switch ((int)f) {
    case OPERATION_TXN:
        c->key = 0;
        ask_parts(m, c);
        break;
    case OPERATION_WRITE:
    case OPERATION_CAS:
        c->value = m->unique ? fresh : 1 + (int64_t)below(m, VALUES);
        if (f == OPERATION_CAS)
            c->other = m->unique ? (one_in(m, 3) ? m->value : known) : 1 + (int64_t)below(m, VALUES);
        else if (knows(m, OPERATION_ACQUIRE))
            c->other = c->token != VALUE_NIL ? c->token : known;
        m->next_value++;
        break;
    case OPERATION_ADD:
    case OPERATION_ENQUEUE:
    case OPERATION_SEND:
        c->value = knows(m, OPERATION_REMOVE) || f != OPERATION_ADD
                       ? (m->unique ? fresh : 1 + (int64_t)below(m, VALUES))
                   : m->step != 0 ? m->step
                                  : 1 + (int64_t)below(m, 3) * (m->unique ? 1 : 2) - (m->unique ? 0 : 2);
        m->next_value++;
        break;
    case OPERATION_REMOVE:
    case OPERATION_ACKNOWLEDGE:
    case OPERATION_USE:
    case OPERATION_REVOKE:
        c->value = known;
        break;
    case OPERATION_RELEASE:
        c->other = c->token;
        break;
    default:
        break;
    }
    return f;
}

/* It takes effect: what will be answered. */
static void act(struct making *m, struct client *c, enum operation_function f)
{
    size_t at;
    c->end = END_OK;
    switch ((int)f) {
    case OPERATION_TXN:
        do_parts(m, c);
        break;
    case OPERATION_READ:
        c->value = knows(m, OPERATION_TXN) ? m->items[c->key] : m->value;
        if (knows(m, OPERATION_ADD) && !is_model(m, "counter")) {
            c->has_list = true;
            for (size_t i = 0; i < m->count; i++)
                learn(c, m->items[i]);
        }
        break;
    case OPERATION_WRITE:
        m->value = c->value;
        if (knows(m, OPERATION_TXN))
            m->items[c->key] = c->value;
        if (knows(m, OPERATION_WATCH)) {
            put(m, c->value, 0);
            c->revision = one_in(m, 4) ? 0 : m->count;
        }
        if (knows(m, OPERATION_ACQUIRE)) {
            if (c->other < m->value || c->other > m->token)
                c->end = END_FAIL;
            m->value = c->end == END_OK ? c->other : m->value;
        }
        break;
    case OPERATION_CAS:
        if (m->value != c->other)
            c->end = END_FAIL;
        else
            m->value = c->value;
        break;
    case OPERATION_ADD:
        if (is_model(m, "counter"))
            m->value += c->value;
        else if (find(m, c->value) == m->count)
            put(m, c->value, 0);
        break;
    case OPERATION_REMOVE:
        at = find(m, c->value);
        if (at == m->count)
            c->end = END_FAIL;
        else
            drop(m, at);
        break;
    case OPERATION_ENQUEUE:
        put(m, c->value, 0);
        break;
    case OPERATION_DEQUEUE:
        if (m->count == 0) {
            c->end = END_FAIL;
            break;
        }
        at = is_model(m, "queue") ? 0 : (size_t)below(m, m->count);
        c->value = m->items[at];
        drop(m, at);
        break;
    case OPERATION_ACQUIRE:
        if (m->held_by >= 0) {
            c->end = END_FAIL;
            break;
        }
        m->held_by = c->process;
        c->token = c->other = ++m->token;
        break;
    case OPERATION_RELEASE:
        if (m->held_by == c->process)
            m->held_by = -1;
        else
            c->end = END_FAIL;
        c->token = VALUE_NIL;
        break;
    case OPERATION_SEND:
        put(m, c->value, 0);
        if (!is_model(m, "broker") && strncmp(m->model->name, "pubsub", 6) != 0)
            c->other = (int64_t)m->count - 1;
        break;
    case OPERATION_POLL: {
        c->has_list = true;
        c->other = (int64_t)(c - m->clients);
        bool broker = is_model(m, "broker");
        size_t from = broker ? 0 : c->position, most = 1 + (size_t)below(m, 3);
        if (!broker && one_in(m, 4))
            from = from > 0 ? from : (size_t)below(m, m->count + 1);
        for (size_t i = from; i < m->count && most > 0; i++) {
            if (broker && (m->extra[i] >> (c - m->clients) & 1) != 0)
                continue;
            learn(c, broker || strncmp(m->model->name, "pubsub", 6) == 0 ? VALUE_NIL : (int64_t)i);
            learn(c, m->items[i]);
            c->position = i + 1;
            most -= broker ? 0 : 1;
        }
        break;
    }
    case OPERATION_ACKNOWLEDGE:
        c->other = (int64_t)(c - m->clients);
        at = find(m, c->value);
        if (at < m->count)
            m->extra[at] |= INT64_C(1) << (c - m->clients);
        else
            c->end = END_FAIL;
        break;
    case OPERATION_WATCH: {
        c->has_list = true;
        c->other = (int64_t)(c - m->clients);
        size_t most = (size_t)below(m, 4);
        for (size_t i = c->position; i < m->count && most > 0; i++, most--) {
            learn(c, (int64_t)i + 1);
            learn(c, m->items[i]);
            c->position = i + 1;
        }
        if (c->position == m->count && one_in(m, 2))
            c->revision = m->count;
        break;
    }
    case OPERATION_ISSUE:
        c->value = ++m->next_value;
        put(m, c->value, 0);
        break;
    case OPERATION_USE:
        at = find(m, c->value);
        if (at == m->count || (m->extra[at] & 2) != 0 ||
            (strncmp(m->model->name, "redeem-once", 11) == 0 && (m->extra[at] & 1) != 0))
            c->end = END_FAIL;
        else
            m->extra[at] |= 1;
        break;
    case OPERATION_REVOKE:
        at = find(m, c->value);
        if (at < m->count)
            m->extra[at] |= 2;
        break;
    default:
        break;
    }
}

/* An answer that is not what happened. */
static void lie(struct making *m, struct client *c, enum operation_function f)
{
    if (f == OPERATION_TXN) { /* a read that saw something else; else it did not happen, it says */
        size_t at = PART_SIZE * (size_t)below(m, c->list_count / PART_SIZE);
        if (c->list[at + PART_FUNCTION] == OPERATION_READ)
            c->list[at + PART_VALUE] = 1 + (int64_t)below(m, VALUES);
        else
            c->end = END_FAIL;
        return;
    }
    if (c->list_count > 0 && !one_in(m, 8)) {
        size_t at = (size_t)below(m, c->list_count), by = f == OPERATION_READ ? 1 : 2;
        at -= at % by;
        switch (below(m, 4)) {
        case 0: /* one is missing */
            c->list_count -= by;
            memmove(&c->list[at], &c->list[at + by], (c->list_count - at) * sizeof c->list[0]);
            break;
        case 1: /* one is there twice */
            for (size_t i = 0; i < by; i++)
                learn(c, c->list[at + i]);
            break;
        case 2: /* one is another */
            c->list[at + by - 1] = 1 + (int64_t)below(m, (uint64_t)m->next_value + 2);
            break;
        default: /* two have changed places */
            for (size_t i = 0; i < by; i++) {
                int64_t moved = c->list[i];
                c->list[i] = c->list[at + i];
                c->list[at + i] = moved;
            }
        }
        return;
    }
    switch ((int)f) {
    case OPERATION_READ:
    case OPERATION_DEQUEUE:
    case OPERATION_ISSUE:
        if (f == OPERATION_DEQUEUE && one_in(m, 3)) {
            c->end = c->end == END_OK ? END_FAIL : END_OK;
            c->value = c->end == END_OK ? 1 + (int64_t)below(m, (uint64_t)m->next_value + 1) : VALUE_NIL;
        } else if (c->end == END_OK)
            c->value = 1 + (int64_t)below(m, m->unique ? (uint64_t)m->next_value + 1 : VALUES);
        break;
    case OPERATION_ACQUIRE:
        c->end = END_OK;
        c->token = c->other = 1 + (int64_t)below(m, (uint64_t)m->token + 2);
        break;
    case OPERATION_SEND:
        if (c->other != VALUE_NIL)
            c->other = (int64_t)below(m, (uint64_t)m->count + 1);
        else
            c->end = END_FAIL;
        break;
    case OPERATION_WRITE:
        if (knows(m, OPERATION_WATCH))
            c->revision = 1 + below(m, m->count + 1);
        else
            c->end = c->end == END_OK ? END_FAIL : END_OK;
        break;
    default:
        c->end = c->end == END_OK ? END_FAIL : END_OK;
    }
}

static bool finish(struct making *m, struct client *c)
{
    struct operation *o = &m->h->operations[c->index];
    enum operation_function f = (enum operation_function)o->function;
    bool changes = f != OPERATION_READ && f != OPERATION_POLL && f != OPERATION_WATCH;
    if (m->lie > 0 && one_in(m, m->lie))
        lie(m, c, f);
    if (one_in(m, changes ? 12 : 30))
        c->end = END_INFO;
    int64_t asked = o->value;
    history_end(m->h, c->index, c->end, c->value, m->now);
    bool known = c->end == END_OK;
    if (f != OPERATION_ACQUIRE && f != OPERATION_SEND)
        o->other = c->other;
    else if (known)
        o->other = c->other;
    if (f == OPERATION_WRITE || f == OPERATION_CAS)
        o->value = asked;
    if (known && c->has_list && history_set_list(m->h, c->index, c->list, c->list_count) != 0)
        return false;
    if (known && c->revision != 0 && history_set_revision(m->h, c->index, c->revision) != 0)
        return false;
    if (c->end == END_INFO) {
        c->process = m->next_process++;
        c->token = VALUE_NIL;
    }
    c->index = -1;
    c->ended = m->now;
    return true;
}

bool twin_history(const struct check_model *model, const struct choices *choices, size_t operations, struct history *h)
{
    struct making m = {.model = model, .choices = choices, .h = h, .value = VALUE_NIL, .held_by = -1};
    history_init(h);
    m.unique = is_model(&m, "register")                                                          ? below(&m, 8) != 0
               : is_model(&m, "cas-register") || is_model(&m, "counter")                         ? below(&m, 4) == 0
               : is_model(&m, "multi-register")                                                  ? one_in(&m, 4)
               : is_model(&m, "set") || is_model(&m, "queue") || is_model(&m, "unordered-queue") ? below(&m, 10) != 0
                                                                                                 : true;
    m.lie = below(&m, 3) == 0 ? 0 : 2 + below(&m, 8);
    if (knows(&m, OPERATION_ACQUIRE) || is_model(&m, "counter"))
        m.value = 0;
    if (is_model(&m, "counter") && one_in(&m, 2))
        m.step = (const int64_t[]){1, 1, 2, -1}[below(&m, 4)];
    for (size_t i = 0; i < REGISTERS; i++)
        m.items[i] = VALUE_NIL;
    m.settled = 1 + operations / 6;
    if (is_model(&m, "convergence"))
        m.lie = below(&m, 3) == 0 ? 0 : 1 + below(&m, 2);
    int clients = 1 + (int)below(&m, CLIENTS);
    m.next_process = clients;
    for (int i = 0; i < clients; i++) {
        m.clients[i].index = -1;
        m.clients[i].process = i;
        m.clients[i].token = VALUE_NIL;
    }
    bool ok = true;
    for (size_t steps = 0; ok && steps < operations * 4; steps++) {
        struct client *c = &m.clients[below(&m, (uint64_t)clients)];
        m.now += below(&m, 3);
        if (c->index < 0) {
            if (h->count == operations)
                continue;
            if (m.now == c->ended)
                m.now++; /* one operation at a time: at one instant they would overlap */
            c->has_list = c->done = false;
            c->list_count = 0;
            enum operation_function f = ask(&m, c);
            c->revision = 0;
            c->index = history_invoke(h, c->process, f, c->key, c->value, m.now);
            ok = c->index >= 0 && (!c->has_list || history_set_list(h, c->index, c->list, c->list_count) == 0);
            if (ok) /* what it is asked with; the lock's token is learnt */
                h->operations[c->index].other = c->other;
        } else if (!c->done) {
            act(&m, c, (enum operation_function)h->operations[c->index].function);
            c->done = true;
        } else {
            ok = finish(&m, c);
        }
    }
    if (!ok)
        history_deinit(h);
    return ok;
}
