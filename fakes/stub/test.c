/* Tests on what a scan found. Recursion goes by the tests' levels, which the file's levels bound. */
#include "fakes/stub/match.h"

#include "wire/pb_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 200 /* bytes of a message shown */

static const struct pb_field text_number = {.name = "number", .kind = PB_DOUBLE, .oneof = -1};

/* ---- the value a test is about ---- */

static const struct slot *slot_of(const struct subject *x, const struct test *t)
{
    return t->slot >= 0 ? &x->scan->slots.items[x->base + (size_t)t->slot] : NULL;
}

/* False: nothing is there. What has no presence is always there. */
static bool value_of(const struct subject *x, const struct test *t, struct value *out)
{
    const struct slot *slot = slot_of(x, t);
    *out = (struct value){0};
    if (slot == NULL) {
        if (x->item != NULL)
            *out = *x->item;
        return x->item != NULL;
    }
    if (slot->present)
        *out = slot->value;
    return slot->present || !value_has_presence(t->field);
}

/* A message's content in one piece: the only piece there is, or the pieces joined in `joined`. */
static struct bytes content_of(const struct subject *x, const struct test *t, struct text *joined)
{
    const struct slot *slot = slot_of(x, t);
    struct value v;
    if (t->slot == MATCH_SLOT_ROOT)
        return x->message;
    if (slot == NULL)
        return x->item != NULL ? x->item->bytes : BYTES_NONE;
    if (slot->first == slot->last)
        return slot->value.bytes;
    struct cursor c = cursor_of(x->scan, t->field, slot);
    while (cursor_next(&c, &v))
        text_add(joined, v.bytes.data, v.bytes.len);
    return text_bytes(joined);
}

static bool is_message(const struct test *t)
{
    return t->field == NULL || t->field->kind == PB_MESSAGE;
}

/* The value as text: as it is, as it is printed, or a known message's JSON form without its quotes. */
static bool text_of(const struct subject *x, const struct test *t, struct text *out)
{
    struct value v;
    struct text json = TEXT_INIT;
    if (!value_of(x, t, &v))
        return false;
    if (!is_message(t)) {
        value_print(t->field, v, out);
        return text_ok(out);
    }
    struct text joined = TEXT_INIT;
    int code = pb_wire_to_json(t->field->message, content_of(x, t, &joined), 0, &json, NULL);
    bool ok = code == 0 && text_ok(&joined);
    x->scan->failed = x->scan->failed || code == ERROR_MEMORY || !text_ok(&joined);
    bool quoted = json.len >= 2 && json.data[0] == '"' && memchr(json.data, '\\', json.len) == NULL;
    if (ok)
        text_add(out, text_string(&json) + quoted, json.len - 2 * (size_t)quoted);
    text_deinit(&joined);
    text_deinit(&json);
    return ok && text_ok(out);
}

/* Borrowed when it can be; else printed to `made`. */
static bool bytes_of_value(const struct subject *x, const struct test *t, struct text *made, struct bytes *out)
{
    struct value v;
    if (!is_message(t) && value_is_text(t->field)) {
        bool there = value_of(x, t, &v);
        *out = v.bytes;
        return there;
    }
    bool there = text_of(x, t, made);
    *out = text_bytes(made);
    return there;
}

/* ---- scalars ---- */

static bool in_range(const struct subject *x, const struct test *t)
{
    const struct pb_field *f = t->field;
    struct value v;
    if (!value_of(x, t, &v))
        return false;
    if (f->kind == PB_STRING) {
        struct bytes text = v.bytes;
        f = &text_number;
        if (!value_of_text(f, text, &v))
            return false;
    }
    return (!t->range.has_min || value_compare(f, v, t->range.min) >= 0) &&
           (!t->range.has_max || value_compare(f, v, t->range.max) <= 0);
}

