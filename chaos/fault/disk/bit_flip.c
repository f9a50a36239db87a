#include "chaos/fault/disk/disk.h"

#include "world/machine.h"

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

static int flip_in_simulation(struct fault_injection *f, struct error *err)
{
    struct choice c = {0};
    int code = sim_disk_files(fault_sim(f), f->component, add_size, &c);
    if (code == 0 && c.total == 0)
        return error_set(err, ERROR_NOT_FOUND, "%s has nothing on its disk", f->component);
    c.at = random_below(&f->random, c.total);
    c.total = 0;
    if (code == 0)
        code = sim_disk_files(fault_sim(f), f->component, find_byte, &c);
    if (code == 0)
        code = sim_disk_flip(fault_sim(f), f->component, c.path, 8 * c.offset + random_below(&f->random, 8));
    return code == 0 ? 0 : error_set(err, code, "no bit could be turned over: %s", error_code_name(code));
}

/* ---- the files that a process has open for writing ---- */

struct open_files {
    struct world *world;
    struct choice *choice;
    void (*each)(void *arg, const char *path, uint64_t size);
};

static void add_open(void *arg, const char *path)
{
    const struct open_files *o = arg;
    struct world_stat stat = {0};
    if (world_stat(o->world, path, &stat) == 0 && stat.exists)
        o->each(o->choice, path, stat.size);
}

/* The bit, seen to have turned over. */
static int flip_on_disk(struct world *w, const char *path, uint64_t offset, uint8_t mask, struct error *err)
{
    struct world_file *file;
    uint8_t before, after = 0;
    int code = world_file_open(w, path, WORLD_READ | WORLD_WRITE, &file, err);
    if (code != 0)
        return code;
    int64_t n = world_file_pread(file, &before, 1, offset);
    const uint8_t flipped = before ^ mask;
    if (n == 1)
        n = world_file_pwrite(file, &flipped, 1, offset);
    if (n == 1)
        n = world_file_pread(file, &after, 1, offset);
    world_file_close(file);
    return n == 1 && after == flipped ? 0 : error_set(err, ERROR_IO, "%s: no bit could be turned over", path);
}

static int flip_on_machine(struct fault_injection *f, struct error *err)
{
    struct choice c = {0};
    struct world *w = f->target->world;
    struct open_files o = {w, &c, add_size};
    struct world_foreign p;
    int code = fault_process(f, &p, err);
    if (code == 0)
        code = machine_open_files(w, &p, true, add_open, &o, err);
    if (code != 0)
        return code;
    if (c.total == 0)
        return error_set(err, ERROR_NOT_FOUND, "%s has no file with anything in it open for writing", f->component);
    c.at = random_below(&f->random, c.total);
    c.total = 0;
    o.each = find_byte;
    code = machine_open_files(w, &p, true, add_open, &o, err);
    if (code == 0 && c.path[0] == '\0')
        code = error_set(err, ERROR_NOT_FOUND, "the files of %s have just become shorter", f->component);
    return code == 0 ? flip_on_disk(w, c.path, c.offset, (uint8_t)(1U << random_below(&f->random, 8)), err) : code;
}

static int inject(struct fault_injection *f, struct error *err)
{
    int code = 0;
    for (int64_t i = 0; code == 0 && i < f->parameters[0]; i++)
        code = fault_sim(f) != NULL ? flip_in_simulation(f, err) : flip_on_machine(f, err);
    return code;
}

const struct chaos_fault fault_bit_flip = {
    .name = "bit-flip",
    .family = "disk",
    .summary = "bits of files turn over at rest, for good; what promises checksums must refuse, not answer wrongly",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .asked_only = true,
    .inject = inject,
    .heal = fault_start_again,
};
