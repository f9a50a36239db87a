#include "fakes/stub/gripmock.h"

#include "fakes/stub/internal.h"
#include "fakes/stub/template.h"

#include <stdio.h>
#include <string.h>

#define PAIRS_MAX 40 /* of one of our stubs; a map with more keeps its own pairs */

struct translator {
    const struct pb_pool *pool;
    struct arena *arena;
    struct error *err;
    const struct pb_method *method; /* of the stub in work */
    int code;                       /* of the first error; nothing is done after it */
    bool in_effect;                 /* of an effect's stub every template is filled in by the effect */
    bool yaml;                      /* whose templates without a call are made when it is read */
    int index;                      /* of a stream's reply in work, or below 0 */
    ARRAY(struct node) stubs;
};

/* ---- making nodes ---- */

static void fail(struct translator *t, const struct node *at, int code, const char *what)
{
    if (t->code == 0)
        t->code = node_error(at, t->err, code, "%s", what);
}

static void *take(struct translator *t, size_t n, size_t size)
{
    void *data = t->code == 0 ? arena_alloc_n(t->arena, n, size) : NULL;
    if (data == NULL && t->code == 0)
        t->code = error_set(t->err, ERROR_MEMORY, "out of memory");
    return data;
}

static struct node like(const struct node *at, enum node_kind kind)
{
    return (struct node){.kind = kind, .line = at->line, .column = at->column, .document = at->document};
}

static struct node text_node(struct translator *t, const struct node *at, const char *text)
{
    struct node n = like(at, NODE_TEXT);
    size_t len = strlen(text);
    char *copy = take(t, len + 1, 1);
    if (copy != NULL)
        memcpy(copy, text, len);
    n.text = BYTES(copy, copy != NULL ? len : 0);
    return n;
}

static struct node integer_node(const struct node *at, int64_t v)
{
    struct node n = like(at, NODE_INTEGER);
    n.integer = v;
    return n;
}

static struct node map_node(struct translator *t, const struct node *at, size_t capacity)
{
    struct node n = like(at, NODE_MAP);
    n.map.pairs = take(t, capacity + 1, sizeof *n.map.pairs);
    return n;
}

static void put_at(struct translator *t, struct node *map, const char *key, const struct node_pair *at,
                   struct node value)
{
    if (t->code == 0)
        map->map.pairs[map->map.count++] =
            (struct node_pair){.key = key, .key_line = at->key_line, .key_column = at->key_column, .value = value};
}

static void put(struct translator *t, struct node *map, const char *key, struct node value)
{
    struct node_pair at = {.key_line = value.line, .key_column = value.column};
    put_at(t, map, key, &at, value);
}

static struct node list_node(struct translator *t, const struct node *at, size_t count)
{
    struct node n = like(at, NODE_LIST);
    n.list.items = take(t, count + 1, sizeof *n.list.items);
    n.list.count = t->code == 0 ? count : 0;
    return n;
}

static struct node one_word(struct translator *t, const char *word, struct node value)
{
    struct node n = map_node(t, &value, 1);
    put(t, &n, word, value);
    return n;
}

static bool only_keys(struct translator *t, const struct node *n, const char *const *keys)
{
    if (t->code == 0 && n->kind != NODE_MAP)
        fail(t, n, ERROR_INVALID, "a map is expected here");
    if (t->code == 0)
        t->code = node_only_keys(n, keys, t->err);
    return t->code == 0;
}

/* ---- conditions ---- */

enum strategy { EQUALS, CONTAINS, MATCHES, GLOB };
static const char *const strategies[] = {"equals", "contains", "matches", "glob"};

