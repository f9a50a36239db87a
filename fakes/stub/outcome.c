#include "fakes/stub/function.h"
#include "fakes/stub/internal.h"

#include "base/base64.h"
#include "base/units.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GARBAGE_SIZE 32 /* bytes of a reply that is no message */
#define TWO_PI       6.283185307179586

const char *const outcome_keys[] = {"answer",   "replies", "every", "status", "message", "details", "headers",
                                    "trailers", "delay",   "fault", "stays",  "ends",    "turns",   NULL};

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

int node_word(const struct node *n, const char *const *words, const char *what, struct error *err)
{
    const char *text = n->kind == NODE_TEXT ? (const char *)n->text.data : "";
    struct text all = TEXT_INIT;
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    for (int i = 0; words[i] != NULL; i++)
        text_printf(&all, "%s%s", i > 0 ? ", " : "", words[i]);
    const char *near = nearest_word(text, words);
    if (near != NULL)
        node_error(n, err, ERROR_INVALID, "%s is one of %s, not \"%s\": did you mean %s?", what, text_string(&all),
                   text, near);
    else
        node_error(n, err, ERROR_INVALID, "%s is one of %s", what, text_string(&all));
    text_deinit(&all);
    return -1;
}

/* ---- delays ---- */

static int duration(const struct node *n, double *ns, struct error *err)
{
    int64_t v = 0;
    struct error why = ERROR_INIT;
    int code = 0;
    if (n->kind == NODE_TEXT)
        code = units_parse_duration((const char *)n->text.data, &v, &why);
    else if (n->kind != NODE_INTEGER || n->integer != 0)
        code = error_set(&why, ERROR_INVALID, "a duration such as 20ms or 1.5s is expected, and this is %s",
                         node_kind_name(n->kind));
    if (code == 0 && (v < 0 || (uint64_t)v > OUTCOME_DELAY_MAX))
        code = error_set(&why, ERROR_LIMIT, "a delay is at most 24h");
    if (code != 0)
        code = node_error(n, err, code, "%s", why.message != NULL ? why.message : "out of memory");
    error_clear(&why);
    *ns = (double)v;
    return code;
}

static int number(const struct node *n, double *out, struct error *err)
{
    if (n->kind != NODE_INTEGER && n->kind != NODE_REAL)
        return node_error(n, err, ERROR_INVALID, "a number is expected, and this is %s", node_kind_name(n->kind));
    *out = n->kind == NODE_REAL ? n->real : (double)n->integer;
    return *out >= 0 && *out <= 100 ? 0 : node_error(n, err, ERROR_LIMIT, "sigma is a number from 0 to 100");
}

/* {mean: 20ms, deviation: 5ms} and its kin. */
static int two(const struct node *n, const char *first, const char *second, bool bare, struct delay *d,
               struct error *err)
{
    const char *const keys[] = {first, second, NULL};
    if (n->kind != NODE_MAP)
        return node_error(n, err, ERROR_INVALID, "a map with %s%s%s is expected", first, second != NULL ? " and " : "",
                          second != NULL ? second : "");
    const struct node *a = node_get(n, first), *b = second != NULL ? node_get(n, second) : NULL;
    int code = node_only_keys(n, keys, err);
    if (code == 0 && (a == NULL || (second != NULL && b == NULL)))
        code = node_error(n, err, ERROR_INVALID, "%s is missing", a == NULL ? first : second);
    if (code == 0)
        code = duration(a, &d->a, err);
    if (code == 0 && b != NULL)
        code = bare ? number(b, &d->b, err) : duration(b, &d->b, err);
    return code;
}

