/* A stub from its file. */
#include "fakes/stub/template_tree.h"

#include <stdlib.h>
#include <string.h>

#define STUB_TIMES_MAX  INT64_C(1000000000000)
#define SUGGESTIONS_MAX 200
#define PREFER_MAX      16383
#define CUT_MAX         32 /* bytes of a text's beginning that an index looks at */

static const char *const stub_keys[] = {
    "stub",  "about",    "call",   "service", "method",      "when", "metadata", "session",  "caller", "messages", "at",
    "state", "priority", "prefer", "times",   "probability", "seed", "effects",  "sequence", "then",   NULL};

struct compiling {
    struct stub_set *set;
    struct arena *arena;
    struct stub_method *method;
    struct matching matching;
    struct stub *stub;
    struct stub_extra extra;
    bool rare;           /* `extra` holds something */
    const char *session; /* of an effect's stubs; NULL: none */
    struct error *err;
};

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- service and method ---- */

int find_service(const struct pb_pool *pool, const struct node *n, const char *name, const struct pb_service **out,
                 struct error *err)
{
    const char *names[SUGGESTIONS_MAX + 1];
    const struct pb_service *found = pb_find_service(pool, name);
    size_t count = 0, same = 0;
    for (size_t i = 0; found == NULL && i < pb_service_count(pool); i++) {
        const struct pb_service *s = pb_service_at(pool, i);
        if (count < SUGGESTIONS_MAX)
            names[count++] = s->full_name;
        if (strcmp(s->name, name) == 0) {
            *out = s;
            same++;
        }
    }
    names[count] = NULL;
    if (found != NULL || same == 1) {
        *out = found != NULL ? found : *out;
        return 0;
    }
    if (same > 1)
        return node_error(n, err, ERROR_INVALID, "%zu services are called %s: write the full name, such as %s", same,
                          name, (*out)->full_name);
    const char *near = nearest_word(name, names);
    return node_error(n, err, ERROR_NOT_FOUND, "no service \"%s\" among the descriptors%s%s%s", name,
                      near != NULL ? ": did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static int find_method(const struct pb_service *s, const struct node *n, const char *name, const struct pb_method **out,
                       struct error *err)
{
    const char *names[SUGGESTIONS_MAX + 1];
    size_t count = s->method_count < SUGGESTIONS_MAX ? s->method_count : SUGGESTIONS_MAX;
    for (size_t i = 0; i < s->method_count; i++)
        if (strcmp(s->methods[i].name, name) == 0) {
            *out = &s->methods[i];
            return 0;
        }
    for (size_t i = 0; i < count; i++)
        names[i] = s->methods[i].name;
    names[count] = NULL;
    const char *near = nearest_word(name, names);
    return node_error(n, err, ERROR_NOT_FOUND, "%s has no method \"%s\"%s%s%s", s->full_name, name,
                      near != NULL ? ": did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
}

/* "call: store.Store/Read", or "service: store.Store" and "method: Read". */
static int read_method(struct compiling *c, const struct node *n)
{
    const char *call = NULL, *service = NULL, *name = NULL;
    const struct pb_service *s = NULL;
    const struct pb_method *method = NULL;
    int code = node_may_text(n, "call", &call, c->err);
    if (code == 0 && call == NULL)
        code = node_need_text(n, "service", &service, c->err);
    if (code == 0 && call == NULL)
        code = node_need_text(n, "method", &name, c->err);
    if (code != 0)
        return code;
    const struct node *at = node_get(n, call != NULL ? "call" : "service");
    char *owned = NULL;
    if (call != NULL) {
        const char *slash = strrchr(call, '/');
        if (node_get(n, "service") != NULL || node_get(n, "method") != NULL)
            return node_error(at, c->err, ERROR_INVALID, "\"call\" names service and method: no need of the others");
        if (slash == NULL || slash == call || slash[1] == '\0')
            return node_error(at, c->err, ERROR_INVALID, "\"call\" is Service/Method, such as store.Store/Read");
        owned = strndup(call, (size_t)(slash - call));
        if (owned == NULL)
            return no_memory(c->err);
        service = owned;
        name = slash + 1;
    }
    code = find_service(c->set->pool, at, service, &s, c->err);
    if (code == 0)
        code = find_method(s, call != NULL ? at : node_get(n, "method"), name, &method, c->err);
    free(owned);
    if (code == 0) {
        c->method = set_method(c->set, method);
        code = c->method != NULL ? 0 : no_memory(c->err);
    }
    return code;
}

/* ---- conditions ---- */

static int metadata_pair(struct match_compiler *m, struct stub_method *method, const struct node_pair *p,
                         const struct node *map)
{
    const struct pb_field *field;
    struct node at = {.line = p->key_line, .column = p->key_column, .document = map->document};
    if (p->key[0] == '\0')
        return node_error(&at, m->err, ERROR_INVALID, "a name of metadata is missing");
    int slot = method_metadata(method, p->key, &field);
    if (slot == -2)
        return node_error(&at, m->err, ERROR_LIMIT, "the stubs of one method look at more than %d fields",
                          PLAN_SLOTS_MAX);
    return slot < 0 ? no_memory(m->err) : match_compile_slot(m, slot, &p->value);
}

static int metadata(struct match_compiler *m, struct stub_method *method, const struct node *map);

/* What one of several maps of metadata demands, as one test. */
static int metadata_choice(struct match_compiler *m, struct stub_method *method, const struct node *map,
                           const struct test **out)
{
    struct matching own = {0}, *outer = m->out;
    struct match_compiler inner = *m;
    struct test *t = ARENA_NEW(m->arena, struct test);
    inner.out = &own;
    inner.apart = true;
    int code = t != NULL ? metadata(&inner, method, map) : no_memory(m->err);
    if (code == 0) {
        t->kind = TEST_ALL;
        t->slot = MATCH_SLOT_ROOT;
        t->tests.count = own.tests.count;
        t->tests.items = arena_copy(m->arena, own.tests.items, own.tests.count * sizeof *own.tests.items);
        *out = t;
        if (t->tests.items == NULL)
            code = no_memory(m->err);
    }
    for (size_t i = 0; i < own.used.count; i++)
        if (!array_push(&outer->used, own.used.items[i])) {
            pattern_release(m->patterns, own.used.items[i]);
            code = no_memory(m->err);
        }
    array_clear(&own.used);
    matching_deinit(&own, m->patterns);
    return code;
}

static int metadata_any(struct match_compiler *m, struct stub_method *method, const struct node *n)
{
    struct test *t = ARENA_NEW(m->arena, struct test);
    if (n->kind != NODE_LIST || n->list.count == 0)
        return node_error(n, m->err, ERROR_INVALID, "$anyOf takes a list of one or more");
    const struct test **items = arena_alloc_n(m->arena, n->list.count, sizeof *items);
    if (t == NULL || items == NULL)
        return no_memory(m->err);
    int code = 0;
    for (size_t i = 0; i < n->list.count && code == 0; i++)
        code = metadata_choice(m, method, &n->list.items[i], &items[i]);
    t->kind = TEST_ANY;
    t->slot = MATCH_SLOT_ROOT;
    t->tests.items = items;
    t->tests.count = n->list.count;
    return code != 0 ? code : array_push(&m->out->tests, t) ? 0 : no_memory(m->err);
}

/* Depth is bounded by the document's. */
static int metadata(struct match_compiler *m, struct stub_method *method, const struct node *map)
{
    int code = 0;
    if (map->kind != NODE_MAP)
        return node_error(map, m->err, ERROR_INVALID, "metadata is a map of names, and this is %s",
                          node_kind_name(map->kind));
    for (size_t i = 0; i < map->map.count && code == 0; i++)
        code = strcmp(map->map.pairs[i].key, "$anyOf") == 0 ? metadata_any(m, method, &map->map.pairs[i].value)
                                                            : metadata_pair(m, method, &map->map.pairs[i], map);
    return code;
}

static int read_conditions(struct compiling *c, const struct node *n)
{
    struct match_compiler m = {
        .arena = c->arena, .plan = &c->method->plan, .patterns = &c->set->patterns, .out = &c->matching, .err = c->err};
    const struct node *when = node_get(n, "when"), *meta = node_get(n, "metadata");
    const struct node *messages = node_get(n, "messages"), *session = node_get(n, "session");
    const struct node *caller = node_get(n, "caller");
    int code = 0;
    if (when != NULL && when->kind != NODE_NULL)
        code = match_compile(&m, when);
    if (code == 0 && meta != NULL && meta->kind != NODE_NULL)
        code = metadata(&m, c->method, meta);
    if (code == 0 && caller != NULL)
        code = match_compile_slot(&m, SLOT_CALLER, caller);
    if (code == 0 && messages != NULL) {
        if (!c->method->method->client_streaming)
            return node_error(messages, c->err, ERROR_INVALID, "%s takes one message: \"when\" is about it",
                              c->method->method->name);
        c->method->looks_at_messages = true;
        code = match_compile_slot(&m, SLOT_MESSAGES, messages);
    }
    if (code != 0 || (session == NULL && (c->session == NULL || c->session[0] == '\0')))
        return code;
    const char *name = c->session;
    if (name == NULL || name[0] == '\0')
        code = node_may_text(n, "session", &name, c->err);
    if (code != 0)
        return code;
    c->extra.session = arena_string(c->arena, name);
    c->rare = true;
    struct demand d = {.slot = SLOT_SESSION};
    if (c->extra.session == NULL)
        return no_memory(c->err);
    d.value.bytes = bytes_of(c->extra.session);
    return array_push(&c->matching.demands, d) ? 0 : no_memory(c->err);
}

/* ---- the place in the index ---- */

static int compare_demands(const void *a, const void *b)
{
    struct demand x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    if (x.slot != y.slot)
        return x.slot < y.slot ? -1 : 1;
    return (x.cut > y.cut) - (x.cut < y.cut); /* the whole value before its beginning */
}

/* Long beginnings are cut to a multiple of four: every other length would be a group of its own. */
static uint32_t cut_of(size_t len)
{
    return (uint32_t)(len <= 8 ? len : len < CUT_MAX ? len / 4 * 4 : CUT_MAX);
}

/* What an expression or a glob begins with is a demand on the text's beginning. */
static bool add_beginnings(struct compiling *c)
{
    for (size_t i = 0; i < c->matching.tests.count; i++) {
        const struct test *t = c->matching.tests.items[i];
        bool pattern = t->kind == TEST_PATTERN, glob = t->kind == TEST_GLOB;
        if ((!pattern && !glob) || t->slot < 0 || t->field == NULL || t->field->kind != PB_STRING)
            continue;
        const char *text = pattern ? t->pattern->prefix : t->text;
        uint32_t cut = cut_of(pattern ? strlen(text) : glob_prefix(text));
        struct demand d = {.slot = t->slot, .cut = cut, .value.bytes = BYTES(text, cut)};
        if (cut == 0)
            continue;
        d.value.bytes.data = arena_copy(c->arena, text, cut);
        if (d.value.bytes.data == NULL || !array_push(&c->matching.demands, d))
            return false;
    }
    return true;
}

static int demand_to_test(struct compiling *c, const struct demand *d)
{
    struct match_compiler m = {.arena = c->arena, .plan = &c->method->plan, .err = c->err};
    const struct test *t = d->cut == 0 ? match_of_demand(&m, d) : NULL; /* a beginning has its test already */
    return d->cut != 0 || (t != NULL && array_push(&c->matching.tests, t)) ? 0 : no_memory(c->err);
}

static int place(struct compiling *c)
{
    struct index_part parts[INDEX_PARTS_MAX];
    struct value *keys;
    size_t count = 0;
    int code = 0;
    if (!add_beginnings(c))
        return no_memory(c->err);
    struct demand *d = c->matching.demands.items;
    size_t demands = c->matching.demands.count;
    if (demands > 1)
        qsort(d, demands, sizeof *d, compare_demands);
    keys = arena_alloc_n(c->arena, demands < INDEX_PARTS_MAX ? demands : INDEX_PARTS_MAX, sizeof *keys);
    if (keys == NULL)
        return no_memory(c->err);
    for (size_t i = 0; i < demands && code == 0; i++) {
        bool again = i > 0 && d[i].slot == d[i - 1].slot;
        if (again || count == INDEX_PARTS_MAX) {
            code = demand_to_test(c, &d[i]);
            continue;
        }
        keys[count] = d[i].value;
        parts[count++] = (struct index_part){d[i].slot, d[i].cut, c->method->plan.slots[d[i].slot].field};
    }
    if (code != 0)
        return code;
    c->stub->group = index_group(&c->method->index, parts, count);
    if (c->stub->group == NULL)
        return no_memory(c->err);
    c->stub->keys = keys;
    for (size_t i = 0; i < count && c->stub->group->part_count == 0 && code == 0; i++) {
        struct demand one = {.slot = parts[i].slot, .cut = parts[i].cut, .value = keys[i]};
        code = demand_to_test(c, &one);
    }
    c->stub->test_count = (uint32_t)c->matching.tests.count;
    if (c->matching.tests.count == 0)
        return code;
    c->stub->tests =
        arena_copy(c->arena, c->matching.tests.items, c->matching.tests.count * sizeof *c->matching.tests.items);
    return code != 0 ? code : c->stub->tests != NULL ? 0 : no_memory(c->err);
}

/* ---- the rest ---- */

static struct template_compiler templates(struct compiling *c)
{
    return (struct template_compiler){.arena = c->arena,
                                      .method = c->method,
                                      .captures = c->matching.captures.items,
                                      .capture_count = c->matching.captures.count,
                                      .err = c->err};
}

static int read_outcomes(struct compiling *c, const struct node *n)
{
    static const char *const thens[] = {"stick", "cycle", "pass", NULL};
    struct template_compiler t = templates(c);
    const struct node *list = node_get(n, "sequence"), *then = node_get(n, "then");
    size_t count = list != NULL && list->kind == NODE_LIST ? list->list.count : 1;
    struct outcome *all = NULL;
    int64_t turns = 0;
    int code = 0, which = 0;
    if (list != NULL && (list->kind != NODE_LIST || list->list.count == 0))
        return node_error(list, c->err, ERROR_INVALID, "\"sequence\" is a list of answers");
    for (size_t i = 0; list != NULL && outcome_keys[i] != NULL; i++)
        if (node_get(n, outcome_keys[i]) != NULL)
            return node_error(node_get(n, outcome_keys[i]), c->err, ERROR_INVALID,
                              "\"%s\" stands in the items of \"sequence\", not beside it", outcome_keys[i]);
    if (list == NULL && (then != NULL || node_get(n, "turns") != NULL))
        return node_error(then != NULL ? then : node_get(n, "turns"), c->err, ERROR_INVALID,
                          "\"then\" and \"turns\" are for a \"sequence\"");
    if (then != NULL && (which = node_word(then, thens, "\"then\"", c->err)) < 0)
        return ERROR_INVALID;
    all = arena_alloc_n(c->arena, count, sizeof *all);
    if (all == NULL)
        return no_memory(c->err);
    for (size_t i = 0; i < count && code == 0; i++) {
        const struct node *one = list != NULL ? &list->list.items[i] : n;
        if (list != NULL && one->kind != NODE_MAP)
            return node_error(one, c->err, ERROR_INVALID,
                              "an item of \"sequence\" is a map such as {answer: {...}}, "
                              "and this is %s",
                              node_kind_name(one->kind));
        code = list != NULL ? node_only_keys(one, outcome_keys, c->err) : 0;
        if (code == 0)
            code = outcome_compile(&t, c->set->pool, one, &all[i]);
        turns += all[i].turns;
    }
    if (code == 0 && turns > UINT32_MAX)
        code = node_error(list, c->err, ERROR_LIMIT, "the turns of a sequence are more than 32 bits hold");
    c->stub->outcomes = all;
    c->stub->outcome_count = (uint32_t)count;
    c->stub->sequence = (uint32_t)turns;
    c->stub->then = (enum stub_then)which;
    return code;
}

static int text_or_template(struct compiling *c, const struct node *map, const char *key, const struct template **out)
{
    struct template_compiler t = templates(c);
    const char *unused;
    int code = node_need_text(map, key, &unused, c->err);
    return code != 0 ? code : template_compile(&t, node_get(map, key), out);
}

static int read_state(struct compiling *c, const struct node *n)
{
    static const char *const keys[] = {"machine", "is", "becomes", NULL};
    const struct node *map = node_get(n, "state"), *is;
    int code;
    if (map == NULL)
        return 0;
    struct stub_state *state = ARENA_NEW(c->arena, struct stub_state);
    if (state == NULL)
        return no_memory(c->err);
    if (map->kind != NODE_MAP)
        return node_error(map, c->err, ERROR_INVALID,
                          "\"state\" is a map such as {machine: order, is: paid, becomes: "
                          "shipped}");
    code = node_only_keys(map, keys, c->err);
    if (code == 0)
        code = text_or_template(c, map, "machine", &state->machine);
    if (code == 0 && node_get(map, "becomes") != NULL)
        code = text_or_template(c, map, "becomes", &state->becomes);
    is = node_get(map, "is");
    c->extra.state = state;
    c->rare = true;
    if (code != 0 || is == NULL)
        return code;
    state->is_count = is->kind == NODE_LIST ? is->list.count : 1;
    state->is = arena_alloc_n(c->arena, state->is_count, sizeof *state->is);
    if (state->is == NULL)
        return no_memory(c->err);
    for (size_t i = 0; i < state->is_count; i++) {
        const struct node *one = is->kind == NODE_LIST ? &is->list.items[i] : is;
        if (one->kind != NODE_TEXT)
            return node_error(one, c->err, ERROR_INVALID, "a state is text, and this is %s", node_kind_name(one->kind));
        state->is[i] = arena_string(c->arena, (const char *)one->text.data);
        if (state->is[i] == NULL)
            return no_memory(c->err);
    }
    return 0;
}

static int check_added(struct compiling *c, const struct node *n);

static int read_effects(struct compiling *c, const struct node *n)
{
    static const char *const keys[] = {"add", "remove", NULL};
    struct template_compiler t = templates(c);
    const struct node *list = NULL;
    int code = node_may_list(n, "effects", &list, c->err);
    if (code != 0 || list == NULL)
        return code;
    if (list->list.count > STUB_EFFECTS_MAX)
        return node_error(list, c->err, ERROR_LIMIT, "a stub has at most %d effects", STUB_EFFECTS_MAX);
    struct stub_effect *effects = arena_alloc_n(c->arena, list->list.count + 1, sizeof *effects);
    if (effects == NULL)
        return no_memory(c->err);
    for (size_t i = 0; i < list->list.count && code == 0; i++) {
        const struct node *one = &list->list.items[i];
        const struct node *add = node_get(one, "add"), *away = node_get(one, "remove");
        if (one->kind != NODE_MAP || (add != NULL) == (away != NULL))
            return node_error(one, c->err, ERROR_INVALID, "an effect is {add: a stub} or {remove: a stub's name}");
        code = node_only_keys(one, keys, c->err);
        if (code == 0 && add != NULL)
            code = check_added(c, add);
        if (code == 0 && add != NULL)
            code = tree_compile(&t, add, &effects[i].add);
        else if (code == 0)
            code = text_or_template(c, one, "remove", &effects[i].remove);
    }
    c->extra.effects = effects;
    c->extra.effect_count = list->list.count;
    c->rare = c->rare || list->list.count > 0;
    return code;
}

static int read_times(struct compiling *c, const struct node *n)
{
    static const char *const places[] = {"message", "end", NULL};
    const struct node *probability = node_get(n, "probability"), *at = node_get(n, "at");
    int64_t priority = 0, prefer = 0, times = 0, seed = 0;
    const struct pb_method *m = c->method->method;
    int code = node_may_integer(n, "priority", INT32_MIN, INT32_MAX, &priority, c->err);
    if (code == 0)
        code = node_may_integer(n, "prefer", -PREFER_MAX, PREFER_MAX, &prefer, c->err);
    if (code == 0)
        code = node_may_integer(n, "times", 1, STUB_TIMES_MAX, &times, c->err);
    if (code == 0)
        code = node_may_integer(n, "seed", INT64_MIN, INT64_MAX, &seed, c->err);
    c->extra.probability = 1;
    if (code == 0 && probability != NULL) {
        double p = probability->kind == NODE_REAL ? probability->real : (double)probability->integer;
        if ((probability->kind != NODE_REAL && probability->kind != NODE_INTEGER) || !(p >= 0) || p > 1)
            code = node_error(probability, c->err, ERROR_INVALID, "a probability is a number from 0 to 1");
        c->extra.probability = p;
        c->rare = true;
    }
    if (code == 0 && at != NULL) {
        int which = node_word(at, places, "\"at\"", c->err);
        if (which >= 0 && !(m->client_streaming && m->server_streaming))
            code =
                node_error(at, c->err, ERROR_INVALID, "\"at\" is for streams of both sides, and %s is none", m->name);
        c->extra.at_end = which == 1;
        c->rare = true;
        code = which < 0 ? ERROR_INVALID : code;
    }
    c->extra.seeded = node_get(n, "seed") != NULL;
    c->extra.seed = (uint64_t)seed;
    c->rare = c->rare || c->extra.seeded;
    c->extra.prefer = (int32_t)prefer;
    c->stub->priority = (int32_t)priority;
    c->stub->times = (uint64_t)times;
    return code;
}

static uint64_t at_most(size_t n, uint64_t most)
{
    return n < most ? n : most;
}

/* See stub.h: priority, exact values, other conditions, prefer, limited; 32, 8, 8, 15 and 1 bits. */
static uint64_t rank_of(const struct compiling *c, size_t exact)
{
    const struct stub *s = c->stub;
    bool limited = s->times > 0 || c->extra.probability < 1 || s->then == STUB_PASSES;
    size_t others = c->matching.tests.count + (c->extra.state != NULL && c->extra.state->is != NULL);
    uint64_t priority = (uint64_t)((int64_t)s->priority - INT32_MIN);
    uint64_t prefer = (uint64_t)(c->extra.prefer + PREFER_MAX + 1);
    return priority << 32 | at_most(exact, 255) << 24 | at_most(others, 255) << 16 | prefer << 1 | limited;
}

static int read_name(struct compiling *c, const struct node *n)
{
    const char *name = NULL, *about = NULL;
    int code = node_may_text(n, "stub", &name, c->err);
    if (code == 0)
        code = node_may_text(n, "about", &about, c->err);
    if (code != 0 || name == NULL)
        return code;
    c->extra.name = arena_string(c->arena, name);
    c->rare = true;
    return c->extra.name != NULL ? 0 : no_memory(c->err);
}

/* What the stub keeps of what was compiled. */
static int keep(struct compiling *c)
{
    struct matching *m = &c->matching;
    struct stub_extra *extra;
    c->rare = c->rare || m->used.count > 0;
    if (!c->rare)
        return 0;
    c->extra.patterns = arena_copy(c->arena, m->used.items, m->used.count * sizeof *m->used.items);
    extra = arena_copy(c->arena, &c->extra, sizeof c->extra);
    if (extra == NULL || c->extra.patterns == NULL)
        return no_memory(c->err);
    extra->pattern_count = m->used.count;
    c->stub->extra = extra;
    return 0;
}

static int only_known_keys(const struct node *n, struct error *err)
{
    const char *keys[64];
    size_t count = 0;
    for (size_t i = 0; stub_keys[i] != NULL; i++)
        keys[count++] = stub_keys[i];
    for (size_t i = 0; outcome_keys[i] != NULL; i++)
        keys[count++] = outcome_keys[i];
    keys[count] = NULL;
    return node_only_keys(n, keys, err);
}

static int compile_stub(struct compiling *c, const struct node *n)
{
    if (n->kind != NODE_MAP)
        return node_error(n, c->err, ERROR_INVALID,
                          "a stub is a map such as {call: Service/Method, when: {...}, "
                          "answer: {...}}, and this is %s",
                          node_kind_name(n->kind));
    int code = only_known_keys(n, c->err);
    if (code == 0)
        code = read_method(c, n);
    c->stub->method = c->method;
    if (code == 0)
        code = read_name(c, n);
    if (code == 0)
        code = read_times(c, n);
    if (code == 0)
        code = read_conditions(c, n);
    if (code == 0)
        code = read_outcomes(c, n);
    if (code == 0)
        code = read_state(c, n);
    if (code == 0)
        code = read_effects(c, n);
    return code;
}

static int add_stub(struct stub_set *s, const struct node *n, const char *session, struct error *err)
{
    struct batch *batch = set_batch(s);
    struct stub *stub = batch != NULL ? ARENA_NEW(&batch->arena, struct stub) : NULL;
    const char *file = set_file(s, document_name(n->document));
    if (stub == NULL || file == NULL)
        return no_memory(err);
    struct compiling c = {.set = s, .arena = &batch->arena, .stub = stub, .session = session, .err = err};
    stub->batch = batch;
    stub->file = file;
    stub->line = n->line;
    stub->column = n->column;
    stub->added = session != NULL;
    int code = compile_stub(&c, n);
    if (code == 0) {
        stub->rank = rank_of(&c, c.matching.demands.count);
        code = place(&c);
    }
    if (code == 0)
        code = keep(&c);
    if (code == 0)
        code = set_take(s, stub, err);
    if (code == 0) /* the stub gives the expressions back */
        array_clear(&c.matching.used);
    matching_deinit(&c.matching, &s->patterns);
    return code;
}

/* A stub that an effect adds is checked when its file is, as far as it has no ${...}: compiled, and thrown away. */
static int check_added(struct compiling *c, const struct node *n)
{
    struct stub scratch = {0};
    struct arena arena = ARENA_INIT;
    struct compiling inner = {.set = c->set, .arena = &arena, .stub = &scratch, .session = "", .err = c->err};
    int code = 0;
    if (node_has_holes(n)) {
        if (n->kind != NODE_MAP)
            return node_error(n, c->err, ERROR_INVALID, "a stub is a map, and this is %s", node_kind_name(n->kind));
        code = only_known_keys(n, c->err);
        const struct node *call = node_get(n, "call"), *service = node_get(n, "service");
        if (code == 0 && (call == NULL || !node_has_holes(call)) && (service == NULL || !node_has_holes(service)))
            code = read_method(&inner, n);
    } else {
        code = compile_stub(&inner, n);
    }
    matching_deinit(&inner.matching, &c->set->patterns);
    arena_deinit(&arena);
    return code;
}

int64_t set_add_nodes(struct stub_set *s, const struct node *root, const char *session, uint64_t *first,
                      struct error *err)
{
    static const char *const keys[] = {"stubs", NULL};
    uint64_t before = s->next_id;
    const struct node *list = root->kind == NODE_LIST ? root : NULL;
    int code = 0;
    if (node_get(root, "stubs") != NULL) {
        code = node_only_keys(root, keys, err);
        if (code == 0)
            code = node_may_list(root, "stubs", &list, err);
    }
    size_t count = list != NULL ? list->list.count : 1;
    for (size_t i = 0; i < count && code == 0; i++)
        code = add_stub(s, list != NULL ? &list->list.items[i] : root, session, err);
    while (code != 0 && s->rows.count > 0 && array_last(&s->rows)->id >= before)
        set_drop(s, array_last(&s->rows));
    if (first != NULL)
        *first = before;
    return code != 0 ? code : (int64_t)count;
}
