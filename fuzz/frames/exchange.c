#include "fuzz/frames/exchange.h"

#include "base/error.h"
#include "wire/hpack.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#define SLOTS_FIRST ((size_t)32)

const uint8_t exchange_probe[8] = {'s', 't', 'i', 'l', 'l', ' ', 'u', 'p'};

/* ---- streams ---------------------------------------------------------------------------------------------------- */

static size_t slot_of(const struct exchange *x, uint32_t id)
{
    size_t at = (size_t)((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (x->slot_count - 1);
    while (x->slots[at].id != 0 && x->slots[at].id != id)
        at = (at + 1) & (x->slot_count - 1);
    return at;
}

const struct exchange_stream *exchange_find(const struct exchange *x, uint32_t id)
{
    if (x->slot_count == 0 || id == 0)
        return NULL;
    const struct exchange_stream *s = &x->slots[slot_of(x, id)];
    return s->id ? s : NULL;
}

static struct exchange_stream *known(struct exchange *x, uint32_t id)
{
    if (id == 0)
        return NULL;
    struct exchange_stream *s = &x->slots[slot_of(x, id)];
    return s->id ? s : NULL;
}

static bool grow(struct exchange *x)
{
    struct exchange_stream *old = x->slots;
    size_t count = x->slot_count;
    struct exchange_stream *slots = calloc(count * 2, sizeof *slots);
    if (!slots)
        return false;
    x->slots = slots;
    x->slot_count = count * 2;
    for (size_t i = 0; i < count; i++)
        if (old[i].id)
            slots[slot_of(x, old[i].id)] = old[i];
    free(old);
    return true;
}

/* The stream's entry, made if need be. *failed: no memory. NULL without that: too many streams. */
static struct exchange_stream *take(struct exchange *x, uint32_t id, bool *failed)
{
    struct exchange_stream *s = known(x, id);
    if (s || id == 0 || x->stream_count >= EXCHANGE_STREAMS_MAX)
        return s;
    if (x->stream_count * 2 >= x->slot_count && !grow(x)) {
        *failed = true;
        return NULL;
    }
    s = &x->slots[slot_of(x, id)];
    *s = (struct exchange_stream){.id = id, .http_status = EXCHANGE_NO_STATUS, .grpc_status = EXCHANGE_NO_STATUS};
    x->stream_count++;
    return s;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

int exchange_start(struct exchange *x)
{
    struct exchange kept = *x;
    if (kept.inflater)
        nghttp2_hd_inflate_del(kept.inflater);
    if (!kept.slots) {
        kept.slot_count = SLOTS_FIRST;
        kept.slots = calloc(kept.slot_count, sizeof *kept.slots);
    } else if (kept.stream_count > 0) {
        memset(kept.slots, 0, kept.slot_count * sizeof *kept.slots);
    }
    text_clear(&kept.sent);
    text_clear(&kept.came);
    text_clear(&kept.block);
    text_clear(&kept.note);
    array_clear(&kept.tables);
    *x = (struct exchange){.slots = kept.slots,
                           .slot_count = kept.slots ? kept.slot_count : 0,
                           .sent = kept.sent,
                           .came = kept.came,
                           .block = kept.block,
                           .note = kept.note,
                           .tables.items = kept.tables.items,
                           .tables.capacity = kept.tables.capacity,
                           .window_initial = FRAME_WINDOW,
                           .window_connection = FRAME_WINDOW,
                           .stock = kept.stock,
                           .peer_frame_max = FRAME_PAYLOAD_MAX,
                           .peer_window = FRAME_WINDOW,
                           .frame_max = FRAME_PAYLOAD_MAX};
    if (!x->slots || nghttp2_hd_inflate_new(&x->inflater) != 0)
        return ERROR_MEMORY;
    return 0;
}

void exchange_deinit(struct exchange *x)
{
    if (x->inflater)
        nghttp2_hd_inflate_del(x->inflater);
    free(x->slots);
    text_deinit(&x->sent);
    text_deinit(&x->came);
    text_deinit(&x->block);
    text_deinit(&x->note);
    array_deinit(&x->tables);
    *x = EXCHANGE_INIT;
}

int64_t exchange_window(const struct exchange *x, uint32_t id)
{
    const struct exchange_stream *s = exchange_find(x, id);
    int64_t connection = (int64_t)(FRAME_WINDOW + x->taken) - (int64_t)x->data_sent;
    int64_t stream = (int64_t)x->peer_window + (s ? (int64_t)s->taken - (int64_t)s->data_sent : 0);
    return stream < connection ? stream : connection;
}

bool exchange_clean(const struct exchange *x)
{
    return x->preface_sent && !x->broken && !x->shut && x->sent.len == 0 && x->sent_run == 0;
}

bool exchange_over(const struct exchange *x)
{
    return x->closed || x->not_http2 || (x->goaway && x->goaway_code != H2_NO_ERROR);
}

void exchange_shut(struct exchange *x)
{
    x->shut = true;
}

void exchange_closed(struct exchange *x, int reason)
{
    x->closed = true;
    x->close_reason = reason;
}

/* ---- what we say ------------------------------------------------------------------------------------------------ */

static int sent_settings(struct exchange *x, const struct frame *f)
{
    if (f->flags & FRAME_ACK)
        return 0;
    struct exchange_table table = {.number = ++x->settings_sent, .least = UINT32_MAX};
    for (size_t at = 0; at + 6 <= f->payload.len; at += 6) {
        const uint8_t *p = f->payload.data + at;
        unsigned which = (unsigned)p[0] << 8 | p[1];
        uint32_t value = frame_number(p + 2);
        if (which == FRAME_SETTING_WINDOW && value <= FRAME_WINDOW_MAX && value > x->window_initial)
            x->window_initial = value;
        if (which == FRAME_SETTING_FRAME_SIZE && value <= FRAME_LENGTH_MAX && value > x->frame_max)
            x->frame_max = value;
        if (which == FRAME_SETTING_TABLE_SIZE) {
            table.least = value < table.least ? value : table.least;
            table.last = value;
        }
    }
    if (table.least == UINT32_MAX)
        return 0;
    x->tables_unknown |= x->tables.count == EXCHANGE_TABLES_MAX;
    return x->tables_unknown || array_push(&x->tables, table) ? 0 : ERROR_MEMORY;
}

/* A peer need not wait for a frame's end to answer: its head alone names the stream, and HEADERS open it. */
static int sent_head(struct exchange *x, const struct frame *f, struct exchange_stream **s)
{
    bool failed = false;
    *s = take(x, f->stream, &failed);
    if (failed)
        return ERROR_MEMORY;
    if (f->type != FRAME_HEADERS)
        return 0;
    if (f->stream > x->sent_last)
        x->sent_last = f->stream;
    if (*s)
        (*s)->opened = true;
    return 0;
}

static int sent_frame(struct exchange *x, const struct frame *f)
{
    struct exchange_stream *s;
    int rc = sent_head(x, f, &s);
    if (rc)
        return rc;
    x->sent_frames++;
    switch (f->type) {
    case FRAME_HEADERS:
        x->sent_run = f->flags & FRAME_END_HEADERS ? 0 : f->stream;
        break;
    case FRAME_CONTINUATION:
        if (f->flags & FRAME_END_HEADERS)
            x->sent_run = 0;
        break;
    case FRAME_RST_STREAM:
        if (s)
            s->ended_by_us = s->reset_by_us = true;
        break;
    case FRAME_SETTINGS:
        rc = sent_settings(x, f);
        break;
    case FRAME_DATA:
        x->data_sent += f->length;
        if (s)
            s->data_sent += f->length;
        break;
    case FRAME_PING:
        if (!(f->flags & FRAME_ACK))
            x->pings_sent++;
        break;
    case FRAME_WINDOW_UPDATE:
        if (f->payload.len != 4)
            break;
        if (f->stream == 0)
            x->window_connection += frame_number(f->payload.data) & FRAME_WINDOW_MAX;
        else if (s)
            s->granted += frame_number(f->payload.data) & FRAME_WINDOW_MAX;
        break;
    default:
        break;
    }
    if (s && (f->type == FRAME_HEADERS || f->type == FRAME_DATA) && (f->flags & FRAME_END_STREAM))
        s->ended_by_us = true;
    return rc;
}

/* Removes what was read from the front. */
static void drop(struct text *t, struct bytes left)
{
    size_t used = t->len - left.len;
    if (used > 0)
        text_consume(t, used);
}

int exchange_sent(struct exchange *x, struct bytes data)
{
    x->bytes_sent += data.len;
    if (x->broken || data.len == 0)
        return 0;
    text_add(&x->sent, data.data, data.len);
    if (!text_ok(&x->sent))
        return ERROR_MEMORY;
    struct bytes left = text_bytes(&x->sent);
    if (!x->preface_sent) {
        size_t n = left.len < FRAME_PREFACE_LEN ? left.len : FRAME_PREFACE_LEN;
        x->broken = memcmp(left.data, FRAME_PREFACE, n) != 0;
        if (x->broken || n < FRAME_PREFACE_LEN)
            return 0;
        x->preface_sent = true;
        left = BYTES(left.data + n, left.len - n);
    }
    struct frame f;
    struct exchange_stream *begun;
    int rc = 0;
    while (rc == 0 && !x->broken && left.len >= FRAME_HEAD_SIZE) {
        frame_head_read(left.data, &f);
        if (f.length > x->peer_frame_max) {
            x->broken = true; /* the peer may give up or skip it */
        } else if (!frame_take(&left, &f)) {
            rc = sent_head(x, &f, &begun);
            break;
        } else {
            rc = sent_frame(x, &f);
        }
    }
    drop(&x->sent, left);
    return rc;
}

/* ---- what comes ------------------------------------------------------------------------------------------------- */

static void violate(struct exchange *x, const char *rule, const struct frame *f)
{
    if (x->violation)
        return;
    x->violation = rule;
    x->violation_stream = f->stream;
    text_clear(&x->note);
    frame_print(f, &x->note);
}

static bool forbidden_name(struct bytes name)
{
    static const char *const names[] = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (bytes_is(name, names[i]))
            return true;
    return false;
}

static int16_t status_number(struct bytes value)
{
    int n = 0;
    if (value.len == 0 || value.len > 3)
        return EXCHANGE_NO_STATUS;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return EXCHANGE_NO_STATUS;
        n = n * 10 + (value.data[i] - '0');
    }
    return (int16_t)n;
}

struct fields {
    bool trailers, regular, status;
    bool over; /* a block too many, as stock peers send it: only HPACK's state counts */
    int16_t http, grpc;
};

static void came_field(struct exchange *x, const struct frame *f, struct fields *seen, struct bytes name,
                       struct bytes value)
{
    if (seen->over)
        return;
    if (name.len > 0 && name.data[0] == ':') {
        if (seen->trailers)
            violate(x, "a pseudo header in trailers (8.1)", f);
        else if (seen->regular)
            violate(x, "a pseudo header behind regular fields (8.3)", f);
        else if (!bytes_is(name, ":status") || seen->status)
            violate(x, "a response has :status, once, and no other pseudo header (8.3.2)", f);
        seen->status = true;
        seen->http = status_number(value);
        if (seen->http < 100)
            violate(x, ":status is a number of three digits", f);
        return;
    }
    seen->regular = true;
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] >= 'A' && name.data[i] <= 'Z')
            violate(x, "a field name in upper case (8.2.1)", f);
    if (forbidden_name(name))
        violate(x, "a connection-specific field (8.2.2)", f);
    if (bytes_is(name, "grpc-status"))
        seen->grpc = status_number(value);
}

