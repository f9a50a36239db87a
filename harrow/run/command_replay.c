#include "base/document.h"
#include "harrow/commands.h"
#include "harrow/run/command_line.h"
#include "harrow/run/run.h"
#include "base/words.h"
#include "world/foreign.h"
#include "world/real.h"

#include <stdio.h>
#include <string.h>

#define RESULTS_MAX ((size_t)1 << 30)
#define OUT_FOLDER  "harrow-out"

static bool print_only, json, quiet;
static int64_t number;
static uint64_t seed;

static const struct option options[] = {
    {.name = "print",
     .letter = 'p',
     .kind = OPTION_FLAG,
     .target = &print_only,
     .help = "print the command and do not run it"},
    {.name = "number",
     .letter = 'n',
     .kind = OPTION_INTEGER,
     .target = &number,
     .argument = "N",
     .fallback = "1",
     .min = 1,
     .max = 1000000,
     .help = "which of the run's failures and findings, counted from 1"},
    {.name = "seed",
     .letter = 's',
     .kind = OPTION_SEED,
     .target = &seed,
     .argument = "N",
     .help = "another seed in the place of the recorded one"},
    {.name = "json", .kind = OPTION_FLAG, .target = &json, .help = "print the result stream instead of text"},
    {.name = "quiet",
     .letter = 'q',
     .kind = OPTION_FLAG,
     .target = &quiet,
     .help = "print failures and the verdict only"},
    {0},
};

/* The replay command of the n-th failed case or finding of a result stream, into `out`. */
static int find_replay(struct bytes stream, const char *name, struct text *out, struct error *err)
{
    int64_t seen = 0;
    int line_number = 0;
    for (const char *p = (const char *)stream.data, *end = p + stream.len; p < end;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        if (newline == NULL)
            break;
        line_number++;
        json_error_t json_error;
        json_t *line = result_read(BYTES(p, (size_t)(newline - p)), &json_error);
        if (line == NULL)
            return error_set_at(err, ERROR_SYNTAX, name, line_number, json_error.column, "%s", json_error.text);
        const char *replay = json_string_value(json_object_get(line, "replay"));
        const char *type = json_string_value(json_object_get(line, "type"));
        const char *status = json_string_value(json_object_get(line, "status"));
        bool bad = type != NULL && (strcmp(type, "finding") == 0 ||
                                    (strcmp(type, "case") == 0 && status != NULL && strcmp(status, "failed") == 0));
        if (bad && replay != NULL && ++seen == number)
            text_puts(out, replay);
        json_decref(line);
        if (out->len > 0)
            return 0;
        p = newline + 1;
    }
    return error_set(err, ERROR_INVALID,
                     "%s has %lld failures and findings with a replay command, so there is no number %lld", name,
                     (long long)seen, (long long)number);
}

static bool is_stream(const char *path)
{
    static const char ending[] = ".jsonl";
    size_t len = strlen(path);
    return len >= sizeof ending - 1 && strcmp(path + len - (sizeof ending - 1), ending) == 0;
}

/* A finding's script has it in a comment. */
static int script_replay(struct bytes content, const char *name, struct text *out, struct error *err)
{
    static const char mark[] = "# replay: ";
    for (size_t at = 0; at < content.len;) {
        const uint8_t *line = content.data + at, *end = memchr(line, '\n', content.len - at);
        size_t len = end != NULL ? (size_t)(end - line) : content.len - at;
        if (len >= sizeof mark - 1 && memcmp(line, mark, sizeof mark - 1) == 0) {
            text_add(out, line + sizeof mark - 1, len - (sizeof mark - 1));
            return 0;
        }
        at += len + 1;
    }
    return error_set_at(err, ERROR_SYNTAX, name, 1, 1, "no line \"%sCOMMAND\" in it, as a finding's file has", mark);
}

static int read_command(struct world *w, const char *path, struct text *out, struct error *err)
{
    struct world_stat stat = {0};
    struct text file = TEXT_INIT, content = TEXT_INIT;
    text_puts(&file, path);
    if (world_stat(w, path, &stat) == 0 && stat.directory)
        text_puts(&file, "/results.jsonl");
    int code = world_read_file(w, text_string(&file), RESULTS_MAX, &content, err);
    if (code == 0 && is_stream(text_string(&file))) {
        code = find_replay(text_bytes(&content), text_string(&file), out, err);
    } else if (code == 0) {
        code = script_replay(text_bytes(&content), path, out, err);
    }
    if (code == 0 && !print_only && strstr(text_string(out), COMMAND_LINE_HIDDEN) != NULL)
        code = error_set(err, ERROR_INVALID,
                         "the command had a secret in it, which no report keeps; --print shows it, to be run with the "
                         "secret in the place of " COMMAND_LINE_HIDDEN);
    text_deinit(&content);
    text_deinit(&file);
    return code;
}

