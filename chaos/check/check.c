#include "chaos/check/check.h"

const char *verdict_name(enum verdict v)
{
    static const char *const names[] = {"valid", "invalid", "unknown"};
    return names[v];
}

void check_result_init(struct check_result *r)
{
    *r = (struct check_result){.verdict = VERDICT_VALID};
}

void check_result_deinit(struct check_result *r)
{
    array_deinit(&r->witness);
    check_result_init(r);
}

/* Kept rising and without repetition: witnesses are short. */
bool check_result_add(struct check_result *r, size_t operation)
{
    size_t at = r->witness.count;
    while (at > 0 && r->witness.items[at - 1] > operation)
        at--;
    if (at > 0 && r->witness.items[at - 1] == operation)
        return true;
    if (!array_grow(&r->witness))
        return false;
    for (size_t i = r->witness.count++; i > at; i--)
        r->witness.items[i] = r->witness.items[i - 1];
    r->witness.items[at] = operation;
    return true;
}
