#include "chaos/fault/disk/disk.h"

#include <stdio.h>

static const struct fault_parameter parameters[] = {
    {"bits", "how many turn over, in files drawn by their size", FAULT_COUNT, 1, 1000, 1, 3},
    {0},
};

struct choice {
    uint64_t total, at; /* bytes of all files; the byte drawn */
    uint64_t offset;    /* in `path` */
    char path[MACHINE_PATH_MAX];
};

static void add_size(void *arg, const char *path, uint64_t size)
{
    struct choice *c = arg;
    (void)path;
    c->total += size;
}

static void find_byte(void *arg, const char *path, uint64_t size)
{
    struct choice *c = arg;
    if (c->path[0] == '\0' && c->at < c->total + size) {
        c->offset = c->at - c->total;
        snprintf(c->path, sizeof c->path, "%s", path);
    }
    c->total += size;
}

static int inject(struct fault_injection *f, struct error *err)
{
    int code = 0;
    for (int64_t i = 0; code == 0 && i < f->parameters[0]; i++) {
        struct choice c = {0};
        code = sim_disk_files(fault_sim(f), f->component, add_size, &c);
        if (code == 0 && c.total == 0)
            return error_set(err, ERROR_NOT_FOUND, "%s has nothing on its disk", f->component);
        c.at = random_below(&f->random, c.total);
        c.total = 0;
        if (code == 0)
            code = sim_disk_files(fault_sim(f), f->component, find_byte, &c);
        if (code == 0)
            code = sim_disk_flip(fault_sim(f), f->component, c.path, 8 * c.offset + random_below(&f->random, 8));
    }
    return code == 0 ? 0 : error_set(err, code, "no bit could be turned over: %s", error_code_name(code));
}

const struct chaos_fault fault_bit_flip = {
    .name = "bit-flip",
    .family = "disk",
    .summary = "bits of files turn over at rest, for good; what promises checksums must refuse, not answer wrongly",
    .parameters = parameters,
    .drivers = FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .asked_only = true,
    .inject = inject,
    .heal = fault_start_again,
};