static bool time_in_range(const struct subject *x, const struct test *t)
{
    struct text joined = TEXT_INIT;
    struct value seconds, nanos, v;
    if (!value_of(x, t, &v))
        return false;
    /* Two numbered fields, int64 and int32: what a map's entry of those kinds would be. */
    bool ok = entry_read(t->field->message, content_of(x, t, &joined), &seconds, &nanos) && text_ok(&joined);
    x->scan->failed = x->scan->failed || !text_ok(&joined);
    text_deinit(&joined);
    int64_t s = (int64_t)seconds.bits, micros;
    if (!ok || s < PB_TIMESTAMP_MIN * 2 || s > PB_TIMESTAMP_MAX * 2)
        return false;
    micros = s * 1000000 + (int64_t)nanos.bits / MATCH_MICROSECOND;
    return (!t->range.has_min || micros >= (int64_t)t->range.min.bits) &&
           (!t->range.has_max || micros <= (int64_t)t->range.max.bits);
}

static bool text_passes(const struct subject *x, const struct test *t)
{
    struct text made = TEXT_INIT;
    struct bytes text;
    bool passes = false;
    if (bytes_of_value(x, t, &made, &text)) {
        size_t len = t->kind == TEST_PART ? strlen(t->text) : 0;
        enum pattern_verdict verdict = PATTERN_DIFFERS;
        if (t->kind == TEST_PATTERN)
            verdict = pattern_try(t->pattern, text, NULL);
        else if (t->kind == TEST_GLOB)
            passes = glob_matches(t->text, text);
        else
            passes = len == 0 || (text.len >= len && memmem(text.data, text.len, t->text, len) != NULL);
        passes = passes || verdict == PATTERN_MATCHES;
        x->scan->failed = x->scan->failed || verdict == PATTERN_NO_MEMORY;
    }
    text_deinit(&made);
    return passes;
}

static size_t size_of(const struct subject *x, const struct test *t)
{
    const struct slot *slot = slot_of(x, t);
    struct value v, key;
    if (slot == NULL || !t->field->repeated)
        return value_of(x, t, &v) ? v.bytes.len : 0;
    struct cursor c = cursor_of(x->scan, t->field, slot);
    if (!t->field->map)
        return cursor_count(c);
    /* Of a key sent twice the last entry counts: it is one entry. */
    size_t count = 0;
    while (cursor_next(&c, &v)) {
        struct cursor later = c;
        struct value other, other_key, unused;
        bool again = !entry_read(t->field->message, v.bytes, &key, &unused);
        while (!again && cursor_next(&later, &other))
            again = entry_read(t->field->message, other.bytes, &other_key, &unused) &&
                    value_equal(&t->field->message->fields[0], key, other_key);
        count += !again;
    }
    return count;
}

/* Is everything of `expected` in `actual`? Maps may hold more. */
static bool json_holds(const json_t *actual, json_t *expected)
{
    const char *key;
    json_t *item;
    if (!json_is_object(expected))
        return json_equal(actual, expected) == 1;
    if (!json_is_object(actual))
        return false;
    json_object_foreach(expected, key, item)
    {
        const json_t *other = json_object_get(actual, key);
        if (other == NULL || !json_holds(other, item))
            return false;
    }
    return true;
}

static bool json_passes(const struct subject *x, const struct test *t)
{
    struct text joined = TEXT_INIT, json = TEXT_INIT;
    struct value v;
    bool passes = false;
    int code = 0;
    if (value_of(x, t, &v) &&
        (code = pb_wire_to_json(t->field->message, content_of(x, t, &joined), 0, &json, NULL)) == 0 &&
        text_ok(&joined)) {
        passes = strcmp(text_string(&json), t->text) == 0;
        if (!passes && t->text[0] == '{') {
            json_t *expected = json_loads(t->text, JSON_DECODE_ANY, NULL);
            json_t *actual = json_loads(text_string(&json), JSON_DECODE_ANY, NULL);
            passes = expected != NULL && json_holds(actual, expected);
            x->scan->failed = x->scan->failed || expected == NULL || actual == NULL;
            json_decref(expected);
            json_decref(actual);
        }
    }
    x->scan->failed = x->scan->failed || code == ERROR_MEMORY || !text_ok(&joined);
    text_deinit(&joined);
    text_deinit(&json);
    return passes;
}