static struct node regex_node(struct translator *t, const struct node *n)
{
    struct text expression = TEXT_INIT, plain = TEXT_INIT;
    struct node out = *n;
    if (n->kind == NODE_INTEGER)
        text_printf(&plain, "%lld", (long long)n->integer);
    else if (n->kind == NODE_BOOL)
        text_puts(&plain, n->boolean ? "true" : "false");
    else if (n->kind == NODE_TEXT)
        text_add(&plain, n->text.data, n->text.len);
    else
        fail(t, n, ERROR_INVALID, "a regular expression is text");
    gripmock_regex(text_bytes(&plain), &expression);
    if (!text_ok(&plain) || !text_ok(&expression))
        fail(t, n, ERROR_MEMORY, "out of memory");
    out = one_word(t, "$regex", text_node(t, n, text_string(&expression)));
    text_deinit(&expression);
    text_deinit(&plain);
    return out;
}

/* What a template that needs no call comes to. */
static struct node constant(struct translator *t, const struct node *n)
{
    const struct gripmock_place place = {.index = -1, .fixed = true};
    struct text ours = TEXT_INIT;
    struct node out = like(n, NODE_TEXT);
    const char *why = NULL;
    long long high, low;
    int code = gripmock_template(n->text, &place, &ours, &why);
    if (code != 0)
        fail(t, n, code, why != NULL ? why : "out of memory");
    if (t->code == 0)
        t->code = template_constant(t->arena, n, text_bytes(&ours), &out.text, t->err);
    text_deinit(&ours);
    if (t->code != 0 || sscanf((const char *)out.text.data, "{\"high\":%lld,\"low\":%lld}", &high, &low) != 2)
        return out;
    out = map_node(t, n, 2); /* as YAML it is a map, of which uuid2int64 makes use */
    put(t, &out, "high", integer_node(n, high));
    put(t, &out, "low", integer_node(n, low));
    return out;
}

static bool is_template(const struct node *n)
{
    return n->kind == NODE_TEXT && n->text.len > 0 && memmem(n->text.data, n->text.len, "{{", 2) != NULL;
}

/* A value below the top. Depth is bounded by the document's. */
static struct node expected(struct translator *t, const struct node *n, enum strategy how, bool any_order)
{
    struct node out = *n, made;
    if (t->code != 0)
        return out;
    if (t->yaml && is_template(n)) {
        made = constant(t, n);
        return made.kind == NODE_TEXT && is_template(&made) ? made : expected(t, &made, how, any_order);
    }
    if (n->kind == NODE_LIST) {
        out = list_node(t, n, n->list.count);
        for (size_t i = 0; i < out.list.count; i++)
            out.list.items[i] = expected(t, &n->list.items[i], how, any_order);
        return how == CONTAINS ? one_word(t, "$all", out) : any_order ? one_word(t, "$unordered", out) : out;
    }
    if (n->kind == NODE_MAP) {
        out = map_node(t, n, n->map.count);
        for (size_t i = 0; i < n->map.count; i++)
            put_at(t, &out, n->map.pairs[i].key, &n->map.pairs[i], expected(t, &n->map.pairs[i].value, how, any_order));
        return how == EQUALS ? one_word(t, "$exactly", out) : out;
    }
    if (how == MATCHES)
        return regex_node(t, n);
    if (how == GLOB && n->kind == NODE_TEXT)
        return one_word(t, "$glob", out);
    return out;
}

/* One of the strategies: fields that are named, whatever else there is. */
static struct node named_fields(struct translator *t, const struct node *n, enum strategy how, bool any_order)
{
    struct node out = map_node(t, n, n->kind == NODE_MAP ? n->map.count : 0);
    if (n->kind != NODE_MAP)
        fail(t, n, ERROR_INVALID, "a map of fields is expected here");
    for (size_t i = 0; t->code == 0 && i < n->map.count; i++)
        put_at(t, &out, n->map.pairs[i].key, &n->map.pairs[i], expected(t, &n->map.pairs[i].value, how, any_order));
    return out;
}

static struct node input(struct translator *t, const struct node *n);

