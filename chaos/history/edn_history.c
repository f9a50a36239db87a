#include "chaos/history/edn_history.h"

#include <stdio.h>
#include <string.h>

#define UNTIMED_STEP ((uint64_t)1000000) /* ns from one event to the next, where the file has no times */

#define KNOWN_FUNCTIONS                                                                                                \
    "read, write, cas, add, remove, enqueue, dequeue, acquire, release, send, poll, acknowledge, watch, issue, use, "  \
    "revoke, txn, and get, put, append of texts"

/* Beside the names of operation_function_name(). */
static const struct {
    const char *name;
    enum operation_function f;
} synonyms[] = {
    {"r", OPERATION_READ},       {"get", OPERATION_READ},       {"w", OPERATION_WRITE},
    {"put", OPERATION_WRITE},    {"set", OPERATION_WRITE},      {"compare-and-set", OPERATION_CAS},
    {"lock", OPERATION_ACQUIRE}, {"unlock", OPERATION_RELEASE}, {"ack", OPERATION_ACKNOWLEDGE},
    {"insert", OPERATION_ADD},   {"delete", OPERATION_REMOVE},  {"transaction", OPERATION_TXN},
};

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

static int told(const struct edn_importer *m, const struct edn_node *n, int code, const char *why, struct error *err)
{
    if (code == 0)
        return 0;
    return code == ERROR_MEMORY ? no_memory(err) : edn_wrong(&m->edn, n, code, err, "%s", why);
}

static bool is_collection(const struct edn_node *n)
{
    return n->kind >= EDN_LIST;
}

static bool is_pair(const struct edn_node *n)
{
    return n != NULL && (n->kind == EDN_VECTOR || n->kind == EDN_LIST) && n->count == 2;
}

static const struct edn_node *second_of(const struct edn_importer *m, const struct edn_node *pair)
{
    return &m->edn.nodes.items[pair[1].next];
}

/* ---- parts of an event ---- */

static int get_type(const struct edn_importer *m, const struct edn_event *x, enum operation_end *end, struct error *err)
{
    static const struct {
        const char *name;
        enum operation_end end;
    } types[] = {{":invoke", END_OPEN}, {":ok", END_OK}, {":fail", END_FAIL}, {":info", END_INFO}};
    if (x->type == NULL)
        return edn_wrong(&m->edn, x->map, ERROR_INVALID, err, "an event has a :type");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (edn_is(&m->edn, x->type, EDN_KEYWORD, types[i].name)) {
            *end = types[i].end;
            return 0;
        }
    }
    return edn_wrong(&m->edn, x->type, ERROR_INVALID, err, ":type is :invoke, :ok, :fail or :info");
}

/* What the function's name says beside the function. */
struct dialect {
    bool texts;  /* get, put, append: a key holds a text, and "" before anything was put */
    bool append; /* adds to the end of that text */
};

static int get_function(const struct edn_importer *m, const struct edn_event *x, enum operation_function *f,
                        struct dialect *d, struct error *err)
{
    char name[64];
    size_t len;
    if (x->f == NULL)
        return edn_wrong(&m->edn, x->map, ERROR_INVALID, err, "an event has an :f: what was asked");
    const char *text = edn_text(&m->edn, x->f, &len);
    if (x->f->kind == EDN_KEYWORD) {
        text++;
        len--;
    }
    if ((x->f->kind == EDN_KEYWORD || x->f->kind == EDN_STRING) && len < sizeof name) {
        memcpy(name, text, len);
        name[len] = '\0';
        if (operation_function_parse(name, f))
            return 0;
        for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++) {
            if (strcmp(synonyms[i].name, name) == 0) {
                *f = synonyms[i].f;
                d->texts = x->key != NULL && (strcmp(name, "get") == 0 || strcmp(name, "put") == 0);
                return 0;
            }
        }
        if (strcmp(name, "append") == 0 && x->key != NULL && x->value != NULL && x->value->kind == EDN_STRING) {
            *f = OPERATION_CAS;
            d->texts = d->append = true;
            return 0;
        }
    }
    return edn_wrong(&m->edn, x->f, ERROR_UNSUPPORTED, err, ":f %.*s is not known: known are " KNOWN_FUNCTIONS,
                     len < 60 ? (int)len : 60, text);
}

