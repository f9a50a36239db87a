/* The table of components. Each one is defined beside its code; they are gathered here at run time, since C has no way
 * to name another file's object as an array's initialiser. */
#include "runtime/component.h"

#include "base/units.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

extern const struct component registry_component, store_component, config_component, auth_component, api_component,
    broker_component, events_component, runtime_component, network_component, proxy_component, helloworld_component,
    notes_component, web_component;

static const struct component *const core[] = {
    &registry_component, &store_component,   &broker_component,  &events_component, &config_component,
    &auth_component,     &network_component, &runtime_component, &proxy_component,  &api_component,
};
static const struct component *const user[] = {&helloworld_component, &notes_component};
#define CORE_COUNT      (sizeof core / sizeof core[0])
#define COMPONENT_COUNT (CORE_COUNT + sizeof user / sizeof user[0])

static struct component table[COMPONENT_COUNT + 1], on_demand[2];

void component_use_all(void)
{
    for (size_t i = 0; i < COMPONENT_COUNT; i++) {
        table[i] = i < CORE_COUNT ? *core[i] : *user[i - CORE_COUNT];
        table[i].user = i >= CORE_COUNT;
    }
    components = table;
    on_demand[0] = web_component;
    components_on_demand = on_demand;
}

/* ---- as programs of a simulation -------------------------------------------------------------------------------- */

#define SIM_GRACE (5 * SECOND) /* for calls in flight at an orderly stop */

struct program {
    struct world *world;
    const struct component *component;
    struct micro_options_storage *options;
    void *state;
};

static void on_drained(void *arg)
{
    struct program *p = arg;
    world_stop(p->world);
}

static void on_signal(void *arg, int signal)
{
    struct program *p = arg;
    (void)signal;
    if (p->component->drain)
        p->component->drain(p->state, SIM_GRACE, on_drained, p);
    else
        world_stop(p->world);
}

/* What a program was spawned with, for the length of micro_options_parse(). */
static struct world *starting;

static const char *environment(const char *name)
{
    return world_environment(starting, name);
}

static int program_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    struct program *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(err, ERROR_MEMORY, "out of memory");
    const struct micro_options *options = NULL;
    starting = w;
    int rc = micro_options_parse(argc, argv, environment, &p->options, &options, err);
    starting = NULL;
    p->world = w;
    p->component = rc == 0 ? component_find(options->name) : NULL;
    if (p->component)
        rc = p->component->start(w, options, &p->state, err);
    else if (rc == 0)
        rc = error_set(err, ERROR_NOT_FOUND, "there is no component called \"%s\"", options->name);
    if (rc) {
        micro_options_free(p->options);
        free(p);
        return rc;
    }
    world_on_signal(w, on_signal, p);
    *state = p;
    return 0;
}

static void program_stop(void *state)
{
    struct program *p = state;
    p->component->stop(p->state);
    micro_options_free(p->options);
    free(p);
}

int component_register_all(struct sim *s)
{
    component_use_all();
    static const struct sim_program micro = {.name = "micro", .start = program_start, .stop = program_stop};
    return sim_register(s, &micro);
}
