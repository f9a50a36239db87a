/* Bodies that come packed (RFC 9110, 8.4): gzip and deflate. Brotli is libcurl's, where a step says `compressed`. */
#include "e2e/http/http.h"

#include <string.h>
#include <strings.h>
#include <zlib.h>

#define ANY_FORM (15 + 32) /* zlib's sign for gzip or zlib, whichever it is */

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
        return error_set(&x->error, ERROR_LIMIT, "unpacked, the answer is longer than %zu MiB", REPLY_MAX >> 20);
    return state == Z_STREAM_END ? 0 : ERROR_PROTOCOL;
}

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
    if (code == ERROR_PROTOCOL)
        error_set(&x->error, code, "the answer says it is packed as %.*s, and cannot be unpacked", (int)len, coding);
    else if (code == ERROR_UNSUPPORTED)
        error_set(&x->error, code, "the answer is packed as %.*s, which is not implemented: gzip and deflate are",
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
