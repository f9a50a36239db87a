/* Many reports as one. Texts, steps and tries stay in the parts, which the merged report owns; the arrays are copied.
 */
#include "reports/model.h"

#include "base/array.h"
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>

struct merge {
    struct report *into;
    const struct report *part;
    uint64_t shift;       /* ns from the first part's begin to this one's */
    struct map *cases;    /* key of a case -> its place + 1 */
    struct map *findings; /* fingerprint -> place + 1 */
};

/* Several parts may have several cases of one name (repetitions): the second of one is a later try of the second. */
static bool case_key(const struct report_case *c, struct map *seen, struct text *key)
{
    text_clear(key);
    const char *const parts[] = {c->pillar, c->suite, c->name};
    for (size_t i = 0; i < 3; i++)
        text_add(key, parts[i], strlen(parts[i]) + 1);
    if (!text_ok(key))
        return false;
    uintptr_t number = (uintptr_t)map_get_n(seen, key->data, key->len) + 1;
    if (!map_put_n(seen, key->data, key->len, (void *)number)) /* NOLINT: a number, not an address */
        return false;
    text_printf(key, "%zu", (size_t)number);
    return text_ok(key);
}

static struct report_pillar *pillar_of(struct report *r, const struct report_pillar *like)
{
    for (size_t i = 0; i < r->pillars.count; i++)
        if (strcmp(r->pillars.items[i].name, like->name) == 0)
            return &r->pillars.items[i];
    struct report_pillar fresh = {.name = like->name, .start = UINT64_MAX, .ended = true};
    return array_push(&r->pillars, fresh) ? array_last(&r->pillars) : NULL;
}

static bool add_pillars(const struct merge *m)
{
    for (size_t i = 0; i < m->part->pillars.count; i++) {
        const struct report_pillar *from = &m->part->pillars.items[i];
        struct report_pillar *to = pillar_of(m->into, from);
        if (to == NULL)
            return false;
        to->started |= from->started;
        to->ended &= from->ended || !from->started;
        to->start = from->start + m->shift < to->start ? from->start + m->shift : to->start;
        to->end = from->end + m->shift > to->end ? from->end + m->shift : to->end;
        struct report_member **last = &to->totals;
        while (*last != NULL)
            last = &(*last)->next;
        for (const struct report_member *t = from->totals; t != NULL; t = t->next) {
            struct report_member *copy = ARENA_NEW(&m->into->arena, struct report_member);
            if (copy == NULL)
                return false;
            *copy = *t;
            copy->next = NULL;
            *last = copy;
            last = &copy->next;
        }
    }
    return true;
}

static bool add_cases(const struct merge *m)
{
    struct map seen = MAP_INIT;
    struct text key = TEXT_INIT;
    bool fine = true;
    for (size_t i = 0; fine && i < m->part->cases.count; i++) {
        struct report_case c = m->part->cases.items[i];
        c.t += m->shift;
        fine = case_key(&c, &seen, &key);
        uintptr_t at = fine ? (uintptr_t)map_get_n(m->cases, key.data, key.len) : 0;
        if (at != 0)
            fine = report_case_again(&m->into->arena, &m->into->cases.items[at - 1], &c);
        else if (fine)
            fine = array_push(&m->into->cases, c) &&
                   map_put_n(m->cases, key.data, key.len, (void *)(uintptr_t)m->into->cases.count);
    }
    map_deinit(&seen);
    text_deinit(&key);
    return fine;
}

static bool add_findings(const struct merge *m)
{
    for (size_t i = 0; i < m->part->findings.count; i++) {
        struct report_finding f = m->part->findings.items[i];
        char print[REPORT_PRINT_SIZE];
        report_finding_print(&f, print);
        uintptr_t at = (uintptr_t)map_get(m->findings, print);
        f.t += m->shift;
        if (at == 0) {
            if (!array_push(&m->into->findings, f) ||
                !map_put(m->findings, print, (void *)(uintptr_t)m->into->findings.count))
                return false;
            continue;
        }
        struct report_finding *known = &m->into->findings.items[at - 1];
        uint64_t count = known->count + f.count;
        if (known->warning && !f.warning) { /* the worse of both stands */
            f.count = count;
            *known = f;
        } else {
            known->count = count;
        }
    }
    return true;
}

