/* Valid and near-valid messages for another implementation to judge: see mutate_google_test.py.
 *
 *   mutate_dump SEED COUNT
 *
 * To standard output: a record of each descriptor set, then one of each message. A record: which set (one digit), what
 * decoders are to make of it ('a' accept, 'r' refuse, 'd' differ, 's' a set), the type's name, what was done, each with
 * a newline behind it, the length as a decimal number, a newline, and the bytes. */
#include "fuzz/message/defect.h"
#include "fuzz/message/generate.h"
#include "fuzz/message/mutate.h"
#include "proto/set.h"
#include "wire/testdata/set.h"

#include <stdio.h>
#include <stdlib.h>

static void put(size_t set, char decoders, const char *type, const char *what, struct bytes b)
{
    printf("%zu%c%s\n%s\n%zu\n", set, decoders, type, what, b.len);
    fwrite(b.data, 1, b.len, stdout);
}

int main(int argc, char **argv)
{
    struct bytes sets[2] = {test_set(), proto_set()};
    struct pb_pool *pools[2] = {NULL, NULL};
    struct text in = TEXT_INIT, other = TEXT_INIT, out = TEXT_INIT, scratch = TEXT_INIT;
    struct random r;
    if (argc != 3)
        return 2;
    random_seed(&r, strtoull(argv[1], NULL, 10));
    for (size_t i = 0; i < 2; i++) {
        if (pb_pool_new(sets[i], "set", &pools[i], NULL) != 0)
            return 1;
        put(i, 's', "", "", sets[i]);
    }
    for (unsigned long n = strtoul(argv[2], NULL, 10); n > 0; n--) {
        size_t set = (size_t)random_below(&r, 2);
        const struct pb_type *t = pb_type_at(pools[set], (size_t)random_below(&r, pb_type_count(pools[set])));
        if (t->map_entry)
            continue;
        text_clear(&in);
        text_clear(&other);
        fuzz_generate_small(&r, t, 4, 2000, random_below(&r, 2) == 0, &in);
        fuzz_generate_small(&r, t, 4, 2000, false, &other);
        for (int i = 0; i < 2; i++) {
            struct mutated did;
            struct mutation m = {.type = t,
                                 .input = text_bytes(&in),
                                 .other = text_bytes(&other),
                                 .other_type = t,
                                 .max = (size_t)64 << 10,
                                 .scratch = &scratch};
            text_clear(&out);
            if (fuzz_mutate_message(&r, &m, i == 0 ? LANE_VALID : LANE_NEAR_VALID, &out, &did) != 0)
                return 1;
            const struct defect *d = i == 0 ? NULL : defect_find(did.what);
            put(set, d == NULL ? 'a' : "rad"[d->decoders], t -> full_name, did.what, text_bytes(&out));
        }
    }
    text_deinit(&in);
    text_deinit(&other);
    text_deinit(&out);
    text_deinit(&scratch);
    pb_pool_free(pools[0]);
    pb_pool_free(pools[1]);
    return fflush(stdout) == 0 ? 0 : 1;
}