static int distribution(const struct node *map, struct delay *d, struct error *err)
{
    static const char *const keys[] = {"fixed", "uniform", "normal", "lognormal", "exponential", "max", NULL};
    const struct node *n = NULL, *max = node_get(map, "max");
    double most = (double)OUTCOME_DELAY_MAX;
    int found = 0, code = node_only_keys(map, keys, err);
    for (int i = 0; code == 0 && i <= DELAY_EXPONENTIAL; i++)
        if (node_get(map, keys[i]) != NULL) {
            n = node_get(map, keys[i]);
            d->kind = (enum delay_kind)i;
            found++;
        }
    if (code == 0 && found != 1)
        code = node_error(map, err, ERROR_INVALID, "a delay is one of fixed, uniform, normal, lognormal, exponential");
    if (code == 0 && max != NULL)
        code = duration(max, &most, err);
    if (code != 0)
        return code;
    d->max = (uint64_t)most;
    switch (d->kind) {
    case DELAY_FIXED:
        return duration(n, &d->a, err);
    case DELAY_UNIFORM:
        if (n->kind != NODE_LIST || n->list.count != 2)
            return node_error(n, err, ERROR_INVALID, "uniform takes a list of two durations");
        code = duration(&n->list.items[0], &d->a, err);
        if (code == 0)
            code = duration(&n->list.items[1], &d->b, err);
        if (code == 0 && d->a > d->b)
            code = node_error(n, err, ERROR_INVALID, "the first duration is longer than the second");
        return code;
    case DELAY_NORMAL:
        return two(n, "mean", "deviation", false, d, err);
    case DELAY_LOGNORMAL:
        return two(n, "median", "sigma", true, d, err);
    case DELAY_EXPONENTIAL:
    case DELAY_TEMPLATE:
        break;
    }
    return two(n, "mean", NULL, false, d, err);
}

static int delay(struct template_compiler *c, const struct node *map, const char *key, const struct delay **out)
{
    const struct node *n = node_get(map, key);
    if (n == NULL)
        return 0;
    struct delay *d = ARENA_NEW(c->arena, struct delay);
    if (d == NULL)
        return no_memory(c->err);
    d->max = OUTCOME_DELAY_MAX;
    *out = d;
    if (n->kind == NODE_TEXT && template_has_holes(n->text)) {
        d->kind = DELAY_TEMPLATE;
        return template_compile(c, n, &d->text);
    }
    return n->kind == NODE_MAP ? distribution(n, d, c->err) : duration(n, &d->a, c->err);
}

/* As Go writes it, or as we do. */
static bool duration_of_text(struct asking *x, const struct template *t, double *ns)
{
    struct bytes text;
    int64_t whole = 0;
    if (!template_text(x, t, &text))
        return false;
    while (text.len > 0 && text.data[0] == ' ')
        text = BYTES(text.data + 1, text.len - 1);
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
    if (text.len == 0)
        return true;
    char *copy = arena_string_n(&x->set->scratch, (const char *)text.data, text.len);
    bool ok = function_parse_duration(text, &whole) || (copy != NULL && units_parse_duration(copy, &whole, NULL) == 0);
    *ns = (double)whole;
    if (!ok && x->why.code == 0)
        error_set(&x->why, ERROR_INVALID, "a delay is a duration, and ${...} came to %.100s", copy != NULL ? copy : "");
    return ok;
}

/* False: asking->why. */
static bool delay_draw(struct asking *x, const struct delay *d, uint64_t *out)
{
    double ns = d->a, u, v;
    *out = 0;
    switch (d->kind) {
    case DELAY_FIXED:
        break;
    case DELAY_UNIFORM:
        ns += (d->b - d->a) * random_unit(asking_random(x));
        break;
    case DELAY_NORMAL: /* Box and Muller, 1958 */
    case DELAY_LOGNORMAL:
        u = 1 - random_unit(asking_random(x));
        v = random_unit(asking_random(x));
        u = sqrt(-2 * log(u)) * cos(TWO_PI * v);
        ns = d->kind == DELAY_NORMAL ? d->a + d->b * u : d->a * exp(d->b * u);
        break;
    case DELAY_EXPONENTIAL:
        ns *= -log(1 - random_unit(asking_random(x)));
        break;
    case DELAY_TEMPLATE:
        if (!duration_of_text(x, d->text, &ns))
            return false;
        break;
    }
    if (ns > 0)
        *out = ns < (double)d->max ? (uint64_t)ns : d->max;
    return true;
}

