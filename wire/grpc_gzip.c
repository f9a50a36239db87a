#define ZLIB_CONST
#include "wire/grpc_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16)          /* zlib: the largest window, gzip framing */
#define GZIP_CHUNK  ((size_t)32 << 10) /* bytes of room made at a time */

/* zlib's states are large (about 256 KiB to compress), so each is made at first use and then reset and reused. */
struct grpc_gzip {
    z_stream deflate, inflate;
    bool deflate_ready, inflate_ready;
};

static void *zlib_alloc(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return calloc(count, size);
}

static void zlib_free(void *opaque, void *p)
{
    (void)opaque;
    free(p);
}

static struct grpc_gzip *gzip_of(struct grpc_gzip **g)
{
    if (!*g)
        *g = calloc(1, sizeof **g);
    if (*g) {
        (*g)->deflate.zalloc = (*g)->inflate.zalloc = zlib_alloc;
        (*g)->deflate.zfree = (*g)->inflate.zfree = zlib_free;
    }
    return *g;
}

/* Runs `step` until it stops asking for room. Input is bounded by the message limit, which is far below UINT_MAX. */
static int run(z_stream *z, int (*step)(z_stream *, int), struct bytes data, size_t max, struct text *out)
{
    size_t start = out->len;
    if (data.len > UINT_MAX)
        return ERROR_LIMIT;
    z->next_in = data.data;
    z->avail_in = (unsigned)data.len;
    for (;;) {
        if (!text_reserve(out, GZIP_CHUNK))
            return ERROR_MEMORY;
        z->next_out = (Bytef *)out->data + out->len;
        z->avail_out = (unsigned)GZIP_CHUNK;
        int rv = step(z, Z_FINISH);
        out->len += GZIP_CHUNK - z->avail_out;
        out->data[out->len] = '\0';
        if (out->len - start > max)
            return ERROR_LIMIT;
        if (rv == Z_STREAM_END)
            return z->avail_in == 0 ? 0 : ERROR_SYNTAX;
        if (rv == Z_MEM_ERROR)
            return ERROR_MEMORY;
        if ((rv != Z_OK && rv != Z_BUF_ERROR) || z->avail_out != 0)
            return ERROR_SYNTAX; /* corrupt, or it ends in the middle */
    }
}

int grpc_gzip_compress(struct grpc_gzip **gp, struct bytes data, struct text *out)
{
    struct grpc_gzip *g = gzip_of(gp);
    if (!g)
        return ERROR_MEMORY;
    if (!g->deflate_ready) {
        if (deflateInit2(&g->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
            return ERROR_MEMORY;
        g->deflate_ready = true;
    } else {
        deflateReset(&g->deflate);
    }
    return run(&g->deflate, deflate, data, SIZE_MAX, out);
}

int grpc_gzip_decompress(struct grpc_gzip **gp, struct bytes data, size_t max, struct text *out)
{
    struct grpc_gzip *g = gzip_of(gp);
    if (!g)
        return ERROR_MEMORY;
    if (!g->inflate_ready) {
        if (inflateInit2(&g->inflate, GZIP_WINDOW) != Z_OK)
            return ERROR_MEMORY;
        g->inflate_ready = true;
    } else {
        inflateReset(&g->inflate);
    }
    return run(&g->inflate, inflate, data, max, out);
}

void grpc_gzip_free(struct grpc_gzip *g)
{
    if (!g)
        return;
    if (g->deflate_ready)
        deflateEnd(&g->deflate);
    if (g->inflate_ready)
        inflateEnd(&g->inflate);
    free(g);
}