/* The whole block is there: decoded, and what it says kept. */
static int came_block(struct exchange *x, const struct frame *f, struct exchange_stream *s)
{
    struct bytes in = text_bytes(&x->block);
    struct fields seen = {.trailers = s && s->answered, .http = EXCHANGE_NO_STATUS, .grpc = EXCHANGE_NO_STATUS};
    seen.over = x->stock && s && (s->ended || s->reset);
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(x->inflater, &nv, &flags, in.data, in.len, 1);
        if (n == NGHTTP2_ERR_NOMEM)
            return ERROR_MEMORY;
        if (n < 0) {
            violate(x,
                    x->lowered ? "a header block does not decode, or does not begin with the smaller table asked for "
                                 "(RFC 7541, 4.2)"
                               : "a header block does not decode (RFC 7541)",
                    f);
            return 0;
        }
        in = BYTES(in.data + n, in.len - (size_t)n);
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            came_field(x, f, &seen, BYTES(nv.name, nv.namelen), BYTES(nv.value, nv.valuelen));
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            break;
    }
    nghttp2_hd_inflate_end_headers(x->inflater);
    if (seen.over)
        return 0;
    /* Of a stream nobody can tell which of its blocks this is. */
    if (s && !seen.trailers && !seen.status)
        violate(x, "a response without :status (8.3.2)", f);
    if (seen.trailers && !x->run_end_stream)
        violate(x, "trailers without END_STREAM (8.1)", f);
    if (!s)
        return 0;
    if (!seen.trailers)
        s->http_status = seen.http;
    s->answered = s->answered || seen.http >= 200;
    if (seen.grpc != EXCHANGE_NO_STATUS)
        s->grpc_status = seen.grpc;
    s->ended = s->ended || x->run_end_stream;
    return 0;
}

