/* Any bytes as an expression: it is refused in words, or what is printed of it reads again as the same. */
#include "e2e/value/expression.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct text once = TEXT_INIT, twice = TEXT_INIT;
    const char *why = NULL;
    int code = 0;
    const struct expr *e = expr_parse(&arena, BYTES(data, size), NULL, &why, &code);
    if ((e == NULL) != (code != 0) || (e == NULL && why == NULL))
        abort();
    if (e != NULL && expr_print(e, NULL, NULL, &once)) {
        const struct expr *again = expr_parse(&arena, text_bytes(&once), NULL, &why, &code);
        /* what was just within the depth may have parentheses too many */
        if (again != NULL &&
            (!expr_print(again, NULL, NULL, &twice) || strcmp(text_string(&once), text_string(&twice)) != 0))
            abort();
        if (again == NULL && strstr(why, "nested") == NULL)
            abort();
    }
    text_deinit(&once);
    text_deinit(&twice);
    arena_deinit(&arena);
    return 0;
}
