#include "world/false_clock.h"
#include "world/false_clock_code.h"
#include "world/intercept.h"
#include "world/mapping.h"
#include "world/sim.h"
#include "world/trace.h"
#include "world/worker.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MILLION     1000000
#define DONE_WITHIN UINT64_C(20000000000) /* ns a worker may take: it waits for threads */
#define AGAIN_AFTER UINT64_C(1000000)
#define TRIES       500 /* until no thread stands where something is changed, or another tracer has let go */
#define JUMP_SIZE   14
#define WALL_CLOCKS (1U << CLOCK_REALTIME | 1U << CLOCK_REALTIME_COARSE | 1U << CLOCK_REALTIME_ALARM | 1U << CLOCK_TAI)
#define MONOTONIC_CLOCKS                                                                                               \
    (1U << CLOCK_MONOTONIC | 1U << CLOCK_MONOTONIC_RAW | 1U << CLOCK_MONOTONIC_COARSE | 1U << CLOCK_BOOTTIME |         \
     1U << CLOCK_BOOTTIME_ALARM)

#if !defined(__x86_64__)

int false_clock_possible(struct world *w, struct error *err)
{
    (void)w;
    return error_set(err, ERROR_UNSUPPORTED, "clocks of processes are not implemented for this processor");
}

int false_clock_set(struct world *w, const struct world_foreign *p, const struct false_clock *to, struct error *err)
{
    (void)p, (void)to;
    return false_clock_possible(w, err);
}

int false_clock_reads(struct world *w, const struct world_foreign *p, uint64_t *reads, struct error *err)
{
    (void)p, (void)reads;
    return false_clock_possible(w, err);
}

int false_clock_remove(struct world *w, const struct world_foreign *p, struct error *err)
{
    (void)w, (void)p, (void)err;
    return 0; /* none was set */
}

#else

/* ---- the vDSO, the same in every process ---- */

enum { ENTRIES = 3 };
struct vdso {
    const uint8_t *image; /* ours, which is right */
    size_t size;
    uint64_t entries[ENTRIES]; /* offsets of what is changed; 0: it has no such function */
    uint64_t instruction;      /* offset of a system call instruction */
};

static const char *const entry_names[ENTRIES] = {"__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time"};

static uint64_t code_offset(size_t entry)
{
    const uint8_t *const code[ENTRIES] = {false_clock_gettime, false_clock_timeofday, false_clock_time};
    return (uint64_t)(code[entry] - false_clock_code);
}

struct symbols {
    const Elf64_Sym *table;
    const char *names;
    size_t count;
};

/* The image is the kernel's: it is believed. */
static struct symbols find_symbols(const uint8_t *image, size_t *size)
{
    const Elf64_Ehdr *header = (const void *)image;
    const Elf64_Phdr *parts = (const void *)(image + header->e_phoff);
    struct symbols s = {0};
    for (size_t i = 0; i < header->e_phnum; i++) {
        if (parts[i].p_type == PT_LOAD && parts[i].p_offset == 0)
            *size = parts[i].p_filesz;
        if (parts[i].p_type != PT_DYNAMIC)
            continue;
        for (const Elf64_Dyn *d = (const void *)(image + parts[i].p_offset); d->d_tag != DT_NULL; d++) {
            if (d->d_tag == DT_SYMTAB)
                s.table = (const void *)(image + d->d_un.d_ptr);
            if (d->d_tag == DT_STRTAB)
                s.names = (const void *)(image + d->d_un.d_ptr);
        }
    }
    /* The names stand right behind the symbols. */
    if (s.table != NULL && s.names > (const char *)s.table)
        s.count = (size_t)(s.names - (const char *)s.table) / sizeof *s.table;
    return s;
}

