/* The bytes are an archive: gzip if they say so, else they are a tar that is gzipped here first, so that the fuzzer
 * reaches what is inside. Whatever happens, nothing may appear outside the folder, and nothing above the limits. */
#include "base/text.h"
#include "runtime/runtime/tree.h"
#include "runtime/runtime/unpack.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GZIP_WINDOW (15 + 16)

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void gzip(const uint8_t *data, size_t size, struct text *out)
{
    z_stream z = {0};
    must(deflateInit2(&z, 1, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    must(text_reserve(out, deflateBound(&z, size)));
    uint8_t *input = malloc(size + 1); /* zlib takes no const */
    must(input != NULL);
    if (size)
        memcpy(input, data, size);
    z.next_in = input;
    z.avail_in = (uInt)size;
    z.next_out = (Bytef *)out->data;
    z.avail_out = (uInt)(out->capacity - 1);
    must(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out->len = z.total_out;
    deflateEnd(&z);
    free(input);
}

static void count(void *arg, const char *name)
{
    (void)name;
    ++*(size_t *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sim_options options = {.seed = 1};
    struct sim *sim = sim_new(&options);
    struct world *w = sim ? sim_node(sim, "n") : NULL;
    struct text archive = TEXT_INIT;
    struct unpack *u = NULL;
    size_t top = 0;
    must(w && world_make_directory(w, "top/in") == 0);
    if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
        text_add(&archive, data, size);
    else
        gzip(data, size, &archive);
    if (unpack_new(w, text_bytes(&archive), "top/in", &u, NULL) == 0)
        while (unpack_step(u, NULL) == 1) {
        }
    unpack_free(u);
    must(world_list(w, "top", count, &top) == 0 && top == 1);
    top = 0;
    must(world_list(w, "/", count, &top) == 0 && top == 1);
    struct tree tree;
    if (tree_read(w, "top/in", &tree, NULL) == 0) {
        must(tree.size <= UNPACK_SIZE_MAX);
        for (size_t i = 0; i < tree.entries.count; i++)
            must(unpack_name_safe(tree.entries.items[i].name));
    }
    tree_deinit(&tree);
    text_deinit(&archive);
    sim_free(sim);
    return 0;
}
