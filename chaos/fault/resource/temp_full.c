#include "chaos/fault/disk/disk.h"

#include "base/units.h"
#include "world/machine.h"

#include <errno.h>

#define TEMP_DEFAULT "/tmp" /* of who was not told another */

static int inject(struct fault_injection *f, struct error *err)
{
    struct text folder = TEXT_INIT;
    struct world_foreign p;
    int code = fault_process(f, &p, err);
    if (code == 0 && machine_variable(f->target->world, &p, "TMPDIR", &folder, NULL) != 0) {
        text_clear(&folder);
        text_puts(&folder, TEMP_DEFAULT);
    }
    if (code == 0 && !text_ok(&folder))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0)
        code = disk_inject(f, NULL,
                           &(struct intercept_rule){.calls = INTERCEPT_WRITE | INTERCEPT_NAMES,
                                                    .action = INTERCEPT_FAIL,
                                                    .error = ENOSPC,
                                                    .share = 1000000,
                                                    .seed = random_next(&f->random),
                                                    .below = text_string(&folder)},
                           err);
    text_deinit(&folder);
    return code;
}

const struct chaos_fault fault_temp_full = {
    .name = "temp-full",
    .family = "resource",
    .summary = "ENOSPC: nothing more can be written or made in its temporary folder (TMPDIR, or /tmp)",
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .asked_only = true,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = disk_possible,
    .inject = inject,
    .verify = disk_verify,
    .heal = disk_heal,
};
