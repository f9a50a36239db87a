#include "world/hog.h"
#include "world/mapping.h"
#include "world/sim.h"
#include "world/worker.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILL_WITHIN UINT64_C(60000000000) /* ns */
#define LOOK_EVERY  UINT64_C(1000000)

struct machine_hog {
    struct world_worker *workers[HOG_SPINNERS_MAX];
    int64_t ids[HOG_SPINNERS_MAX];
    size_t count;
    struct world_mapping mapping;
    struct progress {
        _Atomic int64_t id; /* of the worker */
        _Atomic int state;  /* 1: holds all, -1: could not */
    } * progress;
    struct machine_cpus cpus;
    uint64_t bytes;
};

static void begin(struct machine_hog *h)
{
    syscall(SYS_close_range, 3, ~0U, 0); /* nothing of our parent's may be held open by us */
    atomic_store(&h->progress->id, getpid());
}

static int spin(void *arg)
{
    struct machine_hog *h = arg;
    begin(h);
    if (sched_setaffinity(0, sizeof h->cpus, (const cpu_set_t *)&h->cpus) != 0) {
        atomic_store(&h->progress->state, -1);
        return 1;
    }
    atomic_store(&h->progress->state, 1);
    for (volatile uint64_t n = 0;; n++) {
    }
}

static int hold(void *arg)
{
    struct machine_hog *h = arg;
    begin(h);
    uint8_t *data = mmap(NULL, (size_t)h->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (uint64_t at = 0; data != MAP_FAILED && at < h->bytes; at += page)
        data[at] = (uint8_t)(at / page | 1); /* not all alike: same pages could be merged */
    atomic_store(&h->progress->state, data != MAP_FAILED ? 1 : -1);
    while (data != MAP_FAILED)
        world_worker_pause(UINT64_C(1000000000));
    return 1;
}

static int start(struct machine_hog *h, int (*run)(void *arg), struct error *err)
{
    struct world_exit status;
    atomic_store(&h->progress->state, 0);
    int code = world_worker_start(run, h, true, &h->workers[h->count], err);
    if (code != 0)
        return code;
    struct world_worker *worker = h->workers[h->count++];
    uint64_t end = world_worker_now() + FILL_WITHIN;
    while (atomic_load(&h->progress->state) == 0) {
        if (world_worker_ended(worker, &status) || world_worker_now() > end)
            return error_set(err, ERROR_LIMIT, "what was asked for could not be used up");
        world_worker_pause(LOOK_EVERY);
    }
    h->ids[h->count - 1] = atomic_load(&h->progress->id);
    return atomic_load(&h->progress->state) > 0 ? 0
                                                : error_set(err, ERROR_LIMIT, "what was asked for is not to be had");
}

static int hog_new(struct world *w, struct machine_hog **out, struct error *err)
{
    if (world_is_simulated(w))
        return error_set(err, ERROR_UNSUPPORTED, "there is no machine in simulation");
    struct machine_hog *h = calloc(1, sizeof *h);
    if (h == NULL || world_mapping_anonymous(sizeof *h->progress, &h->mapping) != 0) {
        free(h);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    h->progress = h->mapping.data;
    *out = h;
    return 0;
}

int machine_hog_cpu(struct world *w, const struct machine_cpus *cpus, int count, struct machine_hog **out,
                    struct error *err)
{
    struct machine_hog *h;
    int code = hog_new(w, &h, err);
    if (code != 0)
        return code;
    h->cpus = *cpus;
    for (int i = 0; code == 0 && i < count && i < HOG_SPINNERS_MAX; i++)
        code = start(h, spin, err);
    if (code == 0)
        *out = h;
    else
        machine_hog_end(h);
    return code;
}

int machine_hog_memory(struct world *w, uint64_t bytes, struct machine_hog **out, struct error *err)
{
    struct machine_hog *h;
    int code = hog_new(w, &h, err);
    if (code != 0)
        return code;
    h->bytes = bytes;
    if ((code = start(h, hold, err)) == 0)
        *out = h;
    else
        machine_hog_end(h);
    return code;
}

size_t machine_hog_count(const struct machine_hog *h)
{
    return h->count;
}

int machine_hog_process(struct world *w, const struct machine_hog *h, size_t i, struct world_foreign *out,
                        struct error *err)
{
    return world_foreign_by_id(w, h->ids[i], out, err);
}

void machine_hog_usage(struct machine_hog *h, uint64_t *cpu, uint64_t *resident)
{
    *cpu = *resident = 0;
    for (size_t i = 0; i < h->count; i++) {
        uint64_t c, r;
        if (world_worker_usage(h->workers[i], &c, &r) == 0) {
            *cpu += c;
            *resident += r;
        }
    }
}

void machine_hog_end(struct machine_hog *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->count; i++)
        world_worker_close(h->workers[i]);
    world_mapping_close(&h->mapping);
    free(h);
}
