/* Any text is an endpoint whose parts can be used as they are, or a clear error; and no name of a file leads out of its
 * folder. */
#include "runtime/wrap/internal.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_endpoint(const char *text)
{
    struct arena arena = ARENA_INIT;
    struct wrap_endpoint e;
    struct error err = ERROR_INIT;
    int rc = wrap_endpoint_parse(text, &arena, &e, &err);
    if (rc && rc != ERROR_INVALID)
        abort();
    if (rc && (!err.message || !err.message[0]))
        abort();
    bool network = rc == 0 && (e.kind == WRAP_HTTP || e.kind == WRAP_GRPC);
    if (network && (!e.address || strpbrk(e.address, " /@?#\r\n") || !strrchr(e.address, ':')))
        abort();
    if (rc == 0 && e.kind == WRAP_HTTP && e.path[0] && (e.path[0] != '/' || strpbrk(e.path, " ?#\r\n")))
        abort();
    if (rc == 0 && e.kind == WRAP_GRPC && e.path && strpbrk(e.path, "/ "))
        abort();
    if (rc == 0 && e.kind == WRAP_EXEC && (!e.argv[0] || !e.argv[0][0]))
        abort();
    error_clear(&err);
    arena_deinit(&arena);
}

/* Walks the name as a file system does. */
static void check_name(const char *name)
{
    int depth = 0;
    if (wrap_file_name(name) != 0)
        return;
    if (name[0] == '/')
        abort();
    for (const char *p = name; *p;) {
        size_t len = strcspn(p, "/");
        depth += len == 2 && p[0] == '.' && p[1] == '.' ? -1 : 1;
        if (depth <= 0)
            abort();
        p += len + (p[len] == '/');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_endpoint(text);
    check_name(text);
    free(text);
    return 0;
}
