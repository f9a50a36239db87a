/* Objects as state machines, for chaos/check/search.h. Each says in a few lines what the object is; the fast checkers
 * say the same in a way that needs no search. */
#include "chaos/check/search.h"

/* ---- register: read, write, cas. One number. A failed cas saw something else than it asked for. ---- */

static enum role register_role(const struct history *h, const struct operation *o)
{
    (void)h;
    switch (o->function) {
    case OPERATION_READ:
        return o->end == END_OK ? ROLE_MUST : ROLE_NONE;
    case OPERATION_CAS:
        return o->end == END_OK || o->end == END_FAIL ? ROLE_MUST : ROLE_MAY;
    case OPERATION_WRITE:
        return o->end == END_OK ? ROLE_MUST : o->end == END_FAIL ? ROLE_NONE : ROLE_MAY;
    default:
        return ROLE_NONE;
    }
}

static void register_start(const struct check_limits *limits, struct state *s)
{
    state_push(s, limits->initial);
}

static bool register_step(const struct history *h, const struct operation *o, size_t choice, struct state *s)
{
    (void)h;
    (void)choice;
    if (o->function == OPERATION_READ)
        return s->items[0] == o->value;
    if (o->function == OPERATION_CAS && o->end == END_FAIL)
        return s->items[0] != o->other;
    if (o->function == OPERATION_CAS && s->items[0] != o->other)
        return false;
    s->items[0] = o->value;
    return true;
}
const struct machine machine_register = {
    .name = "register", .role = register_role, .start = register_start, .step = register_step};

/* ---- registers: what all hold at first, then pairs of key and value, keys rising, of those that hold another ---- */

static enum role registers_role(const struct history *h, const struct operation *o)
{
    (void)h;
    bool may = o->function != OPERATION_READ && o->end != END_FAIL;
    return o->end == END_OK ? ROLE_MUST : may ? ROLE_MAY : ROLE_NONE;
}

static bool registers_do(enum operation_function f, int64_t key, int64_t value, bool learnt, struct state *s)
{
    size_t i = 1;
    while (i < s->count && s->items[i] < key)
        i += 2;
    bool there = i < s->count && s->items[i] == key;
    if (f == OPERATION_READ)
        return !learnt || value == (there ? s->items[i + 1] : s->items[0]);
    if (there) {
        state_remove(s, i);
        state_remove(s, i);
    }
    if (value != s->items[0]) {
        state_insert(s, i, key);
        state_insert(s, i + 1, value);
    }
    return true;
}

static bool registers_step(const struct history *h, const struct operation *o, size_t choice, struct state *s)
{
    (void)choice;
    if (o->function != OPERATION_TXN)
        return registers_do((enum operation_function)o->function, o->key, o->value, o->end == END_OK, s);
    size_t count;
    const int64_t *items = history_list(h, o, &count);
    bool possible = true;
    for (size_t i = 0; possible && i < count && !s->failed; i += PART_SIZE)
        possible = registers_do((enum operation_function)items[i + PART_FUNCTION], items[i + PART_KEY],
                                items[i + PART_VALUE], o->end == END_OK, s);
    return possible;
}
const struct machine machine_registers = {
    .name = "registers", .role = registers_role, .start = register_start, .step = registers_step};

/* ---- mutex: who holds it, or -1; with tokens: the last one given, the last one accepted by what it protects ---- */

static enum role mutex_role(const struct history *h, const struct operation *o)
{
    (void)h;
    if (o->function != OPERATION_ACQUIRE && o->function != OPERATION_RELEASE)
        return ROLE_NONE;
    return o->end == END_OK ? ROLE_MUST : o->end == END_FAIL ? ROLE_NONE : ROLE_MAY;
}

static void mutex_start(const struct check_limits *limits, struct state *s)
{
    (void)limits;
    state_push(s, -1);
    state_push(s, VALUE_NIL);
    state_push(s, VALUE_NIL);
}

static bool mutex_step(const struct history *h, const struct operation *o, size_t choice, struct state *s)
{
    (void)h;
    (void)choice;
    if (o->function == OPERATION_ACQUIRE) {
        if (s->items[0] != -1)
            return false;
        s->items[0] = o->process;
        return true;
    }
    if (s->items[0] != o->process)
        return false;
    s->items[0] = -1;
    return true;
}
const struct machine machine_mutex = {.name = "mutex", .role = mutex_role, .start = mutex_start, .step = mutex_step};

