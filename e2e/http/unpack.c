/* Bodies that come packed (RFC 9110, 8.4): gzip and deflate, and Brotli (RFC 7932) by the library that libcurl has for
 * it. */
#include "base/late.h"
#include "e2e/http/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define ANY_FORM (15 + 32) /* zlib's sign for gzip or zlib, whichever it is */

static int too_long(struct flow_context *x)
{
    return error_set(&x->error, ERROR_LIMIT, "unpacked, the answer is longer than %zu MiB", REPLY_MAX >> 20);
}

static int inflate_all(struct flow_context *x, struct bytes in, int form, struct text *out)
{
    unsigned char piece[16384];
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)in.data, .avail_in = (unsigned)in.len};
    if (inflateInit2(&z, form) != Z_OK)
        return flow_memory(x);
    int state = Z_OK;
    while (state == Z_OK && out->len <= REPLY_MAX) {
        z.next_out = piece;
        z.avail_out = sizeof piece;
        state = inflate(&z, Z_NO_FLUSH);
        text_add(out, piece, sizeof piece - z.avail_out);
        if (state == Z_BUF_ERROR)
            break;
    }
    inflateEnd(&z);
    if (!text_ok(out) || state == Z_MEM_ERROR)
        return flow_memory(x);
    if (out->len > REPLY_MAX)
        return too_long(x);
    return state == Z_STREAM_END ? 0 : ERROR_PROTOCOL;
}

/* ---- Brotli: what is used of its brotli/decode.h ---- */

struct brotli {
    void *(*create)(void *(*alloc)(void *arg, size_t size), void (*release)(void *arg, void *p), void *arg);
    int (*go_on)(void *state, size_t *left_in, const uint8_t **in, size_t *left_out, uint8_t **out, size_t *total);
    void (*destroy)(void *state);
};
enum { BROTLI_BROKEN, BROTLI_DONE, BROTLI_WANTS_INPUT, BROTLI_WANTS_ROOM }; /* what go_on() returns */

static void *brotli_alloc(void *arg, size_t size)
{
    void *p = malloc(size);
    *(bool *)arg = *(bool *)arg || p == NULL;
    return p;
}

static void brotli_release(void *arg, void *p)
{
    (void)arg;
    free(p);
}

static bool find_brotli(struct brotli *b)
{
    static struct late_library library = {.file = "libbrotlidec.so.1", .package = "libbrotli1"};
    const char *const names[] = {"BrotliDecoderCreateInstance", "BrotliDecoderDecompressStream",
                                 "BrotliDecoderDestroyInstance"};
    void *found[3] = {NULL};
    for (size_t i = 0; i < 3; i++)
        if ((found[i] = late_find(&library, names[i], NULL)) == NULL)
            return false;
    memcpy(&b->create, &found[0], sizeof found[0]);
    memcpy(&b->go_on, &found[1], sizeof found[1]);
    memcpy(&b->destroy, &found[2], sizeof found[2]);
    return true;
}

static int brotli_all(struct flow_context *x, struct bytes in, struct text *out)
{
    struct brotli b;
    unsigned char piece[16384];
    size_t left = in.len;
    const uint8_t *next = in.data;
    bool failed = false;
    int state = BROTLI_WANTS_ROOM;
    if (!find_brotli(&b))
        return ERROR_UNSUPPORTED;
    void *decoder = b.create(brotli_alloc, brotli_release, &failed);
    if (decoder == NULL)
        return flow_memory(x);
    while (state == BROTLI_WANTS_ROOM && out->len <= REPLY_MAX && text_ok(out)) {
        uint8_t *to = piece;
        size_t room = sizeof piece;
        state = b.go_on(decoder, &left, &next, &room, &to, NULL);
        text_add(out, piece, sizeof piece - room);
    }
    b.destroy(decoder);
    if (failed || !text_ok(out))
        return flow_memory(x);
    if (out->len > REPLY_MAX)
        return too_long(x);
    return state == BROTLI_DONE ? 0 : ERROR_PROTOCOL;
}

/* ---- one after the other ---- */

static int unpack_one(struct flow_context *x, const char *coding, size_t len, struct text *body)
{
    struct text out = TEXT_INIT;
    int code = ERROR_UNSUPPORTED;
    if (len == 8 && strncasecmp(coding, "identity", 8) == 0)
        return 0;
    if ((len == 4 && strncasecmp(coding, "gzip", 4) == 0) || (len == 6 && strncasecmp(coding, "x-gzip", 6) == 0) ||
        (len == 7 && strncasecmp(coding, "deflate", 7) == 0)) {
        code = inflate_all(x, text_bytes(body), ANY_FORM, &out);
        if (code == ERROR_PROTOCOL && (coding[0] == 'd' || coding[0] == 'D')) { /* some leave zlib's frame away */
            text_clear(&out);
            code = inflate_all(x, text_bytes(body), -15, &out);
        }
    }
    if (len == 2 && strncasecmp(coding, "br", 2) == 0)
        code = brotli_all(x, text_bytes(body), &out);
    if (code == ERROR_PROTOCOL)
        error_set(&x->error, code, "the answer says it is packed as %.*s, and cannot be unpacked", (int)len, coding);
    else if (code == ERROR_UNSUPPORTED)
        error_set(&x->error, code,
                  "the answer is packed as %.*s, which is not implemented: gzip and deflate are, and br "
                  "where libbrotli1 is installed",
                  (int)len, coding);
    if (code == 0) {
        text_deinit(body);
        *body = out;
        return 0;
    }
    text_deinit(&out);
    return code;
}

int http_unpack(struct flow_context *x, struct http_result *r)
{
    const char *said = json_string_value(json_object_get(r->headers, "content-encoding"));
    size_t end = said != NULL && r->body.len > 0 ? strlen(said) : 0;
    int code = 0;
    while (end > 0 && code == 0) { /* the last was put on last */
        size_t start = end;
        while (start > 0 && said[start - 1] != ',')
            start--;
        const char *p = said + start + strspn(said + start, " ");
        size_t len = (size_t)(said + end - p);
        while (len > 0 && p[len - 1] == ' ')
            len--;
        code = len > 0 ? unpack_one(x, p, len, &r->body) : 0;
        end = start > 0 ? start - 1 : 0;
    }
    return code;
}