/* A stream the peer may speak on. With our own bytes broken, nobody knows. */
static void check_open(struct exchange *x, const struct frame *f, const struct exchange_stream *s)
{
    if (x->stream_count >= EXCHANGE_STREAMS_MAX || x->broken)
        return;
    if (!s || !s->opened)
        violate(x, "a frame on a stream we did not open (5.1)", f);
    else if ((s->ended || s->reset) && !x->stock)
        violate(x, "a frame on a stream the peer itself ended (5.1)", f);
}

static void came_data(struct exchange *x, const struct frame *f, struct exchange_stream *s)
{
    struct bytes content;
    check_open(x, f, s);
    if (!frame_content(f, &content))
        violate(x, "more padding than payload (6.1)", f);
    if (s && !s->answered)
        violate(x, "DATA in front of the response's HEADERS (8.1)", f);
    x->data_received += f->length;
    x->content_received += f->length > 0 ? f->length + FRAME_HEAD_SIZE : 0;
    if (!x->broken && x->data_received > x->window_connection)
        violate(x, "more DATA than the connection's window allows (6.9)", f);
    if (!s)
        return;
    s->data_received += f->length;
    if (!x->broken && s->data_received > x->window_initial + s->granted)
        violate(x, "more DATA than the stream's window allows (6.9)", f);
    if (f->flags & FRAME_END_STREAM)
        s->ended = true;
}