static bool nothing_else(const struct subject *x, const struct test *t)
{
    struct text joined = TEXT_INIT;
    struct bytes content = content_of(x, t, &joined);
    struct pb_reader r = {content.data, content.data != NULL ? content.data + content.len : NULL};
    bool alone = text_ok(&joined);
    while (alone && r.at < r.end) {
        struct pb_item item;
        if (pb_item_next(&r, &item) != PB_FAULT_NONE || item.wire == PB_WIRE_GROUP_END)
            break;
        if (item.wire == PB_WIRE_GROUP && pb_group_skip(&r, item.number) != PB_FAULT_NONE)
            break;
        bool named = false;
        for (size_t i = 0; i < t->only.count && !named; i++)
            named = t->only.numbers[i] == item.number;
        const struct pb_field *f = named ? NULL : pb_field_by_number(t->only.type, item.number);
        struct value v;
        bool unset = f != NULL && !f->repeated && !value_has_presence(f) && value_of_item(f, &item, &v) &&
                     value_is_default(f, v);
        alone = named || unset;
    }
    x->scan->failed = x->scan->failed || !text_ok(&joined);
    text_deinit(&joined);
    return alone;
}

/* ---- lists and maps ---- */

static bool item_holds(const struct subject *x, const struct test *t, const struct value *item)
{
    struct subject below = *x;
    below.item = item;
    return test_holds(&below, t);
}

static bool list_holds(const struct subject *x, const struct test *t)
{
    struct cursor c = cursor_of(x->scan, t->field, slot_of(x, t));
    struct value v;
    for (size_t i = 0; i < t->tests.count; i++)
        if (!cursor_next(&c, &v) || !item_holds(x, t->tests.items[i], &v))
            return false;
    return !cursor_next(&c, &v);
}

/* The value that counts of a map's item: the item itself, or its entry's value. */
static bool item_value(const struct pb_field *f, struct value v, struct value *out)
{
    struct value key;
    *out = v;
    return !f->map || entry_read(f->message, v.bytes, &key, out);
}

static bool some_or_each(const struct subject *x, const struct test *t)
{
    struct cursor c = cursor_of(x->scan, t->field, slot_of(x, t));
    struct value v, item;
    bool some = t->kind != TEST_EACH;
    while (cursor_next(&c, &v)) {
        bool holds = item_value(t->field, v, &item) && item_holds(x, t->test, &item);
        if (holds == some)
            return some;
        if (t->kind == TEST_FIRST)
            return false;
    }
    return !some;
}

/* Kuhn's algorithm: an item of its own for each test, by augmenting paths. */
struct pairing {
    const struct subject *x;
    const struct test *t;
    struct value items[MATCH_ITEMS_MAX];
    size_t count;
    int taken_by[MATCH_ITEMS_MAX]; /* the test that has the item, or -1 */
    bool seen[MATCH_ITEMS_MAX];
};

static bool find_item(struct pairing *p, size_t test)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->seen[i] || !item_holds(p->x, p->t->tests.items[test], &p->items[i]))
            continue;
        p->seen[i] = true;
        if (p->taken_by[i] < 0 || find_item(p, (size_t)p->taken_by[i])) {
            p->taken_by[i] = (int)test;
            return true;
        }
    }
    return false;
}

static bool pairs_up(const struct subject *x, const struct test *t)
{
    struct cursor c = cursor_of(x->scan, t->field, slot_of(x, t));
    struct pairing *p = malloc(sizeof *p);
    struct value v;
    bool holds = p != NULL;
    if (p == NULL) {
        x->scan->failed = true;
        return false;
    }
    p->x = x;
    p->t = t;
    p->count = 0;
    while (p->count < MATCH_ITEMS_MAX && cursor_next(&c, &v)) {
        p->taken_by[p->count] = -1;
        p->items[p->count++] = v;
    }
    if (t->kind == TEST_SAME)
        holds = p->count == t->tests.count && !cursor_next(&c, &v);
    for (size_t i = 0; i < t->tests.count && holds; i++) {
        memset(p->seen, 0, sizeof p->seen);
        holds = find_item(p, i);
    }
    free(p);
    return holds;
}