static bool find_vdso(struct vdso *out)
{
    *out = (struct vdso){.image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR)};
    if (out->image == NULL || memcmp(out->image, ELFMAG, SELFMAG) != 0 || out->image[EI_CLASS] != ELFCLASS64)
        return false;
    struct symbols s = find_symbols(out->image, &out->size);
    for (size_t i = 0; i < s.count; i++)
        for (size_t k = 0; k < ENTRIES; k++)
            if (strcmp(s.names + s.table[i].st_name, entry_names[k]) == 0 && s.table[i].st_size >= JUMP_SIZE &&
                s.table[i].st_value + s.table[i].st_size <= out->size)
                out->entries[k] = s.table[i].st_value;
    const uint8_t *at = memmem(out->image, out->size, "\x0f\x05", 2);
    out->instruction = at != NULL ? (uint64_t)(at - out->image) : 0;
    return out->entries[0] != 0 && out->instruction != 0;
}

/* Where a process has it; 0: nowhere, or it is not to be read. */
static uint64_t vdso_of(int64_t process)
{
    char path[64], *line = NULL;
    size_t room = 0;
    uint64_t found = 0;
    snprintf(path, sizeof path, "/proc/%lld/maps", (long long)process);
    FILE *f = fopen(path, "re");
    while (f != NULL && found == 0 && getline(&line, &room, f) > 0)
        if (strstr(line, "[vdso]") != NULL)
            found = strtoull(line, NULL, 16);
    free(line);
    if (f != NULL)
        fclose(f);
    return found;
}

/* ---- a process as it is ---- */

struct look {
    int memory;
    uint64_t vdso; /* address */
    uint64_t area; /* of the two pages; 0: its clock is right */
    struct false_clock_data data;
};

static void look_close(struct look *l)
{
    if (l->memory >= 0)
        close(l->memory);
}

static void make_jump(uint64_t area, size_t entry, uint8_t out[JUMP_SIZE])
{
    const uint64_t to = area + code_offset(entry);
    memcpy(out, "\xff\x25\0\0\0\0", 6); /* jmp to the address that stands behind it */
    memcpy(out + 6, &to, sizeof to);
}

/* 0, or ENOEXEC: its vDSO is not as ours. */
static int look_open(const struct vdso *v, int64_t process, struct look *out)
{
    uint8_t image[4 * FALSE_CLOCK_PAGE], jump[JUMP_SIZE];
    *out = (struct look){.memory = trace_memory_open((pid_t)process), .vdso = vdso_of(process)};
    if (out->memory < 0)
        return errno == ENOENT ? ESRCH : errno;
    if (out->vdso == 0 || v->size > sizeof image || !trace_memory_read(out->memory, out->vdso, image, v->size))
        return ENOEXEC;
    uint64_t to;
    memcpy(&to, image + v->entries[0] + 6, sizeof to);
    uint64_t area = to - code_offset(0);
    if (memcmp(image + v->entries[0], "\xff\x25\0\0\0\0", 6) == 0 &&
        trace_memory_read(out->memory, area + FALSE_CLOCK_PAGE, &out->data, sizeof out->data) &&
        out->data.magic == FALSE_CLOCK_MAGIC)
        out->area = area;
    for (size_t k = 0; k < ENTRIES; k++) {
        uint8_t *at = image + v->entries[k];
        if (out->area == 0 || v->entries[k] == 0)
            continue;
        make_jump(out->area, k, jump);
        if (memcmp(at, jump, JUMP_SIZE) == 0)
            memcpy(at, v->image + v->entries[k], JUMP_SIZE);
    }
    return memcmp(image, v->image, v->size) == 0 ? 0 : ENOEXEC;
}

/* ---- in the worker ---- */

struct job {
    struct vdso vdso;
    struct world_foreign process; /* to be changed */
    struct world_foreign owner;   /* whose clock it is */
    struct false_clock_slot slot;
    bool set; /* otherwise removed */
    pid_t parent;
    int why;          /* errno */
    const char *what; /* could not be done; a constant, and so the same in both processes */
};

static int fail(struct job *j, int why, const char *what)
{
    j->what = what;
    return why;
}

/* Whether a thread stands within [start, start + size), its beginning excepted when `from_start` is false. */
static bool stands_in(const struct trace *t, uint64_t start, uint64_t size, bool from_start)
{
    for (size_t i = 0; i < t->count; i++) {
        uint64_t at = trace_position(t->tasks[i]);
        if (at < start + size && (from_start ? at >= start : at > start))
            return true;
    }
    return false;
}

