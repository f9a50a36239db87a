/* Programs that commands run for their user: git, make, protoc, pkg-config, and micro-<command> itself. */
#include "runtime/cli/cli.h"

#include "world/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)4 << 20) /* bytes kept of a program's output */

struct running {
    const struct cli_process *what;
    struct text kept; /* shown when it fails */
    struct world_exit status;
    bool done;
};

static void on_output(void *arg, int fd, struct bytes line)
{
    struct running *r = arg;
    struct text *to = fd == 1 && r->what->output ? r->what->output : r->what->silent ? &r->kept : NULL;
    if (to) {
        if (to->len + line.len < OUTPUT_MAX) {
            text_add(to, line.data, line.len);
            text_char(to, '\n');
        }
        return;
    }
    fprintf(fd == 1 ? stdout : stderr, "%.*s\n", (int)line.len, (const char *)line.data);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct running *r = arg;
    r->status = status;
    r->done = true;
}

static bool is_done(void *arg)
{
    const struct running *r = arg;
    return r->done;
}

int cli_run_process(struct cli *c, const struct cli_process *what, struct world_exit *status)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    struct running r = {.what = what};
    struct world_process *process = NULL;
    struct error err = ERROR_INIT;
    const struct world_spawn spawn = {
        .name = what->argv[0],
        .argv = what->argv,
        .environment = what->environment,
        .directory = what->directory,
        .inherit_output = !what->silent && !what->output,
    };
    fflush(stdout);
    int code = CLI_OK;
    int rc = world_process_spawn(c->world, &spawn, &events, &r, &process, &err);
    if (rc == 0) {
        rc = world_run_until(c->world, is_done, &r, 0);
        if (rc < 0)
            error_set(&err, rc, "%s: %s", what->argv[0], error_code_name(rc));
    }
    if (rc < 0)
        code = cli_fail_error(CLI_TIMEOUT, &err);
    else if (what->silent && (r.status.signalled || r.status.code != 0))
        fputs(text_string(&r.kept), stderr);
    if (process)
        world_process_close(process);
    text_deinit(&r.kept);
    error_clear(&err);
    *status = r.status;
    return code;
}

bool cli_program(char out[CLI_PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, CLI_PATH_MAX - 1);
    if (n <= 0 || n >= CLI_PATH_MAX - 1)
        return false;
    out[n] = '\0';
    return true;
}

/* ---- micro-<command> ---- */

bool command_external_find(const char *word, char out[CLI_PATH_MAX])
{
    const char *path = getenv("PATH");
    if (!word[0] || strchr(word, '/'))
        return false;
    for (const char *p = path ? path : ""; *p;) {
        size_t len = strcspn(p, ":");
        int n = snprintf(out, CLI_PATH_MAX, "%.*s/micro-%s", (int)len, p, word);
        if (len > 0 && n > 0 && n < CLI_PATH_MAX && access(out, X_OK) == 0)
            return true;
        p += len + (p[len] == ':');
    }
    return false;
}

/* Its exit code is ours; a signal that killed it is 128 and its number, as a shell has it. */
int command_external(struct cli *c, const char *path, int argc, char **argv)
{
    struct world_exit status = {0};
    const char **words = calloc((size_t)argc + 1, sizeof *words);
    if (!words)
        return cli_no_memory();
    words[0] = path;
    for (int i = 1; i < argc; i++)
        words[i] = argv[i];
    const struct cli_process what = {.argv = words};
    int code = cli_run_process(c, &what, &status);
    free(words);
    if (code != CLI_OK)
        return code;
    return status.signalled ? 128 + status.code : status.code;
}
