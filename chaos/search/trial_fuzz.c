/* Files of a corpus: whatever they hold is refused or is a trial, and such a trial is read back as it was written. */
#include "chaos/search/trial.h"

#include "world/sim.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool alive(struct target *t, const char *component)
{
    (void)t;
    (void)component;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct target_operations operations = {.alive = alive};
    static const char *const services[] = {"store.Store", NULL};
    static const struct target_component components[] = {{.name = "store", .services = services}, {.name = "auth"}};
    static struct sim *sim;
    if (sim == NULL && (sim = sim_new(&(struct sim_options){.seed = 1})) == NULL)
        return 0;
    struct target target = {.operations = &operations,
                            .world = sim_node(sim, "harness"),
                            .system = "toy",
                            .driver = "sim",
                            .components = components,
                            .component_count = 2};
    const struct chaos_options base = {.seed = 1, .duration = 1000000000, .clients = 2, .keys = 2, .rate = 100};
    struct text told = TEXT_INIT, out = TEXT_INIT;
    struct trial t, back;
    uint64_t a, b;
    if (trial_read(BYTES(data, size), "trial.yaml", &target, &base, &t, &told, NULL) == 0) {
        text_clear(&told);
        trial_write(&t, NULL, &out);
        if (text_ok(&out) && t.duration % 1000 == 0) {
            if (trial_read(text_bytes(&out), "trial.yaml", &target, &base, &back, &told, NULL) != 0 || told.len > 0)
                abort();
            if (trial_name(&t, &a) == 0 && trial_name(&back, &b) == 0 && a != b)
                abort();
            trial_deinit(&back);
        }
        trial_deinit(&t);
    }
    text_deinit(&told);
    text_deinit(&out);
    return 0;
}
