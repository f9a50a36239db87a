/* Patterns from a stranger's repository: the first line is a path, the rest are patterns. A pattern that is a path's
 * own text, escaped, must fit it; a negation of everything must bring everything back. */
#include "base/text.h"
#include "runtime/cli/ignore.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_own_text(const char *path)
{
    struct text pattern = TEXT_INIT;
    struct ignore list = {0};
    bool odd = !path[0] || path[0] == '/' || path[strlen(path) - 1] == '/' || strlen(path) > 100;
    text_char(&pattern, '/');
    for (const char *p = path; *p; p++) {
        text_char(&pattern, '\\');
        text_char(&pattern, *p);
        odd = odd || *p == ' ' || *p == '\t' || *p == '\r' || *p == '/';
    }
    if (!odd && ignore_add(&list, text_bytes(&pattern), "own", NULL) == 0 && !ignore_match(&list, path, false))
        abort();
    ignore_deinit(&list);
    text_deinit(&pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    size_t len = newline ? (size_t)(newline - data) : size;
    char path[512];
    struct ignore list = {0};
    struct error err = ERROR_INIT;
    if (len >= sizeof path)
        return 0;
    if (len)
        memcpy(path, data, len);
    path[len] = '\0';
    int rc = ignore_add(&list, newline ? BYTES(newline + 1, size - len - 1) : BYTES_NONE, "fuzz", &err);
    if (rc < 0 && !err.message)
        abort();
    bool file = ignore_match(&list, path, false), folder = ignore_match(&list, path, true);
    (void)file;
    (void)folder;
    if (rc == 0 && path[0] && ignore_add(&list, BYTES("!**", 3), "fuzz", NULL) == 0 && ignore_match(&list, path, false))
        abort();
    check_own_text(path);
    ignore_deinit(&list);
    error_clear(&err);
    return 0;
}
