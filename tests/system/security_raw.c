#include "base/test.h"

#include "tests/system/security_raw.h"

#include "base/units.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_LIMIT ((uint64_t)(5 * SECOND))

static void on_connected(void *arg)
{
    struct raw *r = arg;
    r->connected = true;
}

static void on_readable(void *arg, struct bytes data)
{
    struct raw *r = arg;
    size_t room = r->received < RAW_HEAD_MAX ? RAW_HEAD_MAX - r->received : 0;
    memcpy(r->head + (RAW_HEAD_MAX - room), data.data, data.len < room ? data.len : room);
    r->received += data.len;
}

static void on_ended(void *arg, int reason)
{
    struct raw *r = arg;
    (void)reason;
    r->ended = true;
    r->ended_at = world_now(r->world);
    world_timer_stop(&r->timer);
}

static void drip(void *arg)
{
    struct raw *r = arg;
    raw_send(r, r->drip + r->drip_at++ % r->drip_len, 1);
    if (!r->ended)
        (void)world_timer_start(&r->timer, r->interval);
}

void raw_open_later(struct raw *r, struct world *w, const char *address)
{
    static const struct world_stream_events events = {
        .connected = on_connected, .readable = on_readable, .ended = on_ended};
    *r = (struct raw){.world = w, .opened = world_now(w)};
    world_timer_init(&r->timer, w, drip, r);
    assert_int_equal(world_connect(w, address, &events, r, &r->stream, NULL), 0);
}

static bool is_up(void *arg)
{
    const struct raw *r = arg;
    return r->connected || r->ended;
}

void raw_open(struct raw *r, struct world *w, const char *address)
{
    raw_open_later(r, w, address);
    assert_int_equal(world_run_until(w, is_up, r, CONNECT_LIMIT), 0);
    assert_true(r->connected);
}

void raw_send(struct raw *r, const void *data, size_t len)
{
    if (!r->ended)
        (void)world_stream_write(r->stream, BYTES(data, len));
}

void raw_drip(struct raw *r, const void *data, size_t len, uint64_t interval)
{
    r->drip = data;
    r->drip_len = len;
    r->interval = interval;
    assert_int_equal(world_timer_start(&r->timer, interval), 0);
}

static bool is_over(void *arg)
{
    const struct raw *r = arg;
    return r->ended;
}

bool raw_wait_end(struct raw *r, uint64_t limit)
{
    return world_run_until(r->world, is_over, r, limit) == 0;
}

void raw_close(struct raw *r)
{
    world_timer_stop(&r->timer);
    world_stream_abort(r->stream);
    r->stream = NULL;
    r->ended = true;
}

int raw_http_status(const struct raw *r)
{
    return strncmp(r->head, "HTTP/1.1 ", 9) == 0 ? atoi(r->head + 9) : 0;
}

/* ---- HTTP/2 ---- */

static int status_of(nghttp2_hd_inflater *inflater, const uint8_t *at, size_t len)
{
    int status = -1;
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, at, len, 1);
        if (n < 0)
            return -1;
        at += n;
        len -= (size_t)n;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) && nv.namelen == 11 && memcmp(nv.name, "grpc-status", 11) == 0)
            status = atoi((const char *)nv.value);
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) || ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && len == 0))
            break;
    }
    nghttp2_hd_inflate_end_headers(inflater);
    return status;
}

static uint32_t number(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int raw_h2_outcome(const struct raw *r)
{
    const uint8_t *p = (const uint8_t *)r->head, *end = p + (r->received < RAW_HEAD_MAX ? r->received : RAW_HEAD_MAX);
    nghttp2_hd_inflater *inflater = NULL;
    int outcome = -1;
    assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
    while (outcome < 0 && end - p >= 9) {
        size_t len = number(p) >> 8;
        unsigned type = p[3];
        uint32_t stream = number(p + 5);
        if ((size_t)(end - p) < 9 + len)
            break;
        if (type == H2_HEADERS)
            outcome = status_of(inflater, p + 9, len);
        else if (type == H2_RESET && stream == 1 && len == 4)
            outcome = 100 + (int)number(p + 9);
        else if (type == H2_GOAWAY && len >= 8)
            outcome = 200 + (int)number(p + 13);
        p += 9 + len;
    }
    nghttp2_hd_inflate_del(inflater);
    return outcome;
}

void h2_frame(struct text *out, unsigned type, unsigned flags, uint32_t stream, const void *payload, size_t len)
{
    const uint8_t head[9] = {(uint8_t)(len >> 16),    (uint8_t)(len >> 8),    (uint8_t)len,
                             (uint8_t)type,           (uint8_t)flags,         (uint8_t)(stream >> 24),
                             (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    text_add(out, head, sizeof head);
    text_add(out, payload, len);
}

void h2_preface(struct text *out)
{
    text_puts(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    h2_frame(out, H2_SETTINGS, 0, 0, "", 0);
}

static void add_length(struct text *block, size_t len)
{
    if (len < 127) {
        text_char(block, (char)len);
        return;
    }
    text_char(block, 127);
    for (len -= 127; len >= 128; len /= 128)
        text_char(block, (char)(len % 128 + 128));
    text_char(block, (char)len);
}

void h2_header(struct text *block, const char *name, const char *value, size_t value_len)
{
    text_char(block, 0);
    add_length(block, strlen(name));
    text_puts(block, name);
    add_length(block, value_len);
    text_add(block, value, value_len);
}

void h2_request(struct text *block, const char *path)
{
    h2_header(block, ":method", "POST", 4);
    h2_header(block, ":scheme", "http", 4);
    h2_header(block, ":path", path, strlen(path));
    h2_header(block, ":authority", "x", 1);
    h2_header(block, "te", "trailers", 8);
    h2_header(block, "content-type", "application/grpc+proto", 22);
}
