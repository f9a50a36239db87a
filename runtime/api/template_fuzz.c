/* Any template is compiled or refused with words, and what was compiled matches any path in bounded time and memory.
 * The first line is the template, the second one the path. Regular expressions are glibc's: the checks before them are
 * what is tried here, so they get short paths only. */
#include "base/text.h"
#include "runtime/api/template.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_ 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = TEXT_INIT, path = TEXT_INIT;
    struct template *t = NULL;
    struct error err = ERROR_INIT;
    struct arena arena = ARENA_INIT;
    struct template_path parsed;
    struct template_value values[TEMPLATE_VARIABLES_MAX];
    size_t count = 0;
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    text_add(&text, data, end ? (size_t)(end - data) : size);
    text_char(&path, '/');
    if (end)
        text_add(&path, end + 1, size - (size_t)(end - data) - 1);
    if (path.len > PATH_MAX_)
        text_truncate(&path, PATH_MAX_);
    if (template_new(text_string(&text), &t, &err) != 0) {
        if (!err.message || !err.message[0])
            abort();
    } else if (template_path_init(&parsed, text_string(&path), path.len, &arena) == 0 &&
               template_match(t, &parsed, &arena, values, &count)) {
        if (count > TEMPLATE_VARIABLES_MAX)
            abort();
        for (size_t i = 0; i < count; i++) {
            if (!values[i].name[0] || strlen(values[i].value) > path.len)
                abort();
        }
    }
    template_free(t);
    error_clear(&err);
    arena_deinit(&arena);
    text_deinit(&text);
    text_deinit(&path);
    return 0;
}