/* From here on the table is as large as we said: the inflater wants to hear it when that is less than it was. Libraries
 * that take their time with it are left alone. */
static void settings_acknowledged(struct exchange *x)
{
    for (; x->table_next < x->tables.count; x->table_next++) {
        const struct exchange_table *t = &x->tables.items[x->table_next];
        if (t->number > x->settings_acks)
            break;
        if (x->stock || x->broken || x->tables_unknown)
            continue;
        x->lowered = t->least < HPACK_TABLE_MAX;
        (void)nghttp2_hd_inflate_change_table_size(x->inflater, t->least);
        (void)nghttp2_hd_inflate_change_table_size(x->inflater, t->last);
    }
    if (x->tables_unknown) /* whatever it says is right */
        (void)nghttp2_hd_inflate_change_table_size(x->inflater, FRAME_WINDOW_MAX);
    if (x->table_next < x->tables.count)
        return;
    array_clear(&x->tables);
    x->table_next = 0;
}

static void came_settings(struct exchange *x, const struct frame *f)
{
    if (f->stream != 0)
        violate(x, "SETTINGS on a stream (6.5)", f);
    if (f->flags & FRAME_ACK) {
        if (f->length != 0)
            violate(x, "SETTINGS ACK with a payload (6.5)", f);
        if (++x->settings_acks > x->settings_sent && !x->broken)
            violate(x, "more SETTINGS ACKs than SETTINGS (6.5)", f);
        settings_acknowledged(x);
        return;
    }
    x->greeted = true;
    if (f->length % 6 != 0)
        violate(x, "SETTINGS whose length is no multiple of 6 (6.5)", f);
    for (size_t at = 0; at + 6 <= f->payload.len; at += 6) {
        const uint8_t *p = f->payload.data + at;
        unsigned which = (unsigned)p[0] << 8 | p[1];
        uint32_t value = frame_number(p + 2);
        if (which == FRAME_SETTING_ENABLE_PUSH && value != 0)
            violate(x, "a server that sets ENABLE_PUSH (6.5.2)", f);
        if (which == FRAME_SETTING_WINDOW && value > FRAME_WINDOW_MAX)
            violate(x, "INITIAL_WINDOW_SIZE above 2^31-1 (6.5.2)", f);
        else if (which == FRAME_SETTING_WINDOW)
            x->peer_window = value;
        if (which == FRAME_SETTING_FRAME_SIZE && (value < FRAME_PAYLOAD_MAX || value > FRAME_LENGTH_MAX))
            violate(x, "MAX_FRAME_SIZE outside its range (6.5.2)", f);
        else if (which == FRAME_SETTING_FRAME_SIZE && value > x->peer_frame_max)
            x->peer_frame_max = value;
    }
}

