/* Every order, with a memory of where it has been: (which operations are placed, the register's value). Slow and
 * plainly right: the twin the zone test is checked against. */
#include "chaos/check/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPERATIONS_MAX 24
#define TABLE_SIZE     ((size_t)1 << 10)

struct search {
    const struct operation *operations[OPERATIONS_MAX];
    size_t count;
    uint32_t required; /* operations that must be placed: all but writes of unknown end */
    uint64_t *visited; /* open addressing; 0: free */
    size_t capacity, used;
    bool out_of_memory;
};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xFF51AFD7ED558CCD);
    x ^= x >> 33;
    return x;
}

/* False when the place is known already. */
static bool visit(struct search *s, uint64_t place)
{
    if (s->used * 2 >= s->capacity) {
        size_t capacity = s->capacity * 2;
        uint64_t *more = calloc(capacity, sizeof *more);
        if (more == NULL) {
            s->out_of_memory = true;
            return false;
        }
        for (size_t i = 0; i < s->capacity; i++) {
            if (s->visited[i] == 0)
                continue;
            size_t slot = mix(s->visited[i]) & (capacity - 1);
            while (more[slot] != 0)
                slot = (slot + 1) & (capacity - 1);
            more[slot] = s->visited[i];
        }
        free(s->visited);
        s->visited = more;
        s->capacity = capacity;
    }
    size_t slot = mix(place) & (s->capacity - 1);
    while (s->visited[slot] != 0) {
        if (s->visited[slot] == place)
            return false;
        slot = (slot + 1) & (s->capacity - 1);
    }
    s->visited[slot] = place;
    s->used++;
    return true;
}

/* Depth is at most OPERATIONS_MAX. `last` is the write in place + 1, 0 for absent. */
static bool place_rest(struct search *s, uint32_t placed, size_t last)
{
    if ((placed & s->required) == s->required)
        return true;
    if (!visit(s, ((uint64_t)placed << 8 | last) + 1))
        return false;
    int64_t value = last == 0 ? VALUE_NIL : s->operations[last - 1]->value;
    uint64_t first_end = UINT64_MAX;
    for (size_t i = 0; i < s->count; i++)
        if ((placed >> i & 1) == 0 && s->operations[i]->ended < first_end)
            first_end = s->operations[i]->ended;
    for (size_t i = 0; i < s->count; i++) {
        const struct operation *o = s->operations[i];
        if ((placed >> i & 1) != 0 || o->invoked > first_end)
            continue;
        if (o->function == OPERATION_READ && o->value != value)
            continue;
        if (place_rest(s, placed | UINT32_C(1) << i, o->function == OPERATION_WRITE ? i + 1 : last))
            return true;
    }
    return false;
}

static int check_key(const struct history *h, uint32_t key, struct check_result *out)
{
    struct search s = {0};
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        bool counts = o->function == OPERATION_WRITE ? o->end != END_FAIL : o->end == END_OK;
        if (o->key != key || !counts)
            continue;
        if (s.count == OPERATIONS_MAX)
            return ERROR_LIMIT;
        if (o->end == END_OK)
            s.required |= UINT32_C(1) << s.count;
        s.operations[s.count++] = o;
    }
    s.capacity = TABLE_SIZE;
    s.visited = calloc(s.capacity, sizeof *s.visited);
    if (s.visited == NULL)
        return ERROR_MEMORY;
    bool found = place_rest(&s, 0, 0);
    free(s.visited);
    if (s.out_of_memory)
        return ERROR_MEMORY;
    if (!found) {
        out->verdict = VERDICT_INVALID;
        out->key = key;
        snprintf(out->reason, sizeof out->reason, "no order of the operations on key %u explains them", key);
    }
    return 0;
}

int check_register_exhaustive(const struct history *h, struct check_result *out)
{
    check_result_deinit(out);
    out->checked = h->count;
    for (size_t i = 0; i < h->count && out->verdict == VERDICT_VALID; i++) {
        bool first = true;
        for (size_t n = 0; n < i && first; n++)
            first = h->operations[n].key != h->operations[i].key;
        int code = first ? check_key(h, h->operations[i].key, out) : 0;
        if (code != 0)
            return code;
    }
    return 0;
}