static struct node alternatives(struct translator *t, const struct node *n)
{
    struct node out = list_node(t, n, n->kind == NODE_LIST ? n->list.count : 0);
    if (n->kind != NODE_LIST)
        fail(t, n, ERROR_INVALID, "anyOf is a list");
    for (size_t i = 0; i < out.list.count; i++) {
        if (node_get(&n->list.items[i], "anyOf") != NULL)
            fail(t, &n->list.items[i], ERROR_INVALID, "an anyOf does not stand in another");
        out.list.items[i] = input(t, &n->list.items[i]);
    }
    return out;
}

static struct node input(struct translator *t, const struct node *n)
{
    static const char *const keys[] = {"ignoreArrayOrder", "equals", "contains", "matches", "glob", "anyOf", NULL};
    struct node parts[5], out = map_node(t, n, 2);
    size_t count = 0;
    bool any_order = false;
    if (n->kind == NODE_NULL || !only_keys(t, n, keys))
        return out;
    t->code = node_may_bool(n, "ignoreArrayOrder", &any_order, t->err);
    for (int i = EQUALS; i <= GLOB; i++) {
        const struct node *block = node_get(n, strategies[i]);
        if (block != NULL && block->kind != NODE_NULL)
            parts[count++] = named_fields(t, block, (enum strategy)i, any_order);
    }
    if (node_get(n, "anyOf") != NULL)
        parts[count++] = one_word(t, "$anyOf", alternatives(t, node_get(n, "anyOf")));
    if (count == 1)
        return parts[0];
    if (count > 1) {
        struct node all = list_node(t, n, count);
        for (size_t i = 0; i < all.list.count; i++)
            all.list.items[i] = parts[i];
        put(t, &out, "$allOf", all);
    }
    return out;
}

/* Of a header said by several strategies all must hold. */
static struct node headers(struct translator *t, const struct node *n, bool choice)
{
    static const char *const keys[] = {"equals", "contains", "matches", "glob", "anyOf", NULL};
    struct node out = map_node(t, n, 0);
    size_t count = 1;
    if (n->kind == NODE_NULL ||
        !only_keys(t, n, choice ? (const char *const[]){"equals", "contains", "matches", "glob", NULL} : keys))
        return out;
    for (int i = EQUALS; i <= GLOB; i++) {
        const struct node *block = node_get(n, strategies[i]);
        count += block != NULL && block->kind == NODE_MAP ? block->map.count : 0;
    }
    out = map_node(t, n, count);
    for (int i = EQUALS; t->code == 0 && i <= GLOB; i++) {
        const struct node *block = node_get(n, strategies[i]);
        for (size_t j = 0; t->code == 0 && block != NULL && block->kind == NODE_MAP && j < block->map.count; j++) {
            const struct node_pair *p = &block->map.pairs[j];
            struct node value = expected(t, &p->value, (enum strategy)i, false), *before = NULL;
            for (size_t k = 0; k < out.map.count; k++)
                if (strcmp(out.map.pairs[k].key, p->key) == 0)
                    before = &out.map.pairs[k].value;
            if (before == NULL) {
                put_at(t, &out, p->key, p, value);
                continue;
            }
            struct node both = list_node(t, before, 2);
            if (t->code == 0) {
                both.list.items[0] = *before;
                both.list.items[1] = value;
                *before = one_word(t, "$allOf", both);
            }
        }
    }
    const struct node *any = node_get(n, "anyOf");
    if (t->code == 0 && any != NULL) {
        struct node list = list_node(t, any, any->kind == NODE_LIST ? any->list.count : 0);
        for (size_t i = 0; i < list.list.count; i++)
            list.list.items[i] = headers(t, &any->list.items[i], true);
        put(t, &out, "$anyOf", list);
    }
    return out;
}

/* ---- answers ---- */

