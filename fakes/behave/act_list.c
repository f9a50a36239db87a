/* Acts on many: lists, searches, counts. Filtered by what the request says, in order, in pages. A cursor is the serial
 * of the last one given ("s12"), so that a page neither repeats nor skips when others come and go meanwhile; in another
 * order than that of making it is how many were given ("o30"). */
#include "fakes/behave/behave_internal.h"

#include <stdlib.h>
#include <string.h>

struct ordering {
    const struct attribute *by; /* NULL: in the order of making */
    bool down;
};

static int compare(const void *x, const void *y, void *arg)
{
    const struct ordering *o = arg;
    const struct item *a = *(const struct item *const *)x, *b = *(const struct item *const *)y;
    struct pb_item v = {.wire = PB_WIRE_BYTES}, w = {.wire = PB_WIRE_BYTES};
    int order = 0;
    if (o->by) {
        bool one = field_get(item_whole(a), o->by->number, &v), other = field_get(item_whole(b), o->by->number, &w);
        if (one && other)
            order = item_compare(&v, &w, o->by->field->kind);
        else
            order = (int)one - (int)other;
    }
    if (order == 0)
        order = (a->serial > b->serial) - (a->serial < b->serial);
    return o->down ? -order : order;
}

static bool says_down(struct bytes text)
{
    return text.len >= 4 &&
           (memcmp(text.data + text.len - 4, "desc", 4) == 0 || memcmp(text.data + text.len - 4, "DESC", 4) == 0 ||
            (text.len >= 10 && memcmp(text.data + text.len - 10, "descending", 10) == 0) ||
            (text.len >= 10 && memcmp(text.data + text.len - 10, "DESCENDING", 10) == 0));
}

/* "name desc", "name", "desc", "-name". */
static bool read_order(struct act *a, struct bytes text, struct ordering *o)
{
    if (text.len > 0 && text.data[0] == '-') {
        o->down = true;
        text = BYTES(text.data + 1, text.len - 1);
    }
    if (says_down(text))
        o->down = true;
    size_t len = 0;
    while (len < text.len && text.data[len] != ' ')
        len++;
    struct bytes first = BYTES(text.data, len);
    static const char *const ways[] = {"asc", "desc", "ASC", "DESC", "ascending", "descending", NULL};
    for (size_t i = 0; ways[i]; i++)
        if (bytes_is(first, ways[i]))
            return true;
    for (size_t i = 0; i < a->e->attributes.count; i++) {
        const struct attribute *at = &a->e->attributes.items[i];
        if (name_same_n(at->name, strlen(at->name), (const char *)first.data, first.len)) {
            o->by = at;
            return true;
        }
    }
    return first.len == 0 ||
           act_fail_input(a, "order \"%.*s\": a %s has no such field", (int)(first.len < 100 ? first.len : 100),
                          (const char *)first.data, a->e->name);
}

static bool find_order(struct act *a, struct ordering *o)
{
    struct pb_item v;
    const struct plan_input *in = act_input_of(a, INPUT_ORDER_BY);
    if (in && act_input(a, in, &v) && !read_order(a, v.data, o))
        return false;
    in = act_input_of(a, INPUT_ORDER);
    if (!in || !act_input(a, in, &v))
        return true;
    if (in->field->kind == PB_ENUM) {
        const struct pb_enum_value *value =
            pb_enum_by_number(in->field->enumeration, (int32_t)item_integer(&v, PB_ENUM));
        if (value && says_down(bytes_of(value->name)))
            o->down = true;
        return true;
    }
    bool down = o->down;
    if (!read_order(a, v.data, o))
        return false;
    o->down = o->down || down;
    return true;
}

static bool read_cursor(struct act *a, uint64_t *serial, int64_t *offset)
{
    struct pb_item v;
    uint64_t n = 0;
    if (!act_input_value(a, INPUT_CURSOR, &v) || v.data.len == 0)
        return true;
    bool right = v.data.len > 1 && v.data.len < 20 && (v.data.data[0] == 's' || v.data.data[0] == 'o');
    for (size_t i = 1; right && i < v.data.len; i++) {
        right = v.data.data[i] >= '0' && v.data.data[i] <= '9';
        n = n * 10 + (uint64_t)(v.data.data[i] - '0');
    }
    if (!right)
        return act_fail_input(a, "the cursor \"%.*s\" is none that was given here",
                              (int)(v.data.len < 40 ? v.data.len : 40), (const char *)v.data.data);
    if (v.data.data[0] == 's')
        *serial = n;
    else
        *offset = (int64_t)n;
    return true;
}

