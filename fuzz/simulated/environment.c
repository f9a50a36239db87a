#include "fuzz/simulated/environment.h"

#include <string.h>

#define NAME_MAX_BYTES 64
#define CLOCK_JUMP_MAX (400 * 24 * HOUR)
#define LATENCY_MAX    ((uint64_t)(2 * SECOND))
#define CHUNK_MAX      65536
#define SPACE_MAX      ((uint64_t)1 << 20) /* KiB */
#define OPERATION_MAX  100000              /* the n-th that fails */

static const struct target_component *component_of(struct environment *v, struct bytes name)
{
    char word[NAME_MAX_BYTES];
    if (name.len == 0 || name.len >= sizeof word)
        return NULL;
    memcpy(word, name.data, name.len);
    word[name.len] = '\0';
    return target_find(v->target, word);
}

bool environment_fault(struct environment *v, struct bytes component, uint64_t action)
{
    const struct target_component *c = component_of(v, component);
    if (!c || action >= TARGET_ACTION_COUNT)
        return false;
    v->disturbed = true;
    return v->target->operations->act(v->target, c->name, (enum target_action)action, NULL) == 0;
}

/* ---- of the whole simulation ---- */

static bool turn_schedule(struct environment *v, uint64_t n)
{
    v->network.seed = n ? n : 1;
    sim_network(v->sim, &v->network);
    v->network.seed = 0;
    return true;
}

static bool turn_chunks(struct environment *v, uint64_t n)
{
    v->network.chunk_max = (size_t)(n % CHUNK_MAX);
    sim_network(v->sim, &v->network);
    return true;
}

static bool turn_latency(struct environment *v, uint64_t n)
{
    v->disturbed = true;
    v->network.latency_min = v->network.latency_max = 1 + n % LATENCY_MAX;
    sim_network(v->sim, &v->network);
    return true;
}

static bool turn_reset(struct environment *v, uint64_t n)
{
    v->disturbed = true;
    return v->target->component_count > 0 &&
           sim_reset_streams(v->sim, v->target->components[n % v->target->component_count].name, NULL) > 0;
}

static bool turn_pass(struct environment *v, uint64_t n)
{
    /* Tokens, leases and deadlines may end meanwhile. */
    v->disturbed = true;
    return world_sleep(v->target->world, n % SIMULATED_PASS_MAX) == 0;
}

static bool turn_allocation(struct environment *v, uint64_t n)
{
    if (!v->options->allocation)
        return false;
    v->disturbed = true;
    v->options->allocation(v->options->arg, 1 + n % OPERATION_MAX);
    return true;
}

/* ---- of one component ---- */

static bool turn_write(struct environment *v, const char *component, uint64_t n)
{
    sim_disk(v->sim, component, &(struct sim_disk_faults){.fail_nth = 1 + n % OPERATION_MAX});
    return true;
}

static bool turn_space(struct environment *v, const char *component, uint64_t n)
{
    sim_disk(v->sim, component, &(struct sim_disk_faults){.space = (1 + n % SPACE_MAX) << 10});
    return true;
}

static bool turn_clock(struct environment *v, const char *component, uint64_t n)
{
    int64_t delta = (int64_t)(n % (uint64_t)(CLOCK_JUMP_MAX / SECOND)) * SECOND;
    sim_clock_jump(v->sim, component, n & 1 ? -delta : delta);
    return true;
}

static bool turn_pause(struct environment *v, const char *component, uint64_t n)
{
    return sim_pause(v->sim, component) == 0 && world_sleep(v->target->world, n % SIMULATED_PASS_MAX) == 0 &&
           sim_resume(v->sim, component) == 0;
}

static bool turn_repeat(struct environment *v, uint64_t n)
{
    if (n > v->repeats)
        v->repeats = n;
    return true;
}

/* Of any component: which one, and the n-th. */
static bool turn_some_write(struct environment *v, uint64_t n)
{
    size_t count = v->target->component_count;
    v->disturbed = true;
    return count > 0 && turn_write(v, v->target->components[n % count].name, n / count);
}

static const struct {
    const char *name;
    bool (*turn)(struct environment *v, uint64_t number);
} whole[] = {{"schedule", turn_schedule}, {"chunks", turn_chunks}, {"latency", turn_latency},
             {"reset", turn_reset},       {"pass", turn_pass},     {"allocation", turn_allocation},
             {"write", turn_some_write},  {"repeat", turn_repeat}};

static const struct {
    const char *name;
    bool (*turn)(struct environment *v, const char *component, uint64_t number);
} parts[] = {{"write", turn_write}, {"space", turn_space}, {"clock", turn_clock}, {"pause", turn_pause}};

bool environment_turn(struct environment *v, struct bytes name, uint64_t number)
{
    const uint8_t *slash = name.len ? memchr(name.data, '/', name.len) : NULL;
    if (!slash) {
        for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
            if (bytes_is(name, whole[i].name))
                return whole[i].turn(v, number);
        return false;
    }
    size_t len = (size_t)(slash - name.data);
    const struct target_component *c = component_of(v, BYTES(name.data, len));
    struct bytes what = BYTES(slash + 1, name.len - len - 1);
    for (size_t i = 0; c && i < sizeof parts / sizeof parts[0]; i++)
        if (bytes_is(what, parts[i].name)) {
            v->disturbed = true;
            return parts[i].turn(v, c->name, number);
        }
    return false;
}

void environment_heal(struct environment *v)
{
    sim_heal_all(v->sim);
    v->network = (struct sim_network){0};
    sim_network(v->sim, &v->network);
    if (v->options->allocation)
        v->options->allocation(v->options->arg, 0);
    for (size_t i = 0; i < v->target->component_count; i++) {
        const char *name = v->target->components[i].name;
        sim_disk(v->sim, name, &(struct sim_disk_faults){0});
        (void)sim_resume(v->sim, name);
    }
}