static struct node rendered_text(struct translator *t, const struct node *at, struct bytes text)
{
    struct text made = TEXT_INIT;
    const char *why = NULL;
    const struct gripmock_place place = {.request = t->method != NULL ? t->method->input : NULL, .index = t->index};
    int code = gripmock_template(text, &place, &made, &why);
    if (code != 0)
        fail(t, at, code, why != NULL ? why : "out of memory");
    struct node out = text_node(t, at, text_string(&made));
    text_deinit(&made);
    return out;
}

/* Templates anywhere in it become ours. Depth is bounded by the document's. */
static struct node rendered(struct translator *t, const struct node *n)
{
    struct node out = *n;
    if (t->code != 0 || t->in_effect)
        return out;
    if (t->yaml && is_template(n) && memmem(n->text.data, n->text.len, "uuid2int64", 10) != NULL)
        return constant(t, n);
    if (n->kind == NODE_TEXT)
        return rendered_text(t, n, n->text);
    if (n->kind == NODE_LIST) {
        out = list_node(t, n, n->list.count);
        for (size_t i = 0; i < out.list.count; i++)
            out.list.items[i] = rendered(t, &n->list.items[i]);
    } else if (n->kind == NODE_MAP) {
        out = map_node(t, n, n->map.count);
        for (size_t i = 0; t->code == 0 && i < n->map.count; i++) {
            struct node key = rendered_text(t, &n->map.pairs[i].value, bytes_of(n->map.pairs[i].key));
            struct node value = rendered(t, &n->map.pairs[i].value);
            put_at(t, &out, (const char *)key.text.data, &n->map.pairs[i], value);
        }
    }
    return out;
}

/* A number is nanoseconds, as Go has it. */
static struct node delay(struct translator *t, const struct node *n)
{
    char ns[32];
    if (n->kind != NODE_INTEGER)
        return rendered(t, n);
    snprintf(ns, sizeof ns, "%lldns", (long long)(n->integer > 0 ? n->integer : 0));
    return text_node(t, n, ns);
}

static void status(struct translator *t, const struct node *from, struct node *stub)
{
    const struct node *error = node_get(from, "error"), *code = node_get(from, "code");
    const struct node *details = node_get(from, "details");
    if (code != NULL && code->kind == NODE_INTEGER && code->integer == 0)
        return;
    if (code != NULL && code->kind == NODE_INTEGER)
        put(t, stub, "status", *code);
    else if (code != NULL)
        put(t, stub, "status", rendered(t, code));
    else if (error != NULL && error->kind == NODE_TEXT && error->text.len > 0)
        put(t, stub, "status", integer_node(error, GRPC_ABORTED));
    else
        return;
    if (error != NULL)
        put(t, stub, "message", rendered(t, error));
    if (details == NULL)
        return;
    struct node list = list_node(t, details, details->kind == NODE_LIST ? details->list.count : 0);
    if (details->kind != NODE_LIST)
        fail(t, details, ERROR_INVALID, "details are a list");
    for (size_t i = 0; i < list.list.count && t->code == 0; i++) {
        const struct node *one = &details->list.items[i];
        struct node any = map_node(t, one, one->kind == NODE_MAP ? one->map.count : 0);
        for (size_t j = 0; one->kind == NODE_MAP && j < one->map.count; j++)
            put_at(t, &any, strcmp(one->map.pairs[j].key, "type") == 0 ? "@type" : one->map.pairs[j].key,
                   &one->map.pairs[j], one->map.pairs[j].value);
        list.list.items[i] = any;
    }
    put(t, stub, "details", list);
}

/* The message without _gripmock, with the delay that stands before it. */
static struct node streamed(struct translator *t, const struct node *n, const struct node *own, const struct node *wait)
{
    const struct node *special = own != NULL ? node_get(own, "delay") : NULL;
    struct node out = rendered(t, n);
    if (special != NULL)
        wait = special;
    if (n->kind != NODE_MAP)
        return out;
    struct node bare = map_node(t, n, n->map.count + 1);
    for (size_t i = 0; t->code == 0 && i < out.map.count; i++)
        if (strcmp(out.map.pairs[i].key, "_gripmock") != 0)
            put_at(t, &bare, out.map.pairs[i].key, &n->map.pairs[i], out.map.pairs[i].value);
    if (wait != NULL)
        put(t, &bare, "$delay", delay(t, wait));
    return bare;
}

