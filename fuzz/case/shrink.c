#include "fuzz/case/shrink_internal.h"

#include "fuzz/case/mutate_case.h"
#include "fuzz/message/defect.h"

#define GRAIN_FIRST     16
#define DEFECT_NAME_MAX 64 /* longer ones are no defect's */

bool shrink_start(struct shrinker *s)
{
    if (shrink_over(s))
        return false;
    if (fuzz_case_copy(&s->next, s->best))
        s->failed = true;
    return !s->failed;
}

bool shrink_try(struct shrinker *s)
{
    if (shrink_over(s))
        return false;
    uint64_t hash = fuzz_case_hash(&s->next), *slot = &s->asked[hash & (SHRINK_ASKED - 1)];
    if (*slot == hash || fuzz_case_equal(&s->next, s->best))
        return false;
    s->left--;
    s->did->tries++;
    if (!s->still(s->arg, &s->next)) {
        *slot = hash;
        return false;
    }
    struct fuzz_case was = *s->best;
    *s->best = s->next;
    s->next = was;
    s->did->steps++;
    return true;
}

/* What a decoder says of the message, but for numbers, which are places and sizes in it. */
static void read_refusal(const struct pb_type *type, struct bytes value, struct text *out)
{
    struct error err = ERROR_INIT;
    if (pb_scan(type->descriptor, value, &err) != 0)
        for (const char *p = err.message ? err.message : ""; *p; p++)
            if (*p < '0' || *p > '9')
                text_char(out, *p);
    error_clear(&err);
}

static bool same_refusal(struct shrinker *s, const struct pb_type *type, struct bytes was, struct bytes now)
{
    struct text before = TEXT_INIT, after = TEXT_INIT;
    read_refusal(type, was, &before);
    read_refusal(type, now, &after);
    bool same = before.len > 0 && bytes_equal(text_bytes(&before), text_bytes(&after));
    s->failed |= !text_ok(&before) || !text_ok(&after);
    text_deinit(&before);
    text_deinit(&after);
    return same;
}

/* The defect a message says it has may be what was cut off. One that all decoders refuse is known to be there when they
 * still do, for the same reason; of others nothing is known once the message is another one. Then the candidate says no
 * more than what its bytes are, and whoever needs the defect refuses it. */
static int keep_label_true(struct shrinker *s, size_t event)
{
    struct fuzz_event *e = &s->next.events.items[event];
    char name[DEFECT_NAME_MAX];
    if (e->kind != EVENT_MESSAGE || e->name.len == 0)
        return 0;
    const struct pb_method *m = s->pool ? fuzz_case_method(&s->next, e->call, s->pool) : NULL;
    const struct pb_type *type = m ? m->input : NULL;
    struct bytes label = fuzz_case_bytes(&s->next, e->name), value = fuzz_case_bytes(&s->next, e->value);
    size_t len = label.len < sizeof name ? label.len : 0;
    memcpy(name, label.data, len);
    name[len] = '\0';
    const struct defect *d = defect_find(name);
    if (d && d->decoders == DECODERS_REFUSE && type && pb_refused_by_all(type->descriptor, value) &&
        same_refusal(s, type, fuzz_case_bytes(s->best, s->best->events.items[event].value), value))
        return 0;
    e->lane = type && pb_scan(type->descriptor, value, NULL) == 0 ? LANE_VALID : LANE_GARBAGE;
    return fuzz_case_set_name(&s->next, event, BYTES_NONE);
}

bool shrink_try_value(struct shrinker *s, size_t event)
{
    if (!text_ok(&s->value))
        s->failed = true;
    if (!shrink_start(s))
        return false;
    int rc = fuzz_case_set_value(&s->next, event, text_bytes(&s->value));
    if (rc >= 0)
        rc = keep_label_true(s, event);
    if (rc == ERROR_MEMORY)
        s->failed = true;
    return rc >= 0 && shrink_try(s);
}

static bool try_name(struct shrinker *s, size_t event)
{
    if (!text_ok(&s->value))
        s->failed = true;
    if (!shrink_start(s))
        return false;
    int rc = fuzz_case_set_name(&s->next, event, text_bytes(&s->value));
    if (rc == ERROR_MEMORY)
        s->failed = true;
    return rc >= 0 && shrink_try(s);
}

