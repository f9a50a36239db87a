/* Any bytes as a pact file: refused with a place, or taken; then what is written of it is read again, and is the same
 * when it is written once more; merged with itself nothing is added; its generators make something or say why not. */
#include "fakes/pact/pact.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pact *parse(struct bytes text, bool must)
{
    struct pact *p = NULL;
    struct error err = ERROR_INIT;
    int rc = pact_parse(text, "fuzz.json", &p, &err);
    if (rc != err.code || (rc == 0) != (p != NULL) || (rc != 0 && (must || err.message == NULL || err.line < 1)))
        abort();
    error_clear(&err);
    return p;
}

static void generate(const struct pact *p)
{
    for (size_t i = 0; i < p->interactions.count; i++) {
        struct random random;
        struct arena arena = ARENA_INIT;
        struct pact_part made;
        struct error err = ERROR_INIT;
        const struct pact_generating with = {
            .random = &random, .now = UINT64_C(946720800000000000), .base = "http://h"};
        random_seed(&random, i);
        if (pact_generate(&p->interactions.items[i].request, &with, &arena, &made, &err) == 0)
            pact_part_deinit(&made);
        else if (err.message == NULL)
            abort();
        error_clear(&err);
        arena_deinit(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text first = TEXT_INIT, second = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct pact *p = parse(BYTES(data, size), false), *q = NULL;
    if (p == NULL)
        return 0;
    if (pact_write(p, &first) != 0)
        abort();
    q = parse(text_bytes(&first), true);
    if (q->interactions.count != p->interactions.count || pact_write(q, &second) != 0 ||
        !bytes_equal(text_bytes(&first), text_bytes(&second)))
        abort();
    size_t had = p->interactions.count;
    int rc = pact_merge(p, q, &err);
    if ((rc != 0 && err.message == NULL) || (rc == 0 && p->interactions.count != had))
        abort();
    generate(p);
    error_clear(&err);
    text_deinit(&first);
    text_deinit(&second);
    pact_free(p);
    pact_free(q);
    return 0;
}
