/* Quotas: what the services of a namespace may have together, and what one of them has.
 *
 * Memory is what a process can be held to without root and without a delegated control group: RLIMIT_AS, the bytes of
 * its address space, from the service's metadata "memory" (MiB for each process). A quota's Memory bounds the sum of
 * that over all instances of all services of its namespace; under one each service has to say its own. Until an update
 * has taken over the service counts with the larger of what it has and what it is to have, since it may stay with
 * either; that for a while both run counts no more than one of them.
 *
 * The sum is checked when a service is created or updated, and when a quota is. Whatever is on its way to the store
 * counts as if it were there: a service with what it asks for (runner_service.reserved), so that two at a time cannot
 * both have the last of it; a quota beside the one it replaces (runner.coming), so that it cannot be missed by a
 * service that comes at the same moment. Neither takes it back when the store fails; then one has waited for nothing.
 *
 * Nothing here can hold a process to a share of the CPU, or its files to a sum: a quota that asks for it is refused. */
#include "runtime/runtime/runner.h"

#include <string.h>

#define QUOTA "resourcequota:" /* keys of quotas begin with it */

static int64_t of_spec(const struct runner_spec *s)
{
    return s ? s->memory * s->instances : 0;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t of_service(const struct runner_service *s)
{
    bool there = s->exists && !s->deleting;
    return larger(s->reserved, there ? larger(of_spec(s->current), of_spec(s->next)) : 0);
}

static bool is_unbounded(const struct runner_service *s)
{
    bool there = s->exists && !s->deleting;
    return s->reserved_unbounded ||
           (there && ((s->current && s->current->memory == 0) || (s->next && s->next->memory == 0)));
}

static int64_t used(const struct runner *r, const char *namespace, const struct runner_service *but)
{
    int64_t sum = 0;
    for (struct map_entry *e = map_first(&r->services); e; e = map_next(e)) {
        const struct runner_service *s = map_value(e);
        if (s != but && strcmp(s->namespace, namespace) == 0)
            sum += of_service(s);
    }
    return sum;
}

/* MiB, of requests and limits the lower; 0: the quota says nothing of memory. */
static int64_t bound_of(const json_t *quota)
{
    int64_t requests = json_integer_value(json_object_get(json_object_get(quota, "requests"), "Memory"));
    int64_t limits = json_integer_value(json_object_get(json_object_get(quota, "limits"), "Memory"));
    return requests <= 0 ? limits : limits <= 0 || requests < limits ? requests : limits;
}

/* By the quotas among these. */
static int admit(const struct map *resources, const struct runner_service *s, const struct runner_spec *spec,
                 struct error *err)
{
    int64_t asked = of_spec(spec), before = used(s->runner, s->namespace, s);
    for (struct map_entry *e = map_first(resources); e; e = map_next(e)) {
        const json_t *quota = map_value(e);
        const char *namespace = json_string_value(json_object_get(quota, "namespace"));
        const char *name = json_string_value(json_object_get(quota, "name"));
        int64_t bound = bound_of(quota);
        if (strncmp(map_key(e), QUOTA, strlen(QUOTA)) != 0 || !name || !namespace || bound <= 0 ||
            strcmp(namespace, s->namespace) != 0)
            continue;
        if (spec->memory == 0)
            return error_set(
                err, ERROR_INVALID,
                "namespace %s has the memory quota %s: metadata \"memory\" must say how many MiB a process "
                "of the service may have",
                namespace, name);
        if (before + asked > bound)
            return error_set(err, ERROR_NO_SPACE,
                             "the quota %s of namespace %s is %lld MiB of memory, %lld of them taken: %lld "
                             "(%lld instances of %lld MiB) are too many",
                             name, namespace, (long long)bound, (long long)before, (long long)asked,
                             (long long)spec->instances, (long long)spec->memory);
    }
    return 0;
}

int runner_quota_admit(struct runner_service *s, const struct runner_spec *spec, struct error *err)
{
    int rc = admit(&s->runner->resources, s, spec, err);
    if (rc == 0)
        rc = admit(&s->runner->coming, s, spec, err);
    if (rc == 0) {
        s->reserved = of_spec(spec);
        s->reserved_unbounded = spec->memory == 0;
    }
    return rc;
}

static bool has_more(const Runtime__Resources *r)
{
    return r && (r->cpu != 0 || r->ephemeralstorage != 0);
}

int runner_quota_check(const Runtime__ResourceQuota *q, struct error *err)
{
    if (has_more(q->requests) || has_more(q->limits))
        return error_set(err, ERROR_UNSUPPORTED,
                         "not enforced here: CPU needs a delegated control group, EphemeralStorage a file system with "
                         "quotas; Memory (MiB) is");
    int32_t requests = q->requests ? q->requests->memory : 0, limits = q->limits ? q->limits->memory : 0;
    if (requests < 0 || limits < 0 || (requests == 0 && limits == 0))
        return error_set(err, ERROR_INVALID, "a quota needs Memory in its limits or requests: MiB, above 0");
    return 0;
}

static bool json_has_more(const json_t *r)
{
    return json_integer_value(json_object_get(r, "CPU")) || json_integer_value(json_object_get(r, "EphemeralStorage"));
}

bool runner_quota_enforced(const char *key, const json_t *value)
{
    if (strncmp(key, QUOTA, strlen(QUOTA)) == 0)
        return bound_of(value) > 0 && !json_has_more(json_object_get(value, "requests")) &&
               !json_has_more(json_object_get(value, "limits"));
    return strncmp(key, "networkpolicy:", 14) != 0;
}

int runner_quota_fits(const struct runner *r, const char *namespace, const json_t *quota, struct error *err)
{
    int64_t bound = bound_of(quota), sum = used(r, namespace, NULL);
    for (struct map_entry *e = map_first(&r->services); e; e = map_next(e)) {
        const struct runner_service *s = map_value(e);
        if (is_unbounded(s) && strcmp(s->namespace, namespace) == 0)
            return error_set(err, ERROR_EXISTS,
                             "service %s of namespace %s has no bound: update it with metadata \"memory\" first",
                             s->name, namespace);
    }
    if (sum > bound)
        return error_set(err, ERROR_EXISTS, "the services of namespace %s have %lld MiB of memory already", namespace,
                         (long long)sum);
    return 0;
}