/* Of a stream from message `from` on, `most` of them; an element that fails ends it. */
static void replies(struct translator *t, const struct node *stream, const struct node *output, size_t from,
                    size_t most, struct node *stub)
{
    static const char *const keys[] = {"delay", "error", "code", "details", NULL};
    const struct node *wait = node_get(output, "delay"), *ends = output;
    size_t count = stream->kind == NODE_LIST && stream->list.count > from ? stream->list.count - from : 0;
    if (stream->kind != NODE_LIST)
        fail(t, stream, ERROR_INVALID, "a stream is a list of messages");
    count = count < most ? count : most;
    bool last = from + count >= (stream->kind == NODE_LIST ? stream->list.count : 0);
    struct node list = list_node(t, stream, count);
    list.list.count = 0;
    for (size_t i = 0; i < count && t->code == 0; i++) {
        const struct node *one = &stream->list.items[from + i], *own = node_get(one, "_gripmock");
        if (own != NULL && !only_keys(t, own, keys))
            return;
        if (own != NULL && (node_get(own, "error") != NULL || node_get(own, "code") != NULL)) {
            ends = own;
            last = true;
            break;
        }
        t->index = t->method->client_streaming ? -1 : (int)i;
        struct node message = streamed(t, one, own, wait);
        t->index = -1;
        if (t->code == 0)
            list.list.items[list.list.count++] = message;
    }
    if (list.list.count > 0)
        put(t, stub, "replies", list);
    else if (wait != NULL && last)
        put(t, stub, "delay", delay(t, wait));
    if (last)
        status(t, ends, stub);
}

static void output(struct translator *t, const struct node *n, size_t from, size_t most, struct node *stub)
{
    static const char *const keys[] = {"data",  "stream",  "error",    "code", "details",
                                       "delay", "headers", "trailers", NULL};
    const struct node *data = node_get(n, "data"), *stream = node_get(n, "stream"), *wait = node_get(n, "delay");
    if (!only_keys(t, n, keys))
        return;
    if (stream == NULL && data != NULL && data->kind == NODE_LIST && t->method->server_streaming)
        stream = data;
    bool failing =
        node_get(n, "error") != NULL && !(node_get(n, "code") != NULL && node_get(n, "code")->kind == NODE_INTEGER &&
                                          node_get(n, "code")->integer == 0);
    failing = failing || (node_get(n, "code") != NULL && node_get(n, "code")->kind == NODE_INTEGER &&
                          node_get(n, "code")->integer != 0);
    if (stream != NULL) {
        replies(t, stream, n, from, most, stub);
    } else {
        if (data != NULL && data->kind != NODE_NULL && !failing)
            put(t, stub, "answer", rendered(t, data));
        if (wait != NULL)
            put(t, stub, "delay", delay(t, wait));
        status(t, n, stub);
    }
    if (node_get(n, "headers") != NULL && node_get(n, "headers")->kind != NODE_NULL)
        put(t, stub, "headers", rendered(t, node_get(n, "headers")));
    if (node_get(n, "trailers") != NULL && node_get(n, "trailers")->kind != NODE_NULL)
        put(t, stub, "trailers", rendered(t, node_get(n, "trailers")));
}

/* ---- stubs ---- */

static struct node one_stub(struct translator *t, const struct node *n);

/* Its templates are translated first, wherever they stand, and not once more. */
static struct node added_stub(struct translator *t, const struct node *n)
{
    bool before = t->in_effect;
    struct node ours = rendered(t, n);
    t->in_effect = true;
    struct node out = one_stub(t, &ours);
    t->in_effect = before;
    return out;
}

