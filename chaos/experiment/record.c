#include "chaos/experiment/record.h"

#include <string.h>

#define HISTORY_LINES_DEFAULT ((size_t)50000) /* operations */

typedef int record_write(void *arg, const char *path, struct bytes content, struct error *err);

/* The first workload's history has the name given, the others have theirs behind it. */
static int hand_over(const struct record *r, size_t n, const char *ending, record_write *write, struct text *content,
                     struct error *err)
{
    const char *path = r->options->history, *dot = strrchr(path, '.');
    struct text name = TEXT_INIT;
    text_add(&name, path, dot != NULL ? (size_t)(dot - path) : strlen(path));
    if (n > 0)
        text_printf(&name, "-%s", workload_kind_of(r->workloads[n])->name);
    text_puts(&name, ending);
    int code = text_ok(&name) && text_ok(content)
                   ? write(r->options->write_arg, text_string(&name), text_bytes(content), err)
                   : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&name);
    return code;
}

static int append(struct record *r, size_t n)
{
    struct text block = TEXT_INIT;
    int code = history_binary_add(&r->written[n], workload_history(r->workloads[n]), &block);
    if (code != 0)
        error_set(&r->error, code, "the history of %s cannot be kept: %s", workload_kind_of(r->workloads[n])->name,
                  error_code_name(code));
    else
        code = hand_over(r, n, ".bin", r->options->append, &block, &r->error);
    text_deinit(&block);
    return code;
}

void record_append(struct record *r)
{
    if (r->options == NULL || r->options->history == NULL || r->options->append == NULL)
        return;
    for (size_t i = 0; i < r->count && r->code == 0; i++)
        r->code = append(r, i);
}

static void on_time(void *arg)
{
    struct record *r = arg;
    record_append(r);
    if (r->code == 0)
        world_timer_start(&r->timer, RECORD_EVERY);
}

void record_start(struct record *r, struct target *t, const struct chaos_options *options,
                  struct workload *const *workloads, size_t count)
{
    *r = (struct record){.target = t, .options = options, .workloads = workloads, .count = count, .error = ERROR_INIT};
    if (options->history == NULL || options->append == NULL)
        return;
    world_timer_init(&r->timer, t->world, on_time, r);
    on_time(r);
}

static int write_lines(struct record *r, size_t n, struct error *err)
{
    const struct history *h = workload_history(r->workloads[n]);
    const struct chaos_options *o = r->options;
    if (h->count > (o->history_lines > 0 ? o->history_lines : HISTORY_LINES_DEFAULT))
        return 0;
    struct text lines = TEXT_INIT;
    const char *dot = strrchr(o->history, '.');
    int code = history_write(h, &lines) != 0 ? error_set(err, ERROR_MEMORY, "out of memory")
                                             : hand_over(r, n, dot != NULL ? dot : "", o->write, &lines, err);
    text_deinit(&lines);
    return code;
}

int record_finish(struct record *r, struct error *err)
{
    if (r->options == NULL || r->options->history == NULL)
        return 0;
    if (r->options->append != NULL)
        world_timer_stop(&r->timer);
    record_append(r);
    int code = r->code;
    if (code != 0)
        error_move(err, &r->error);
    for (size_t i = 0; r->options->write != NULL && i < r->count; i++) {
        int kept = write_lines(r, i, code == 0 ? err : NULL);
        if (code == 0)
            code = kept;
    }
    return code;
}

void record_deinit(struct record *r)
{
    for (size_t i = 0; i < r->count; i++)
        history_binary_deinit(&r->written[i]);
    error_clear(&r->error);
}