static bool entry_value(const struct subject *x, const struct test *t, struct value *out)
{
    struct cursor c = cursor_of(x->scan, t->field, slot_of(x, t));
    struct value v, key, found;
    bool there = false;
    while (cursor_next(&c, &v))
        if (entry_read(t->field->message, v.bytes, &key, &found) &&
            value_equal(&t->field->message->fields[0], key, t->entry.key)) {
            *out = found;
            there = true;
        }
    return there;
}

static bool entry_holds(const struct subject *x, const struct test *t)
{
    struct value v;
    return item_holds(x, t->entry.test, entry_value(x, t, &v) ? &v : NULL);
}

/* ---- messages within ---- */

/* A scan of its own for the element; false when it is malformed. */
static bool enter(const struct subject *x, const struct test *t, struct subject *below)
{
    *below = *x;
    below->message = x->item->bytes;
    below->base = scan_open(x->scan, t->inside.plan);
    return below->base != SIZE_MAX && scan_message(x->scan, below->base, t->inside.plan->root, below->message);
}

static bool message_holds(const struct subject *x, const struct test *t)
{
    size_t slots = x->scan->slots.count, occurrences = x->scan->occurrences.count;
    struct subject below;
    bool holds = x->item != NULL && enter(x, t, &below) && test_holds(&below, t->inside.test);
    scan_close(x->scan, slots, occurrences);
    return holds;
}

bool test_holds(const struct subject *x, const struct test *t)
{
    struct value v;
    switch (t->kind) {
    case TEST_ALL:
        for (size_t i = 0; i < t->tests.count; i++)
            if (!test_holds(x, t->tests.items[i]))
                return false;
        return true;
    case TEST_ANY:
        for (size_t i = 0; i < t->tests.count; i++)
            if (test_holds(x, t->tests.items[i]))
                return true;
        return false;
    case TEST_NOT:
        return !test_holds(x, t->test);
    case TEST_EQUAL:
        return value_of(x, t, &v) && value_equal(t->field, v, t->equal);
    case TEST_RANGE:
        return in_range(x, t);
    case TEST_TIME:
        return time_in_range(x, t);
    case TEST_PATTERN:
    case TEST_PART:
    case TEST_GLOB:
        return text_passes(x, t);
    case TEST_SIZE:
        return size_of(x, t) >= t->size.min && size_of(x, t) <= t->size.max;
    case TEST_PRESENT:
        return (t->slot >= 0 ? slot_of(x, t)->present : x->item != NULL) == t->present;
    case TEST_JSON:
        return json_passes(x, t);
    case TEST_LIST:
        return list_holds(x, t);
    case TEST_SOME:
    case TEST_EACH:
    case TEST_FIRST:
        return some_or_each(x, t);
    case TEST_SUBSET:
    case TEST_SAME:
        return pairs_up(x, t);
    case TEST_ENTRY:
        return entry_holds(x, t);
    case TEST_ONLY:
        return nothing_else(x, t);
    case TEST_MESSAGE:
        return message_holds(x, t);
    }
    return false;
}

/* ---- in words ---- */

/* Tests of several fields are told with their names. */
static void describe_tests(const struct test *t, const char *before, const char *between, struct text *out)
{
    bool several = false;
    for (size_t i = 1; i < t->tests.count; i++)
        several = several || t->tests.items[i]->slot != t->tests.items[0]->slot;
    text_puts(out, before);
    for (size_t i = 0; i < t->tests.count && out->len < SHOWN_MAX; i++) {
        const struct test *one = t->tests.items[i];
        text_puts(out, i > 0 ? between : "");
        if (several && one->slot >= 0)
            text_printf(out, "%s: ", one->field->name);
        test_describe(one, out);
    }
}