/* ---- reading ---- */

static bool is_own_key(const struct node *n, const char *key)
{
    return n->kind == NODE_MAP && node_get(n, key) != NULL;
}

/* One of `replies`: the message, with $delay and $repeat beside its fields. */
static int one_reply(struct template_compiler *c, const struct node *n, struct reply *out)
{
    struct node bare = *n;
    struct node_pair *pairs = NULL;
    int64_t repeat = 1;
    int code = 0;
    out->repeat = 1;
    if (!is_own_key(n, "$delay") && !is_own_key(n, "$repeat"))
        return reply_compile(c, c->method->method->output, n, out);
    pairs = malloc(n->map.count * sizeof *pairs);
    if (pairs == NULL)
        return no_memory(c->err);
    bare.map.pairs = pairs;
    bare.map.count = 0;
    for (size_t i = 0; i < n->map.count && code == 0; i++) {
        const struct node_pair *p = &n->map.pairs[i];
        if (strcmp(p->key, "$delay") == 0)
            code = delay(c, n, "$delay", &out->delay);
        else if (strcmp(p->key, "$repeat") == 0)
            code = node_may_integer(n, "$repeat", 1, OUTCOME_REPLIES_MAX, &repeat, c->err);
        else
            pairs[bare.map.count++] = *p;
    }
    if (code == 0)
        code = reply_compile(c, c->method->method->output, &bare, out);
    out->repeat = (uint32_t)repeat;
    free(pairs);
    return code;
}

static int read_replies(struct template_compiler *c, const struct node *map, struct outcome *out)
{
    const struct node *answer = node_get(map, "answer"), *list = node_get(map, "replies");
    const struct node *all = answer != NULL ? answer : list;
    struct reply *replies;
    uint64_t sum = 0;
    int code = 0;
    if (answer != NULL && list != NULL)
        return node_error(list, c->err, ERROR_INVALID, "\"answer\" is one reply and \"replies\" are all: one of them");
    if (all == NULL)
        return 0;
    if (list != NULL && list->kind != NODE_LIST)
        return node_error(list, c->err, ERROR_INVALID, "\"replies\" is a list, and this is %s",
                          node_kind_name(list->kind));
    size_t count = list != NULL ? list->list.count : 1;
    if (count > OUTCOME_REPLIES_MAX)
        return node_error(all, c->err, ERROR_LIMIT, "an answer has at most %d replies", OUTCOME_REPLIES_MAX);
    out->reply_count = (uint32_t)count;
    if (out->reply_count > 1 && !c->method->method->server_streaming)
        return node_error(list, c->err, ERROR_INVALID, "%s answers with one message, not with a stream",
                          c->method->method->name);
    replies = arena_alloc_n(c->arena, out->reply_count, sizeof *replies);
    if (replies == NULL)
        return no_memory(c->err);
    out->replies = replies;
    for (size_t i = 0; i < out->reply_count && code == 0; i++) {
        code = one_reply(c, list != NULL ? &list->list.items[i] : answer, &replies[i]);
        sum += replies[i].repeat;
        if (code == 0 && sum > OUTCOME_REPLIES_MAX)
            code = node_error(all, c->err, ERROR_LIMIT, "an answer has at most %d replies", OUTCOME_REPLIES_MAX);
        if (code == 0 && sum > 1 && !c->method->method->server_streaming)
            code = node_error(all, c->err, ERROR_INVALID, "%s answers with one message", c->method->method->name);
    }
    return code;
}

