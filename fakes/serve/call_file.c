#include "fakes/serve/call_file.h"

#include "base/log.h"

#include <stdlib.h>

struct call_file {
    struct fake_server *server;
    struct world_file *file;
    struct call_log_hearer hearer;
    struct world_timer flush;
    struct text lines;
    bool failed;
};

static void fail(struct call_file *f, int code)
{
    if (!f->failed)
        log_error("doubles", "the journal's file is not written any more: %s", error_code_name(code));
    f->failed = true;
}

static void flush(void *arg)
{
    struct call_file *f = arg;
    if (f->lines.len > 0 && !f->failed) {
        int64_t written = world_file_append(f->file, f->lines.data, f->lines.len);
        if (written < 0)
            fail(f, (int)written);
    }
    text_clear(&f->lines);
}

static void hear(void *arg, const struct call_log_entry *e)
{
    struct call_file *f = arg;
    size_t before = f->lines.len;
    if (!call_log_json(e, &f->lines)) {
        text_truncate(&f->lines, before);
        fail(f, ERROR_MEMORY);
        return;
    }
    text_char(&f->lines, '\n');
    if (f->lines.len >= CALL_FILE_GATHER)
        flush(f);
    else if (!world_timer_active(&f->flush) && world_timer_start(&f->flush, CALL_FILE_EVERY) != 0)
        flush(f);
}

int call_file_new(struct fake_server *s, const char *path, struct call_file **out, struct error *err)
{
    struct world *w = fake_server_world(s);
    struct call_file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int code = world_file_open(w, path, WORLD_WRITE | WORLD_CREATE, &f->file, err);
    if (code != 0) {
        free(f);
        return code;
    }
    f->server = s;
    f->hearer = (struct call_log_hearer){.hear = hear, .arg = f};
    world_timer_init(&f->flush, w, flush, f);
    call_log_hear(fake_server_journal(s), &f->hearer);
    *out = f;
    return 0;
}

void call_file_free(struct call_file *f)
{
    if (f == NULL)
        return;
    call_log_leave(fake_server_journal(f->server), &f->hearer);
    world_timer_stop(&f->flush);
    flush(f);
    world_file_close(f->file);
    text_deinit(&f->lines);
    free(f);
}