bool shrink_number(uint64_t value, bool sign, size_t n, uint64_t *out)
{
    static const unsigned shifts[] = {32, 16, 8, 4, 2, 1};
    const size_t shift_count = sizeof shifts / sizeof shifts[0];
    bool negative = sign && value >> 63;
    uint64_t size = negative ? 0 - value : value;
    /* What would be no smaller is 0, which was tried. */
    if (n < 2)
        size = n < size ? n : 0;
    else if (n < 2 + shift_count)
        size >>= shifts[n - 2];
    else if (n == 2 + shift_count)
        size -= size > 0;
    else
        return false;
    *out = negative ? 0 - size : size;
    return true;
}

/* ---- calls and events ---- */

static size_t call_event(const struct fuzz_case *c, size_t call)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_CALL && call-- == 0)
            return i;
    return c->events.count;
}

static void cut_calls(struct shrinker *s)
{
    for (size_t piece = fuzz_case_calls(s->best); piece > 0 && !shrink_over(s); piece /= 2)
        /* From the end: what comes later has less that depends on it. */
        for (size_t end = fuzz_case_calls(s->best); end > 0 && !shrink_over(s);) {
            size_t at = end > piece ? end - piece : 0;
            if (!shrink_start(s))
                return;
            for (size_t call = end; call > at; call--)
                fuzz_case_cut(&s->next, call_event(&s->next, call - 1));
            shrink_try(s);
            end = at;
        }
}

static void cut_events(struct shrinker *s)
{
    for (size_t piece = s->best->events.count; piece > 0 && !shrink_over(s); piece /= 2)
        for (size_t end = s->best->events.count; end > 0 && !shrink_over(s);) {
            size_t at = end > piece ? end - piece : 0;
            if (!shrink_start(s))
                return;
            for (size_t i = end; i > at; i--)
                if (i <= s->next.events.count)
                    fuzz_case_cut(&s->next, i - 1);
            shrink_try(s);
            end = at < s->best->events.count ? at : s->best->events.count;
        }
}

/* ---- bytes ---- */

static struct bytes part(const struct shrinker *s, size_t event, bool name)
{
    const struct fuzz_event *e = &s->best->events.items[event];
    return fuzz_case_bytes(s->best, name ? e->name : e->value);
}

static bool try_without(struct shrinker *s, size_t event, bool name, size_t at, size_t end)
{
    struct bytes b = part(s, event, name);
    text_clear(&s->value);
    text_add(&s->value, b.data, at);
    text_add(&s->value, b.data + end, b.len - end);
    return name ? try_name(s, event) : shrink_try_value(s, event);
}

static void cut_bytes(struct shrinker *s, size_t event, bool name)
{
    size_t len = part(s, event, name).len, min = shrink_piece_min(s, len);
    for (size_t piece = len; piece >= min && piece > 0; piece /= 2)
        for (size_t at = 0; at < part(s, event, name).len && !shrink_over(s);) {
            len = part(s, event, name).len;
            size_t end = len - at > piece ? at + piece : len;
            if (!try_without(s, event, name, at, end))
                at = end;
        }
}

static void cut_lines(struct shrinker *s, size_t event)
{
    for (size_t at = 0; at < part(s, event, false).len && !shrink_over(s);) {
        struct bytes b = part(s, event, false);
        const uint8_t *newline = memchr(b.data + at, '\n', b.len - at);
        size_t end = newline ? (size_t)(newline - b.data) + 1 : b.len;
        if (!try_without(s, event, false, at, end))
            at = end;
    }
}

/* Short ones only: a byte each time is a try. */
static void plain_bytes(struct shrinker *s, size_t event, bool name)
{
    size_t len = part(s, event, name).len;
    for (size_t i = 0; len <= SHRINK_PLAIN_MAX && i < len && !shrink_over(s); i++) {
        struct bytes b = part(s, event, name);
        if (b.data[i] == 'a')
            continue;
        text_clear(&s->value);
        text_add(&s->value, b.data, b.len);
        if (text_ok(&s->value))
            s->value.data[i] = 'a';
        if (name)
            try_name(s, event);
        else
            shrink_try_value(s, event);
    }
}