static int get_scalar(struct edn_importer *m, const struct edn_node *n, int64_t *out, struct error *err)
{
    const char *why = NULL;
    size_t len;
    if (is_collection(n))
        return edn_wrong(&m->edn, n, ERROR_UNSUPPORTED, err,
                         "%s stands here where one value is expected: a number, a keyword, a string or nil",
                         edn_kind_name(n->kind));
    if (n->kind == EDN_NIL) {
        *out = VALUE_NIL;
        return 0;
    }
    if (n->kind == EDN_INTEGER) {
        if (n->number < VALUE_TEXT_END)
            return edn_wrong(&m->edn, n, ERROR_LIMIT, err, "a number below the limit of -2305843009213693952");
        *out = n->number;
        return 0;
    }
    const char *text = edn_text(&m->edn, n, &len);
    int code = events_text(&m->events, text, len, out, &why);
    return told(m, n, code, why, err);
}

static int get_key(struct edn_importer *m, const struct edn_node *n, uint32_t *key, struct error *err)
{
    const char *why = NULL;
    size_t len;
    int code;
    if (n->kind == EDN_INTEGER) {
        code = events_key_number(&m->events, n->number, key, &why);
    } else if (is_collection(n) || n->kind == EDN_NIL) {
        return edn_wrong(&m->edn, n, ERROR_UNSUPPORTED, err,
                         "%s stands here where a key is expected: a number, a keyword or a string",
                         edn_kind_name(n->kind));
    } else {
        const char *text = edn_text(&m->edn, n, &len);
        code = events_key_name(&m->events, text, len, key, &why);
    }
    return told(m, n, code, why, err);
}

static int get_list(struct edn_importer *m, const struct edn_node *list, bool pairs, struct error *err)
{
    int64_t value;
    array_clear(&m->items);
    if (list->count > HISTORY_LIST_MAX)
        return edn_wrong(&m->edn, list, ERROR_LIMIT, err, "more items than the limit of 16777216 in a list");
    const struct edn_node *item = list + 1;
    for (uint32_t i = 0; i < list->count; i++) {
        if (pairs && !is_pair(item))
            return edn_wrong(&m->edn, item, ERROR_INVALID, err, "this list is made of pairs: [[1 17] [2 18]]");
        int code = get_scalar(m, pairs ? item + 1 : item, &value, err);
        if (code == 0 && !array_push(&m->items, value))
            code = no_memory(err);
        if (code == 0 && pairs && (code = get_scalar(m, second_of(m, item), &value, err)) == 0 &&
            !array_push(&m->items, value))
            code = no_memory(err);
        if (code != 0)
            return code;
        item = &m->edn.nodes.items[item->next];
    }
    return 0;
}

/* Of a transaction: [[:read key value] [:write key value] ...], or :r and :w. A read of nil that is ok says nothing,
 * unless nil is absence, and then stands only in what was asked. */
static int get_parts(struct edn_importer *m, const struct edn_node *list, struct error *err)
{
    static const char *const names[] = {":read", ":r", ":write", ":w"};
    array_clear(&m->items);
    if (list->kind != EDN_VECTOR && list->kind != EDN_LIST)
        return edn_wrong(&m->edn, list, ERROR_INVALID, err, "the value of a txn is [[:read :x nil] [:write :y 2]]");
    if (list->count > HISTORY_LIST_MAX / PART_SIZE)
        return edn_wrong(&m->edn, list, ERROR_LIMIT, err, "more parts than the limit of 5592405 in a transaction");
    const struct edn_node *part = list + 1;
    for (uint32_t i = 0; i < list->count; i++) {
        size_t name = 0;
        uint32_t key = 0;
        int64_t value;
        if ((part->kind != EDN_VECTOR && part->kind != EDN_LIST) || part->count != PART_SIZE)
            return edn_wrong(&m->edn, part, ERROR_INVALID, err,
                             "a part of a txn is [:read key value] or [:write key value]");
        const struct edn_node *f = part + 1, *of = &m->edn.nodes.items[f->next];
        while (name < sizeof names / sizeof names[0] && !edn_is(&m->edn, f, EDN_KEYWORD, names[name]))
            name++;
        if (name == sizeof names / sizeof names[0])
            return edn_wrong(&m->edn, f, ERROR_UNSUPPORTED, err,
                             "this part of a transaction is not known: known are :read (:r) and :write (:w)");
        int code = get_key(m, of, &key, err);
        if (code == 0)
            code = get_scalar(m, &m->edn.nodes.items[of->next], &value, err);
        if (code != 0)
            return code;
        if (!array_push(&m->items, name < 2 ? OPERATION_READ : OPERATION_WRITE) ||
            !array_push(&m->items, (int64_t)key) || !array_push(&m->items, value))
            return no_memory(err);
        part = &m->edn.nodes.items[part->next];
    }
    return 0;
}

