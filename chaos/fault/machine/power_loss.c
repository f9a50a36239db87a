/* True loss of power on processes: the file system that holds the data of all parts is shut down at an instant while
 * they stand still (world/image.h), they are killed, it is mounted again, which goes through its journal, and they are
 * started. What was fsynced is there; what was not is gone. That it was so is seen in two files of our own. */
#include "base/array.h"
#include "base/units.h"
#include "chaos/fault/faults.h"
#include "world/image.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIAL_SIZE  ((uint64_t)8 << 20)
#define FREE_WITHIN ((uint64_t)(10 * SECOND)) /* until nobody has anything open there */
#define GONE_WITHIN ((uint64_t)(5 * SECOND))
#define LOOK_EVERY  ((uint64_t)(2 * MILLISECOND))
#define SYNCED      UNDO_PREFIX "synced"
#define NOT_SYNCED  UNDO_PREFIX "not-synced"
#define CONTENT     "what is written before the power goes\n"

/* ---- what is seen of it ---- */

static int leave_mark(struct world *w, const char *folder, const char *name, bool sync, struct error *err)
{
    char path[MACHINE_PATH_MAX + 32];
    struct world_file *file;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int code = world_file_open(w, path, WORLD_WRITE | WORLD_CREATE | WORLD_TRUNCATE, &file, err);
    if (code != 0)
        return code;
    int64_t n = world_file_append(file, CONTENT, strlen(CONTENT));
    code = n < 0 ? (int)n : sync ? world_file_sync(file) : 0;
    world_file_close(file);
    if (code == 0 && sync)
        code = world_sync_directory(w, folder);
    return code == 0 ? 0 : error_set(err, code, "cannot write %s: %s", path, error_code_name(code));
}

static void remove_mark(struct world *w, const char *folder, const char *name)
{
    char path[MACHINE_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)world_remove(w, path);
}

static bool has_mark(struct world *w, const char *folder, const char *name)
{
    char path[MACHINE_PATH_MAX + 32];
    struct text content = TEXT_INIT;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    bool has = world_read_file(w, path, 2 * strlen(CONTENT), &content, NULL) == 0 &&
               strcmp(text_string(&content), CONTENT) == 0;
    text_deinit(&content);
    return has;
}

static int look(struct world *w, const char *folder, struct error *err)
{
    bool synced = has_mark(w, folder, SYNCED), other = has_mark(w, folder, NOT_SYNCED);
    return synced && !other
               ? 0
               : error_set(err, ERROR_IO, "after the power had gone %s",
                           !synced ? "what was fsynced was not there" : "what was not fsynced was there all the same");
}

/* ---- whether this machine can ---- */

/* Found out by doing it to a small one in memory, once. It is mounted where there is a folder on every machine; only we
 * see it there, and the loop does not turn meanwhile. */
static int try_power(struct world *w, struct error *err)
{
    static bool tried;
    static const char folder[] = "/tmp";
    struct world_image i;
    if (tried)
        return 0;
    int code = world_image_make(w, NULL, folder, TRIAL_SIZE, &i, err);
    if (code == 0 && (code = world_image_mount(w, &i, err)) == 0) {
        if ((code = leave_mark(w, folder, SYNCED, true, err)) == 0 &&
            (code = leave_mark(w, folder, NOT_SYNCED, false, err)) == 0)
            code = world_image_cut(w, &i, err);
        int gone = world_image_unmount(w, &i, code == 0 ? err : NULL);
        code = code != 0 ? code : gone;
        if (code == 0 && (code = world_image_mount(w, &i, err)) == 0) {
            code = look(w, folder, err);
            (void)world_image_unmount(w, &i, NULL);
        }
    }
    world_image_close(&i);
    tried = code == 0;
    return code;
}

static int possible(struct target *t, struct error *err)
{
    int code = try_power(t->world, err);
    return code != 0 || t->disk != NULL
               ? code
               : error_set(err, ERROR_UNSUPPORTED,
                           "the data of %s lies on this machine's own file system: --disk image gives it one "
                           "that can lose power",
                           t->system);
}

/* ---- the fault ---- */

struct power {
    bool cut, mounted; /* what is to be mended */
    ARRAY(struct world_foreign) all;
};

