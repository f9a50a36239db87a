#include "runtime/server/sim_micro.h"

#include "base/log.h"
#include "base/units.h"
#include "rpc/rpc.h"
#include "runtime/api/api.h"
#include "runtime/service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 48
#define TOKEN_SECONDS ((int64_t)365 * 24 * 3600)

struct part {
    const struct component *component;
    const char *node;
    bool wanted; /* was started: start it again when it is gone */
};

struct sim_micro {
    struct sim *sim;
    struct world *world;
    struct sim_micro_options options;
    struct text peers;
    struct world_timer look; /* for what died */
    struct part *parts;
    size_t count;
    bool policy; /* auth was started, or will be: who starts from now on lets nobody in before it told the rules */
};

/* The gateway's gRPC server is not at its table port. */
int sim_micro_port(const struct component *c)
{
    return MICRO_BASE_PORT + (strcmp(c->name, "api") == 0 ? API_GRPC_OFFSET : c->port_offset);
}

void sim_micro_address(const char *component, char out[SIM_MICRO_ADDRESS_MAX])
{
    const struct component *c = component_find(component);
    snprintf(out, SIM_MICRO_ADDRESS_MAX, "%s:%d", component, c ? sim_micro_port(c) : 0);
}

static struct part *find_node(struct sim_micro *m, const char *node)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->parts[i].node, node) == 0)
            return &m->parts[i];
    return NULL;
}

static struct part *find_component(struct sim_micro *m, const char *name)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->parts[i].component->name, name) == 0)
            return &m->parts[i];
    return NULL;
}

char *sim_micro_token(const struct sim_micro *m, struct arena *arena, const char *id, const char *type,
                      const char *issuer, const char *scope, int64_t seconds)
{
    const char *const scopes[] = {scope, NULL};
    const struct micro_claims claims = {.subject = id,
                                        .type = type,
                                        .issuer = issuer,
                                        .name = id,
                                        .scopes = scopes,
                                        .expires = world_wall(m->world) / SECOND + seconds};
    struct text token = TEXT_INIT;
    char *copy = NULL;
    if (micro_token_sign(m->options.private_key, &claims, &token, NULL) == 0)
        copy = arena_string(arena, text_string(&token));
    text_deinit(&token);
    return copy;
}

/* ---- starting ---- */

static const char *const *more_arguments(const struct sim_micro *m, const char *node)
{
    for (const char *const *const *list = m->options.arguments; list && *list; list++)
        if (strcmp((*list)[0], node) == 0)
            return *list + 1;
    return NULL;
}

static int start(struct sim_micro *m, struct part *p, struct error *err)
{
    const char *name = p->component->name;
    bool auth = strcmp(name, "auth") == 0;
    struct arena arena = ARENA_INIT;
    const char *token = sim_micro_token(m, &arena, name, "service", MICRO_NAMESPACE, "service", TOKEN_SECONDS);
    m->policy = m->policy || auth;
    /* Before that there may be no policy to wait for: tests of one component have no auth at all. */
    const char *own = m->options.own_peers ? m->options.own_peers[p - m->parts] : NULL;
    const char *peers = arena_printf(&arena, "%s%s%s%s", own ? own : "", own && own[0] ? "," : "",
                                     text_string(&m->peers), m->policy ? "" : ",policy=none");
    if (!token || !peers) {
        arena_deinit(&arena);
        return error_set(err, ERROR_MEMORY, "no token can be made for %s", name);
    }
    const char *argv[ARGUMENTS_MAX] = {"micro",   name,  "--data-dir",   SIM_MICRO_DATA,        "--host",  "0.0.0.0",
                                       "--peers", peers, "--public-key", m->options.public_key, "--token", token};
    int argc = 12;
    if (auth) {
        argv[argc++] = "--private-key";
        argv[argc++] = m->options.private_key;
    }
    if (auth && m->options.admin_secret) {
        argv[argc++] = "--admin-secret";
        argv[argc++] = m->options.admin_secret;
    }
    int rc = 0;
    for (const char *const *a = more_arguments(m, p->node); rc == 0 && a && *a; a++) {
        if (argc < ARGUMENTS_MAX)
            argv[argc++] = *a;
        else
            rc = error_set(err, ERROR_LIMIT, "more than %d arguments for %s", ARGUMENTS_MAX, p->node);
    }
    if (rc == 0)
        rc = sim_start(m->sim, p->node, "micro", argc, argv, err);
    p->wanted = true;
    arena_deinit(&arena);
    return rc;
}

int sim_micro_start_one(struct sim_micro *m, const char *node, struct error *err)
{
    struct part *p = find_node(m, node);
    return p ? start(m, p, err) : error_set(err, ERROR_NOT_FOUND, "there is no component \"%s\"", node);
}

int sim_micro_start_all(struct sim_micro *m, struct error *err)
{
    int rc = 0;
    m->policy = m->policy || find_component(m, "auth") != NULL;
    for (size_t i = 0; rc == 0 && i < m->count; i++)
        if ((rc = start(m, &m->parts[i], err)) != 0)
            error_wrap(err, "component %s", m->parts[i].node);
    return rc;
}

static void look(void *arg)
{
    struct sim_micro *m = arg;
    for (size_t i = 0; i < m->count; i++) {
        struct part *p = &m->parts[i];
        struct error err = ERROR_INIT;
        if (!p->wanted || sim_running(m->sim, p->node))
            continue;
        if (start(m, p, &err) < 0) /* a full disk, say: the next look tries again */
            log_warn("sim", "%s cannot be started again: %s", p->node, err.message ? err.message : "?");
        error_clear(&err);
    }
    (void)world_timer_start(&m->look, m->options.restart_after);
}