/* Leaves out the reads of a transaction that say nothing. True: nothing else was in it. */
static bool drop_unknown_reads(struct edn_importer *m, int64_t index)
{
    size_t count, kept = 0;
    struct history *h = m->events.history;
    const int64_t *items = history_list(h, &h->operations[index], &count);
    array_clear(&m->items);
    for (size_t i = 0; i < count; i += PART_SIZE) {
        if (items[i + PART_FUNCTION] == OPERATION_READ && items[i + PART_VALUE] == VALUE_NIL)
            continue;
        /* It had room for all of them when they were read. */
        memcpy(&m->items.items[kept], &items[i], PART_SIZE * sizeof *items);
        kept += PART_SIZE;
    }
    if (kept < count)
        history_set_list(h, index, m->items.items, kept); /* no longer than before: it cannot fail */
    return kept == 0;
}

/* Whether values are [key value] shows in the first event: what else asks with such a pair is only a plain cas. */
static bool decide_tuples(const struct edn_importer *m, const struct edn_event *x, enum operation_function f)
{
    if (x->key != NULL || !is_pair(x->value))
        return false;
    return f != OPERATION_CAS || is_pair(second_of(m, x->value));
}

static int split_tuple(struct edn_importer *m, struct edn_event *x, enum operation_function f, struct error *err)
{
    if (f == OPERATION_TXN)
        return 0;
    if (m->tuples == TUPLES_UNKNOWN)
        m->tuples = decide_tuples(m, x, f) ? TUPLES : NO_TUPLES;
    if (m->tuples == NO_TUPLES)
        return 0;
    if (!is_pair(x->value))
        return edn_wrong(&m->edn, x->value != NULL ? x->value : x->map, ERROR_INVALID, err,
                         "the values of this history are [key value], and this one is not");
    x->key = x->value + 1;
    x->value = second_of(m, x->value);
    return 0;
}

static int get_value(struct edn_importer *m, const struct edn_event *x, const struct dialect *d,
                     struct history_event *e, struct error *err)
{
    const struct operation_form *form = operation_form(e->function);
    const struct edn_node *v = x->value;
    int code;
    if (e->function == OPERATION_ACQUIRE || e->function == OPERATION_RELEASE) {
        e->has_other = v != NULL && v->kind == EDN_INTEGER;
        return e->has_other ? get_scalar(m, v, &e->other, err) : 0;
    }
    bool learnt = e->end == END_OK && (form->value_learnt || form->parts);
    bool asked = e->end == END_OPEN && !form->value_learnt;
    if (!learnt && !asked)
        return 0;
    if (v == NULL && (asked || form->parts))
        return edn_wrong(&m->edn, x->map, ERROR_INVALID, err, "a %s has a :value",
                         operation_function_name(e->function));
    e->value = VALUE_NIL;
    e->has_value = true;
    if (v == NULL)
        return 0;
    if (e->function == OPERATION_CAS && !d->append) {
        if (!is_pair(v))
            return edn_wrong(&m->edn, v, ERROR_INVALID, err, "the value of a cas is [from to]");
        e->has_other = true;
        code = get_scalar(m, v + 1, &e->other, err);
        return code != 0 ? code : get_scalar(m, second_of(m, v), &e->value, err);
    }
    if (form->parts || (form->list && is_collection(v) && v->kind != EDN_MAP)) {
        code = form->parts ? get_parts(m, v, err) : get_list(m, v, form->pairs, err);
        e->has_value = false;
        e->has_list = true;
        e->items = m->items.items;
        e->count = m->items.count;
        return code;
    }
    if (d->texts && v->kind == EDN_STRING && v->len == 0)
        return 0;
    return get_scalar(m, v, &e->value, err);
}

/* It ended, and says nothing about the object: Jepsen's fail is "it did not happen", for whatever reason. */
static bool tells_nothing(const struct edn_importer *m, const struct history_event *e, const struct operation *o,
                          const struct dialect *d)
{
    if (e->end == END_FAIL && !m->fail_tells)
        return o->function == OPERATION_CAS || o->function == OPERATION_REMOVE || o->function == OPERATION_DEQUEUE ||
               o->function == OPERATION_USE;
    return e->end == END_OK && o->function == OPERATION_READ && e->has_value && e->value == VALUE_NIL &&
           !m->nil_is_absent && !d->texts;
}

/* The operation just invoked appends. */
static int add_append(struct edn_importer *m, const struct history_event *e, struct error *err)
{
    int64_t index = (int64_t)m->events.history->count - 1;
    bool added = e->value == VALUE_NIL ? events_drop(&m->events, index) == 0 /* "": that changes nothing */
                                       : array_push(&m->appends, index);
    return added ? 0 : no_memory(err);
}

