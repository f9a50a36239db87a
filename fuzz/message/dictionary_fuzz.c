/* The user's file of values, from any bytes: read or refused, and what was read can be drawn. */
#include "fuzz/message/dictionary.h"
#include "wire/testdata/set.h"

#include <stdlib.h>

static struct pb_pool *pool;

static void drop_pool(void)
{
    pb_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct random r;
    struct error err = ERROR_INIT;
    struct dictionary_value v;
    if (pool == NULL && (pb_pool_new(test_set(), "set", &pool, NULL) != 0 || atexit(drop_pool) != 0))
        abort();
    struct dictionary *d = dictionary_new();
    if (d == NULL)
        abort();
    random_seed(&r, size);
    int code = dictionary_read(d, BYTES(data, size), "values.yaml", pool, &err);
    if (code != 0 && (err.code != code || err.message == NULL))
        abort();
    const struct pb_type *t = pb_find_type(pool, "test.shared.Place");
    for (size_t i = 0; i < t->field_count; i++)
        if (dictionary_draw(d, &r, &t->fields[i], SOURCE_USER, &v) && dictionary_count(d, SOURCE_USER) == 0)
            abort();
    error_clear(&err);
    dictionary_free(d);
    return 0;
}