static enum role lock_role(const struct history *h, const struct operation *o)
{
    if (o->function == OPERATION_WRITE)
        return o->end == END_OK ? ROLE_MUST : ROLE_NONE;
    /* An acquisition whose token nobody learnt holds nothing anybody can use. */
    if (o->function == OPERATION_ACQUIRE && o->end != END_OK)
        return ROLE_NONE;
    return mutex_role(h, o);
}

static bool lock_step(const struct history *h, const struct operation *o, size_t choice, struct state *s)
{
    if (o->function == OPERATION_WRITE) {
        if (s->items[2] != VALUE_NIL && o->other < s->items[2])
            return false;
        s->items[2] = o->other;
        /* The tokens given out stand behind the first three. */
        for (size_t i = 3; i < s->count; i++)
            if (s->items[i] == o->other)
                return true;
        return false;
    }
    if (o->function == OPERATION_ACQUIRE) {
        if (s->items[1] != VALUE_NIL && o->other <= s->items[1])
            return false;
        s->items[1] = o->other;
        state_push(s, o->other);
    }
    return mutex_step(h, o, choice, s);
}
const struct machine machine_lock = {.name = "lock", .role = lock_role, .start = mutex_start, .step = lock_step};

static enum role fencing_role(const struct history *h, const struct operation *o)
{
    return o->function == OPERATION_RELEASE ? ROLE_NONE : lock_role(h, o);
}

static bool fencing_step(const struct history *h, const struct operation *o, size_t choice, struct state *s)
{
    s->items[0] = -1;
    return lock_step(h, o, choice, s);
}
const struct machine machine_fencing = {
    .name = "fencing", .role = fencing_role, .start = mutex_start, .step = fencing_step};

/* ---- set: what is in it, rising. A read learns all of it. ---- */

static enum role set_role(const struct history *h, const struct operation *o)
{
    (void)h;
    switch (o->function) {
    case OPERATION_READ:
        return o->end == END_OK ? ROLE_MUST : ROLE_NONE;
    case OPERATION_ADD:
        return o->end == END_OK ? ROLE_MUST : o->end == END_FAIL ? ROLE_NONE : ROLE_MAY;
    case OPERATION_REMOVE:
        return o->end == END_OK || o->end == END_FAIL ? ROLE_MUST : ROLE_MAY;
    default:
        return ROLE_NONE;
    }
}