static void came_goaway(struct exchange *x, const struct frame *f)
{
    if (f->stream != 0 || f->length < 8) {
        violate(x, "GOAWAY on a stream or too short (6.8)", f);
        return;
    }
    uint32_t last = frame_number(f->payload.data) & ~FRAME_RESERVED, code = frame_number(f->payload.data + 4);
    if (x->goaway && last > x->goaway_last)
        violate(x, "GOAWAY with a higher last stream than before (6.8)", f);
    x->goaway_last = last;
    if (!x->goaway || x->goaway_code == H2_NO_ERROR)
        x->goaway_code = code;
    x->goaway = true;
    if (!x->violation && x->note.len == 0)
        text_printable(&x->note, f->payload.data + 8, f->length - 8, 128);
}

static void came_ping(struct exchange *x, const struct frame *f)
{
    if (f->length != 8 || f->stream != 0) {
        violate(x, "PING on a stream or not of 8 bytes (6.7)", f);
        return;
    }
    if (!(f->flags & FRAME_ACK))
        return;
    if (++x->ping_acks > x->pings_sent && !x->broken)
        violate(x, "more PING ACKs than PINGs (6.7)", f);
    if (memcmp(f->payload.data, exchange_probe, sizeof exchange_probe) == 0)
        x->probe_acked = true;
}

static void came_reset(struct exchange *x, const struct frame *f, struct exchange_stream *s)
{
    if (f->length != 4 || f->stream == 0) {
        violate(x, "RST_STREAM without a stream or not of 4 bytes (6.4)", f);
        return;
    }
    if (!s && !x->broken && x->stream_count < EXCHANGE_STREAMS_MAX)
        violate(x, "RST_STREAM on a stream we never named (6.4)", f);
    uint32_t code = frame_number(f->payload.data);
    x->resets++;
    if (code < 32)
        x->reset_codes |= UINT32_C(1) << code;
    if (s && !s->reset) {
        s->reset = true;
        s->reset_code = code;
    }
}

static void came_window(struct exchange *x, const struct frame *f, struct exchange_stream *s)
{
    if (f->length != 4 || (frame_number(f->payload.data) & FRAME_WINDOW_MAX) == 0) {
        violate(x, "WINDOW_UPDATE of nothing (6.9)", f);
        return;
    }
    if (f->stream != 0 && !s && !x->broken && x->stream_count < EXCHANGE_STREAMS_MAX)
        violate(x, "WINDOW_UPDATE on a stream we never named (5.1)", f);
    uint64_t *taken = s ? &s->taken : &x->taken;
    *taken += f->stream == 0 || s ? frame_number(f->payload.data) & FRAME_WINDOW_MAX : 0;
}

static int came_headers(struct exchange *x, const struct frame *f, struct exchange_stream *s)
{
    struct bytes content = f->payload;
    if (f->type == FRAME_HEADERS) {
        check_open(x, f, s);
        text_clear(&x->block);
        x->run_end_stream = f->flags & FRAME_END_STREAM;
        if (!frame_content(f, &content)) {
            violate(x, "more padding than payload (6.2)", f);
            return 0;
        }
    }
    if (content.len > 0)
        text_add(&x->block, content.data, content.len);
    if (!text_ok(&x->block))
        return ERROR_MEMORY;
    x->run = f->flags & FRAME_END_HEADERS ? 0 : f->stream;
    return x->run ? 0 : came_block(x, f, s);
}

