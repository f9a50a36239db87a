#include "fuzz/frames/build.h"

#include "fuzz/frames/exchange.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FLOOD_EVENTS 16 /* a flood is sent in so many pieces */

static const char call_fields[] = ":method: POST\n:scheme: http\n:path: @\n:authority: $\n"
                                  "content-type: application/grpc\nte: trailers\n";

void frame_build_here(struct frame_build *b)
{
    b->name = b->op->name;
}

void frame_build_there(struct frame_build *b)
{
    b->name = "";
}

void frame_build_event(struct frame_build *b, const struct fuzz_event *e, struct bytes value)
{
    if (b->rc)
        return;
    int at = fuzz_case_add(b->out, e, bytes_of(b->name), value);
    if (at < 0)
        b->rc = at;
}

void frame_build_bytes(struct frame_build *b, struct bytes bytes)
{
    frame_build_event(b, &(struct fuzz_event){.kind = EVENT_BYTES}, bytes);
}

void frame_build_frame(struct frame_build *b, uint8_t type, uint8_t flags, uint32_t stream, struct bytes payload)
{
    frame_build_event(
        b, &(struct fuzz_event){.kind = EVENT_FRAME, .call = stream, .number = (uint64_t)type << 8 | flags}, payload);
}

/* Without the operator's name: pauses are nobody's, and a connection's name is the component it goes to. */
static void unnamed(struct frame_build *b, const struct fuzz_event *e, const char *instead)
{
    const char *name = b->name;
    b->name = instead;
    frame_build_event(b, e, BYTES_NONE);
    b->name = name;
}

void frame_build_pause(struct frame_build *b, uint64_t ns)
{
    unnamed(b, &(struct fuzz_event){.kind = EVENT_TIME, .number = ns}, "");
}

void frame_build_connect(struct frame_build *b)
{
    unnamed(b, &(struct fuzz_event){.kind = EVENT_CONNECT}, b->plan->component ? b->plan->component : "");
}

void frame_build_shut(struct frame_build *b)
{
    unnamed(b, &(struct fuzz_event){.kind = EVENT_HALF_CLOSE}, "");
}

void frame_build_settings(struct frame_build *b)
{
    frame_build_frame(b, FRAME_SETTINGS, 0, 0, BYTES_NONE);
    frame_build_pause(b, FRAMES_PAUSE);
    frame_build_frame(b, FRAME_SETTINGS, FRAME_ACK, 0, BYTES_NONE);
}

void frame_build_hello(struct frame_build *b)
{
    frame_build_connect(b);
    frame_build_bytes(b, bytes_of(FRAME_PREFACE));
    frame_build_settings(b);
}

const char *frame_build_hold_path(const struct frame_build *b)
{
    return b->plan->hold_path ? b->plan->hold_path : b->plan->path;
}

static void fill_in(struct frame_build *b, const char *fields, const char *path, struct text *out)
{
    text_clear(out);
    for (const char *at = fields; *at;) {
        size_t plain = strcspn(at, "@$");
        text_add(out, at, plain);
        at += plain;
        if (*at == '@')
            text_puts(out, path);
        else if (*at == '$')
            text_puts(out, b->plan->authority ? b->plan->authority : "localhost");
        at += *at != '\0';
    }
    if (!text_ok(out) && b->rc == 0)
        b->rc = ERROR_MEMORY;
}

void frame_build_headers(struct frame_build *b, const char *path, const char *fields, uint32_t stream, uint64_t number,
                         uint16_t event_flags)
{
    fill_in(b, fields ? fields : call_fields, path, &b->block);
    frame_build_event(
        b, &(struct fuzz_event){.kind = EVENT_HEADERS, .call = stream, .number = number, .flags = event_flags},
        text_bytes(&b->block));
    if (stream >= b->next && stream < FRAME_WINDOW_MAX - 2)
        b->next = (stream | 1) + 2;
}

void frame_build_message(struct frame_build *b, uint32_t stream, uint8_t flags, struct bytes message)
{
    text_clear(&b->block);
    frame_put_message(&b->block, message);
    if (!text_ok(&b->block) && b->rc == 0)
        b->rc = ERROR_MEMORY;
    frame_build_frame(b, FRAME_DATA, flags, stream, text_bytes(&b->block));
}

void frame_build_call(struct frame_build *b, const char *path, uint32_t stream, bool end)
{
    frame_build_headers(b, path, NULL, stream, FRAME_END_HEADERS, 0);
    if (end)
        frame_build_message(b, stream, FRAME_END_STREAM, b->plan->message);
}

struct bytes frame_build_plain_block(struct frame_build *b, const char *path, const char *more)
{
    struct block_encoder encoder;
    struct text lines = TEXT_INIT, filled = TEXT_INIT;
    text_puts(&lines, "!mode without\n");
    text_puts(&lines, call_fields);
    text_puts(&lines, more);
    if (text_ok(&lines))
        fill_in(b, text_string(&lines), path, &filled);
    block_init(&encoder);
    text_clear(&b->block);
    block_write(&encoder, text_bytes(&filled), &b->block);
    if (b->rc == 0 && (!text_ok(&lines) || !text_ok(&b->block)))
        b->rc = ERROR_MEMORY;
    text_deinit(&lines);
    text_deinit(&filled);
    return text_bytes(&b->block);
}

