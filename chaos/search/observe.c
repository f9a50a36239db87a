#include "chaos/search/observe.h"

#include "base/hash.h"
#include "base/units.h"
#include "chaos/fault/fault.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_WORDS 12 /* of a line that make its kind */
#define MANY      32 /* operations of one sort, which is another fact than a few */

/* ---- facts ---- */

static uint64_t with_number(uint64_t hash, uint64_t n)
{
    for (int i = 0; i < 8; i++, n >>= 8)
        hash = hash_step(hash, n & 0xff);
    return hash;
}

/* 0, then powers of four: 1-3, 4-15, 16-63, ... of milliseconds. */
static unsigned time_class(uint64_t ns)
{
    unsigned c = 0;
    for (uint64_t ms = ns / (uint64_t)MILLISECOND; ms > 0; ms /= 4)
        c++;
    return c;
}

static void add_fact(struct observer *o, uint64_t fact)
{
    if (!array_push(&o->facts, fact))
        o->out_of_memory = true;
}

/* ---- the result stream ---- */

static uint64_t target_now(const struct observer *o)
{
    return world_now(o->target->world);
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text != NULL ? text : "";
}

static void see_injection(struct observer *o, const struct chaos_fault *f, const char *target)
{
    for (size_t i = 0; i < o->fault_count; i++) {
        const struct observed_fault *other = &o->faults[i];
        if (other->to == TIME_NEVER)
            add_fact(o,
                     hash_word(hash_word(hash_word(hash_word(HASH_START, "together"), other->fault->family), f->family),
                               strcmp(other->target, target) == 0 ? "same" : "other"));
    }
    if (o->fault_count == OBSERVED_FAULTS)
        return;
    struct observed_fault *own = &o->faults[o->fault_count++];
    *own = (struct observed_fault){.fault = f, .from = target_now(o), .to = TIME_NEVER};
    snprintf(own->target, sizeof own->target, "%s", target);
}

static void see_heal(struct observer *o, const struct chaos_fault *f, const char *target, uint64_t hits)
{
    for (size_t i = 0; i < o->fault_count; i++)
        if (o->faults[i].fault == f && o->faults[i].to == TIME_NEVER && strcmp(o->faults[i].target, target) == 0)
            o->faults[i].to = target_now(o);
    add_fact(o, with_number(hash_word(hash_word(HASH_START, "hits"), f->name), hits > 0));
}

static void see_fault(struct observer *o, const json_t *line)
{
    const struct chaos_fault *f = fault_find(text_of(line, "name"));
    const char *target = text_of(line, "target");
    bool verified = json_is_true(json_object_get(line, "verified"));
    if (f == NULL)
        return;
    if (!verified)
        add_fact(o, hash_word(hash_word(hash_word(HASH_START, "not verified"), f->name), text_of(line, "state")));
    else if (strcmp(text_of(line, "state"), "inject") == 0)
        see_injection(o, f, target);
    else
        see_heal(o, f, target, (uint64_t)json_integer_value(json_object_get(line, "hits")));
}

static void see_recovery(struct observer *o, const json_t *line)
{
    const char *target = text_of(line, "target");
    const struct chaos_fault *fault = fault_find(text_of(line, "fault"));
    uint64_t after = hash_word(hash_word(HASH_START, "recovered"), fault != NULL ? fault->family : "");
    uint64_t who = hash_word(after, target);
    uint64_t duration = (uint64_t)json_integer_value(json_object_get(line, "duration"));
    const json_t *baseline = json_object_get(line, "baseline");
    add_fact(o, with_number(hash_word(who, "answered"), time_class(duration)));
    add_fact(o, with_number(hash_word(after, "baseline"),
                            baseline != NULL ? 1 + time_class((uint64_t)json_integer_value(baseline)) : 0));
    add_fact(o, hash_word(who, json_object_get(line, "detected") != NULL ? "noticed" : "not noticed"));
    if (o->last_recovered[0] != '\0')
        add_fact(o, hash_word(hash_word(hash_word(HASH_START, "back after"), o->last_recovered), target));
    snprintf(o->last_recovered, sizeof o->last_recovered, "%s", target);
}