int edn_add_event(struct edn_importer *m, const struct edn_event *event, struct error *err)
{
    struct edn_event x = *event;
    struct history_event e = {.other = VALUE_NIL};
    const char *why = NULL;
    struct dialect d = {0};
    if (x.process == NULL)
        return edn_wrong(&m->edn, x.map, ERROR_INVALID, err, "an event has a :process");
    if (x.process->kind != EDN_INTEGER) {
        m->source.skipped++;
        return 0;
    }
    int code = get_type(m, &x, &e.end, err);
    if (code != 0)
        return code;
    e.process = x.process->number;
    int64_t index = events_open(&m->events, e.process);
    e.any_function = e.end == END_INFO || e.end == END_FAIL;
    if (e.any_function && index >= 0)
        e.function = m->events.history->operations[index].function;
    else if ((code = get_function(m, &x, &e.function, &d, err)) != 0)
        return code;
    if (!e.any_function && (code = split_tuple(m, &x, e.function, err)) != 0)
        return code;
    if (!e.any_function && x.key != NULL && (code = get_key(m, x.key, &e.key, err)) != 0)
        return code;
    if ((code = get_value(m, &x, &d, &e, err)) != 0)
        return code;
    if (x.time != NULL && x.time->kind == EDN_INTEGER && x.time->number >= 0)
        e.time = (uint64_t)x.time->number;
    else
        e.time = m->events.started ? m->events.last + UNTIMED_STEP : 0;
    code = events_add(&m->events, &e, &why);
    code = told(m, x.map, code, why, err);
    if (code != 0)
        return code;
    if (e.end == END_OPEN)
        return d.append ? add_append(m, &e, err) : 0;
    const struct operation *o = &m->events.history->operations[index];
    bool empty = e.end == END_OK && o->function == OPERATION_TXN && !m->nil_is_absent && drop_unknown_reads(m, index);
    if (empty || tells_nothing(m, &e, o, &d)) {
        m->source.told_nothing++;
        return events_drop(&m->events, index) != 0 ? no_memory(err) : 0;
    }
    return 0;
}

int edn_finish(struct edn_importer *m, int code, struct history *out, struct history_source *source, struct error *err)
{
    /* Before anything is left out: the indices still hold. */
    if (code == 0 && m->appends.count > 0)
        code = history_resolve_appends(out, m->appends.items, m->appends.count, m->edn.name, err);
    if (code == 0)
        events_finish(&m->events);
    if (source != NULL)
        *source = m->source;
    edn_close(&m->edn);
    events_deinit(&m->events);
    array_deinit(&m->items);
    array_deinit(&m->appends);
    if (code != 0)
        history_deinit(out);
    return code;
}

/* ---- files ---- */

static int read_map(struct edn_importer *m, struct error *err)
{
    static const char *const names[] = {":process", ":type", ":f", ":key", ":value", ":time"};
    const struct edn_node *map = &m->edn.nodes.items[0], *key = map + 1;
    const struct edn_node *found[sizeof names / sizeof names[0]] = {NULL};
    if (map->kind != EDN_MAP)
        return edn_wrong(
            &m->edn, map, ERROR_INVALID, err,
            "an event of a history is a map: {:process 0, :type :invoke, :f :read, :value nil}; this is %s",
            edn_kind_name(map->kind));
    for (uint32_t i = 0; i < map->count; i += 2) {
        const struct edn_node *value = &m->edn.nodes.items[key->next];
        for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
            if (edn_is(&m->edn, key, EDN_KEYWORD, names[n]))
                found[n] = value;
        key = &m->edn.nodes.items[value->next];
    }
    return edn_add_event(m,
                         &(struct edn_event){.map = map,
                                             .process = found[0],
                                             .type = found[1],
                                             .f = found[2],
                                             .key = found[3],
                                             .value = found[4],
                                             .time = found[5]},
                         err);
}

int history_read_edn(struct bytes data, const char *name, const struct history_options *options, struct history *out,
                     struct history_source *source, struct error *err)
{
    struct edn_importer m = {.source = {.format = HISTORY_EDN},
                             .nil_is_absent = options != NULL && options->nil_is_absent};
    events_init(&m.events, out);
    m.events.order_is_time = true;
    int code = edn_open(&m.edn, (const char *)data.data, data.len, name, true, err);
    while (code == 0 && (code = edn_next(&m.edn, err)) == 1)
        code = read_map(&m, err);
    return edn_finish(&m, code, out, source, err);
}
