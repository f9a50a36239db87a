#include "fakes/record/tape.h"

#include "base/base64.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct tape_entry {
    const struct pb_method *method;
    struct bytes requests;
    const size_t *ends;
    size_t count;
    bool ended;
    ARRAY(const struct tape_answer *) answers;
};

void tape_deinit(struct tape *t)
{
    for (size_t i = 0; i < t->entries.count; i++)
        array_deinit(&t->entries.items[i]->answers);
    array_deinit(&t->entries);
    map_deinit(&t->by_call);
    arena_deinit(&t->arena);
}

size_t tape_count(const struct tape *t)
{
    return t->entries.count;
}

/* ---- adding ----------------------------------------------------------------------------------------------------- */

static bool copy_bytes(struct arena *a, struct bytes from, struct bytes *to)
{
    const char *copy = arena_string_n(a, (const char *)from.data, from.len);
    *to = BYTES(copy, from.len);
    return copy != NULL;
}

static bool copy_ends(struct arena *a, const size_t *ends, size_t count, const size_t **out)
{
    size_t *copy = ARENA_NEW_N(a, size_t, count + 1);
    if (copy != NULL && count > 0)
        memcpy(copy, ends, count * sizeof *copy);
    *out = copy;
    return copy != NULL;
}

static bool copy_metadata(struct arena *a, struct grpc_metadata from, struct grpc_metadata *to)
{
    struct grpc_header *items = ARENA_NEW_N(a, struct grpc_header, from.count + 1);
    if (items == NULL)
        return false;
    *to = (struct grpc_metadata){.items = items, .count = from.count};
    for (size_t i = 0; i < from.count; i++)
        if (!copy_bytes(a, from.items[i].name, &items[i].name) || !copy_bytes(a, from.items[i].value, &items[i].value))
            return false;
    return true;
}

static size_t answer_size(const struct tape_answer *a)
{
    return a->message.len + a->details.len + a->replies.len + a->count * sizeof(size_t) + sizeof *a;
}

static bool copy_waits(struct arena *a, const struct tape_answer *from, struct tape_answer *to)
{
    to->waits = from->waits != NULL ? arena_copy(a, from->waits, (from->count + 1) * sizeof *from->waits) : NULL;
    return (to->waits != NULL) == (from->waits != NULL);
}

static const struct tape_answer *copy_answer(struct arena *a, const struct tape_answer *from)
{
    struct tape_answer *to = ARENA_NEW(a, struct tape_answer);
    if (to == NULL)
        return NULL;
    *to = *from;
    return copy_bytes(a, from->message, &to->message) && copy_bytes(a, from->details, &to->details) &&
                   copy_bytes(a, from->replies, &to->replies) && copy_ends(a, from->ends, from->count, &to->ends) &&
                   copy_metadata(a, from->headers, &to->headers) && copy_metadata(a, from->trailers, &to->trailers) &&
                   copy_waits(a, from, to)
               ? to
               : NULL;
}

static bool same_answer(const struct tape_answer *a, const struct tape_answer *b)
{
    return a->status == b->status && bytes_equal(a->message, b->message) && bytes_equal(a->details, b->details) &&
           bytes_equal(a->replies, b->replies) && a->count == b->count &&
           (a->count == 0 || memcmp(a->ends, b->ends, a->count * sizeof(size_t)) == 0);
}

static struct tape_entry *entry_new(struct tape *t, const struct pb_method *m, struct bytes requests,
                                    const size_t *ends, size_t count, bool ended, const struct text *key)
{
    struct tape_entry *e = ARENA_NEW(&t->arena, struct tape_entry);
    if (e == NULL)
        return NULL;
    *e = (struct tape_entry){.method = m, .count = count, .ended = ended};
    if (!copy_bytes(&t->arena, requests, &e->requests) || !copy_ends(&t->arena, ends, count, &e->ends) ||
        !array_push(&t->entries, e))
        return NULL;
    if (!map_put_n(&t->by_call, key->data, key->len, e)) {
        t->entries.count--;
        return NULL;
    }
    return e;
}

int tape_add(struct tape *t, const struct pb_method *m, struct bytes requests, const size_t *ends, size_t count,
             bool ended, const struct tape_answer *answer)
{
    struct text key = TEXT_INIT;
    int code = 0;
    text_puts(&key, m->path);
    text_char(&key, ended ? '.' : '+');
    text_add(&key, ends, count * sizeof *ends);
    text_add(&key, requests.data, requests.len);
    size_t size = answer_size(answer) + key.len + requests.len;
    if (t->bytes + size > TAPE_BYTES_MAX) {
        text_deinit(&key);
        return ERROR_LIMIT;
    }
    struct tape_entry *e = text_ok(&key) ? map_get_n(&t->by_call, key.data, key.len) : NULL;
    if (text_ok(&key) && e == NULL)
        e = entry_new(t, m, requests, ends, count, ended, &key);
    if (e == NULL)
        code = ERROR_MEMORY;
    else if (e->answers.count == 0 || !same_answer(*array_last(&e->answers), answer)) {
        const struct tape_answer *copy = copy_answer(&t->arena, answer);
        if (copy == NULL || !array_push(&e->answers, copy))
            code = ERROR_MEMORY;
        t->bytes += size;
    }
    text_deinit(&key);
    return code;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static struct bytes message_at(struct bytes all, const size_t *ends, size_t i)
{
    size_t from = i > 0 ? ends[i - 1] : 0;
    return BYTES(all.data + from, ends[i] - from);
}

/* "${" in an answer would be a hole. */
static void put_escaped(struct text *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '$' && i + 1 < len && text[i + 1] == '{')
            text_char(out, '$');
        text_char(out, text[i]);
    }
}

