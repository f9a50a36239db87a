#include "harrow/system/driver_network.h"

#include "base/words.h"
#include "chaos/packet/networks.h"
#include "world/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const network_names[] = {"shared", "namespaces", NULL};

bool driver_network_asked(void)
{
    return common.network != NULL && strcmp(common.network, "namespaces") == 0;
}

bool driver_network_refuses(const char *command)
{
    if (!driver_network_asked() || strcmp(common.driver, "processes") == 0)
        return false;
    fprintf(stderr, "harrow: %s: --network namespaces is for --driver processes: the %s driver starts no processes\n",
            command, common.driver);
    return true;
}

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* "http://127.0.0.1:80/x" and "127.0.0.1:80": the port becomes a door, the address the one for the harness. */
static int add_door(struct system *s, const char *name, const char **address, struct error *err)
{
    static const char *const hosts[] = {"127.0.0.1:", "localhost:"};
    const char *scheme = strstr(*address, "://"), *host = scheme != NULL ? scheme + 3 : *address, *port = NULL;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        if (strncmp(host, hosts[i], strlen(hosts[i])) == 0)
            port = host + strlen(hosts[i]);
    char *end = NULL;
    long number = port != NULL ? strtol(port, &end, 10) : 0;
    if (number <= 0 || number > UINT16_MAX)
        return error_set(err, ERROR_UNSUPPORTED,
                         "component %s is at %s: in a network of its own it has to be at 127.0.0.1 and a port", name,
                         *address);
    uint32_t own = packet_networks_address(s->network, name);
    const char *outside = arena_printf(&s->arena, "%.*s%u.%u.%u.%u:%ld%s", (int)(host - *address), *address, own >> 24,
                                       own >> 16 & 0xff, own >> 8 & 0xff, own & 0xff, number, end);
    if (outside == NULL)
        return out_of_memory(err);
    if (s->target.gateway != NULL && strcmp(s->target.gateway, *address) == 0)
        s->target.gateway = outside;
    *address = outside;
    return packet_networks_door(s->network, name, (uint16_t)number, err);
}

static int add_component(struct system *s, struct target_component *c, struct error *err)
{
    int code = packet_networks_add(s->network, c->name, err);
    if (code == 0 && c->address != NULL)
        code = add_door(s, c->name, &c->address, err);
    if (code == 0 && c->http != NULL)
        code = add_door(s, c->name, &c->http, err);
    if (code == 0 && c->tcp.address != NULL)
        code = add_door(s, c->name, &c->tcp.address, err);
    return code;
}

/* ---- those that a supervisor starts ---- */

static bool names_enter(const char *const *start)
{
    for (; *start != NULL; start++)
        if (strstr(*start, "${enter}") != NULL)
            return true;
    return false;
}

/* Files for nsenter(1), one for each component's name: for ${enter}, and for who wants to look. */
static int make_files(struct system *s, struct error *err)
{
    const char *folder = s->networks;
    int code = world_make_directory(s->run->world, folder);
    if (code != 0)
        return error_set(err, code, "cannot make %s: %s", folder, error_code_name(code));
    for (size_t i = 0; code == 0 && i < s->target.component_count; i++) {
        const char *name = s->components[i].name, *link = arena_printf(&s->arena, "%s/%s", folder, name);
        char file[MACHINE_PATH_MAX];
        world_network_path(packet_networks_of(s->network, name), file, sizeof file);
        code = link != NULL ? machine_link(s->run->world, file, link, err) : out_of_memory(err);
    }
    const char *file = arena_printf(&s->arena, "--net=%s/{}", folder);
    struct text enter = TEXT_INIT;
    words_add(&enter, "nsenter");
    words_add(&enter, file != NULL ? file : "");
    s->values.enter = text_ok(&enter) && file != NULL ? arena_string(&s->arena, text_string(&enter)) : NULL;
    text_deinit(&enter);
    return code == 0 && s->values.enter == NULL ? out_of_memory(err) : code;
}

/* ---- all ---- */

int driver_network_start(struct system *s, struct error *err)
{
    bool supervised = s->manifest->start != NULL;
    if (!machine_is_root())
        return error_set(err, ERROR_DENIED, "--network namespaces needs root");
    if (supervised && !names_enter(s->manifest->start))
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: --network namespaces: the \"start\" of the whole system does not name ${enter}, so its "
                         "parts cannot be led into networks of their own",
                         s->manifest->path);
    s->networks = arena_printf(&s->arena, "%s/networks", system_absolute(s, s->folder));
    if (s->networks == NULL)
        return out_of_memory(err);
    int code = packet_networks_new(s->run->world, &s->network, err);
    for (size_t i = 0; code == 0 && i < s->target.component_count; i++)
        code = add_component(s, &s->components[i], err);
    if (code == 0 && supervised)
        code = packet_networks_add(s->network, DRIVER_NETWORK_SUPERVISOR, err);
    if (code == 0)
        code = make_files(s, err);
    if (code != 0)
        return error_wrap(err, "networks for the parts of %s", s->manifest->name);
    s->target.packets = s->network;
    return 0;
}

const struct world_network *driver_network_of(const struct system *s, const char *name)
{
    if (s->network == NULL)
        return NULL;
    const struct world_network *own = packet_networks_of(s->network, name);
    return own != NULL ? own : packet_networks_of(s->network, DRIVER_NETWORK_SUPERVISOR);
}

void driver_network_stop(struct system *s)
{
    if (s->network == NULL)
        return;
    s->target.packets = NULL;
    packet_networks_free(s->network);
    world_remove_tree(s->run->world, s->networks);
    s->network = NULL;
}