static bool entries_clear(const struct job *j, const struct look *l, const struct trace *t)
{
    for (size_t k = 0; k < ENTRIES; k++)
        if (j->vdso.entries[k] != 0 && stands_in(t, l->vdso + j->vdso.entries[k], JUMP_SIZE, false))
            return false;
    return true;
}

static int call_in(struct job *j, const struct look *l, struct trace *t, long number, const uint64_t arguments[6],
                   int64_t *result)
{
    int why = trace_call_begin(t, l->vdso + j->vdso.instruction);
    if (why != 0)
        return why;
    why = trace_call(t, number, arguments, result);
    int after = trace_call_end(t);
    return why != 0 ? why : after;
}

/* The two pages. What was begun and failed stays as a page that nothing leads to. */
static int make_area(struct job *j, struct look *l, struct trace *t)
{
    const struct false_clock_data data = {
        .magic = FALSE_CLOCK_MAGIC, .slots = {j->slot}, .process = j->owner.id, .started = j->owner.started};
    const uint64_t map[6] = {
        0, 2UL * FALSE_CLOCK_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~UINT64_C(0), 0};
    int64_t area, result = 0;
    int why = call_in(j, l, t, SYS_mmap, map, &area);
    if (why != 0 || area < 0)
        return fail(j, why != 0 ? why : (int)-area, "it gets no memory");
    l->area = (uint64_t)area;
    const uint64_t protect[6] = {l->area, FALSE_CLOCK_PAGE, PROT_READ | PROT_EXEC};
    size_t size = (size_t)(false_clock_end - false_clock_code);
    if (!trace_memory_write(l->memory, l->area, false_clock_code, size) ||
        !trace_memory_write(l->memory, l->area + FALSE_CLOCK_PAGE, &data, sizeof data))
        return fail(j, errno, "its memory cannot be written");
    why = call_in(j, l, t, SYS_mprotect, protect, &result);
    return why != 0 || result < 0 ? fail(j, why != 0 ? why : (int)-result, "code may not be added to it") : 0;
}

static int write_entries(struct job *j, const struct look *l, bool jumps)
{
    uint8_t bytes[JUMP_SIZE];
    for (size_t k = 0; k < ENTRIES; k++) {
        uint64_t at = j->vdso.entries[k];
        if (at == 0)
            continue;
        memcpy(bytes, j->vdso.image + at, sizeof bytes);
        if (jumps)
            make_jump(l->area, k, bytes);
        if (!trace_memory_write(l->memory, l->vdso + at, bytes, sizeof bytes))
            return fail(j, errno, "its vDSO cannot be written");
    }
    return 0;
}

static int unmap(struct job *j, const struct look *l, struct trace *t)
{
    const uint64_t arguments[6] = {l->area, 2UL * FALSE_CLOCK_PAGE};
    int64_t result = 0;
    int why = call_in(j, l, t, SYS_munmap, arguments, &result);
    return why != 0 || result < 0 ? fail(j, why != 0 ? why : (int)-result, "memory cannot be taken from it") : 0;
}

/* Held, and no thread within the bytes that are changed. */
static int hold_clear(struct job *j, const struct look *l, struct trace *t)
{
    for (int i = 0; i < TRIES; i++) {
        int why = trace_hold(t, (pid_t)j->process.id);
        if (why != 0 && why != EPERM)
            return fail(j, why, "it cannot be held");
        if (why == 0 && entries_clear(j, l, t))
            return 0;
        if (why == 0)
            trace_release(t);
        else if (i + 1 == TRIES)
            return fail(j, why, "it cannot be traced (is it traced already?)");
        world_worker_pause(AGAIN_AFTER);
    }
    return fail(j, EBUSY, "its threads do not leave the functions that are changed");
}

static int set_clock(struct job *j, struct look *l, struct trace *t)
{
    int why = hold_clear(j, l, t);
    if (why != 0)
        return why;
    /* While we hold it nobody heals it; if nobody will, because our parent has died by now, it stays as it is. */
    why = trace_outlive_parent(j->parent) ? make_area(j, l, t) : ECANCELED;
    if (why == 0 && (why = write_entries(j, l, true)) != 0)
        (void)write_entries(j, l, false);
    if (why != 0 && l->area != 0)
        (void)unmap(j, l, t);
    trace_release(t);
    return why;
}