static bool set_step(const struct history *h, const struct operation *o, size_t choice, struct state *s)
{
    (void)choice;
    size_t at = state_find(s, o->value);
    if (o->function == OPERATION_ADD) {
        size_t i = 0;
        while (i < s->count && s->items[i] < o->value)
            i++;
        if (at == s->count)
            state_insert(s, i, o->value);
        return true;
    }
    if (o->function == OPERATION_REMOVE) {
        if (o->end == END_FAIL)
            return at == s->count;
        if (at == s->count)
            return false;
        state_remove(s, at);
        return true;
    }
    size_t count;
    const int64_t *items = history_list(h, o, &count);
    if (count != s->count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (state_find(s, items[i]) == s->count)
            return false;
    for (size_t i = 0; i < count; i++)
        for (size_t n = i + 1; n < count; n++)
            if (items[i] == items[n])
                return false;
    return true;
}
const struct machine machine_set = {.name = "set", .role = set_role, .step = set_step};

/* ---- queues: what is in them, in order or rising ---- */

static enum role queue_role(const struct history *h, const struct operation *o)
{
    (void)h;
    switch (o->function) {
    case OPERATION_ENQUEUE:
        return o->end == END_OK ? ROLE_MUST : o->end == END_FAIL ? ROLE_NONE : ROLE_MAY;
    case OPERATION_DEQUEUE:
        return o->end == END_OK || o->end == END_FAIL ? ROLE_MUST : ROLE_MAY;
    default:
        return ROLE_NONE;
    }
}

static bool queue_step(const struct history *h, const struct operation *o, size_t choice, struct state *s)
{
    (void)h;
    (void)choice;
    if (o->function == OPERATION_ENQUEUE) {
        state_push(s, o->value);
        return true;
    }
    if (o->end == END_FAIL)
        return s->count == 0;
    if (s->count == 0 || (o->end == END_OK && s->items[0] != o->value))
        return false;
    state_remove(s, 0);
    return true;
}
const struct machine machine_queue = {.name = "queue", .role = queue_role, .step = queue_step};

static bool bag_step(const struct history *h, const struct operation *o, size_t choice, struct state *s)
{
    (void)h;
    if (o->function == OPERATION_ENQUEUE) {
        size_t i = 0;
        while (i < s->count && s->items[i] < o->value)
            i++;
        state_insert(s, i, o->value);
        return true;
    }
    if (o->end == END_FAIL)
        return s->count == 0;
    size_t at = o->end == END_OK ? state_find(s, o->value) : choice;
    if (at >= s->count)
        return false;
    state_remove(s, at);
    return true;
}

static size_t bag_choices(const struct history *h, const struct operation *o, const struct state *s)
{
    (void)h;
    return o->function == OPERATION_DEQUEUE && o->end != END_OK && o->end != END_FAIL ? s->count : 1;
}
const struct machine machine_bag = {
    .name = "unordered queue", .role = queue_role, .step = bag_step, .choices = bag_choices};

/* ---- counter: a sum ---- */

static enum role counter_role(const struct history *h, const struct operation *o)
{
    (void)h;
    if (o->function == OPERATION_READ)
        return o->end == END_OK ? ROLE_MUST : ROLE_NONE;
    if (o->function != OPERATION_ADD)
        return ROLE_NONE;
    return o->end == END_OK ? ROLE_MUST : o->end == END_FAIL ? ROLE_NONE : ROLE_MAY;
}

static void counter_start(const struct check_limits *limits, struct state *s)
{
    state_push(s, limits->initial != VALUE_NIL ? limits->initial : 0);
}

static bool counter_step(const struct history *h, const struct operation *o, size_t choice, struct state *s)
{
    (void)h;
    (void)choice;
    if (o->function == OPERATION_READ)
        return s->items[0] == o->value;
    s->items[0] = (int64_t)((uint64_t)s->items[0] + (uint64_t)o->value);
    return true;
}
const struct machine machine_counter = {
    .name = "counter", .role = counter_role, .start = counter_start, .step = counter_step};

/* ---- tokens: for each one issued, used or revoked: its value and which; as a rising sequence of pairs ---- */

enum { TOKEN_ISSUED = 1, TOKEN_USED = 2, TOKEN_REVOKED = 4 };

/* A refusal says nothing: a token may have run out. */
static enum role token_role(const struct history *h, const struct operation *o)
{
    (void)h;
    switch (o->function) {
    case OPERATION_ISSUE: /* one whose answer nobody saw gave a token nobody knows */
    case OPERATION_USE:
        return o->end == END_OK ? ROLE_MUST : ROLE_NONE;
    case OPERATION_REVOKE:
        return o->end == END_OK ? ROLE_MUST : o->end == END_FAIL ? ROLE_NONE : ROLE_MAY;
    default:
        return ROLE_NONE;
    }
}

static enum role token_exact_role(const struct history *h, const struct operation *o)
{
    if (o->function != OPERATION_USE)
        return token_role(h, o);
    return o->end == END_OK || o->end == END_FAIL ? ROLE_MUST : ROLE_MAY;
}

static int64_t *token_flags(struct state *s, int64_t token)
{
    size_t i = 0;
    while (i < s->count && s->items[i] < token)
        i += 2;
    if (i >= s->count || s->items[i] != token) {
        state_insert(s, i, token);
        state_insert(s, i + 1 <= s->count ? i + 1 : s->count, 0);
    }
    return s->failed ? NULL : &s->items[i + 1];
}

static bool token_do(const struct operation *o, bool once, struct state *s)
{
    int64_t *flags = token_flags(s, o->value);
    if (flags == NULL)
        return false;
    bool good = (*flags & TOKEN_ISSUED) != 0 && (*flags & TOKEN_REVOKED) == 0 && (!once || (*flags & TOKEN_USED) == 0);
    if (o->function == OPERATION_ISSUE) {
        if ((*flags & TOKEN_ISSUED) != 0)
            return false;
        *flags |= TOKEN_ISSUED;
    } else if (o->function == OPERATION_REVOKE) {
        *flags |= TOKEN_REVOKED;
    } else if (o->end == END_FAIL) {
        return !good;
    } else {
        if (!good)
            return false;
        *flags |= TOKEN_USED;
    }
    return true;
}

static bool token_step(const struct history *h, const struct operation *o, size_t choice, struct state *s)
{
    (void)h;
    (void)choice;
    return token_do(o, false, s);
}

static bool redeem_step(const struct history *h, const struct operation *o, size_t choice, struct state *s)
{
    (void)h;
    (void)choice;
    return token_do(o, true, s);
}
const struct machine machine_token = {.name = "token", .role = token_role, .step = token_step};
const struct machine machine_redeem_once = {.name = "redeem-once", .role = token_role, .step = redeem_step};
const struct machine machine_token_exact = {.name = "token-exact", .role = token_exact_role, .step = token_step};
const struct machine machine_redeem_once_exact = {
    .name = "redeem-once-exact", .role = token_exact_role, .step = redeem_step};
