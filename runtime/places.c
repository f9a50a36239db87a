/* Where the components are, for programs that do not contain them: Micro v3's ports. A test holds these and the
 * components' own entries together. */
#include "runtime/component.h"

#include <string.h>

static const struct component places[] = {
    {.name = "registry", .port_offset = 0},
    {.name = "store", .port_offset = 2},
    {.name = "broker", .port_offset = 3},
    {.name = "events", .port_offset = 4},
    {.name = "config", .port_offset = 1},
    {.name = "auth", .port_offset = 10},
    {.name = "network", .port_offset = 443},
    {.name = "runtime", .port_offset = 88},
    {.name = "proxy", .port_offset = 81},
    {.name = "api", .port_offset = 80},
    {.name = NULL},
};
static const struct component none[] = {{.name = NULL}};
const struct component *components = places, *components_on_demand = none;

const struct component *component_find(const char *name)
{
    for (const struct component *c = components; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    for (const struct component *c = components_on_demand; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

bool component_is_core(const char *name)
{
    const struct component *c = component_find(name);
    return c && !c->user;
}