static void fails(struct observer *o, const char *where, const char *what, const char *title)
{
    if (o->failure[0] != '\0')
        return;
    snprintf(o->failure, sizeof o->failure, "%s / %s", where, what);
    snprintf(o->title, sizeof o->title, "%s", title);
}

static void see_case(struct observer *o, const json_t *line)
{
    const char *status = text_of(line, "status"), *suite = text_of(line, "suite"), *name = text_of(line, "name");
    if (strcmp(status, "passed") == 0)
        return;
    add_fact(o, hash_word(hash_word(hash_word(HASH_START, status), suite), name));
    if (strcmp(status, "failed") == 0)
        fails(o, suite, name, text_of(line, "message"));
}

static void see_finding(struct observer *o, const json_t *line)
{
    const char *oracle = text_of(line, "oracle"), *target = text_of(line, "target");
    add_fact(o, hash_word(hash_word(hash_word(HASH_START, "finding"), oracle), target));
    fails(o, oracle, target, text_of(line, "title"));
}

static int see_line(void *arg, const char *text, size_t len)
{
    static const char sample[] = "{\"type\":\"sample\""; /* most of them, and of no use here */
    static const struct {
        const char *type;
        void (*see)(struct observer *o, const json_t *line);
    } types[] = {{"fault", see_fault}, {"recovery", see_recovery}, {"case", see_case}, {"finding", see_finding}};
    struct observer *o = arg;
    if (len >= sizeof sample && memcmp(text, sample, sizeof sample - 1) == 0)
        return 0;
    json_t *line = result_read(BYTES(text, len), NULL);
    o->out_of_memory |= line == NULL;
    const char *type = text_of(line, "type");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(type, types[i].type) == 0)
            types[i].see(o, line);
    json_decref(line);
    return 0;
}

static uint64_t stream_now(void *arg)
{
    return world_now(arg);
}

void observer_begin(struct observer *o, struct target *t)
{
    *o = (struct observer){.target = t, .before = t->results};
    o->stream = (struct result_stream){
        .write = see_line, .arg = o, .now = stream_now, .now_arg = t->world, .started = world_now(t->world)};
    t->results = &o->stream;
}

/* ---- histories ---- */

struct counting {
    const struct workload_kind *kind;
    ARRAY(uint64_t) seen; /* one for each time */
};

static uint64_t of_operation(const struct counting *c, const struct operation *p, const char *what)
{
    uint64_t hash = hash_word(hash_word(hash_word(HASH_START, "operation"), c->kind->name), what);
    return hash_word(hash_word(hash, operation_function_name((enum operation_function)p->function)),
                     operation_end_name((enum operation_end)p->end));
}

static void count(struct observer *o, struct counting *c, uint64_t what)
{
    if (!array_push(&c->seen, what))
        o->out_of_memory = true;
}

/* Whether the fault is on one whom the workload calls. */
static bool concerns(const struct observer *o, const struct workload_kind *kind, const struct observed_fault *f)
{
    for (const char *const *service = kind->services; *service != NULL; service++) {
        const struct target_component *c = target_serving(o->target, *service);
        if (c != NULL && strcmp(c->name, f->target) == 0)
            return true;
    }
    return false;
}

/* Under which kinds of faults it went on; what never ended counts by its beginning. Which fault it was is told by the
 * edges, where they are counted: with all of them, every experiment would be the first of its kind. */
static void count_operation(struct observer *o, struct counting *c, const struct operation *p)
{
    uint64_t end = p->ended != TIME_NEVER ? p->ended : p->invoked;
    bool calm = true;
    for (size_t i = 0; i < o->fault_count; i++) {
        const struct observed_fault *f = &o->faults[i];
        if (f->from > end || f->to < p->invoked)
            continue;
        calm = false;
        count(o, c,
              hash_word(hash_word(of_operation(c, p, "under"), f->fault->family),
                        concerns(o, c->kind, f) ? "called" : "not called"));
    }
    if (calm)
        count(o, c, of_operation(c, p, "in calm"));
    if (p->ended != TIME_NEVER)
        count(o, c, with_number(of_operation(c, p, "took"), time_class(p->ended - p->invoked)));
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Each of `items` once, and again in case there are many. */
static void add_classes(struct observer *o, uint64_t *items, size_t count)
{
    if (count > 1)
        qsort(items, count, sizeof *items, compare_numbers);
    for (size_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && items[i + n] == items[i]; n++) {
        }
        add_fact(o, items[i]);
        if (n >= MANY)
            add_fact(o, hash_word(items[i], "many"));
    }
}