static void describe_bound(const struct test *t, const char *word, struct value v, struct text *out)
{
    char time[PB_TIME_MAX];
    int64_t micros = (int64_t)v.bits;
    text_puts(out, word);
    if (t->kind == TEST_RANGE) {
        value_show(t->field->kind == PB_STRING ? &text_number : t->field, v, out);
        return;
    }
    struct pb_time at = {.seconds = micros / 1000000, .nanos = (int32_t)(micros % 1000000 * 1000)};
    bool stamp = t->field->message->known == PB_TIMESTAMP;
    if (stamp && at.nanos < 0) {
        at.seconds--;
        at.nanos += 1000000000;
    }
    if ((stamp ? pb_timestamp_print(at, time) : pb_duration_print(at, time)) > 0)
        text_puts(out, time);
}

static void describe_range(const struct test *t, struct text *out)
{
    if (t->range.has_min)
        describe_bound(t, "at least ", t->range.min, out);
    if (t->range.has_max)
        describe_bound(t, t->range.has_min ? " and at most " : "at most ", t->range.max, out);
}

static void describe_size(const struct test *t, struct text *out)
{
    if (t->size.min == t->size.max)
        text_printf(out, "a size of %" PRIu64, t->size.min);
    else if (t->size.max == (uint64_t)INT64_MAX)
        text_printf(out, "a size of at least %" PRIu64, t->size.min);
    else
        text_printf(out, "a size of %" PRIu64 " to %" PRIu64, t->size.min, t->size.max);
}

static void describe_one(const char *words, const struct test *t, struct text *out)
{
    text_puts(out, words);
    test_describe(t, out);
}

void test_describe(const struct test *t, struct text *out)
{
    switch (t->kind) {
    case TEST_ALL:
        describe_tests(t, t->tests.count == 0 ? "anything" : "", " and ", out);
        break;
    case TEST_ANY:
        describe_tests(t, "", " or ", out);
        break;
    case TEST_NOT:
        describe_one("anything but ", t->test, out);
        break;
    case TEST_EQUAL:
        value_show(t->field, t->equal, out);
        break;
    case TEST_RANGE:
    case TEST_TIME:
        describe_range(t, out);
        break;
    case TEST_PATTERN:
        text_printf(out, "a match of %s", t->pattern->text);
        break;
    case TEST_PART:
        text_printf(out, "it to contain \"%s\"", t->text);
        break;
    case TEST_GLOB:
        text_printf(out, "a match of the glob %s", t->text);
        break;
    case TEST_SIZE:
        describe_size(t, out);
        break;
    case TEST_PRESENT:
        text_puts(out, t->present ? "it to be set" : "nothing there");
        break;
    case TEST_JSON:
        text_puts(out, t->text);
        break;
    case TEST_LIST:
        describe_tests(t, "[", ", ", out);
        text_char(out, ']');
        break;
    case TEST_SOME:
        describe_one("an item that is ", t->test, out);
        break;
    case TEST_EACH:
        describe_one("every item to be ", t->test, out);
        break;
    case TEST_FIRST:
        describe_one("the first item to be ", t->test, out);
        break;
    case TEST_SUBSET:
        describe_tests(t, "all of [", ", ", out);
        text_char(out, ']');
        break;
    case TEST_SAME:
        describe_tests(t, "in any order [", ", ", out);
        text_char(out, ']');
        break;
    case TEST_ENTRY:
        text_puts(out, "the key ");
        value_show(&t->field->message->fields[0], t->entry.key, out);
        describe_one(" to be ", t->entry.test, out);
        break;
    case TEST_ONLY:
        text_puts(out, "no other fields");
        break;
    case TEST_MESSAGE:
        describe_one("a message with ", t->inside.test, out);
        break;
    }
}

