#include "fakes/serve/call_log.h"

#include "fakes/fakes.h"

#include <stdlib.h>
#include <string.h>

struct call_log_block {
    struct call_log_block *next;
    size_t size;
    struct call_log_entry entry;
    /* behind it: metadata, ends of requests and replies, then bytes */
};

struct call_log {
    struct call_log_block *first, *last;
    size_t max, bytes;
    uint64_t total, dropped, unheard;
    const char *const *redacted;
    struct call_log_hearer *hearers;
};

static const char *const secret[] = {"authorization", "cookie", "proxy-authorization", NULL};

static struct bytes piece(struct bytes all, const size_t *ends, size_t count, size_t i)
{
    if (i >= count)
        return BYTES_NONE;
    size_t from = i > 0 ? ends[i - 1] : 0;
    return BYTES(all.data + from, ends[i] - from);
}

struct bytes call_log_request(const struct call_log_entry *e, size_t i)
{
    return piece(e->request, e->request_ends, e->request_count, i);
}

struct bytes call_log_reply(const struct call_log_entry *e, size_t i)
{
    return piece(e->reply, e->reply_ends, e->reply_count, i);
}

struct call_log *call_log_new(size_t max, const char *const *redacted)
{
    struct call_log *l = calloc(1, sizeof *l);
    if (l != NULL) {
        l->max = max != 0 ? max : CALL_LOG_MAX_DEFAULT;
        l->redacted = redacted != NULL ? redacted : secret;
    }
    return l;
}

static void clear(struct call_log *l)
{
    while (l->first != NULL) {
        struct call_log_block *b = l->first;
        l->first = b->next;
        free(b);
    }
    l->last = NULL;
    l->bytes = 0;
}

void call_log_free(struct call_log *l)
{
    if (l == NULL)
        return;
    clear(l);
    free(l);
}

int64_t call_log_count(struct call_log *l)
{
    return (int64_t)l->total++;
}

static bool is_secret(const struct call_log *l, struct bytes name)
{
    for (const char *const *r = l->redacted; *r != NULL; r++)
        if (bytes_is(name, *r))
            return true;
    return false;
}

static struct bytes shown(const struct call_log *l, const struct grpc_header *h)
{
    return is_secret(l, h->name) ? bytes_of(CALL_LOG_REDACTED) : h->value;
}

/* Messages of one direction that fit, and their bytes. */
static size_t fitting(const size_t *ends, size_t count, size_t *bytes)
{
    size_t n = count;
    while (n > 0 && ends[n - 1] > CALL_LOG_CALL_MAX)
        n--;
    *bytes = n > 0 ? ends[n - 1] : 0;
    return n;
}

/* Fills a block from its beginning. */
struct filler {
    uint8_t *at;
};

static const void *fill(struct filler *f, const void *data, size_t len)
{
    uint8_t *at = f->at;
    if (len > 0)
        memcpy(at, data, len);
    f->at += len;
    return at;
}

static const char *fill_string(struct filler *f, const char *string)
{
    return fill(f, string, strlen(string) + 1);
}

static struct bytes fill_bytes(struct filler *f, struct bytes b)
{
    return BYTES(fill(f, b.data, b.len), b.len);
}

static void drop_oldest(struct call_log *l)
{
    struct call_log_block *b = l->first;
    l->first = b->next;
    if (l->first == NULL)
        l->last = NULL;
    l->bytes -= b->size;
    l->dropped++;
    free(b);
}

static struct call_log_block *block_new(const struct call_log *l, const struct call_log_entry *e)
{
    size_t in_bytes, out_bytes;
    size_t in = fitting(e->request_ends, e->request_count, &in_bytes);
    size_t out = fitting(e->reply_ends, e->reply_count, &out_bytes);
    size_t words = e->metadata.count * sizeof(struct grpc_header) + (in + out) * sizeof(size_t);
    size_t names = 0;
    for (size_t i = 0; i < e->metadata.count; i++)
        names += e->metadata.items[i].name.len + shown(l, &e->metadata.items[i]).len;
    size_t size = sizeof(struct call_log_block) + words + names + in_bytes + out_bytes + e->message.len +
                  strlen(e->caller) + strlen(e->session) + strlen(e->by) + 3;
    struct call_log_block *b = malloc(size);
    if (b == NULL)
        return NULL;
    *b = (struct call_log_block){.size = size, .entry = *e};
    struct call_log_entry *to = &b->entry;
    struct grpc_header *headers = (struct grpc_header *)(void *)(b + 1);
    struct filler f = {.at = (uint8_t *)(headers + e->metadata.count)};
    to->request_ends = fill(&f, e->request_ends, in * sizeof(size_t));
    to->reply_ends = fill(&f, e->reply_ends, out * sizeof(size_t));
    for (size_t i = 0; i < e->metadata.count; i++) {
        headers[i].name = fill_bytes(&f, e->metadata.items[i].name);
        headers[i].value = fill_bytes(&f, shown(l, &e->metadata.items[i]));
    }
    to->metadata.items = headers;
    to->request = fill_bytes(&f, BYTES(e->request.data, in_bytes));
    to->reply = fill_bytes(&f, BYTES(e->reply.data, out_bytes));
    to->message = fill_bytes(&f, e->message);
    to->caller = fill_string(&f, e->caller);
    to->session = fill_string(&f, e->session);
    to->by = fill_string(&f, e->by);
    to->cut = e->cut || in < e->requests || out < e->replies;
    to->request_count = in;
    to->reply_count = out;
    return b;
}