/* Commands name files as they were named where they were typed: there the folder with all runs is. NULL: this one, or
 * nobody knows. In the arena. */
static const char *typed_in(const char *path, struct arena *arena)
{
    size_t len = strlen(OUT_FOLDER);
    const char *last = NULL;
    for (const char *p = strstr(path, OUT_FOLDER); p != NULL; p = strstr(p + 1, OUT_FOLDER))
        if (p > path && p[-1] == '/' && (p[len] == '/' || p[len] == '\0'))
            last = p;
    if (last == NULL || (last == path + 2 && path[0] == '.'))
        return NULL;
    return arena_string_n(arena, path, last > path + 1 ? (size_t)(last - path) - 1 : 1);
}

/* Runs the command in place of this process; returns only when that failed. No shell takes part. */
static int become(const char *command, struct error *err)
{
    struct arena arena = {0};
    char **words = NULL;
    size_t count = 0;
    int code = words_split(command, &arena, &words, &count, err);
    const char *slash = code == 0 && count > 0 ? strrchr(words[0], '/') : NULL;
    const char *program = slash != NULL ? slash + 1 : count > 0 ? words[0] : "";
    /* Whatever path it was printed with, it is this program that runs it. */
    if (code == 0 &&
        (count < 2 || strncmp(program, "harrow", strlen("harrow")) != 0 || strcmp(words[1], "replay") == 0))
        code = error_set(err, ERROR_INVALID, "the recorded command is not one that harrow prints: %s", command);
    if (code == 0 && (code = world_become_self(words)) != 0)
        error_set(err, code, "cannot start myself again: %s", error_code_name(code));
    arena_deinit(&arena);
    return code;
}

static int run(const struct arguments *args)
{
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    struct text command = TEXT_INIT, line = TEXT_INIT;
    struct arena arena = {0};
    const char *folder = typed_in(args->argv[0], &arena);
    if (folder != NULL && world_works_in(folder))
        folder = NULL;
    int code = world_real_new(0, &w, &err);
    if (code == 0)
        code = read_command(w, args->argv[0], &command, &err);
    if (code == 0 && !text_ok(&command))
        code = error_set(&err, ERROR_MEMORY, "out of memory");
    world_real_free(w);
    /* The last one given counts. */
    if (seed != 0)
        text_printf(&command, " --seed %llu", (unsigned long long)seed);
    text_puts(&command, json ? " --json" : "");
    text_puts(&command, quiet ? " --quiet" : "");
    if (folder != NULL) {
        words_add(&line, "cd");
        words_add(&line, folder);
        text_puts(&line, " && ");
    }
    if (code == 0) {
        if (!json || print_only)
            printf("%s%s\n", text_string(&line), text_string(&command));
        fflush(stdout);
        if (!print_only && folder != NULL && (code = world_enter_folder(folder)) != 0)
            error_set(&err, code, "cannot work in %s, where it was run: %s", folder, error_code_name(code));
        if (!print_only && code == 0)
            code = become(text_string(&command), &err);
    }
    int exit_code = code != 0 ? harrow_error(&err, "replay") : HARROW_PASSED;
    error_clear(&err);
    arena_deinit(&arena);
    text_deinit(&line);
    text_deinit(&command);
    return exit_code;
}

const struct command command_replay = {
    .name = "replay",
    .summary = "run a failure or finding again",
    .positional = "RUN|FINDING",
    .positional_min = 1,
    .positional_max = 1,
    .description =
        "RUN is a run's folder or results.jsonl: its first failure or finding (or number N) is run again with its\n"
        "seed. FINDING is a file of a run's findings folder. It is run in the folder that has the harrow-out it lies\n"
        "in, for commands name files as they were named there.",
    .examples = "  harrow replay harrow-out/2026-11-21T06-46-51-123Z\n"
                "  harrow replay harrow-out/2026-11-21T06-46-51-123Z/findings/1.case --print\n",
    .options = options,
    .run = run,
};