/* ---- the plain parts ---- */

static void plain_flags(struct shrinker *s, size_t event)
{
    for (unsigned bit = 0; bit < 16; bit++) {
        uint16_t mask = (uint16_t)(1U << bit);
        if (!(s->best->events.items[event].flags & mask) || !shrink_start(s))
            continue;
        s->next.events.items[event].flags = (uint16_t)(s->next.events.items[event].flags & ~mask);
        shrink_try(s);
    }
}

static void plain_number(struct shrinker *s, size_t event)
{
    const struct fuzz_event *e = &s->best->events.items[event];
    /* In frames and headers it is several things at once, in faults and connections a choice. */
    if (e->kind != EVENT_CALL && e->kind != EVENT_CANCEL && e->kind != EVENT_AWAIT && e->kind != EVENT_TIME &&
        e->kind != EVENT_LINK && e->kind != EVENT_ENVIRONMENT)
        return;
    uint64_t smaller;
    for (size_t n = 0; shrink_number(s->best->events.items[event].number, false, n, &smaller); n++) {
        if (smaller == s->best->events.items[event].number || !shrink_start(s))
            continue;
        s->next.events.items[event].number = smaller;
        if (shrink_try(s))
            n = SIZE_MAX; /* from the start, of what it is now */
    }
}

static void shrink_event(struct shrinker *s, size_t at)
{
    const struct fuzz_event *e = &s->best->events.items[at];
    uint8_t kind = e->kind;
    plain_flags(s, at);
    plain_number(s, at);
    if (kind == EVENT_MESSAGE) {
        const struct pb_method *m = s->pool ? fuzz_case_method(s->best, e->call, s->pool) : NULL;
        if (m)
            shrink_message(s, at, m->input);
        else
            cut_bytes(s, at, false);
    } else if (kind == EVENT_HEADERS || kind == EVENT_HTTP) {
        cut_lines(s, at);
        cut_bytes(s, at, false);
    } else if (kind == EVENT_METADATA || kind == EVENT_FRAME || kind == EVENT_BYTES) {
        cut_bytes(s, at, false);
        plain_bytes(s, at, false);
    }
    if (kind == EVENT_METADATA) {
        cut_bytes(s, at, true);
        plain_bytes(s, at, true);
    }
}

/* Values go finer from round to round, so that one long one does not use up what the others need. */
static void run(struct shrinker *s)
{
    size_t longest = 0;
    for (s->grain = GRAIN_FIRST;; s->grain *= GRAIN_FIRST) {
        size_t steps = s->did->steps;
        cut_calls(s);
        cut_events(s);
        longest = 0;
        for (size_t i = 0; i < s->best->events.count && !shrink_over(s); i++) {
            shrink_event(s, i);
            if (s->best->events.items[i].value.len > longest)
                longest = s->best->events.items[i].value.len;
        }
        if (shrink_over(s))
            return;
        if (s->did->steps == steps && s->grain >= longest)
            break;
        if (s->grain >= longest && s->grain > GRAIN_FIRST)
            s->grain /= GRAIN_FIRST; /* as fine as it gets, once more */
    }
    s->did->done = true;
}

int fuzz_shrink(struct fuzz_case *c, const struct pb_pool *pool, bool (*still)(void *arg, const struct fuzz_case *c),
                void *arg, size_t tries, struct fuzz_shrunk *did)
{
    struct fuzz_shrunk own;
    struct shrinker s = {.best = c, .pool = pool, .still = still, .arg = arg, .left = tries};
    s.did = did ? did : &own;
    *s.did = (struct fuzz_shrunk){0};
    if (tries == 0)
        return ERROR_NOT_FOUND;
    s.left--;
    s.did->tries++;
    if (!still(arg, c))
        return ERROR_NOT_FOUND;
    run(&s);
    fuzz_case_deinit(&s.next);
    text_deinit(&s.value);
    return s.failed ? ERROR_MEMORY : fuzz_case_tidy(c);
}