static struct node effects(struct translator *t, const struct node *n)
{
    static const char *const keys[] = {"action", "id", "stub", NULL};
    struct node list = list_node(t, n, n->kind == NODE_LIST ? n->list.count : 0);
    for (size_t i = 0; i < list.list.count && t->code == 0; i++) {
        const struct node *one = &n->list.items[i], *stub = node_get(one, "stub"), *id = node_get(one, "id");
        const struct node *action = node_get(one, "action");
        if (!only_keys(t, one, keys))
            break;
        if (action == NULL || action->kind != NODE_TEXT)
            fail(t, one, ERROR_INVALID, "an effect has an action, upsert or delete");
        else if (bytes_is(action->text, "upsert") && stub != NULL)
            list.list.items[i] = one_word(t, "add", added_stub(t, stub));
        else if (bytes_is(action->text, "delete") && id != NULL && id->kind == NODE_TEXT)
            list.list.items[i] = one_word(t, "remove", rendered(t, id));
        else
            fail(t, one, ERROR_INVALID, "an effect is an upsert with a stub, or a delete with an id");
    }
    return list;
}

static void find_method(struct translator *t, const struct node *n)
{
    const char *service = NULL, *name = NULL;
    const struct pb_service *s = NULL;
    t->method = NULL;
    if (t->code == 0)
        t->code = node_need_text(n, "service", &service, t->err);
    if (t->code == 0)
        t->code = node_need_text(n, "method", &name, t->err);
    if (t->code == 0)
        t->code = find_service(t->pool, node_get(n, "service"), service, &s, t->err);
    for (size_t i = 0; t->code == 0 && i < s->method_count; i++)
        if (strcmp(s->methods[i].name, name) == 0)
            t->method = &s->methods[i];
    if (t->code == 0 && t->method == NULL)
        fail(t, node_get(n, "method"), ERROR_NOT_FOUND, "the service has no such method");
}

/* What the stubs of one of gripmock's have in common. */
static struct node common(struct translator *t, const struct node *n)
{
    const struct node *id = node_get(n, "id"), *priority = node_get(n, "priority"), *options = node_get(n, "options");
    const struct node *times = options != NULL ? node_get(options, "times") : NULL;
    const struct node *session = node_get(n, "session"), *meta = node_get(n, "headers"), *after;
    struct node out = map_node(t, n, PAIRS_MAX);
    if (id != NULL)
        put(t, &out, "stub", *id);
    put(t, &out, "call", text_node(t, node_get(n, "service"), t->method->path + 1));
    if (priority != NULL) { /* it comes after how much a stub demands, and within bounds */
        int64_t v = priority->kind == NODE_INTEGER ? priority->integer : 0;
        if (priority->kind != NODE_INTEGER)
            fail(t, priority, ERROR_INVALID, "a priority is a whole number");
        put(t, &out, "prefer", integer_node(priority, v > 16383 ? 16383 : v < -16383 ? -16383 : v));
    }
    if (options != NULL && options->kind != NODE_NULL)
        only_keys(t, options, (const char *const[]){"times", NULL});
    if (times != NULL && !(times->kind == NODE_INTEGER && times->integer == 0))
        put(t, &out, "times", *times);
    if (session != NULL && session->kind == NODE_TEXT && session->text.len > 0)
        put(t, &out, "session", *session);
    if (meta != NULL && meta->kind != NODE_NULL)
        put(t, &out, "metadata", headers(t, meta, false));
    after = node_get(n, "effects");
    if (after != NULL && after->kind == NODE_LIST)
        put(t, &out, "effects", effects(t, after));
    return out;
}

/* The list and its size, so that it says more than one input for all messages does. */
static struct node exactly(struct translator *t, struct node list)
{
    struct node both = list_node(t, &list, 2);
    if (t->code == 0) {
        both.list.items[0] = list;
        both.list.items[1] = one_word(t, "$size", integer_node(&list, (int64_t)list.list.count));
    }
    return one_word(t, "$allOf", both);
}

