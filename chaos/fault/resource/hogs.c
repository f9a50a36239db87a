#include "chaos/fault/resource/hogs.h"

#include <stdlib.h>
#include <string.h>

#define MEMINFO_MAX 16384

int hog_memory_available(struct world *w, uint64_t *bytes, struct error *err)
{
    struct text info = TEXT_INIT;
    int code = world_read_file(w, "/proc/meminfo", MEMINFO_MAX, &info, err);
    const char *at = code == 0 ? strstr(text_string(&info), "MemAvailable:") : NULL;
    *bytes = at != NULL ? strtoull(at + strlen("MemAvailable:"), NULL, 10) << 10 : 0;
    if (code == 0 && at == NULL)
        code = error_set(err, ERROR_UNSUPPORTED, "the machine does not tell how much memory it has");
    text_deinit(&info);
    return code;
}

int hog_note(struct fault_injection *f, const struct machine_hog *hog, struct error *err)
{
    int code = 0;
    /* They are killed with us by the kernel; the journal is for who wants to see them. */
    for (size_t i = 0; code == 0 && i < machine_hog_count(hog) && f->undo_count < FAULT_UNDO_MAX; i++) {
        struct undo step = {.kind = UNDO_KILL};
        code = machine_hog_process(f->target->world, hog, i, &step.process, err);
        if (code == 0)
            code = fault_note(f, &step, err);
    }
    return code;
}

int hog_verify(struct fault_injection *f, struct error *err)
{
    uint64_t cpu = 0, resident = 0;
    (void)err;
    if (f->state != NULL)
        machine_hog_usage(f->state, &cpu, &resident);
    f->hits = cpu > 0 ? 1 : 0;
    return 0;
}

int hog_heal(struct fault_injection *f, struct error *err)
{
    machine_hog_end(f->state);
    f->state = NULL;
    return fault_undo(f, err);
}
