/* micro cli: lines of commands, each as if it were given behind `micro`. Words are taken apart as in a shell (quotes,
 * no variables, no patterns); a line that begins with # is none. The options before `cli` hold for every line. On a
 * terminal there is a prompt. Its exit code is that of the last command. */
#include "runtime/cli/cli.h"

#include "base/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX ((size_t)64 << 10)
#define GLOBAL_WORDS   16
#define DEPTH_MAX      8 /* of the tree of commands */

/* What an option was set to stays in its target: every line begins as a program does. */
static void forget(const struct command *c, int depth)
{
    for (const struct option *o = c->options; o && o->name; o++) {
        static const size_t sizes[] = {
            [OPTION_FLAG] = sizeof(bool),           [OPTION_TEXT] = sizeof(const char *),
            [OPTION_INTEGER] = sizeof(int64_t),     [OPTION_SEED] = sizeof(uint64_t),
            [OPTION_DURATION] = sizeof(int64_t),    [OPTION_SIZE] = sizeof(uint64_t),
            [OPTION_CHOICE] = sizeof(const char *), [OPTION_LIST] = sizeof(struct option_list),
        };
        memset(o->target, 0, sizes[o->kind]);
    }
    for (const struct command *child = c->children; child && child->name && depth < DEPTH_MAX; child++)
        forget(child, depth + 1);
}

static size_t add(char **words, size_t n, const char *option, const char *value, struct arena *arena)
{
    if (!value || !value[0])
        return n;
    words[n] = arena_string(arena, option);
    words[n + 1] = arena_string(arena, value);
    return n + 2;
}

/* "micro", and the options given before `cli`. */
static size_t global_words(const struct cli_flags *given, char **words, struct arena *arena)
{
    size_t n = 0;
    words[n++] = arena_string(arena, "micro");
    n = add(words, n, "--data-dir", given->data_dir, arena);
    n = add(words, n, "--namespace", given->namespace, arena);
    n = add(words, n, "--env", given->env, arena);
    n = add(words, n, "--proxy_address", given->proxy, arena);
    n = add(words, n, "--token", given->token, arena);
    n = add(words, n, "--log-level", given->log_level, arena);
    return add(words, n, "-c", given->config, arena);
}

static int run_line(char **words, size_t count, const struct cli_flags *given)
{
    struct arena arena = ARENA_INIT;
    char **argv = ARENA_NEW_N(&arena, char *, GLOBAL_WORDS + count + 1);
    size_t n = argv ? global_words(given, argv, &arena) : 0;
    bool ok = argv != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = argv[i] != NULL;
    int code = ok ? CLI_OK : cli_no_memory();
    if (ok) {
        memcpy(argv + n, words, count * sizeof *words);
        argv[n + count] = NULL;
        forget(&cli_root, 0);
        code = cli_main((int)(n + count), argv);
        fflush(stdout);
    }
    arena_deinit(&arena);
    return code;
}

static bool is_end(const char *word)
{
    return strcmp(word, "quit") == 0 || strcmp(word, "exit") == 0;
}

/* One line. *end: it was the last. */
static int take_line(const char *line, const struct cli_flags *given, int before, bool *end)
{
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    char **words = NULL, *slot[2];
    size_t count = 0;
    int code = before;
    if (line[strspn(line, " \t")] == '#') {
        /* said for who reads the file */
    } else if (words_split(line, &arena, &words, &count, &err) != 0) {
        code = cli_fail_error(EXIT_USAGE, &err);
    } else if (count > 0 && is_end(words[0])) {
        *end = count == 1;
        if (count > 1)
            code = cli_fail(EXIT_USAGE, "%s takes no more words", words[0]);
    } else if (count > 0 && strcmp(words[0], "cli") == 0) {
        code = cli_fail(EXIT_USAGE, "this is the shell already; leave it by quit");
    } else if (count == 1 && strcmp(words[0], "help") == 0) {
        slot[0] = arena_string(&arena, "--help");
        code = slot[0] ? run_line(slot, 1, given) : cli_no_memory();
        printf("\nIn the shell commands are given without \"micro\"; quit, exit or the end of input leave it.\n");
    } else if (count > 0 && strcmp(words[0], "micro") == 0) { /* typed by habit */
        code = run_line(words + 1, count - 1, given);
    } else if (count > 0) {
        code = run_line(words, count, given);
    }
    error_clear(&err);
    arena_deinit(&arena);
    return code;
}

int command_cli(const struct arguments *args)
{
    const struct cli_flags given = cli_flags;
    bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO), end = false;
    char *line = malloc(LINE_BYTES_MAX);
    int code = CLI_OK;
    (void)args;
    if (!line)
        return cli_no_memory();
    while (!end) {
        if (terminal)
            fputs("micro> ", stderr);
        if (!fgets(line, (int)LINE_BYTES_MAX, stdin))
            break;
        size_t len = strlen(line);
        if (len + 1 == LINE_BYTES_MAX && line[len - 1] != '\n') {
            for (int c = getchar(); c != '\n' && c != EOF; c = getchar()) {
            }
            code = cli_fail(EXIT_USAGE, "a line has at most %zu bytes", LINE_BYTES_MAX - 2);
            continue;
        }
        line[strcspn(line, "\r\n")] = '\0';
        code = take_line(line, &given, code, &end);
    }
    if (terminal && !end)
        fputc('\n', stderr);
    free(line);
    return code;
}