bool call_log_add(struct call_log *l, const struct call_log_entry *e)
{
    struct call_log_block *b = block_new(l, e);
    if (b == NULL || b->size > l->max) {
        free(b);
        l->dropped++;
        l->unheard++;
        return false;
    }
    while (l->bytes + b->size > l->max)
        drop_oldest(l);
    if (l->last != NULL)
        l->last->next = b;
    else
        l->first = b;
    l->last = b;
    l->bytes += b->size;
    for (struct call_log_hearer *h = l->hearers, *next; h != NULL; h = next) {
        next = h->next;
        h->hear(h->arg, &b->entry);
    }
    b->entry.answer = NULL;
    b->entry.http = NULL;
    return true;
}

const struct call_log_block *call_log_first(const struct call_log *l)
{
    return l->first;
}

const struct call_log_block *call_log_next(const struct call_log_block *b)
{
    return b->next;
}

const struct call_log_entry *call_log_entry(const struct call_log_block *b)
{
    return &b->entry;
}

uint64_t call_log_total(const struct call_log *l)
{
    return l->total;
}

uint64_t call_log_dropped(const struct call_log *l)
{
    return l->dropped;
}

uint64_t call_log_unheard(const struct call_log *l)
{
    return l->unheard;
}

size_t call_log_bytes(const struct call_log *l)
{
    return l->bytes;
}

void call_log_forget(struct call_log *l, const char *session)
{
    if (session[0] == '\0') {
        clear(l);
        l->total = l->dropped = l->unheard = 0;
        return;
    }
    struct call_log_block **at = &l->first;
    l->last = NULL;
    while (*at != NULL) {
        struct call_log_block *b = *at;
        if (strcmp(b->entry.session, session) == 0) {
            *at = b->next;
            l->bytes -= b->size;
            free(b);
        } else {
            l->last = b;
            at = &b->next;
        }
    }
}

void call_log_hear(struct call_log *l, struct call_log_hearer *hearer)
{
    hearer->next = l->hearers;
    l->hearers = hearer;
}

void call_log_leave(struct call_log *l, struct call_log_hearer *hearer)
{
    for (struct call_log_hearer **h = &l->hearers; *h != NULL; h = &(*h)->next)
        if (*h == hearer) {
            *h = hearer->next;
            return;
        }
}

/* ---- as text ---------------------------------------------------------------------------------------------------- */

static void put_string(struct text *out, const char *name, const char *value, size_t len)
{
    text_printf(out, ",\"%s\":\"", name);
    text_json(out, value, len);
    text_char(out, '"');
}

static void put_messages(struct text *out, const char *name, const struct pb_type *type, struct bytes all,
                         const size_t *ends, size_t count)
{
    text_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_char(out, ',');
        size_t before = out->len;
        if (pb_wire_to_json(type, piece(all, ends, count, i), PB_JSON_PROTO_NAMES, out, NULL) != 0) {
            text_truncate(out, before);
            text_puts(out, "null"); /* a reply somebody wrote that is none */
        }
    }
    text_char(out, ']');
}

bool call_log_json(const struct call_log_entry *e, struct text *out)
{
    const struct pb_method *m = e->method;
    text_printf(out, "{\"sequence\":%lld,\"time\":%lld.%09lld,\"method\":\"%s/%s\"", (long long)e->sequence,
                (long long)(e->time / 1000000000), (long long)(e->time % 1000000000), m->service->full_name, m->name);
    put_string(out, "caller", e->caller, strlen(e->caller));
    if (e->session[0] != '\0')
        put_string(out, "session", e->session, strlen(e->session));
    text_puts(out, ",\"metadata\":{");
    for (size_t i = 0; i < e->metadata.count; i++) {
        const struct grpc_header *h = &e->metadata.items[i];
        text_puts(out, i > 0 ? ",\"" : "\"");
        text_json(out, (const char *)h->name.data, h->name.len);
        text_puts(out, "\":\"");
        text_json(out, (const char *)h->value.data, h->value.len);
        text_char(out, '"');
    }
    text_char(out, '}');
    put_messages(out, "requests", m->input, e->request, e->request_ends, e->request_count);
    put_messages(out, "replies", m->output, e->reply, e->reply_ends, e->reply_count);
    put_string(out, "status", e->status == FAKE_UNANSWERED ? "no answer" : grpc_status_name(e->status),
               strlen(e->status == FAKE_UNANSWERED ? "no answer" : grpc_status_name(e->status)));
    if (e->message.len > 0)
        put_string(out, "message", (const char *)e->message.data, e->message.len);
    put_string(out, "by", e->by, strlen(e->by));
    text_printf(out, ",\"duration\":%llu.%09llu", (unsigned long long)(e->duration / 1000000000),
                (unsigned long long)(e->duration % 1000000000));
    if (e->missed)
        text_puts(out, ",\"missed\":true");
    if (e->cut)
        text_printf(out, ",\"cut\":true,\"request_count\":%zu,\"reply_count\":%zu", e->requests, e->replies);
    text_char(out, '}');
    return text_ok(out);
}
