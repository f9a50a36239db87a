#include "harrow/chaos/toolkit.h"

#include "base/json_text.h"
#include "base/words.h"
#include "chaos/toolkit/toolkit.h"
#include "harrow/system/attach.h"
#include "harrow/system/command_system.h"
#include "harrow/run/pillars.h"
#include "world/real.h"

#include <stdio.h>
#include <string.h>

static struct toolkit *toolkit; /* of the command under way */
static const char *toolkit_path, *journal_path;

static const char *environment(void *arg, const char *name)
{
    return world_environment(arg, name);
}

static int say(const struct error *err, int exit_code)
{
    struct text message = TEXT_INIT;
    error_format(err, &message);
    fprintf(stderr, "harrow: chaos: %s\n", text_string(&message));
    text_deinit(&message);
    return exit_code;
}

static const char *replay_of(struct run *r)
{
    struct text line = TEXT_INIT;
    words_add(&line, harrow_program);
    words_add(&line, "chaos");
    words_add(&line, toolkit_path);
    words_add(&line, "--system");
    words_add(&line, r->manifest->path);
    text_printf(&line, " --driver %s --seed %llu", common.driver, (unsigned long long)r->seed);
    const char *copy = text_ok(&line) ? arena_string(&r->arena, text_string(&line)) : NULL;
    text_deinit(&line);
    return copy;
}

static int keep_journal(struct run *r, const json_t *journal, struct error *err)
{
    struct text out = TEXT_INIT;
    char *dump = json_text_of(journal, 2);
    const char *path = arena_printf(&r->arena, "%s/journal.json", r->folder);
    text_puts(&out, dump != NULL ? dump : "");
    text_char(&out, '\n');
    int code = dump == NULL || path == NULL || !text_ok(&out)
                   ? error_set(err, ERROR_MEMORY, "out of memory")
                   : world_write_file(r->world, path, text_bytes(&out), false, err);
    if (code == 0 && journal_path != NULL)
        code = world_write_file(r->world, journal_path, text_bytes(&out), false, err);
    free(dump);
    text_deinit(&out);
    return code;
}

static int work(struct run *r, struct system *s, const struct arguments *args)
{
    struct toolkit_summary summary;
    struct error err = ERROR_INIT;
    json_t *journal = NULL;
    (void)args;
    if (r->interrupted)
        return 0;
    pillar_mark(r, "chaos", "start");
    const char *replay = replay_of(r);
    int code = replay != NULL ? toolkit_run(toolkit, system_target(s), r->seed, replay, &summary, &journal, &err)
                              : error_set(&err, ERROR_MEMORY, "out of memory");
    if (journal != NULL) {
        struct error own = ERROR_INIT;
        int kept = keep_journal(r, journal, &own);
        if (code == 0 && kept != 0) {
            code = kept;
            error_move(&err, &own);
        }
        error_clear(&own);
    }
    if (replay != NULL)
        result_emit(&r->results, "pillar",
                    json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "name", "chaos", "state", "end", "activities",
                              (json_int_t)summary.activities, "failed activities", (json_int_t)summary.failed, "faults",
                              (json_int_t)summary.faults, "status", summary.status));
    json_decref(journal);
    int exit_code = code != 0 && code != ERROR_CANCELLED ? run_failed(r, &err, "chaos") : 0;
    error_clear(&err);
    return exit_code;
}

/* Reads the file when it is one; *manifest is then its system, in the text. */
static int look(struct world *w, const char *path, const char *given, struct text *manifest, struct error *err)
{
    struct text content = TEXT_INIT;
    struct document *d = NULL;
    int code = 0;
    if (world_read_file(w, path, DOCUMENT_SIZE_MAX, &content, NULL) == 0 &&
        document_parse(text_bytes(&content), path, &d, NULL) == 0 && toolkit_is(d)) {
        code = toolkit_read(d, environment, w, &toolkit, err);
        d = NULL;
        const char *system = code == 0 ? toolkit_system(toolkit) : NULL, *slash = strrchr(path, '/');
        if (given == NULL && system != NULL && system[0] != '/' && slash != NULL)
            text_printf(manifest, "%.*s/", (int)(slash - path), path);
        text_puts(manifest, given != NULL ? given : system != NULL ? system : "");
        if (code == 0 && manifest->len == 0)
            code =
                error_set(err, ERROR_INVALID,
                          "%s names no system: say --system MANIFEST, or \"harrow_system\" in its configuration", path);
    }
    document_free(d);
    text_deinit(&content);
    return code;
}

int chaos_toolkit(const struct arguments *args, const char *manifest, const char *journal, bool direct, bool *is)
{
    struct error err = ERROR_INIT;
    struct text system = TEXT_INIT;
    struct world *w = NULL;
    int exit_code = 0, code = world_real_new(1, &w, &err);
    if (code == 0)
        code = look(w, args->argv[0], manifest, &system, &err);
    world_real_free(w);
    *is = toolkit != NULL || code != 0;
    if (code != 0) {
        exit_code = say(&err, code == ERROR_MEMORY ? HARROW_ENVIRONMENT : HARROW_INPUT);
    } else if (toolkit != NULL) {
        struct arguments replaced = *args;
        const char *argv[] = {text_string(&system), NULL};
        replaced.argc = 1;
        replaced.argv = argv;
        toolkit_path = args->argv[0];
        journal_path = journal;
        common.links = !direct;
        exit_code = attach_refuses("chaos", argv[0], "it is not ours to stop or kill")
                        ? HARROW_USAGE
                        : command_on_system(&replaced, work);
    }
    toolkit_free(toolkit);
    toolkit = NULL;
    text_deinit(&system);
    error_clear(&err);
    return exit_code;
}
