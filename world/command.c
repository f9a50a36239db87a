#include "world/command.h"

#include "base/units.h"

#include <stdio.h>
#include <string.h>

#define WITHIN        ((uint64_t)(10 * SECOND))
#define COMPLAINT_MAX 200 /* bytes */

struct running {
    struct text *output;
    char complaint[COMPLAINT_MAX];
    bool ended;
    struct world_exit status;
};

static void on_output(void *arg, int fd, struct bytes line)
{
    struct running *r = arg;
    if (fd == 2 && r->complaint[0] == '\0')
        snprintf(r->complaint, sizeof r->complaint, "%.*s", (int)(line.len < COMPLAINT_MAX ? line.len : COMPLAINT_MAX),
                 (const char *)line.data);
    if (fd != 1 || r->output == NULL || r->output->len + line.len >= COMMAND_OUTPUT_MAX)
        return;
    text_add(r->output, (const char *)line.data, line.len);
    text_char(r->output, '\n');
}

static void on_exited(void *arg, struct world_exit status)
{
    struct running *r = arg;
    r->ended = true;
    r->status = status;
}

static bool has_ended(void *arg)
{
    const struct running *r = arg;
    return r->ended;
}

int world_command_run(struct world *w, const struct world_command *c, struct text *output, struct error *err)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    struct running r = {.output = output};
    struct world_process *p;
    const struct world_spawn spawn = {.name = c->argv[0], .argv = c->argv, .input = c->input, .network = c->network};
    int code = world_process_spawn(w, &spawn, &events, &r, &p, err);
    if (code != 0)
        return code;
    uint64_t end = world_now(w) + (c->within > 0 ? c->within : WITHIN);
    /* Goes on when the user wants to stop: it may be what undoes something. */
    while (!r.ended && world_now(w) < end)
        (void)world_run_until(w, has_ended, &r, end - world_now(w));
    world_process_close(p);
    if (!r.ended)
        return error_set(err, ERROR_TIMEOUT, "%s did not end in time", c->argv[0]);
    if (!r.status.signalled && r.status.code == 0)
        return output == NULL || text_ok(output) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    struct text how = TEXT_INIT;
    world_exit_format(r.status, &how);
    error_set(err, ERROR_IO, "%s %s%s%s", c->argv[0], text_string(&how), r.complaint[0] != '\0' ? ": " : "",
              r.complaint);
    text_deinit(&how);
    return ERROR_IO;
}