static void show_json(const struct pb_type *type, struct bytes content, struct text *out)
{
    struct text json = TEXT_INIT;
    if (type == NULL || pb_wire_to_json(type, content, PB_JSON_PROTO_NAMES, &json, NULL) != 0) {
        text_puts(out, "a message");
    } else {
        size_t shown = json.len < SHOWN_MAX ? json.len : SHOWN_MAX;
        while (shown < json.len && shown > 0 && ((unsigned char)json.data[shown] & 0xC0) == 0x80)
            shown--;
        text_add(out, text_string(&json), shown);
        text_puts(out, shown < json.len ? "..." : "");
    }
    text_deinit(&json);
}

static void show_item(const struct pb_field *f, struct value v, struct text *out)
{
    if (f->kind == PB_MESSAGE && !f->map)
        show_json(f->message, v.bytes, out);
    else if (!f->map)
        value_show(f, v, out);
    else {
        struct value key, held;
        if (!entry_read(f->message, v.bytes, &key, &held))
            return;
        value_show(&f->message->fields[0], key, out);
        text_puts(out, ": ");
        show_item(&f->message->fields[1], held, out);
    }
}

static void show_list(const struct subject *x, const struct test *t, struct text *out)
{
    struct cursor c = cursor_of(x->scan, t->field, slot_of(x, t));
    struct value v;
    size_t start = out->len;
    text_char(out, t->field->map ? '{' : '[');
    for (bool first = true; cursor_next(&c, &v); first = false) {
        text_puts(out, first ? "" : ", ");
        if (out->len - start > SHOWN_MAX) {
            text_puts(out, "...");
            break;
        }
        show_item(t->field, v, out);
    }
    text_char(out, t->field->map ? '}' : ']');
}

static void show_actual(const struct subject *x, const struct test *t, struct text *out)
{
    struct value v;
    if (t->slot >= 0 && t->field->repeated) {
        show_list(x, t, out);
    } else if (is_message(t)) {
        struct text joined = TEXT_INIT;
        bool there = t->slot == MATCH_SLOT_ROOT || value_of(x, t, &v);
        if (there)
            show_json(t->kind == TEST_ONLY ? t->only.type
                      : t->field != NULL   ? t->field->message
                                           : NULL,
                      content_of(x, t, &joined), out);
        else
            text_puts(out, "nothing");
        text_deinit(&joined);
    } else if (value_of(x, t, &v)) {
        value_show(t->field, v, out);
    } else {
        text_puts(out, "nothing");
    }
}

/* ---- explanations ---- */

struct explaining {
    const struct plan *plan;
    const char *prefix; /* of paths: where the message stands */
    test_differ *differ;
    void *arg;
};

/* 0: equal, 1: nothing in common. Texts by the bytes they share at both ends. */
static double distance(const struct pb_field *f, struct value a, struct value b)
{
    size_t shorter = a.bytes.len < b.bytes.len ? a.bytes.len : b.bytes.len, front = 0, back = 0;
    size_t longer = a.bytes.len + b.bytes.len - shorter;
    if (!value_is_text(f) || longer == 0)
        return 1;
    while (front < shorter && a.bytes.data[front] == b.bytes.data[front])
        front++;
    while (back < shorter - front && a.bytes.data[a.bytes.len - back - 1] == b.bytes.data[b.bytes.len - back - 1])
        back++;
    return 1 - (double)(front + back) / (double)longer;
}

/* The test that stands for the place of a whole tree: of alternatives the first. */
static const struct test *placed_at(const struct test *t)
{
    for (;;) {
        if ((t->kind == TEST_ANY || t->kind == TEST_ALL) && t->tests.count > 0)
            t = t->tests.items[0];
        else if (t->kind == TEST_NOT)
            t = t->test;
        else
            return t;
    }
}

