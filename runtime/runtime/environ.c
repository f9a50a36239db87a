/* The environment of a service's processes. Nothing is inherited but a few harmless variables of this process (where
 * programs are, language, time zone); who the service is and where the others are is added; then what its own
 * specification says. Keys and tokens of the runtime itself never get here, and builds see neither the service's
 * account nor its secrets. */
#include "runtime/runtime/runner.h"

#include <stdio.h>
#include <string.h>

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"
#define OURS_MAX     32 /* variables the runtime sets by itself */

struct list {
    struct arena *arena;
    const char **items;
    size_t count, capacity;
    bool failed;
};

/* The first one of a name stays. */
static void put(struct list *l, const char *name, size_t len, const char *value)
{
    if (!value)
        return;
    for (size_t i = 0; i < l->count; i++)
        if (strncmp(l->items[i], name, len) == 0 && l->items[i][len] == '=')
            return;
    const char *pair = arena_printf(l->arena, "%.*s=%s", (int)len, name, value);
    if (!pair || l->count >= l->capacity)
        l->failed = true;
    else
        l->items[l->count++] = pair;
}

static void set(struct list *l, const char *name, const char *value)
{
    put(l, name, strlen(name), value);
}

static void set_identity(struct list *l, const struct runner_service *s)
{
    const struct micro_options *o = s->runner->options;
    set(l, "MICRO_SERVICE_NAME", s->name);
    set(l, "MICRO_SERVICE_VERSION", s->version);
    set(l, "MICRO_NAMESPACE", s->namespace);
    set(l, "MICRO_AUTH_ID", s->id);
    set(l, "MICRO_AUTH_SECRET", s->account_secret);
    if (o->public_key && *o->public_key)
        set(l, "MICRO_AUTH_PUBLIC_KEY", o->public_key);
}

static void set_surroundings(struct list *l, const struct runner_service *s)
{
    const struct micro_options *o = s->runner->options;
    const char *host = o->host ? o->host : "127.0.0.1";
    set(l, "MICRO_PROFILE", "service");
    set(l, "MICRO_HOST", host);
    set(l, "MICRO_BASE_PORT", arena_printf(l->arena, "%d", o->base_port ? o->base_port : MICRO_BASE_PORT));
    set(l, "MICRO_SERVICE_ADDRESS", arena_printf(l->arena, "%s:0", host));
    if (o->peers && *o->peers)
        set(l, "MICRO_PEERS", o->peers);
    if (o->proxy && *o->proxy)
        set(l, "MICRO_PROXY", o->proxy);
}

const char **runner_environment(const struct runner_service *s, const struct runner_spec *spec,
                                const struct runner_pair *more, size_t more_count, bool build, const char *home,
                                struct arena *arena)
{
    static const char *const harmless[] = {"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR"};
    struct list l = {.arena = arena};
    for (l.capacity = 0; spec->env[l.capacity]; l.capacity++) {
    }
    l.capacity += spec->secret_count + more_count + OURS_MAX;
    l.items = ARENA_NEW_N(arena, const char *, l.capacity + 1);
    if (!l.items)
        return NULL;
    if (!build) {
        set_identity(&l, s);
        for (size_t i = 0; i < spec->secret_count; i++)
            set(&l, spec->secrets[i].name, spec->secrets[i].value);
    }
    for (size_t i = 0; spec->env[i]; i++) {
        size_t len = strcspn(spec->env[i], "=");
        put(&l, spec->env[i], len, spec->env[i] + len + 1);
    }
    for (size_t i = 0; i < more_count; i++)
        set(&l, more[i].name, more[i].value);
    if (!build)
        set_surroundings(&l, s);
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        set(&l, harmless[i], world_environment(s->runner->world, harmless[i]));
    set(&l, "PATH", PATH_DEFAULT);
    set(&l, "HOME", home);
    return l.failed ? NULL : l.items;
}