static int read_status(struct template_compiler *c, const struct node *map, struct outcome *out,
                       struct outcome_more *more)
{
    const char *names[GRPC_UNAUTHENTICATED + 2] = {0};
    const struct node *n = node_get(map, "status"), *message = node_get(map, "message");
    for (int i = 0; i <= GRPC_UNAUTHENTICATED; i++)
        names[i] = grpc_status_name(i);
    if (n != NULL && n->kind == NODE_INTEGER && n->integer >= 0 && n->integer <= GRPC_UNAUTHENTICATED)
        out->status = (int)n->integer;
    else if (n != NULL && (out->status = node_word(n, names, "a status", c->err)) < 0)
        return ERROR_INVALID;
    if (message == NULL)
        return 0;
    if (message->kind != NODE_TEXT)
        return node_error(message, c->err, ERROR_INVALID, "\"message\" is the status's text, and this is %s",
                          node_kind_name(message->kind));
    if (out->status == GRPC_OK)
        return node_error(message, c->err, ERROR_INVALID, "a \"message\" stands beside a \"status\" that is not OK");
    if (template_has_holes(message->text))
        return template_compile(c, message, &more->message);
    more->text = arena_string(c->arena, (const char *)message->text.data);
    return more->text != NULL ? 0 : no_memory(c->err);
}

/* One of the details where Any itself is not among the descriptors: a message of the type it names. */
static int one_detail(struct template_compiler *c, const struct pb_pool *pool, const struct node *n, struct text *any)
{
    const struct node *url = node_get(n, "@type");
    const char *name = url != NULL && url->kind == NODE_TEXT ? strrchr((const char *)url->text.data, '/') : NULL;
    const struct pb_type *type = name != NULL ? pb_find_type(pool, name + 1) : NULL;
    struct node bare = *n;
    struct bytes wire = BYTES_NONE;
    if (type == NULL)
        return node_error(url != NULL ? url : n, c->err, ERROR_NOT_FOUND,
                          "details are messages with \"@type\", and their types must be among the descriptors");
    bare.map.pairs = arena_alloc_n(c->arena, n->map.count, sizeof *bare.map.pairs);
    bare.map.count = 0;
    if (bare.map.pairs == NULL)
        return no_memory(c->err);
    for (size_t i = 0; i < n->map.count; i++)
        if (&n->map.pairs[i].value != url)
            bare.map.pairs[bare.map.count++] = n->map.pairs[i];
    int code = reply_constant(c->arena, type, &bare, &wire, c->err);
    pb_put_bytes(any, 1, url->text);
    pb_put_bytes(any, 2, wire);
    return code;
}

/* google.rpc.Status: code = 1, message = 2, details = 3, each an Any (googleapis, google/rpc/status.proto). */
static int read_details(struct template_compiler *c, const struct pb_pool *pool, const struct node *map,
                        const struct outcome *out, struct outcome_more *more)
{
    const struct node *list = node_get(map, "details");
    const struct pb_type *any = pb_find_type(pool, "google.protobuf.Any");
    struct text wire = TEXT_INIT;
    int code = 0;
    if (list == NULL)
        return 0;
    if (list->kind != NODE_LIST || out->status == GRPC_OK)
        return node_error(list, c->err, ERROR_INVALID,
                          "\"details\" is a list of messages with \"@type\", beside a \"status\" that is not OK");
    pb_put_tag(&wire, 1, PB_WIRE_VARINT);
    pb_put_varint(&wire, (uint64_t)out->status);
    if (more->text != NULL)
        pb_put_bytes(&wire, 2, bytes_of(more->text));
    for (size_t i = 0; i < list->list.count && code == 0; i++) {
        struct bytes one = BYTES_NONE;
        struct text made = TEXT_INIT;
        code = any != NULL ? reply_constant(c->arena, any, &list->list.items[i], &one, c->err)
                           : one_detail(c, pool, &list->list.items[i], &made);
        pb_put_bytes(&wire, 3, any != NULL ? one : text_bytes(&made));
        text_deinit(&made);
    }
    if (code == 0) {
        more->details = BYTES(arena_copy(c->arena, text_string(&wire), wire.len), wire.len);
        if (!text_ok(&wire) || more->details.data == NULL)
            code = no_memory(c->err);
    }
    text_deinit(&wire);
    return code;
}

