/* Whatever a browser sends: cookies and parts of paths are of the characters they may have, and what a form becomes is
 * a form again. */
#include "runtime/web/form.h"
#include "runtime/web/web.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool each(void *arg, const char *name, const char *value)
{
    (void)value;
    if (!*name)
        abort(); /* no input has a blank name */
    ++*(size_t *)arg;
    return true;
}

static void check_form(struct bytes body)
{
    struct web_form f;
    size_t count = 0;
    if (web_form_read(body, &f) == 0) {
        if (f.fields.len > 0 && strspn(f.fields.data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                                      "-._~%&=") != f.fields.len)
            abort();
        if (f.fields.len > 0 && !strstr(f.fields.data, "&=") && f.fields.data[0] != '=')
            (void)web_form_each(text_bytes(&f.fields), each, &count);
    }
    web_form_deinit(&f);
}

static void check_page(struct bytes words)
{
    struct text out = TEXT_INIT;
    web_escape_bytes(&out, words);
    for (size_t i = 0; i < out.len; i++)
        if (strchr("<>\"'", out.data[i]))
            abort();
    text_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    const char *parts[WEB_PARTS_MAX];
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    const char *cookie = web_cookie(text, "micro-token", 64, &arena);
    if (cookie && (strlen(cookie) > 64 || strpbrk(cookie, " ;,\"\\\r\n")))
        abort();
    int count = web_path_parts(text, parts, WEB_PARTS_MAX, &arena);
    for (int i = 0; i < count; i++)
        if (!parts[i][0] || parts[i][0] == '.' || strpbrk(parts[i], "/<>&\"' %"))
            abort();
    check_form(BYTES(data, size));
    check_page(BYTES(data, size));
    arena_deinit(&arena);
    free(text);
    return 0;
}
