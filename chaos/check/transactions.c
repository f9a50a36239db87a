/* The model `multi-register`: operations by the keys that belong together, each group decided by transaction_group().
 */
#include "chaos/check/search.h"
#include "chaos/check/transaction_group.h"

#include <stdlib.h>

struct groups {
    struct table keys;
    ARRAY(uint32_t) parents; /* by key's number: one of its group; itself: it stands for the group */
};

static uint32_t group_of(const struct groups *s, uint32_t number)
{
    while (s->parents.items[number] != number) {
        s->parents.items[number] = s->parents.items[s->parents.items[number]];
        number = s->parents.items[number];
    }
    return number;
}

/* The group's number; TABLE_NONE: no memory. */
static uint32_t join(struct groups *s, const struct history *h, const struct operation *o)
{
    const int64_t single[PART_SIZE] = {o->function, o->key, o->value}, *items = single;
    size_t count = PART_SIZE;
    uint32_t all = TABLE_NONE;
    if (o->function == OPERATION_TXN)
        items = history_list(h, o, &count);
    for (size_t i = 0; i < count; i += PART_SIZE) {
        uint32_t number = table_add(&s->keys, 0, items[i + PART_KEY]);
        if (number == TABLE_NONE || (number == s->parents.count && !array_push(&s->parents, number)))
            return TABLE_NONE;
        number = group_of(s, number);
        if (all != TABLE_NONE)
            s->parents.items[number] = group_of(s, all);
        all = number;
    }
    return count > 0 ? all : 0;
}

static int check_transactions(const struct history *h, const struct check_limits *limits, struct check_result *out,
                              struct error *err)
{
    (void)err;
    struct budget b = budget_of(limits);
    struct groups s = {0};
    uint32_t *first = malloc((h->count + 1) * sizeof *first), *operations = malloc((h->count + 1) * sizeof *operations);
    int code = first != NULL && operations != NULL && h->count < UINT32_MAX ? 0 : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < h->count; i++) {
        if ((first[i] = join(&s, h, &h->operations[i])) == TABLE_NONE)
            code = ERROR_MEMORY;
        else if (stop_asked(limits, i))
            code = ERROR_CANCELLED;
    }
    /* Sorted by group: counted, then laid out. */
    size_t *starts = code == 0 ? calloc(s.keys.count + 2, sizeof *starts) : NULL;
    if (code == 0 && starts == NULL)
        code = ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < h->count; i++) {
        first[i] = s.parents.count > 0 ? group_of(&s, first[i]) : 0;
        starts[first[i] + 1]++;
    }
    for (size_t i = 0; code == 0 && i < s.keys.count; i++)
        starts[i + 1] += starts[i];
    for (size_t i = 0; code == 0 && i < h->count; i++)
        operations[starts[first[i]]++] = (uint32_t)i;
    out->checked = h->count;
    for (size_t i = 0, begin = 0; code == 0 && out->verdict == VERDICT_VALID && i < s.keys.count; begin = starts[i++]) {
        if (starts[i] > begin) {
            out->key = (uint32_t)s.keys.entries[i].value;
            code = transaction_group(h, &operations[begin], starts[i] - begin, &b, out);
        }
    }
    free(first);
    free(operations);
    free(starts);
    table_deinit(&s.keys);
    array_deinit(&s.parents);
    return code;
}

static int search_transactions(const struct history *h, const struct check_limits *limits, struct check_result *out,
                               struct error *err)
{
    (void)err;
    struct budget b = budget_of(limits);
    uint32_t *operations = malloc((h->count + 1) * sizeof *operations);
    if (operations == NULL)
        return ERROR_MEMORY;
    for (size_t i = 0; i < h->count; i++)
        operations[i] = (uint32_t)i;
    out->checked = h->count;
    int code = search_key(&machine_registers, h, operations, h->count, &b, out);
    free(operations);
    return code;
}

const struct check_model model_multi_register = {
    .name = "multi-register",
    .summary = "linearizable transactions: reads and writes of several registers at once",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(TXN) | KNOWS(READ) | KNOWS(WRITE),
    .check = check_transactions,
    .exhaustive = search_transactions,
};