/* Streams of both sides: the answer to message i is message i of the stream, a stub for each. */
static void message_by_message(struct translator *t, const struct node *n, const struct node *inputs)
{
    for (size_t i = 0; i < inputs->list.count && t->code == 0; i++) {
        const struct pb_method *method = t->method;
        struct node stub = common(t, n);
        t->method = method;
        put(t, &stub, "when", input(t, &inputs->list.items[i]));
        put(t, &stub, "messages", one_word(t, "$size", integer_node(&inputs->list.items[i], (int64_t)i + 1)));
        bool last = i + 1 == inputs->list.count;
        output(t, node_get(n, "output"), i, last ? SIZE_MAX : 1, &stub);
        if (t->code == 0 && !array_push(&t->stubs, stub))
            t->code = error_set(t->err, ERROR_MEMORY, "out of memory");
    }
}

static struct node one_stub(struct translator *t, const struct node *n)
{
    static const char *const keys[] = {"id",      "service", "method",  "priority", "input", "inputs", "headers",
                                       "options", "output",  "effects", "session",  "_meta", NULL};
    const struct pb_method *outer = t->method;
    struct node out = like(n, NODE_NULL);
    if (!only_keys(t, n, keys))
        return out;
    const struct node *one = node_get(n, "input"), *all = node_get(n, "inputs"), *say = node_get(n, "output");
    find_method(t, n);
    if (say == NULL)
        fail(t, n, ERROR_INVALID, "a stub has an \"output\"");
    if (all != NULL && (all->kind != NODE_LIST || all->list.count == 0 || one != NULL))
        fail(t, all, ERROR_INVALID, "\"inputs\" is a list, and stands without \"input\"");
    if (t->code != 0)
        return out;
    bool both = t->method->client_streaming && t->method->server_streaming;
    if (all != NULL && both && all->list.count > 1 && t->in_effect)
        fail(t, all, ERROR_UNSUPPORTED, "an effect adds one stub, and these inputs are several of ours");
    if (all != NULL && both && all->list.count > 1) {
        message_by_message(t, n, all);
        return out;
    }
    const struct pb_method *method = t->method;
    out = common(t, n);
    t->method = method;
    if (all != NULL && t->method->client_streaming && !both) {
        struct node list = list_node(t, all, all->list.count);
        for (size_t i = 0; i < list.list.count; i++)
            list.list.items[i] = input(t, &all->list.items[i]);
        if (t->code == 0)
            put(t, &out, "messages",
                list.list.count == 1 ? one_word(t, "$each", list.list.items[0]) : exactly(t, list));
    } else if (all != NULL || one != NULL) {
        put(t, &out, "when", input(t, one != NULL ? one : &all->list.items[0]));
    }
    output(t, say, 0, SIZE_MAX, &out);
    if (t->code == 0 && !t->in_effect && !array_push(&t->stubs, out))
        t->code = error_set(t->err, ERROR_MEMORY, "out of memory");
    t->method = outer;
    return out;
}

int gripmock_translate(const struct pb_pool *pool, const struct node *root, struct arena *arena,
                       const struct node **out, struct error *err)
{
    const char *name = document_name(root->document);
    size_t len = strlen(name);
    struct translator t = {
        .pool = pool, .arena = arena, .err = err, .yaml = len < 5 || strcmp(name + len - 5, ".json") != 0, .index = -1};
    struct node *whole = ARENA_NEW(arena, struct node);
    if (whole == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; root->kind == NODE_LIST && i < root->list.count && t.code == 0; i++)
        one_stub(&t, &root->list.items[i]);
    if (root->kind != NODE_LIST)
        one_stub(&t, root);
    *whole = list_node(&t, root, t.stubs.count);
    for (size_t i = 0; i < whole->list.count; i++)
        whole->list.items[i] = t.stubs.items[i];
    array_deinit(&t.stubs);
    *out = whole;
    return t.code;
}