static int came_frame(struct exchange *x, const struct frame *f)
{
    struct exchange_stream *s = known(x, f->stream);
    x->frames++;
    if (!x->greeted && (f->type != FRAME_SETTINGS || (f->flags & FRAME_ACK)))
        violate(x, "a server's first frame is SETTINGS (3.4)", f);
    if (x->run && (f->type != FRAME_CONTINUATION || f->stream != x->run))
        violate(x, "a header block interrupted by another frame (6.10)", f);
    if (!x->run && f->type == FRAME_CONTINUATION) {
        violate(x, "CONTINUATION of nothing (6.10)", f);
        return 0;
    }
    switch (f->type) {
    case FRAME_DATA:
        came_data(x, f, s);
        return 0;
    case FRAME_HEADERS:
    case FRAME_CONTINUATION:
        return came_headers(x, f, s);
    case FRAME_RST_STREAM:
        came_reset(x, f, s);
        return 0;
    case FRAME_SETTINGS:
        came_settings(x, f);
        return 0;
    case FRAME_PUSH_PROMISE:
        violate(x, "PUSH_PROMISE to a client that did not ask (6.6)", f);
        return 0;
    case FRAME_PING:
        came_ping(x, f);
        return 0;
    case FRAME_GOAWAY:
        came_goaway(x, f);
        return 0;
    case FRAME_WINDOW_UPDATE:
        came_window(x, f, s);
        return 0;
    default: /* PRIORITY, and what extensions may bring */
        return 0;
    }
}

static bool http1(struct bytes data)
{
    return data.len >= 5 && memcmp(data.data, "HTTP/", 5) == 0;
}

int exchange_received(struct exchange *x, struct bytes data)
{
    x->bytes_received += data.len;
    if (x->not_http2 || data.len == 0)
        return 0;
    text_add(&x->came, data.data, data.len);
    if (!text_ok(&x->came))
        return ERROR_MEMORY;
    struct bytes left = text_bytes(&x->came);
    struct frame f;
    int rc = 0;
    if (!x->greeted && http1(left)) {
        x->not_http2 = true;
        return 0;
    }
    while (rc == 0 && left.len >= FRAME_HEAD_SIZE) {
        frame_head_read(left.data, &f);
        if (f.length > x->frame_max) {
            violate(x, "a frame longer than we take (4.2)", &f);
            left.len = 0;
        } else if (!frame_take(&left, &f)) {
            break;
        } else {
            rc = came_frame(x, &f);
        }
    }
    drop(&x->came, left);
    return rc;
}

/* ---- for people ------------------------------------------------------------------------------------------------- */

void exchange_print(const struct exchange *x, struct text *out)
{
    text_printf(out, "sent %llu bytes, received %llu bytes in %llu frames\n", (unsigned long long)x->bytes_sent,
                (unsigned long long)x->bytes_received, (unsigned long long)x->frames);
    if (x->not_http2)
        text_puts(out, "answered in HTTP/1\n");
    if (x->goaway) {
        text_printf(out, "GOAWAY %s, last stream %lu", h2_error_name(x->goaway_code), (unsigned long)x->goaway_last);
        if (!x->violation && x->note.len > 0)
            text_printf(out, " \"%s\"", text_string(&x->note));
        text_char(out, '\n');
    }
    for (size_t i = 0, shown = 0; i < x->slot_count && shown < 16; i++) {
        const struct exchange_stream *s = &x->slots[i];
        if (s->id == 0 || (!s->answered && !s->reset))
            continue;
        shown++;
        text_printf(out, "stream %lu:", (unsigned long)s->id);
        if (s->http_status != EXCHANGE_NO_STATUS)
            text_printf(out, " :status %d", s->http_status);
        if (s->grpc_status != EXCHANGE_NO_STATUS)
            text_printf(out, " grpc-status %d", s->grpc_status);
        if (s->ended)
            text_puts(out, " ended");
        if (s->reset)
            text_printf(out, " RST_STREAM %s", h2_error_name(s->reset_code));
        text_char(out, '\n');
    }
    if (x->resets > 0)
        text_printf(out, "%lu streams reset\n", (unsigned long)x->resets);
    if (x->probe_acked)
        text_puts(out, "PING answered\n");
    if (x->closed)
        text_printf(out, "closed: %s\n", x->close_reason ? error_code_name(x->close_reason) : "orderly");
    if (x->violation)
        text_printf(out, "broke a rule: %s: %s\n", x->violation, text_string(&x->note));
}
