/* A pact file, a zero byte, and any bytes as the body that came: matched against the first interaction's answer, and as
 * its request's body. Every mismatch has its texts; nothing differs from itself without rules. */
#include "fakes/pact/pact.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int (*match_fn)(const struct pact_part *, const struct pact_part *, struct pact_result *, struct error *);

static size_t match(match_fn fn, const struct pact_part *expected, const struct pact_part *actual)
{
    struct pact_result result;
    struct error err = ERROR_INIT;
    pact_result_init(&result);
    int rc = fn(expected, actual, &result, &err);
    if ((rc != 0) != (err.message != NULL))
        abort();
    size_t count = rc == 0 ? result.mismatches.count : 0;
    for (size_t i = 0; i < result.mismatches.count; i++) {
        const struct pact_mismatch *x = &result.mismatches.items[i];
        if (x->text == NULL || x->path == NULL || x->expected == NULL || x->actual == NULL || x->help == NULL)
            abort();
    }
    error_clear(&err);
    pact_result_deinit(&result);
    return count;
}

static void try_part(match_fn fn, struct pact_part *expected, struct bytes body)
{
    struct pact_part actual = *expected;
    actual.content.json = NULL;
    actual.content.bytes = body;
    actual.content.presence = body.len > 0 ? PACT_THERE : PACT_EMPTY;
    (void)match(fn, expected, &actual);
    bool ruled = expected->rules.items.count > 0;
    bool parsed = expected->content.json != NULL || expected->content.presence != PACT_THERE;
    if (match(fn, expected, expected) > 0 && !ruled && parsed)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    size_t len = zero != NULL ? (size_t)(zero - data) : size;
    struct bytes body = zero != NULL ? BYTES(zero + 1, size - len - 1) : BYTES_NONE;
    struct pact *p;
    if (pact_parse(BYTES(data, len), "fuzz.json", &p, NULL) != 0)
        return 0;
    for (size_t i = 0; i < p->interactions.count && i < 4; i++) {
        try_part(pact_match_request, &p->interactions.items[i].request, body);
        for (size_t r = 0; r < p->interactions.items[i].responses.count && r < 4; r++)
            try_part(pact_match_response, &p->interactions.items[i].responses.items[r], body);
    }
    pact_free(p);
    return 0;
}