static bool add_series(const struct merge *m)
{
    struct report *r = m->into;
    for (size_t i = 0; i < m->part->series.count; i++) {
        const struct report_series *from = &m->part->series.items[i];
        size_t k = 0;
        while (k < r->series.count && strcmp(r->series.items[k].name, from->name) != 0)
            k++;
        if (k == REPORT_SERIES_MAX) {
            r->dropped += from->count;
            continue;
        }
        struct report_series fresh = {.name = from->name};
        if (k == r->series.count && !array_push(&r->series, fresh))
            return false;
        struct report_series *to = &r->series.items[k];
        if (!array_grow_((void **)&to->points, &to->capacity, to->count + from->count, sizeof *to->points))
            return false;
        for (size_t p = 0; p < from->count; p++)
            to->points[to->count++] = (struct report_point){from->points[p].t + m->shift, from->points[p].value};
    }
    r->dropped += m->part->dropped;
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct report_point *x = a, *y = b;
    return (x->t > y->t) - (x->t < y->t);
}

static bool add_rest(const struct merge *m)
{
    const struct report *p = m->part;
    struct report *r = m->into;
    for (size_t i = 0; i < p->faults.count; i++) {
        struct report_fault f = p->faults.items[i];
        f.start += m->shift;
        f.end += m->shift;
        if (!f.healed) { /* it ends with its own run, at the latest */
            f.end = p->duration + m->shift;
            f.healed = true;
        }
        if (!array_push(&r->faults, f))
            return false;
    }
    for (size_t i = 0; i < p->recoveries.count; i++) {
        struct report_recovery v = p->recoveries.items[i];
        v.t += m->shift;
        if (!array_push(&r->recoveries, v))
            return false;
    }
    for (size_t i = 0; i < p->tables.count; i++)
        if (!array_push(&r->tables, p->tables.items[i]))
            return false;
    for (size_t i = 0; i < p->contracts.count; i++)
        if (!array_push(&r->contracts, p->contracts.items[i]))
            return false;
    for (size_t i = 0; i < p->notes.count; i++) {
        struct report_note n = p->notes.items[i];
        n.t += m->shift;
        if (!array_push(&r->notes, n))
            return false;
    }
    return true;
}

/* What stands at the head, when all parts say the same; else all that is said, "a, b". */
static const char *joined(struct report *r, const char *so_far, const char *more)
{
    size_t len = strlen(more);
    for (const char *at = so_far; at != NULL && *at != 0; at = strstr(at, ", ") != NULL ? strstr(at, ", ") + 2 : NULL)
        if (strncmp(at, more, len) == 0 && (at[len] == 0 || at[len] == ','))
            return so_far;
    if (len == 0 || so_far == NULL)
        return so_far;
    return so_far[0] == 0 ? more : arena_printf(&r->arena, "%s, %s", so_far, more);
}

static bool add_head(const struct merge *m)
{
    const struct report *p = m->part;
    struct report *r = m->into;
    r->id = joined(r, r->id, p->id);
    r->system = joined(r, r->system, p->system);
    r->driver = joined(r, r->driver, p->driver);
    r->seed = joined(r, r->seed, p->seed);
    r->version = joined(r, r->version, p->version);
    if (r->command[0] == 0 || r->part_count == 1)
        r->command = p->command;
    else if (p->command[0] != 0 && strcmp(r->command, p->command) != 0)
        r->command = arena_printf(&r->arena, "%s && %s", r->command, p->command);
    r->begun |= p->begun;
    r->ended &= p->ended;
    r->truncated |= p->truncated;
    r->lines += p->lines;
    r->unknown += p->unknown;
    r->heals += p->heals;
    /* 1 says that something failed: what failed is here, and may have passed since. */
    if (p->ended && p->exit != 0 && p->exit != 1 && r->exit == 0)
        r->exit = p->exit;
    r->duration = p->duration + m->shift > r->duration ? p->duration + m->shift : r->duration;
    return r->id != NULL && r->system != NULL && r->driver != NULL && r->seed != NULL && r->version != NULL &&
           r->command != NULL;
}