#define PIECE        ((size_t)1 << 20) /* bytes of zeros packed once and then repeated */
#define PIECE_PACKED 4096              /* bytes: what it becomes, and more */

/* A piece that ends in a full flush can stand any number of times in one stream, so it is packed once. */
int frame_build_gzip_zeros(struct text *out, unsigned mib)
{
    static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, end[2] = {3, 0}; /* an empty last block */
    uint8_t packed[PIECE_PACKED], tail[8];
    uint8_t *zeros = calloc(1, PIECE);
    z_stream z = {.next_out = packed, .avail_out = sizeof packed, .next_in = zeros, .avail_in = (unsigned)PIECE};
    if (zeros == NULL || deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(zeros);
        return ERROR_MEMORY;
    }
    int rv = deflate(&z, Z_FULL_FLUSH);
    size_t len = sizeof packed - z.avail_out;
    deflateEnd(&z);
    uLong one = crc32(0, zeros, (unsigned)PIECE), all = crc32(0, NULL, 0);
    free(zeros);
    text_add(out, head, sizeof head);
    for (unsigned i = 0; rv == Z_OK && i < mib; i++) {
        text_add(out, packed, len);
        all = crc32_combine(all, one, (z_off_t)PIECE);
    }
    text_add(out, end, sizeof end);
    uint32_t size = (uint32_t)(PIECE * mib);
    for (unsigned i = 0; i < 4; i++) {
        tail[i] = (uint8_t)(all >> 8 * i);
        tail[4 + i] = (uint8_t)(size >> 8 * i);
    }
    text_add(out, tail, sizeof tail);
    return rv == Z_OK && text_ok(out) ? 0 : ERROR_MEMORY;
}

void frame_build_flush(struct frame_build *b)
{
    if (!text_ok(&b->text) && b->rc == 0)
        b->rc = ERROR_MEMORY;
    if (b->text.len > 0)
        frame_build_bytes(b, text_bytes(&b->text));
    text_clear(&b->text);
}

void frame_build_flood(struct frame_build *b, uint32_t count, void (*one)(struct frame_build *b, uint32_t i))
{
    uint32_t piece = count / FLOOD_EVENTS + 1;
    for (uint32_t i = 0; i < count && b->rc == 0; i++) {
        one(b, i);
        if ((i + 1) % piece == 0)
            frame_build_flush(b);
    }
    frame_build_flush(b);
}

/* ---- whole cases ------------------------------------------------------------------------------------------------ */

static void probe(struct frame_build *b)
{
    b->name = FRAMES_PROBE;
    if (!b->no_ping)
        frame_build_frame(b, FRAME_PING, 0, 0, BYTES(exchange_probe, sizeof exchange_probe));
    if (!b->no_ping && !b->no_call)
        frame_build_call(b, b->plan->path, b->next, true);
}

static void place(struct frame_build *b, enum frame_place where)
{
    frame_build_hello(b);
    switch (where) {
    case PLACE_START:
        break;
    case PLACE_OPEN:
        frame_build_call(b, frame_build_hold_path(b), 1, false);
        break;
    case PLACE_HELD:
        frame_build_call(b, frame_build_hold_path(b), 1, true);
        frame_build_pause(b, FRAMES_PAUSE);
        break;
    case PLACE_CLOSED:
        frame_build_call(b, b->plan->path, 1, true);
        frame_build_pause(b, FRAMES_PAUSE);
        break;
    }
}

static int finish(struct frame_build *b)
{
    text_deinit(&b->text);
    text_deinit(&b->block);
    return b->rc;
}

bool frame_operator_fits(const struct frame_operator *op, const struct frames_plan *plan)
{
    return (op->place != PLACE_HELD || plan->hold_path) && (!op->large || plan->large_path);
}

int frame_operator_build(const struct frame_operator *op, const struct frames_plan *plan, struct fuzz_case *out)
{
    struct frame_build b = {.out = out,
                            .plan = plan,
                            .op = op,
                            .name = "",
                            .repeat = plan->repeat ? plan->repeat : FRAMES_REPEAT,
                            .next = 1};
    fuzz_case_clear(out);
    if (op->build) {
        /* Builders choose their own beginnings; what they add is called by the operator's name when they say so. */
        int rc = op->build(&b);
        if (rc && b.rc == 0)
            b.rc = rc;
    } else {
        place(&b, op->place);
        frame_build_here(&b);
        if (op->fields) {
            frame_build_headers(&b, plan->path, op->fields, 1, FRAME_END_HEADERS, 0);
            frame_build_message(&b, 1, FRAME_END_STREAM, plan->message);
        } else {
            frame_build_frame(&b, op->type, op->flags, op->stream, BYTES(op->payload, op->payload_len));
        }
    }
    probe(&b);
    return finish(&b);
}

int frame_plain_build(const struct frames_plan *plan, struct fuzz_case *out)
{
    struct frame_build b = {.out = out, .plan = plan, .name = "", .next = 1};
    fuzz_case_clear(out);
    place(&b, PLACE_CLOSED);
    probe(&b);
    return finish(&b);
}