static bool collect(struct act *a, uint64_t behind)
{
    for (struct item *i = a->c->first, *next; i; i = next) {
        next = i->next;
        if (item_expired(i, a->now)) {
            act_remove(a, a->m->entity, i);
            continue;
        }
        if (!act_matches(a, i))
            continue;
        a->count++;
        if (i->serial > behind && !array_push(&a->items, i))
            return act_fail_code(a, ERROR_MEMORY);
    }
    return true;
}

static void sort(struct act *a, struct ordering *o)
{
    if (a->items.count > 1)
        qsort_r(a->items.items, a->items.count, sizeof *a->items.items, compare, o);
}

/* The page that is asked for; what is before and behind it goes. */
static void cut(struct act *a, int64_t offset, bool by_serial)
{
    int64_t limit = act_input_integer(a, INPUT_LIMIT, 0), page = act_input_integer(a, INPUT_PAGE, 0);
    if (limit <= 0 || limit > (int64_t)BEHAVE_LIST_MAX)
        limit = page > 1 ? 25 : (int64_t)BEHAVE_LIST_MAX;
    if (page > 1 && page < INT64_C(1000000000))
        offset += (page - 1) * limit;
    int64_t more = act_input_integer(a, INPUT_OFFSET, 0);
    if (more > 0 && more < INT64_C(1000000000000))
        offset += more;
    size_t from = offset < (int64_t)a->items.count ? (size_t)offset : a->items.count;
    size_t left = a->items.count - from, take = left < (size_t)limit ? left : (size_t)limit;
    a->more = take < left;
    if (from > 0 && take > 0)
        memmove(a->items.items, a->items.items + from, take * sizeof *a->items.items);
    a->items.count = take;
    a->by_serial = by_serial;
    if (take > 0 && by_serial)
        a->cursor = a->items.items[take - 1]->serial;
    else
        a->cursor = (uint64_t)from + take;
}

/* One by its whole key, as a list of one. */
static bool exact(struct act *a, bool *done)
{
    struct pb_item v;
    bool part = (act_input_value(a, INPUT_PREFIX, &v) && v.wire == PB_WIRE_VARINT && v.value) ||
                (act_input_value(a, INPUT_SUFFIX, &v) && v.wire == PB_WIRE_VARINT && v.value);
    *done = a->m->class == VERB_READ && a->e->key_count > 0 && !part && !act_input_of(a, INPUT_KEYS) && act_key(a);
    if (!*done)
        return true;
    struct item *i = behave_state_find(a->c, text_bytes(&a->key), a->now);
    if (i && act_matches(a, i)) {
        a->count = 1;
        return array_push(&a->items, i) ? true : act_fail_code(a, ERROR_MEMORY);
    }
    *done = false; /* a part of the key may be left out */
    if (!collect(a, 0))
        return false;
    *done = true;
    if (a->items.count > 0)
        return true;
    return act_fail(a, FAILURE_MISSING, "there is no %s \"%.*s\"", a->e->name,
                    (int)strcspn(text_string(&a->key), "\x1f"), text_string(&a->key));
}

/* The children of what is not there are not no children. */
static bool parent_is_there(struct act *a)
{
    const struct plan_entity *e = a->e;
    if (e->parent == PLAN_NONE || !e->parent_needed)
        return true;
    for (size_t i = 0; i < a->m->inputs.count; i++) {
        const struct plan_input *in = &a->m->inputs.items[i];
        struct pb_item v;
        if (in->use != INPUT_ATTRIBUTE || in->attribute != e->parent_attribute || !act_input(a, in, &v) ||
            item_is_zero(&v))
            continue;
        text_clear(&a->key);
        item_text(&v, in->field->kind, &a->key);
        if (!behave_state_find(act_collection(a, e->parent), text_bytes(&a->key), a->now))
            return act_fail(a, FAILURE_PARENT, "there is no %s \"%.200s\"", a->b->plan.entities[e->parent].name,
                            text_string(&a->key));
    }
    return true;
}

bool act_list(struct act *a)
{
    struct ordering o = {NULL, false};
    uint64_t behind = 0;
    int64_t offset = 0;
    bool done;
    if (!parent_is_there(a) || !find_order(a, &o) || !read_cursor(a, &behind, &offset) || !exact(a, &done))
        return false;
    bool by_serial = !o.by && !o.down;
    if (!done && !collect(a, by_serial ? behind : 0))
        return false;
    if (!by_serial)
        sort(a, &o);
    cut(a, offset, by_serial);
    a->yes = a->count > 0;
    return true;
}