static bool drained(const struct look *l, const struct trace *t)
{
    struct false_clock_data now;
    return trace_memory_read(l->memory, l->area + FALSE_CLOCK_PAGE, &now, sizeof now) && now.inside == 0 &&
           !stands_in(t, l->area, FALSE_CLOCK_PAGE, true);
}

/* First nobody comes in any more; the pages go when all have left. A jump is one instruction: nobody stands inside.
 * That it is right is believed only when we hold it: one that outlives the harness may be about to set it. */
static int remove_clock(struct job *j, struct look *l, struct trace *t)
{
    bool restored = false;
    (void)trace_outlive_parent(j->parent);
    for (int i = 0; i < TRIES; i++) {
        int why = hold_clear(j, l, t);
        if (why != 0)
            return why;
        if (!restored) {
            look_close(l);
            why = look_open(&j->vdso, j->process.id, l);
        }
        if (why == 0 && !restored && l->area != 0)
            why = write_entries(j, l, false);
        restored = true;
        bool gone = why == 0 && (l->area == 0 || drained(l, t));
        if (gone && l->area != 0)
            why = unmap(j, l, t);
        trace_release(t);
        if (why != 0 || gone)
            return why;
        world_worker_pause(AGAIN_AFTER);
    }
    return fail(j, EBUSY, "a thread does not come out of the false clock");
}

static int job_main(void *arg)
{
    static struct trace t;
    struct job *j = arg;
    struct look l;
    syscall(SYS_close_range, 3, ~0U, 0);
    j->why = look_open(&j->vdso, j->process.id, &l);
    if (j->why != 0)
        j->what = j->why == ENOEXEC ? "its vDSO is not the one of this kernel" : "its memory cannot be opened";
    else if (j->set && l.area == 0)
        j->why = set_clock(j, &l, &t);
    else if (!j->set)
        j->why = remove_clock(j, &l, &t);
    look_close(&l);
    return 0;
}

/* ---- outside ---- */

static int run_job(const struct job *job, struct error *err)
{
    struct world_mapping mapping;
    struct world_worker *worker = NULL;
    struct world_exit status;
    if (world_mapping_anonymous(sizeof *job, &mapping) != 0)
        return error_set(err, ERROR_MEMORY, "out of memory");
    struct job *j = mapping.data;
    *j = *job;
    j->parent = getpid();
    int code = world_worker_start(job_main, j, true, &worker, err);
    if (code == 0 && !world_worker_wait(worker, DONE_WITHIN, &status))
        code = error_set(err, ERROR_TIMEOUT, "the clock of process %lld: nothing within %d s", (long long)j->process.id,
                         (int)(DONE_WITHIN / 1000000000));
    else if (code == 0 && status.signalled)
        code = error_set(err, ERROR_IO, "the clock of process %lld: the tracer died", (long long)j->process.id);
    else if (code == 0 && j->why != 0)
        code = error_set(err, error_from_errno(j->why), "the clock of process %lld: %s: %s", (long long)j->process.id,
                         j->what != NULL ? j->what : "not changed", strerror(j->why));
    world_worker_close(worker);
    world_mapping_close(&mapping);
    return code;
}

int false_clock_possible(struct world *w, struct error *err)
{
    struct vdso v;
    int code = intercept_possible(w, err);
    if (code == 0 && !find_vdso(&v))
        code = error_set(err, ERROR_UNSUPPORTED, "this kernel has no vDSO that is known");
    return code;
}

static int64_t now_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct false_clock_slot slot_of(const struct false_clock *to)
{
    return (struct false_clock_slot){.clocks = WALL_CLOCKS | (to->monotonic ? MONOTONIC_CLOCKS : 0),
                                     .offset = to->offset,
                                     .base = now_of(CLOCK_REALTIME),
                                     .rate = to->rate * (INT64_C(1) << 32) / MILLION};
}