static bool is_binary(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, "-bin") == 0;
}

/* RFC 9110, 5.5, without what is not ASCII, as gRPC has it; names in -bin carry any bytes. */
static bool is_header_value(const char *name, struct bytes value)
{
    for (size_t i = 0; i < value.len && !is_binary(name); i++)
        if (value.data[i] < 0x20 || value.data[i] > 0x7E)
            return false;
    return true;
}

static bool is_header_name(const char *s)
{
    size_t len = strlen(s);
    return len > 0 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len && strncmp(s, "grpc-", 5) != 0;
}

/* {$base64: AAE=}, of a name in -bin. */
static int read_binary(struct template_compiler *c, const char *name, const struct node *n, struct outcome_header *h)
{
    static const char *const keys[] = {"$base64", NULL};
    const char *text = NULL;
    struct text bytes = TEXT_INIT;
    int code = node_only_keys(n, keys, c->err);
    if (code == 0)
        code = node_need_text(n, "$base64", &text, c->err);
    if (code == 0 && !is_binary(name))
        code = node_error(n, c->err, ERROR_INVALID, "bytes are the value of a header whose name ends in -bin");
    if (code == 0 && !base64_decode(&bytes, bytes_of(text)))
        code = node_error(n, c->err, ERROR_INVALID, "$base64 takes base64");
    if (code == 0) {
        const char *copy = arena_string_n(c->arena, text_string(&bytes), bytes.len);
        h->constant = BYTES(copy, bytes.len);
        code = copy != NULL && text_ok(&bytes) ? 0 : no_memory(c->err);
    }
    text_deinit(&bytes);
    return code;
}

static int read_header_value(struct template_compiler *c, const char *name, const struct node *n,
                             struct outcome_header *h)
{
    if (n->kind == NODE_MAP)
        return read_binary(c, name, n, h);
    if (n->kind != NODE_TEXT)
        return node_error(n, c->err, ERROR_INVALID, "a header's value is text, and this is %s",
                          node_kind_name(n->kind));
    if (template_has_holes(n->text))
        return template_compile(c, n, &h->value);
    const char *copy = arena_string(c->arena, (const char *)n->text.data);
    h->constant = copy != NULL ? BYTES(copy, n->text.len) : BYTES_NONE;
    if (copy == NULL)
        return no_memory(c->err);
    return is_header_value(name, h->constant)
               ? 0
               : node_error(n, c->err, ERROR_INVALID, "a header's value is of printable ASCII");
}

static int read_headers(struct template_compiler *c, const struct node *map, const char *key, bool trailer,
                        struct outcome_more *out, struct outcome_header *headers)
{
    const struct node *n = node_get(map, key);
    int code = 0;
    for (size_t i = 0; n != NULL && i < n->map.count && code == 0; i++) {
        const struct node_pair *p = &n->map.pairs[i];
        struct node at = {.line = p->key_line, .column = p->key_column, .document = n->document};
        if (!is_header_name(p->key))
            return node_error(&at, c->err, ERROR_INVALID,
                              "a header's name is of lower-case letters, digits and -_. and does not begin with grpc-");
        const struct node *list = p->value.kind == NODE_LIST ? &p->value : NULL;
        for (size_t k = 0; k < (list != NULL ? list->list.count : 1) && code == 0; k++) {
            struct outcome_header *h = &headers[out->header_count++];
            h->trailer = trailer;
            h->name = arena_string(c->arena, p->key);
            code = h->name != NULL ? read_header_value(c, p->key, list != NULL ? &list->list.items[k] : &p->value, h)
                                   : no_memory(c->err);
        }
    }
    return code;
}

