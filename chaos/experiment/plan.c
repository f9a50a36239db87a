#include "chaos/experiment/plan.h"

#include "base/units.h"
#include "chaos/fault/fault.h"
#include "chaos/workload/workload.h"

#include <stdlib.h>
#include <string.h>

bool plan_is(const struct document *d)
{
    return node_get(document_root(d), "experiment") != NULL;
}

/* A list of texts, or one text, as a NULL-terminated list. */
static int read_names(const struct node *map, const char *key, struct arena *arena, const char *const **out,
                      struct error *err)
{
    const struct node *n = node_get(map, key);
    if (n == NULL)
        return 0;
    size_t count = n->kind == NODE_LIST ? n->list.count : 1;
    const char **names = ARENA_NEW_N(arena, const char *, count + 1);
    if (names == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct node *item = n->kind == NODE_LIST ? &n->list.items[i] : n;
        if (item->kind != NODE_TEXT)
            return node_error(item, err, ERROR_INVALID, "\"%s\" is a list of names, not %s", key,
                              node_kind_name(item->kind));
        names[i] = (const char *)item->text.data;
    }
    *out = count > 0 ? names : NULL;
    return 0;
}

static int check_faults(const struct node *root, const char *const *names, struct error *err)
{
    const struct node *list = node_get(root, "faults");
    for (size_t i = 0; names != NULL && names[i] != NULL; i++)
        if (fault_find(names[i]) == NULL)
            return fault_unknown(list->kind == NODE_LIST ? &list->list.items[i] : list, names[i], err);
    return 0;
}

static int read_workloads(const struct node *root, struct chaos_plan *p, struct error *err)
{
    const char *const *names = NULL;
    int code = read_names(root, "workloads", &p->arena, &names, err);
    size_t count = 0;
    while (names != NULL && names[count] != NULL)
        count++;
    if (code != 0 || count == 0)
        return code;
    const struct node *list = node_get(root, "workloads");
    if (count > CHAOS_WORKLOADS_MAX)
        return node_error(list, err, ERROR_LIMIT, "an experiment has at most %d workloads", CHAOS_WORKLOADS_MAX);
    const struct workload_kind **kinds = ARENA_NEW_N(&p->arena, const struct workload_kind *, count + 1);
    if (kinds == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        kinds[i] = workload_kind_find(names[i]);
        if (kinds[i] == NULL)
            return workload_unknown(list->kind == NODE_LIST ? &list->list.items[i] : list, names[i], err);
    }
    p->options.workloads = kinds;
    return 0;
}

/* "50%" as 0.5. */
static int read_share(const struct node *map, const char *key, double *out, struct error *err)
{
    const struct node *n = node_get(map, key);
    if (n == NULL)
        return 0;
    char *end = NULL;
    double percent = n->kind == NODE_TEXT ? strtod((const char *)n->text.data, &end) : 0;
    if (end == NULL || end == (const char *)n->text.data || strcmp(end, "%") != 0 || !(percent > 0 && percent <= 100))
        return node_error(n, err, ERROR_INVALID, "\"%s\" is a share above 0%% and up to 100%%, such as 50%%", key);
    *out = percent / 100;
    return 0;
}

static int may_time(const struct node *map, const char *key, uint64_t *out, struct error *err)
{
    int64_t value = 0;
    int code = node_may_duration(map, key, &value, err);
    if (code == 0 && node_get(map, key) != NULL && value <= 0)
        code = node_error(node_get(map, key), err, ERROR_INVALID, "\"%s\" is a duration above 0, such as 20s", key);
    if (code == 0)
        *out = (uint64_t)value;
    return code;
}

static int read_guards(const struct node *root, struct chaos_plan *p, struct error *err)
{
    static const char *const keys[] = {"errors", "throughput", "p99", "lasting", NULL};
    const struct node *map = NULL;
    int code = node_may_map(root, "guards", &map, err);
    if (code != 0 || map == NULL)
        return code;
    p->guards.lasting = (uint64_t)SECOND;
    code = node_only_keys(map, keys, err);
    if (code == 0)
        code = read_share(map, "errors", &p->guards.errors_max, err);
    if (code == 0)
        code = read_share(map, "throughput", &p->guards.throughput_min, err);
    if (code == 0)
        code = may_time(map, "p99", &p->guards.p99_max, err);
    if (code == 0 && node_get(map, "lasting") != NULL)
        code = may_time(map, "lasting", &p->guards.lasting, err);
    if (code == 0)
        p->options.guards = &p->guards;
    return code;
}