static void count_all(struct report *r)
{
    memset(r->counts, 0, sizeof r->counts);
    for (size_t i = 0; i < r->pillars.count; i++) {
        struct report_pillar *p = &r->pillars.items[i];
        for (size_t k = 0; k < r->cases.count; k++)
            if (strcmp(r->cases.items[k].pillar, p->name) == 0)
                p->counts[r->cases.items[k].status]++;
        for (size_t k = 0; k < r->findings.count; k++)
            if (strcmp(r->findings.items[k].pillar, p->name) == 0)
                *(r->findings.items[k].warning ? &p->warnings : &p->findings) += 1;
    }
    for (size_t k = 0; k < r->cases.count; k++)
        r->counts[r->cases.items[k].status]++;
    for (size_t k = 0; k < r->findings.count; k++)
        *(r->findings.items[k].warning ? &r->warnings : &r->bugs) += 1;
    for (size_t i = 0; i < r->series.count; i++)
        qsort(r->series.items[i].points, r->series.items[i].count, sizeof(struct report_point), by_time);
}

#define SHARDS_MAX 10000

/* Of each run that was sharded, the shards that are not there. */
static bool find_missing(struct report *r)
{
    struct text missing = TEXT_INIT;
    for (size_t i = 0; i < r->part_count; i++) {
        const struct report *first = r->parts[i];
        bool told = first->shard == 0 || first->shards > SHARDS_MAX, any = false;
        for (size_t k = 0; k < i && !told; k++)
            told = r->parts[k]->shard != 0 && strcmp(r->parts[k]->id, first->id) == 0;
        for (uint64_t shard = 1; !told && shard <= first->shards; shard++) {
            bool there = false;
            for (size_t k = 0; k < r->part_count; k++)
                there |= r->parts[k]->shard == shard && strcmp(r->parts[k]->id, first->id) == 0;
            if (there)
                continue;
            text_printf(&missing, "%s%llu", any ? ", " : missing.len == 0 ? "" : "; ", (unsigned long long)shard);
            any = true;
        }
        if (any)
            text_printf(&missing, " of %llu", (unsigned long long)first->shards);
    }
    bool fine = text_ok(&missing);
    if (fine && missing.len != 0) {
        r->missing = arena_string(&r->arena, text_string(&missing));
        fine = r->missing != NULL;
    }
    text_deinit(&missing);
    return fine;
}

/* In the order in which they began; those that do not say stay where they are. */
static void sort_parts(struct report **parts, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct report *one = parts[i];
        size_t at = i;
        for (; at > 0 && report_epoch(one) != 0 && report_epoch(parts[at - 1]) > report_epoch(one); at--)
            parts[at] = parts[at - 1];
        parts[at] = one;
    }
}

static bool add_parts(struct report *r)
{
    struct map cases = MAP_INIT, findings = MAP_INIT;
    bool fine = true;
    int64_t begin = report_epoch(r->parts[0]);
    for (size_t i = 0; fine && i < r->part_count; i++) {
        int64_t epoch = report_epoch(r->parts[i]);
        struct merge m = {r, r->parts[i], begin != 0 && epoch > begin ? (uint64_t)(epoch - begin) : 0, &cases,
                          &findings};
        fine = add_head(&m) && add_pillars(&m) && add_cases(&m) && add_findings(&m) && add_series(&m) &&
               report_latency_merge(r, m.part) && add_rest(&m);
    }
    map_deinit(&cases);
    map_deinit(&findings);
    return fine;
}

int report_merge(struct report **parts, size_t count, struct report **out, struct error *err)
{
    struct report *r = NULL;
    bool one = count == 1 && parts[0]->shard == 0;
    int code = one ? 0 : report_new("merged", &r, err);
    if (one) {
        *out = parts[0];
        return 0;
    }
    if (code == 0) {
        r->parts = calloc(count, sizeof *r->parts);
        if (r->parts == NULL)
            code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    if (code != 0) {
        for (size_t i = 0; i < count; i++)
            report_free(parts[i]);
        report_free(r);
        return code;
    }
    memcpy(r->parts, parts, count * sizeof *parts);
    r->part_count = count;
    sort_parts(r->parts, count);
    r->started = r->parts[0]->started;
    r->ended = true;
    if (!add_parts(r) || !find_missing(r)) {
        report_free(r);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    count_all(r);
    *out = r;
    return 0;
}