/* A list has several under one name. */
static size_t values_of(const struct node *map)
{
    size_t n = 0;
    for (size_t i = 0; map != NULL && i < map->map.count; i++)
        n += map->map.pairs[i].value.kind == NODE_LIST ? map->map.pairs[i].value.list.count : 1;
    return n;
}

static int read_all_headers(struct template_compiler *c, const struct node *map, struct outcome_more *out)
{
    const struct node *headers = NULL, *trailers = NULL;
    int code = node_may_map(map, "headers", &headers, c->err);
    if (code == 0)
        code = node_may_map(map, "trailers", &trailers, c->err);
    if (code != 0 || (headers == NULL && trailers == NULL))
        return code;
    size_t count = values_of(headers) + values_of(trailers);
    if (count > OUTCOME_HEADERS_MAX)
        return node_error(map, c->err, ERROR_LIMIT, "an answer has at most %d headers", OUTCOME_HEADERS_MAX);
    struct outcome_header *all = arena_alloc_n(c->arena, count + 1, sizeof *all);
    if (all == NULL)
        return no_memory(c->err);
    out->headers = all;
    code = read_headers(c, map, "headers", false, out, all);
    return code == 0 ? read_headers(c, map, "trailers", true, out, all) : code;
}

static int read_ending(struct template_compiler *c, const struct node *map, struct outcome *out)
{
    static const char *const faults[] = {"never", "reset", "disconnect", "garbage", NULL};
    static const enum fake_ending endings[] = {FAKE_NEVER, FAKE_RESETS, FAKE_DISCONNECTS, FAKE_ENDS};
    const struct pb_method *m = c->method->method;
    const struct node *fault = node_get(map, "fault"), *stays = node_get(map, "stays"), *ends = node_get(map, "ends");
    bool stay = m->client_streaming && m->server_streaming && out->status == GRPC_OK, end = false;
    int code = node_may_bool(map, "stays", &stay, c->err);
    if (code == 0)
        code = node_may_bool(map, "ends", &end, c->err);
    if (code != 0)
        return code;
    if ((stays != NULL || ends != NULL) && !m->server_streaming)
        return node_error(stays != NULL ? stays : ends, c->err, ERROR_INVALID,
                          "%s answers with one message: no stream "
                          "stays open or ends",
                          m->name);
    if (stays != NULL && stay && (out->status != GRPC_OK || end))
        return node_error(stays, c->err, ERROR_INVALID, "a stream that has ended cannot stay open");
    out->ending = stay && !end ? FAKE_STAYS : FAKE_ENDS;
    if (fault == NULL)
        return 0;
    int which = node_word(fault, faults, "a fault", c->err);
    if (which < 0)
        return ERROR_INVALID;
    out->ending = endings[which];
    out->garbage = which == 3;
    if (which == 0 && out->reply_count > 0)
        return node_error(fault, c->err, ERROR_INVALID, "what never answers has no replies");
    return 0;
}

static bool is_nothing(const struct outcome_more *m)
{
    return m->message == NULL && m->text == NULL && m->details.len == 0 && m->header_count == 0 && m->delay == NULL &&
           m->every == NULL;
}

int outcome_compile(struct template_compiler *c, const struct pb_pool *pool, const struct node *map,
                    struct outcome *out)
{
    struct outcome_more more = {0};
    int64_t turns = 1;
    int code = read_replies(c, map, out);
    if (code == 0)
        code = read_status(c, map, out, &more);
    if (code == 0)
        code = read_details(c, pool, map, out, &more);
    if (code == 0)
        code = read_all_headers(c, map, &more);
    if (code == 0)
        code = delay(c, map, "delay", &more.delay);
    if (code == 0)
        code = delay(c, map, "every", &more.every);
    if (code == 0)
        code = read_ending(c, map, out);
    if (code == 0)
        code = node_may_integer(map, "turns", 1, UINT32_MAX, &turns, c->err);
    out->turns = (uint32_t)turns;
    if (code == 0 && out->reply_count > 0 && out->status != GRPC_OK && !c->method->method->server_streaming)
        code = node_error(node_get(map, "status"), c->err, ERROR_INVALID,
                          "%s answers with one message or with a status that is not OK, not with both",
                          c->method->method->name);
    if (code != 0 || is_nothing(&more))
        return code;
    out->more = arena_copy(c->arena, &more, sizeof more);
    return out->more != NULL ? 0 : no_memory(c->err);
}