/* The longest time in which nothing was answered. */
static void see_silence(struct observer *o, const struct history *h, const char *kind)
{
    uint64_t last = 0, longest = 0;
    ARRAY(uint64_t) ends = {0};
    for (size_t i = 0; i < h->count; i++)
        if (h->operations[i].end == END_OK && !array_push(&ends, h->operations[i].ended))
            o->out_of_memory = true;
    if (ends.count > 1)
        qsort(ends.items, ends.count, sizeof *ends.items, compare_numbers);
    for (size_t i = 0; i < ends.count; last = ends.items[i++])
        if (i > 0 && ends.items[i] - last > longest)
            longest = ends.items[i] - last;
    array_deinit(&ends);
    add_fact(o, with_number(hash_word(hash_word(HASH_START, "silence"), kind), time_class(longest)));
}

/* Whether what nobody knows to have happened was seen by somebody after all. */
static void see_unknown(struct observer *o, struct counting *c, const struct history *h)
{
    ARRAY(uint64_t) known = {0};
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *p = &h->operations[i];
        size_t items = 0;
        const int64_t *list = p->end == END_OK ? history_list(h, p, &items) : NULL;
        bool ok = true;
        if (p->end == END_OK && (p->function == OPERATION_READ || p->function == OPERATION_DEQUEUE))
            ok = array_push(&known, (uint64_t)p->value);
        for (size_t k = 0; list != NULL && k < items; k++)
            ok = array_push(&known, (uint64_t)list[k]) && ok;
        o->out_of_memory |= !ok;
    }
    if (known.count > 1)
        qsort(known.items, known.count, sizeof *known.items, compare_numbers);
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *p = &h->operations[i];
        uint64_t value = (uint64_t)p->value;
        if ((p->end != END_INFO && p->end != END_OPEN) || p->value == VALUE_NIL)
            continue;
        bool seen = known.count > 0 && bsearch(&value, known.items, known.count, sizeof value, compare_numbers) != NULL;
        count(o, c, of_operation(c, p, seen ? "happened" : "not seen"));
    }
    array_deinit(&known);
}

void observer_look(void *arg, struct workload *w)
{
    struct observer *o = arg;
    const struct history *h = workload_history(w);
    struct counting c = {.kind = workload_kind_of(w)};
    for (size_t i = 0; i < h->count; i++)
        count_operation(o, &c, &h->operations[i]);
    see_unknown(o, &c, h);
    add_classes(o, c.seen.items, c.seen.count);
    see_silence(o, h, c.kind->name);
    array_deinit(&c.seen);
}

/* ---- logs ---- */

/* Words of letters alone make a line's kind: numbers, ids and names with digits come and go. */
void observer_log(struct observer *o, const char *component, const char *message, size_t len)
{
    uint64_t hash = hash_word(hash_word(HASH_START, "log"), component != NULL ? component : "");
    size_t words = 0;
    for (size_t i = 0; i < len && words < LOG_WORDS; words++) {
        uint64_t word = HASH_START;
        bool letters = true;
        for (; i < len && message[i] != ' '; i++) {
            letters = letters && !isdigit((unsigned char)message[i]);
            word = hash_step(word, (uint8_t)message[i]);
        }
        hash = letters ? with_number(hash, word) : hash;
        while (i < len && message[i] == ' ')
            i++;
    }
    add_fact(o, hash);
}

/* ---- the end ---- */

int observer_end(struct observer *o)
{
    size_t kept = 0;
    uint64_t *facts = o->facts.items;
    o->target->results = o->before;
    if (o->facts.count > 1)
        qsort(facts, o->facts.count, sizeof *facts, compare_numbers);
    for (size_t i = 0; i < o->facts.count && kept < OBSERVED_MAX; i++)
        if (kept == 0 || facts[kept - 1] != facts[i])
            facts[kept++] = facts[i];
    o->facts.count = kept;
    return o->out_of_memory ? ERROR_MEMORY : 0;
}

void observer_deinit(struct observer *o)
{
    array_deinit(&o->facts);
}
