#include "world/internal.h"

#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define POINT_NAME_MAX 128

struct point {
    enum point_action action;
    uint64_t hits;
    uint64_t at; /* the hit that fires */
    bool every;
};

static struct point *point_get(struct world *w, const char *name)
{
    struct point *p = map_get(&w->points, name);
    if (p)
        return p;
    p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    if (!map_put(&w->points, name, p)) {
        free(p);
        return NULL;
    }
    return p;
}

/* Counts the hit and carries out what is due. */
static int point_hit(struct world *w, struct point *p)
{
    if (!p)
        return 0; /* a hit that cannot be counted is not a fault of the caller */
    p->hits++;
    if (p->action == POINT_NONE || p->hits < p->at || (p->hits > p->at && !p->every))
        return 0;
    if (p->action == POINT_ERROR)
        return ERROR_INJECTED;
    w->operations->crash(w);
    return ERROR_CLOSED;
}

int world_point_slow(struct world *w, const char *name)
{
    if (w->dead)
        return ERROR_CLOSED;
    int code = point_hit(w, point_get(w, name));
    struct point *any = code == 0 ? map_get(&w->points, WORLD_POINT_ANY) : NULL;
    return any ? point_hit(w, any) : code;
}

int world_point_arm(struct world *w, const char *name, enum point_action action, uint64_t nth, bool every_hit)
{
    if (strlen(name) == 0 || strlen(name) > POINT_NAME_MAX)
        return ERROR_INVALID;
    struct point *p = point_get(w, name);
    if (!p)
        return ERROR_MEMORY;
    p->action = action;
    p->at = p->hits + (nth ? nth : 1);
    p->every = every_hit;
    w->shared.points_armed = true;
    return 0;
}

uint64_t world_point_hits(struct world *w, const char *name)
{
    const struct point *p = map_get(&w->points, name);
    return p ? p->hits : 0;
}

static bool point_name_ok(const char *name)
{
    if (!*name || strlen(name) > POINT_NAME_MAX)
        return false;
    for (const char *c = name; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!letter && !strchr("._-", *c))
            return false;
    }
    return true;
}

/* One "name=action", "name=action@n" (the n-th hit) or "name=action@n+" (from the n-th on). */
static int point_parse_one(struct world *w, char *item, struct error *err)
{
    char *equals = strchr(item, '=');
    if (!equals)
        return error_set(err, ERROR_SYNTAX, "point \"%s\": expected name=crash or name=error", item);
    *equals = '\0';
    char *action_word = equals + 1;
    char *at = strchr(action_word, '@');
    int64_t nth = 1;
    bool every = false;
    if (at) {
        *at++ = '\0';
        size_t len = strlen(at);
        if (len && at[len - 1] == '+') {
            every = true;
            at[len - 1] = '\0';
        }
        if (units_parse_integer(at, 1, INT64_MAX, &nth, NULL) < 0)
            return error_set(err, ERROR_SYNTAX, "point \"%s\": \"%s\" is no count from 1 up", item, at);
    }
    if (!point_name_ok(item))
        return error_set(err, ERROR_SYNTAX, "\"%s\" is no name of a point (letters, digits, dots, - and _)", item);
    enum point_action action;
    if (strcmp(action_word, "crash") == 0)
        action = POINT_CRASH;
    else if (strcmp(action_word, "error") == 0)
        action = POINT_ERROR;
    else
        return error_set(err, ERROR_SYNTAX, "point \"%s\": \"%s\" is neither crash nor error", item, action_word);
    int code = world_point_arm(w, item, action, (uint64_t)nth, every);
    return code < 0 ? error_set(err, code, "point \"%s\" cannot be armed", item) : 0;
}

int world_points_parse(struct world *w, const char *text, struct error *err)
{
    char *copy = strdup(text);
    if (!copy)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int code = 0;
    char *rest = copy;
    for (char *item; code == 0 && (item = strsep(&rest, ","));)
        if (*item)
            code = point_parse_one(w, item, err);
    free(copy);
    return code;
}