static void tell(const struct subject *x, const struct explaining *e, const struct test *t, const char *path)
{
    struct text expected = TEXT_INIT, actual = TEXT_INIT;
    struct value v;
    double near = t->kind == TEST_EQUAL && value_of(x, t, &v) ? distance(t->field, v, t->equal) : 1;
    test_describe(t, &expected);
    show_actual(x, placed_at(t), &actual);
    if (!text_ok(&expected) || !text_ok(&actual))
        x->scan->failed = true;
    e->differ(e->arg, path, text_string(&expected), text_string(&actual), near);
    text_deinit(&expected);
    text_deinit(&actual);
}

static void explain(const struct subject *x, const struct explaining *e, const struct test *t);

/* What is wrong with one item, under its own path. */
static void explain_item(const struct subject *x, const struct explaining *e, const struct test *t,
                         const struct value *item, const char *path)
{
    struct subject at = *x, below;
    struct explaining inner = *e;
    size_t slots = x->scan->slots.count, occurrences = x->scan->occurrences.count;
    at.item = item;
    inner.prefix = path;
    if (test_holds(&at, t))
        return;
    if (t->kind == TEST_ALL || (t->kind == TEST_MESSAGE && item != NULL)) {
        if (t->kind == TEST_ALL) {
            for (size_t i = 0; i < t->tests.count; i++)
                explain_item(x, e, t->tests.items[i], item, path);
        } else if (enter(&at, t, &below)) {
            inner.plan = t->inside.plan;
            explain(&below, &inner, t->inside.test);
        }
    } else {
        tell(&at, e, t, path);
    }
    scan_close(x->scan, slots, occurrences);
}

static void full_path(const struct explaining *e, const struct test *t, struct text *out)
{
    const char *own = t->slot >= 0 ? e->plan->slots[t->slot].path : "";
    text_printf(out, "%s%s%s", e->prefix, e->prefix[0] != '\0' && own[0] != '\0' ? "." : "", own);
}

static void explain_list(const struct subject *x, const struct explaining *e, const struct test *t, struct text *path)
{
    struct cursor c = cursor_of(x->scan, t->field, slot_of(x, t));
    struct value v;
    size_t len = path->len;
    for (size_t i = 0; i < t->tests.count && cursor_next(&c, &v); i++) {
        text_truncate(path, len);
        text_printf(path, "[%zu]", i);
        explain_item(x, e, t->tests.items[i], &v, text_string(path));
    }
}

static void explain_entry(const struct subject *x, const struct explaining *e, const struct test *t, struct text *path)
{
    struct value v;
    text_char(path, '[');
    value_show(&t->field->message->fields[0], t->entry.key, path);
    text_char(path, ']');
    explain_item(x, e, t->entry.test, entry_value(x, t, &v) ? &v : NULL, text_string(path));
}

static void explain(const struct subject *x, const struct explaining *e, const struct test *t)
{
    struct text path = TEXT_INIT;
    if (t->kind == TEST_ALL) {
        for (size_t i = 0; i < t->tests.count; i++)
            explain(x, e, t->tests.items[i]);
        return;
    }
    if (test_holds(x, t))
        return;
    full_path(e, placed_at(t), &path);
    if (t->kind == TEST_LIST && cursor_count(cursor_of(x->scan, t->field, slot_of(x, t))) == t->tests.count)
        explain_list(x, e, t, &path);
    else if (t->kind == TEST_ENTRY)
        explain_entry(x, e, t, &path);
    else
        tell(x, e, t, text_string(&path));
    text_deinit(&path);
}

void test_explain(const struct subject *x, const struct plan *plan, const struct test *t, test_differ *differ,
                  void *arg)
{
    struct explaining e = {.plan = plan, .prefix = "", .differ = differ, .arg = arg};
    explain(x, &e, t);
}

void test_explain_demand(const struct subject *x, const struct plan *plan, const struct demand *d, test_differ *differ,
                         void *arg)
{
    struct test t = {.kind = TEST_EQUAL, .slot = d->slot, .field = plan->slots[d->slot].field, .equal = d->value};
    test_explain(x, plan, &t, differ, arg);
}