static bool put_message(struct text *out, const struct pb_type *type, struct bytes wire, bool answer)
{
    struct text json = TEXT_INIT;
    bool ok = pb_wire_to_json(type, wire, PB_JSON_PROTO_NAMES, &json, NULL) == 0;
    if (ok && answer)
        put_escaped(out, text_string(&json), json.len);
    else if (ok)
        text_add(out, json.data, json.len);
    text_deinit(&json);
    return ok;
}

static void put_quoted(struct text *out, struct bytes value)
{
    struct text json = TEXT_INIT;
    text_json(&json, (const char *)value.data, value.len);
    text_char(out, '"');
    put_escaped(out, text_string(&json), json.len);
    text_char(out, '"');
    text_deinit(&json);
}

/* Headers that every server sends by itself. */
static bool own_header(struct bytes name)
{
    static const char *const own[] = {"content-type", "date", "server", "grpc-encoding", "grpc-accept-encoding"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (bytes_is(name, own[i]))
            return true;
    return name.len >= 5 && memcmp(name.data, "grpc-", 5) == 0;
}

/* Bytes that are no text stand as base64. */
static void put_header_value(struct text *out, bool binary, struct bytes value)
{
    if (!binary) {
        put_quoted(out, value);
        return;
    }
    text_puts(out, "{$base64: \"");
    base64_encode(out, value);
    text_puts(out, "\"}");
}

static void put_headers(struct text *out, const char *indent, const char *key, struct grpc_metadata m)
{
    size_t n = 0;
    for (size_t i = 0; i < m.count; i++) {
        struct bytes name = m.items[i].name;
        bool binary = name.len > 4 && memcmp(name.data + name.len - 4, "-bin", 4) == 0;
        size_t same = 0, before = 0;
        for (size_t k = 0; k < m.count; k++) {
            same += bytes_equal(m.items[k].name, name);
            before += k < i && bytes_equal(m.items[k].name, name);
        }
        if (own_header(name) || before > 0) /* a name's values stand together, as a list */
            continue;
        if (n++ == 0)
            text_printf(out, "%s%s: {", indent, key);
        else
            text_puts(out, ", ");
        put_quoted(out, name);
        text_puts(out, same > 1 ? ": [" : ": ");
        for (size_t k = i; k < m.count; k++) {
            if (!bytes_equal(m.items[k].name, name))
                continue;
            text_puts(out, k > i ? ", " : "");
            put_header_value(out, binary, m.items[k].value);
        }
        text_puts(out, same > 1 ? "]" : "");
    }
    if (n > 0)
        text_puts(out, "}\n");
}

/* google.rpc.Status, field 3: a list of Any. */
static void put_details(struct text *out, const char *indent, const struct pb_method *m, struct bytes details)
{
    const struct pb_type *any = pb_find_type(m->input->pool, "google.protobuf.Any");
    struct text list = TEXT_INIT;
    const uint8_t *at = details.data, *end = details.data + details.len;
    bool ok = any != NULL;
    while (ok && details.len > 0 && at < end) {
        uint64_t tag = 0, value = 0;
        size_t n = pb_varint_read(BYTES(at, (size_t)(end - at)), &tag);
        at += n;
        size_t len = n > 0 ? pb_varint_read(BYTES(at, (size_t)(end - at)), &value) : 0;
        ok = len > 0 && (tag & 7) != 1 && (tag & 7) != 5;
        at += len;
        if (!ok || (tag & 7) == 0)
            continue;
        ok = value <= (uint64_t)(end - at);
        if (ok && tag == (3 << 3 | 2)) {
            text_puts(&list, list.len > 0 ? ", " : "");
            ok = put_message(&list, any, BYTES(at, (size_t)value), true);
        }
        at += ok ? value : 0;
    }
    if (ok && list.len > 0)
        text_printf(out, "%sdetails: [%s]\n", indent, text_string(&list));
    else if (details.len > 0)
        text_printf(out, "%s# its details are of types that the contracts do not have\n", indent);
    text_deinit(&list);
}

/* Among a reply's fields; messages whose JSON is no object have no place for it. */
static void put_wait(struct text *out, size_t at, uint64_t wait)
{
    struct text rest = TEXT_INIT;
    if (wait < MICROSECOND || out->len <= at || out->data[at] != '{')
        return;
    text_add(&rest, out->data + at + 1, out->len - at - 1);
    text_truncate(out, at);
    text_printf(out, "{\"$delay\": %" PRIu64 "us%s%s", wait / MICROSECOND, rest.len > 1 ? ", " : "",
                text_string(&rest));
    if (!text_ok(&rest))
        out->failed = true;
    text_deinit(&rest);
}

/* Of an answer that is no stream: all of it comes before. */
static void put_delay(struct text *out, const char *indent, const struct tape_answer *a)
{
    uint64_t all = 0;
    for (size_t i = 0; a->waits != NULL && i <= a->count; i++)
        all += a->waits[i];
    if (all >= MICROSECOND)
        text_printf(out, "%sdelay: %" PRIu64 "us\n", indent, all / MICROSECOND);
}

static bool put_answer(struct text *out, const char *indent, const struct tape_entry *e, const struct tape_answer *a)
{
    const struct pb_method *m = e->method;
    size_t before = out->len;
    bool ok = true;
    if (m->server_streaming) {
        text_printf(out, "%sreplies: [", indent);
        for (size_t i = 0; ok && i < a->count; i++) {
            text_puts(out, i > 0 ? ", " : "");
            size_t at = out->len;
            ok = put_message(out, m->output, message_at(a->replies, a->ends, i), true);
            if (a->waits != NULL)
                put_wait(out, at, a->waits[i]);
        }
        text_puts(out, "]\n");
    } else if (a->status == GRPC_OK) {
        text_printf(out, "%sanswer: ", indent);
        ok = a->count == 0 ? (text_puts(out, "{}"), true)
                           : put_message(out, m->output, message_at(a->replies, a->ends, 0), true);
        text_char(out, '\n');
    }
    if (a->status != GRPC_OK) {
        text_printf(out, "%sstatus: %s\n", indent, grpc_status_name(a->status));
        if (a->message.len > 0) {
            text_printf(out, "%smessage: ", indent);
            put_quoted(out, a->message);
            text_char(out, '\n');
        }
        put_details(out, indent, m, a->details);
    }
    if (m->client_streaming && m->server_streaming && e->ended && a->status == GRPC_OK)
        text_printf(out, "%sends: true\n", indent);
    if (!m->server_streaming || a->count == 0)
        put_delay(out, indent, a);
    put_headers(out, indent, "headers", a->headers);
    put_headers(out, indent, "trailers", a->trailers);
    if (!ok)
        text_truncate(out, before);
    return ok;
}

static bool put_requests(struct text *out, const struct tape_entry *e)
{
    const struct pb_type *type = e->method->input;
    bool ok = true;
    if (!e->method->client_streaming) {
        text_puts(out, "    when: {$exactly: ");
        ok = e->count == 1 && put_message(out, type, message_at(e->requests, e->ends, 0), false);
        text_puts(out, "}\n");
        return ok;
    }
    text_puts(out, "    messages: [");
    for (size_t i = 0; ok && i < e->count; i++) {
        text_puts(out, i > 0 ? ", " : "");
        ok = put_message(out, type, message_at(e->requests, e->ends, i), false);
    }
    text_puts(out, "]\n");
    if (e->method->server_streaming)
        text_printf(out, "    at: %s\n", e->ended ? "end" : "message");
    return ok;
}

static bool put_entry(struct text *out, const struct tape_entry *e)
{
    text_printf(out, "  - call: %s\n", e->method->path + 1);
    bool ok = put_requests(out, e);
    if (e->answers.count == 1)
        return ok && put_answer(out, "    ", e, e->answers.items[0]);
    text_puts(out, "    sequence:\n");
    for (size_t i = 0; ok && i < e->answers.count; i++) {
        size_t at = out->len;
        ok = put_answer(out, "        ", e, e->answers.items[i]);
        if (out->len > at + 6)
            out->data[at + 6] = '-';
    }
    return ok;
}

int tape_write(const struct tape *t, struct text *out)
{
    text_puts(
        out, "# Recorded by harrow fakes record. Each stub answers as the real server did; loosen \"when\" (leave out\n"
             "# $exactly, or fields) for calls that differ in what does not matter.\n");
    text_puts(out, t->entries.count > 0 ? "stubs:\n" : "stubs: []\n");
    for (size_t i = 0; i < t->entries.count; i++) {
        size_t before = out->len;
        if (!put_entry(out, t->entries.items[i])) {
            text_truncate(out, before);
            text_printf(out, "  # a call of %s was left out: its bytes are no messages of the contract's types\n",
                        t->entries.items[i]->method->path + 1);
        }
    }
    return text_ok(out) ? 0 : ERROR_MEMORY;
}