/* The next slot is written and then named, by one byte, so that a reader has one or the other. */
static int change(const struct look *l, const struct false_clock_slot *slot)
{
    uint64_t data = l->area + FALSE_CLOCK_PAGE;
    uint8_t next = (uint8_t)((l->data.slot + 1) % FALSE_CLOCK_SLOTS);
    bool ok = trace_memory_write(l->memory, data + offsetof(struct false_clock_data, slots) + next * sizeof *slot, slot,
                                 sizeof *slot) &&
              trace_memory_write(l->memory, data + offsetof(struct false_clock_data, slot), &next, sizeof next);
    return ok ? 0 : errno;
}

/* What it is now; ERROR_NOT_FOUND when the process is gone. */
static int look_at(struct world *w, const struct world_foreign *p, const struct vdso *v, struct look *l,
                   struct error *err)
{
    l->memory = -1;
    if (world_foreign_state(w, p) == 0)
        return error_set(err, ERROR_NOT_FOUND, "process %lld is gone", (long long)p->id);
    int why = look_open(v, p->id, l);
    if (why == 0)
        return 0;
    look_close(l);
    return error_set(err, why == ENOEXEC ? ERROR_UNSUPPORTED : error_from_errno(why), "the clock of process %lld: %s",
                     (long long)p->id, why == ENOEXEC ? "its vDSO is not the one of this kernel" : strerror(why));
}

int false_clock_set(struct world *w, const struct world_foreign *p, const struct false_clock *to, struct error *err)
{
    struct look l;
    struct job job = {.process = *p, .owner = *p, .set = true};
    int code = false_clock_possible(w, err);
    if (code != 0)
        return code;
    (void)find_vdso(&job.vdso);
    if ((code = look_at(w, p, &job.vdso, &l, err)) != 0)
        return code;
    job.slot = slot_of(to);
    if (l.area == 0) {
        look_close(&l);
        if ((code = run_job(&job, err)) != 0 || (code = look_at(w, p, &job.vdso, &l, err)) != 0)
            return code;
        if (l.area == 0)
            code = error_set(err, ERROR_IO, "the clock of process %lld is not false", (long long)p->id);
    } else {
        int why = change(&l, &job.slot);
        if (why != 0)
            code =
                error_set(err, error_from_errno(why), "the clock of process %lld: %s", (long long)p->id, strerror(why));
    }
    look_close(&l);
    return code;
}

int false_clock_reads(struct world *w, const struct world_foreign *p, uint64_t *reads, struct error *err)
{
    struct vdso v;
    struct look l;
    int code = false_clock_possible(w, err);
    if (code != 0 || !find_vdso(&v) || (code = look_at(w, p, &v, &l, err)) != 0)
        return code;
    *reads = l.data.reads;
    if (l.area == 0)
        code = error_set(err, ERROR_NOT_FOUND, "the clock of process %lld is right", (long long)p->id);
    look_close(&l);
    return code;
}

/* Of this process, if it has that one's false clock; `alive`: it is that one. */
static int remove_from(struct job *job, int64_t id, bool alive, struct error *err)
{
    struct look l;
    int why = look_open(&job->vdso, id, &l);
    bool has = why == 0 && l.area != 0 && l.data.process == job->owner.id && l.data.started == job->owner.started;
    has |= why == 0 && alive;
    look_close(&l);
    job->process.id = id;
    int code = has ? run_job(job, err) : 0;
    if (alive && (why == EACCES || why == EPERM))
        code = error_set(err, ERROR_DENIED, "the clock of process %lld cannot be looked at", (long long)id);
    /* It may have ended by itself, or got a right clock with another program. */
    return code == ERROR_NOT_FOUND ? 0 : code;
}

int false_clock_remove(struct world *w, const struct world_foreign *p, struct error *err)
{
    struct job job = {.owner = *p};
    if (world_is_simulated(w) || !find_vdso(&job.vdso))
        return 0;
    int code = 0;
    DIR *d = opendir("/proc");
    if (d == NULL)
        return error_set(err, error_from_errno(errno), "/proc: %s", strerror(errno));
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        int64_t id = strtoll(e->d_name, NULL, 10);
        if (id <= 1 || id == getpid())
            continue;
        int one = remove_from(&job, id, id == p->id && world_foreign_state(w, p) != 0, code == 0 ? err : NULL);
        code = code != 0 ? code : one;
    }
    closedir(d);
    return code;
}

#endif
