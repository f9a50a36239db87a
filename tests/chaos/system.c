#include "base/test.h"

#include "tests/chaos/system.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/server/sim_keys.h"

#include <string.h>

#define RESTART_AFTER ((uint64_t)(50 * MILLISECOND))
#define BOOT_LIMIT    ((uint64_t)(30 * SECOND))
#define TOKEN_AGE     ((int64_t)7 * 24 * 3600)

void chaos_system_init(struct chaos_system *s, uint64_t seed, const char *const *names)
{
    const struct sim_micro_options options = {.private_key = sim_private_key,
                                              .public_key = sim_public_key,
                                              .admin_secret = "correct horse",
                                              .components = names,
                                              .restart_after = RESTART_AFTER};
    *s = (struct chaos_system){.arena = ARENA_INIT};
    log_set_level(LOG_OFF);
    component_use_all();
    s->sim = sim_new(&(struct sim_options){.seed = seed, .steps_max = 50000000});
    assert_non_null(s->sim);
    struct world *w = sim_node(s->sim, CHAOS_CLIENTS);
    assert_int_equal(sim_micro_new(s->sim, "supervisor", &options, &s->micro, NULL), 0);
    assert_int_equal(sim_micro_boot(s->micro, BOOT_LIMIT, NULL), 0);
    s->target = (struct target){.world = w,
                                .system = "micro",
                                .driver = "sim",
                                .components = s->parts,
                                .component_count = sim_micro_count(s->micro),
                                .namespace = "micro",
                                .seed = seed};
    s->target.token = sim_micro_token(s->micro, &s->arena, "chaos", "user", "micro", "admin", TOKEN_AGE);
    assert_non_null(s->target.token);
    for (size_t i = 0; i < s->target.component_count; i++) {
        char address[SIM_MICRO_ADDRESS_MAX];
        const char *name = sim_micro_name(s->micro, i);
        sim_micro_address(name, address);
        s->parts[i] = (struct target_component){.name = name,
                                                .address = arena_string(&s->arena, address),
                                                .services = component_find(name)->services,
                                                .stateful = component_find(name)->stateful};
        if (strcmp(name, "api") == 0)
            s->target.gateway =
                arena_printf(&s->arena, "http://%s:%d", name, MICRO_BASE_PORT + component_find(name)->port_offset);
    }
}

void chaos_system_reroute(struct chaos_system *s, const char *component, const char *address)
{
    for (size_t i = 0; i < s->target.component_count; i++)
        if (strcmp(s->parts[i].name, component) == 0)
            s->parts[i].address = address;
}

void chaos_system_deinit(struct chaos_system *s)
{
    target_close_channels(&s->target);
    sim_micro_free(s->micro);
    sim_free(s->sim);
    arena_deinit(&s->arena);
}
