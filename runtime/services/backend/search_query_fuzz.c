/* Bytes become a query and, behind the first NUL, a record. Whatever they are, reading them ends with a tree or with an
 * error that has a text; and a tree judges the record the same twice. */
#include "runtime/services/backend/search_query.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct error err = ERROR_INIT;
    struct search_query *q = NULL;
    struct search_words words = {0};
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t len = end ? (size_t)(end - data) : size;
    char *query = arena_string_n(&a, len ? (const char *)data : "", len);
    json_t *record = end ? json_loadb((const char *)end + 1, size - len - 1, 0, NULL) : json_object();
    if (!query || !search_words_of(&a, &words, record))
        abort();
    if (search_parse(&a, query, &q, &err) == 0) {
        double one = 0, two = 0;
        if (!q || search_matches(q, record, &words, &one) != search_matches(q, record, &words, &two) || one != two)
            abort();
    } else if (q || !err.message) {
        abort();
    }
    error_clear(&err);
    json_decref(record);
    arena_deinit(&a);
    return 0;
}