/* While their files can still be read: who starts others again first, so that nobody is. */
static int gather(struct target *t, struct power *p, struct error *err)
{
    struct world_foreign one;
    int64_t id = t->operations->supervisor != NULL ? t->operations->supervisor(t) : 0;
    bool ok = true;
    for (size_t i = 0; i <= t->component_count && ok; i++) {
        if (i > 0)
            id = t->operations->process(t, t->components[i - 1].name);
        if (id != 0 && world_foreign_by_id(t->world, id, &one, NULL) == 0)
            ok = array_push(&p->all, one);
    }
    return ok ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int signal_all(struct target *t, const struct power *p, int number, struct error *err)
{
    int code = 0;
    for (size_t i = 0; i < p->all.count; i++) {
        int one = world_foreign_signal(t->world, &p->all.items[i], number);
        if (one != 0 && one != ERROR_NOT_FOUND && code == 0)
            code = error_set(err, one, "process %lld: %s", (long long)p->all.items[i].id, error_code_name(one));
    }
    return code;
}

/* They are in that state (0: gone); who is gone needs not be in any other. Whoever hurries us has to wait: half a loss
 * of power is worse. */
static int wait_for(struct target *t, const struct power *p, char state, struct error *err)
{
    uint64_t end = world_now(t->world) + GONE_WITHIN;
    for (size_t i = 0; i < p->all.count;) {
        char now = world_foreign_state(t->world, &p->all.items[i]);
        if (now == state || now == 0)
            i++;
        else if (world_now(t->world) < end)
            (void)world_sleep(t->world, LOOK_EVERY);
        else
            return error_set(err, ERROR_TIMEOUT, "process %lld does not %s", (long long)p->all.items[i].id,
                             state == 0 ? "end" : "stop");
    }
    return 0;
}

static int kill_all(struct target *t, const struct power *p, struct error *err)
{
    int code = signal_all(t, p, SIGKILL, err);
    return code != 0 ? code : wait_for(t, p, 0, err);
}

/* A user who wants to stop gets his file system back all the same. */
static int unmount(struct target *t, struct error *err)
{
    uint64_t end = world_now(t->world) + FREE_WITHIN;
    int code;
    while ((code = world_image_unmount(t->world, t->disk, err)) == ERROR_IN_USE && world_now(t->world) < end) {
        error_clear(err);
        (void)world_sleep(t->world, LOOK_EVERY);
    }
    return code;
}

static int power_on(struct fault_injection *f, struct error *err)
{
    struct power *p = f->state;
    int code = kill_all(f->target, p, err);
    if (code == 0 && p->mounted)
        code = unmount(f->target, err);
    p->mounted = p->mounted && code != 0;
    if (code == 0)
        code = world_image_mount(f->target->world, f->target->disk, err);
    p->mounted = p->mounted || code == 0;
    p->cut = p->cut && code != 0;
    return code;
}

static int inject(struct fault_injection *f, struct error *err)
{
    struct target *t = f->target;
    struct power *p = f->state = calloc(1, sizeof *p);
    struct error own = ERROR_INIT;
    if (p == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *p = (struct power){.mounted = true};
    int code = gather(t, p, &own);
    if (code == 0)
        code = leave_mark(t->world, t->disk->folder, SYNCED, true, &own);
    /* They stand still from here: nobody sees, and says, that there is no disk before he is dead. Who dies with us
     * stopped needs nobody to undo it. */
    if (code == 0)
        code = signal_all(t, p, SIGSTOP, &own);
    if (code == 0)
        code = wait_for(t, p, 'T', &own);
    if (code == 0)
        code = leave_mark(t->world, t->disk->folder, NOT_SYNCED, false, &own);
    if (code == 0)
        code = world_image_cut(t->world, t->disk, &own);
    p->cut = code == 0;
    if (code == 0 && (code = power_on(f, &own)) == 0)
        code = look(t->world, t->disk->folder, &own);
    if (code != 0)
        error_move(err, &own);
    error_clear(&own);
    return code;
}

static int heal(struct fault_injection *f, struct error *err)
{
    struct power *p = f->state;
    struct target *t = f->target;
    int code = p != NULL && (p->cut || !p->mounted) ? power_on(f, err) : 0;
    if (code != 0)
        return code;
    if (p != NULL) {
        (void)signal_all(t, p, SIGCONT, NULL); /* whom an injection that failed has left alive */
        remove_mark(t->world, t->disk->folder, SYNCED);
        remove_mark(t->world, t->disk->folder, NOT_SYNCED);
        array_deinit(&p->all);
    }
    free(p);
    f->state = NULL;
    /* With a supervisor of its own it is that one's affair who is started. */
    code = t->operations->supervisor != NULL ? t->operations->act(t, NULL, TARGET_START, NULL) : ERROR_UNSUPPORTED;
    return code == 0 || code == ERROR_EXISTS ? 0 : fault_start_all(f, err);
}

const struct chaos_fault fault_power_loss = {
    .name = "power-loss",
    .family = "machine",
    .summary = "the machine loses power: its file system stops at an instant, and what was not fsynced is gone",
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_SYSTEM,
    .root = true,
    .with = "--disk image",
    .hold_min = 0,
    .hold_max = 500 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = possible,
    .inject = inject,
    .heal = heal,
};