/* ---- saying ---- */

static bool memory(struct asking *x)
{
    error_set(&x->why, ERROR_MEMORY, "out of memory");
    return false;
}

static bool say_reply(struct asking *x, const struct outcome *o, const struct reply *r, bool first,
                      struct fake_answer *answer)
{
    for (uint32_t i = 0; i < r->repeat; i++) {
        uint64_t wait = 0, between = 0;
        if (r->delay != NULL && !delay_draw(x, r->delay, &wait))
            return false;
        if (o->more != NULL && o->more->every != NULL && !first && !delay_draw(x, o->more->every, &between))
            return false;
        wait += between;
        if (!reply_make(x, r, &answer->replies))
            return false;
        if (!fake_answer_mark(answer, wait))
            return memory(x);
        if (x->set->scratch.used > TEMPLATE_TEXT_MAX || answer->replies.len > OUTCOME_BYTES_MAX) {
            error_set(&x->why, ERROR_LIMIT, "an answer has become too long");
            return false;
        }
        first = false;
    }
    return true;
}

static bool say_garbage(struct asking *x, struct fake_answer *answer)
{
    uint8_t bytes[GARBAGE_SIZE];
    random_bytes(asking_random(x), bytes, sizeof bytes);
    bytes[0] = 0x07; /* field 0, wire type 7: neither exists */
    return fake_answer_add(answer, BYTES(bytes, sizeof bytes)) || memory(x);
}

static bool say_more(struct asking *x, const struct outcome_more *m, struct fake_answer *answer)
{
    struct bytes text;
    if (m->delay != NULL && !delay_draw(x, m->delay, &answer->delay))
        return false;
    if (m->message != NULL) {
        if (!template_text(x, m->message, &text))
            return false;
        text_add(&answer->message, text.data, text.len);
    } else if (m->text != NULL) {
        text_puts(&answer->message, m->text);
    }
    text_add(&answer->details, m->details.data, m->details.len);
    for (size_t i = 0; i < m->header_count; i++) {
        const struct outcome_header *h = &m->headers[i];
        text = h->constant;
        if (h->value != NULL && !template_text(x, h->value, &text))
            return false;
        if (!is_header_value(h->name, text)) {
            error_set(&x->why, ERROR_INVALID, "the value of the header %s is not of printable ASCII", h->name);
            return false;
        }
        if (!fake_answer_header(answer, h->name, text, h->trailer))
            return memory(x);
    }
    return (text_ok(&answer->message) && text_ok(&answer->details)) || memory(x);
}

bool outcome_say(struct asking *x, const struct outcome *o, struct fake_answer *answer)
{
    answer->status = o->status;
    answer->ending = o->ending;
    if (o->more != NULL && !say_more(x, o->more, answer))
        return false;
    for (size_t i = 0; i < o->reply_count; i++)
        if (!say_reply(x, o, &o->replies[i], i == 0, answer))
            return false;
    if (o->reply_count == 0 && o->status == GRPC_OK && o->ending == FAKE_ENDS && !o->garbage &&
        !x->method->method->server_streaming && !fake_answer_add(answer, BYTES_NONE))
        return memory(x);
    if (o->garbage && !say_garbage(x, answer))
        return false;
    return text_ok(&answer->replies) || memory(x);
}