void sim_micro_set_restart(struct sim_micro *m, uint64_t after)
{
    m->options.restart_after = after;
    if (after)
        (void)world_timer_start(&m->look, after);
    else
        world_timer_stop(&m->look);
}

/* Until the node says of its service by that name that it serves. */
static int wait_serving(struct sim_micro *m, const char *node, const char *name, uint64_t timeout, struct error *err)
{
    char address[SIM_MICRO_ADDRESS_MAX];
    struct rpc_channel *channel = NULL;
    const struct part *p = find_node(m, node);
    snprintf(address, sizeof address, "%s:%d", node, p ? sim_micro_port(p->component) : 0);
    const struct rpc_channel_options options = {.addresses = address};
    int rc = rpc_channel_new(m->world, &options, &channel, err);
    if (rc == 0)
        rc = rpc_wait_ready(m->world, channel, name, timeout, err);
    rpc_channel_free(channel);
    return rc;
}

int sim_micro_wait(struct sim_micro *m, const char *node, uint64_t timeout, struct error *err)
{
    return wait_serving(m, node, "", timeout, err);
}

static bool needs_are_up(struct sim_micro *m, const struct part *p, const bool *up)
{
    for (const char *const *need = p->component->needs; need && *need; need++) {
        const struct part *other = find_component(m, *need);
        if (other && !up[other - m->parts])
            return false;
    }
    return true;
}

/* Who starts before auth cannot judge calls until auth is there: at first each part's own word has to do. */
int sim_micro_boot(struct sim_micro *m, uint64_t timeout, struct error *err)
{
    bool *up = calloc(m->count, sizeof *up);
    int rc = up ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    m->policy = m->policy || find_component(m, "auth") != NULL;
    for (size_t left = m->count; rc == 0 && left > 0;) {
        size_t before = left;
        for (size_t i = 0; rc == 0 && i < m->count; i++) {
            struct part *p = &m->parts[i];
            if (up[i] || !needs_are_up(m, p, up))
                continue;
            if (!sim_running(m->sim, p->node))
                rc = start(m, p, err);
            if (rc == 0)
                rc = wait_serving(m, p->node, MICRO_SELF, timeout, err);
            if (rc)
                error_wrap(err, "%s does not start", p->node);
            up[i] = true;
            left--;
        }
        if (rc == 0 && left == before)
            rc = error_set(err, ERROR_INVALID, "the components' needs are a circle");
    }
    for (size_t i = 0; rc == 0 && i < m->count; i++)
        rc = sim_micro_wait(m, m->parts[i].node, timeout, err);
    free(up);
    return rc;
}

/* ---- the whole ---- */

static int add_parts(struct sim_micro *m, struct error *err)
{
    const char *const *names = m->options.components;
    size_t all = 0;
    while (names ? names[all] != NULL : components[all].name != NULL)
        all++;
    m->parts = calloc(all + 1, sizeof *m->parts);
    if (!m->parts)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (; m->count < all; m->count++) {
        const struct component *c = names ? component_find(names[m->count]) : &components[m->count];
        if (!c)
            return error_set(err, ERROR_NOT_FOUND, "there is no component \"%s\"", names[m->count]);
        m->parts[m->count] =
            (struct part){.component = c, .node = m->options.nodes ? m->options.nodes[m->count] : c->name};
    }
    return 0;
}

/* What is somewhere else comes first, since the first place given for a name holds. Core components have their fixed
 * places even while absent; services are found at the registry. */
static void add_peers(struct sim_micro *m)
{
    if (m->options.peers && m->options.peers[0])
        text_printf(&m->peers, "%s,", m->options.peers);
    for (const struct component *c = components; c->name; c++) {
        const struct part *p = find_component(m, c->name);
        if (!c->user)
            text_printf(&m->peers, "%s=%s:%d,", c->name, p ? p->node : c->name, sim_micro_port(c));
    }
    text_truncate(&m->peers, m->peers.len - 1);
}

int sim_micro_new(struct sim *s, const char *node, const struct sim_micro_options *options, struct sim_micro **out,
                  struct error *err)
{
    int rc = 0;
    component_use_all();
    struct sim_micro *m = calloc(1, sizeof *m);
    if (!m)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *m = (struct sim_micro){.sim = s, .world = sim_node(s, node), .options = *options};
    if ((rc = add_parts(m, err)) != 0)
        goto out;
    add_peers(m);
    if (!m->world || !text_ok(&m->peers) || component_register_all(s) != 0) {
        rc = error_set(err, ERROR_MEMORY, "out of memory");
        goto out;
    }
    world_timer_init(&m->look, m->world, look, m);
    sim_micro_set_restart(m, options->restart_after);
    *out = m;
out:
    if (rc)
        sim_micro_free(m);
    return rc;
}

void sim_micro_free(struct sim_micro *m)
{
    if (!m)
        return;
    if (m->look.world)
        world_timer_stop(&m->look);
    text_deinit(&m->peers);
    free(m->parts);
    free(m);
}

size_t sim_micro_count(const struct sim_micro *m)
{
    return m->count;
}

const char *sim_micro_name(const struct sim_micro *m, size_t i)
{
    return m->parts[i].node;
}