static int may_count(const struct node *map, const char *key, int64_t min, int64_t max, int *out, struct error *err)
{
    int64_t value = *out;
    int code = node_may_integer(map, key, min, max, &value, err);
    *out = (int)value;
    return code;
}

/* One of two words, of which the first is what is meant when nothing is said. */
static int may_choose(const struct node *root, const char *key, const char *usual, const char *other, const char **out,
                      struct error *err)
{
    int code = node_may_text(root, key, out, err);
    if (code == 0 && *out != NULL && strcmp(*out, usual) != 0 && strcmp(*out, other) != 0)
        code = node_error(node_get(root, key), err, ERROR_INVALID, "\"%s\" is \"%s\" (what is not said) or \"%s\"", key,
                          usual, other);
    return code;
}

static int read_choices(const struct node *root, struct chaos_plan *p, struct error *err)
{
    const char *expect = NULL;
    int code = may_choose(root, "expect", "kept", "violated", &expect, err);
    if (code == 0)
        code = may_choose(root, "network", "shared", "namespaces", &p->network, err);
    if (code == 0)
        code = may_choose(root, "disk", "shared", "image", &p->disk, err);
    p->options.violated = expect != NULL && strcmp(expect, "violated") == 0;
    return code;
}

static int read_load(const struct node *root, struct chaos_plan *p, struct error *err)
{
    struct chaos_options *o = &p->options;
    int code = may_count(root, "clients", 1, 1000, &o->clients, err);
    if (code == 0)
        code = may_count(root, "keys", 1, 100000, &o->keys, err);
    if (code == 0)
        code = may_count(root, "rate", 0, 1000000, &o->rate, err);
    if (code == 0)
        code = may_time(root, "duration", &o->duration, err);
    if (code == 0)
        code = may_time(root, "settle", &o->settle, err);
    if (code == 0)
        code = may_time(root, "recovery_within", &o->recovery_within, err);
    p->repeat = 1;
    if (code == 0)
        code = node_may_integer(root, "repeat", 1, PLAN_REPEAT_MAX, &p->repeat, err);
    return code;
}

static int read_storm(const struct node *root, struct chaos_plan *p, struct error *err)
{
    int code = read_names(root, "faults", &p->arena, &p->options.faults, err);
    if (code == 0)
        code = check_faults(root, p->options.faults, err);
    if (code == 0)
        code = read_names(root, "targets", &p->arena, &p->options.targets, err);
    if (code == 0)
        code = node_may_list(root, "schedule", &p->schedule, err);
    if (code == 0 && p->schedule != NULL && (p->options.faults != NULL || p->options.targets != NULL))
        code = node_error(p->schedule, err, ERROR_INVALID,
                          "a schedule says which faults hit whom: \"faults\" and \"targets\" do not go with it");
    return code;
}

int plan_read(struct document *d, struct chaos_plan *out, struct error *err)
{
    static const char *const keys[] = {"experiment", "about",           "system",   "network", "disk",
                                       "workloads",  "clients",         "keys",     "rate",    "faults",
                                       "targets",    "schedule",        "duration", "settle",  "guards",
                                       "repeat",     "recovery_within", "expect",   NULL};
    const struct node *root = document_root(d);
    *out = (struct chaos_plan){.document = d, .arena = ARENA_INIT};
    int code = root->kind == NODE_MAP ? node_only_keys(root, keys, err)
                                      : node_error(root, err, ERROR_INVALID, "an experiment is a map");
    if (code == 0)
        code = node_need_text(root, "experiment", &out->name, err);
    if (code == 0)
        code = node_may_text(root, "about", &out->about, err);
    if (code == 0)
        code = node_may_text(root, "system", &out->system, err);
    if (code == 0)
        code = read_workloads(root, out, err);
    if (code == 0)
        code = read_load(root, out, err);
    if (code == 0)
        code = read_storm(root, out, err);
    if (code == 0)
        code = read_choices(root, out, err);
    if (code == 0)
        code = read_guards(root, out, err);
    if (code != 0)
        plan_deinit(out);
    return code;
}

void plan_deinit(struct chaos_plan *p)
{
    document_free(p->document);
    arena_deinit(&p->arena);
    *p = (struct chaos_plan){0};
}
