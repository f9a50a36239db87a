/* The file of a case; case.h has its form. The parts of an event whose kind is known: lane (1 byte), flags, call,
 * number (varints), name, value (each a varint and as many bytes). */
#include "fuzz/case/case.h"
#include "fuzz/message/put.h"

#define MAGIC     "HFZ1"
#define MAGIC_LEN 4

int fuzz_case_write(const struct fuzz_case *c, struct text *out)
{
    if (c->events.count > FUZZ_CASE_EVENTS_MAX || fuzz_case_size(c) > FUZZ_CASE_BYTES_MAX)
        return ERROR_LIMIT;
    fuzz_put(out, MAGIC, MAGIC_LEN);
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        fuzz_put(out, &e->kind, 1);
        size_t value_len = e->value.len;
        if (fuzz_event_kind_name(e->kind)) {
            size_t len = 1 + fuzz_varint_size(e->flags) + fuzz_varint_size(e->call) + fuzz_varint_size(e->number) +
                         fuzz_varint_size(e->name.len) + e->name.len + fuzz_varint_size(value_len) + value_len;
            fuzz_put_varint(out, len);
            fuzz_put(out, &e->lane, 1);
            fuzz_put_varint(out, e->flags);
            fuzz_put_varint(out, e->call);
            fuzz_put_varint(out, e->number);
            fuzz_put_varint(out, e->name.len);
            fuzz_put(out, fuzz_case_bytes(c, e->name).data, e->name.len);
        }
        fuzz_put_varint(out, value_len);
        fuzz_put(out, fuzz_case_bytes(c, e->value).data, value_len);
    }
    return text_ok(out) ? 0 : ERROR_MEMORY;
}

/* ---- reading ---- */

struct reader {
    const uint8_t *start, *at, *end;
    struct error *err;
};

static int bad(struct reader *r, int code, const char *what)
{
    return error_set(r->err, code, "byte %zu: %s", (size_t)(r->at - r->start), what);
}

static int read_number(struct reader *r, uint64_t max, const char *what, uint64_t *out)
{
    size_t n = pb_varint_read(BYTES(r->at, (size_t)(r->end - r->at)), out);
    if (n == 0)
        return bad(r, ERROR_SYNTAX, "the record ends inside a number, or the number has no end");
    if (*out > max)
        return bad(r, ERROR_LIMIT, what);
    r->at += n;
    return 0;
}

static int read_bytes(struct reader *r, struct bytes *out)
{
    uint64_t len;
    int rc = read_number(r, FUZZ_CASE_BYTES_MAX, "more bytes than a case may have", &len);
    if (rc)
        return rc;
    if (len > (uint64_t)(r->end - r->at))
        return bad(r, ERROR_SYNTAX, "a length that reaches past the end");
    *out = BYTES(r->at, (size_t)len);
    r->at += len;
    return 0;
}

/* The parts of a known kind, which are all there is in the record. */
static int read_parts(struct reader *r, struct fuzz_event *e, struct bytes *name, struct bytes *value)
{
    uint64_t flags, call;
    int rc;
    if (r->at == r->end)
        return bad(r, ERROR_SYNTAX, "an event without parts");
    if (*r->at >= LANE_COUNT)
        return bad(r, ERROR_INVALID, "a lane is 0, 1 or 2");
    e->lane = *r->at++;
    if ((rc = read_number(r, UINT16_MAX, "flags have 16 bits", &flags)) ||
        (rc = read_number(r, UINT32_MAX, "a call's number has 32 bits", &call)) ||
        (rc = read_number(r, UINT64_MAX, "", &e->number)) || (rc = read_bytes(r, name)) || (rc = read_bytes(r, value)))
        return rc;
    e->flags = (uint16_t)flags;
    e->call = (uint32_t)call;
    return r->at == r->end ? 0 : bad(r, ERROR_SYNTAX, "an event with more than its parts");
}

static int read_event(struct reader *r, struct fuzz_case *out)
{
    struct fuzz_event e = {.kind = *r->at};
    struct bytes record, name = BYTES_NONE, value;
    size_t start = (size_t)(r->at - r->start);
    if (out->events.count == FUZZ_CASE_EVENTS_MAX)
        return bad(r, ERROR_LIMIT, "more events than a case may have");
    r->at++;
    int rc = read_bytes(r, &record);
    if (rc)
        return rc;
    value = record;
    if (fuzz_event_kind_name(e.kind)) {
        struct reader parts = {r->start, record.data, record.data + record.len, r->err};
        rc = read_parts(&parts, &e, &name, &value);
        if (rc)
            return rc;
    }
    rc = fuzz_case_add(out, &e, name, value);
    if (rc < 0)
        return error_set(r->err, rc, "byte %zu: %s", start,
                         rc == ERROR_LIMIT ? "more bytes than a case may have" : "out of memory");
    return 0;
}

int fuzz_case_read(struct bytes file, struct fuzz_case *out, struct error *err)
{
    fuzz_case_clear(out);
    if (file.len < MAGIC_LEN || memcmp(file.data, MAGIC, MAGIC_LEN) != 0)
        return error_set(err, ERROR_SYNTAX, "byte 0: not a test case: it does not begin with \"" MAGIC "\"");
    struct reader r = {file.data, file.data + MAGIC_LEN, file.data + file.len, err};
    int rc = 0;
    while (rc == 0 && r.at < r.end)
        rc = read_event(&r, out);
    return rc;
}

int fuzz_case_from_bytes(struct bytes any, const char *path, struct fuzz_case *out)
{
    const struct fuzz_event call = {.kind = EVENT_CALL}, message = {.kind = EVENT_MESSAGE, .lane = LANE_GARBAGE},
                            end = {.kind = EVENT_HALF_CLOSE};
    int rc = fuzz_case_read(any, out, NULL);
    if (rc == 0 || rc == ERROR_MEMORY || out->events.count > 0)
        return rc == ERROR_MEMORY ? rc : 0;
    fuzz_case_clear(out);
    if ((rc = fuzz_case_add(out, &call, bytes_of(path), BYTES_NONE)) < 0 ||
        (rc = fuzz_case_add(out, &message, BYTES_NONE, any)) < 0 ||
        (rc = fuzz_case_add(out, &end, BYTES_NONE, BYTES_NONE)) < 0)
        return rc;
    return 0;
}
