/* From words to a command: the table's own, a program micro-<word> on the PATH, or a service with its endpoints as
 * commands; in that order. */
#include "runtime/cli/cli.h"

#include "base/document.h"
#include "base/options_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHILDREN_MAX 64

/* How far the table of commands leads into a command line. */
struct found {
    struct command_path path;
    int at;    /* the first word that is no command's; argc when there is none */
    bool help; /* --help came before it */
};

static const struct option *find_option(const struct command_path *p, const char *word)
{
    bool is_long = word[1] == '-';
    size_t len = is_long ? strcspn(word + 2, "=") : 0;
    for (int i = p->count; i-- > 0;)
        for (const struct option *o = p->commands[i]->options; o && o->name; o++)
            if (is_long ? strlen(o->name) == len && memcmp(o->name, word + 2, len) == 0 : o->letter == word[1])
                return o;
    return NULL;
}

/* Whether the option in `word` takes the word behind it. */
static bool takes_next(const struct command_path *p, const char *word)
{
    const struct option *o = find_option(p, word);
    if (!o || o->kind == OPTION_FLAG)
        return false;
    return word[1] == '-' ? !strchr(word, '=') : word[2] == '\0';
}

static void find_words(int argc, char **argv, struct found *out)
{
    *out = (struct found){.path = {.commands = {&cli_root}, .count = 1}, .at = 1};
    for (; out->at < argc; out->at++) {
        const char *word = argv[out->at];
        const struct command *here = out->path.commands[out->path.count - 1];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
            out->help = true;
            return;
        }
        if (strcmp(word, "--") == 0)
            return;
        if (word[0] == '-' && word[1]) {
            out->at += takes_next(&out->path, word);
            continue;
        }
        const struct command *child = here->children ? command_child(here, word) : NULL;
        if (!child || out->path.count == COMMAND_DEPTH_MAX)
            return;
        out->path.commands[out->path.count++] = child;
    }
    if (out->at > argc)
        out->at = argc;
}

/* Groups that mean one of their commands when none is named. */
static const char *default_child(const struct command *group)
{
    static const struct {
        const struct command *children;
        const char *name;
    } table[] = {{env_commands, "list"}, {user_commands, "info"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (group->children == table[i].children)
            return table[i].name;
    return group->children && strcmp(group->name, "namespace") == 0 ? "get" : NULL;
}

/* Nothing is done to another micro than the one that was meant: a command that may go to one (or keeps something for
 * it) is refused when its environment is not known. These do not, or mend just that. */
static bool needs_environment(const struct command *command)
{
    static int (*const free_ones[])(const struct arguments *) = {command_server, command_new, command_gen, command_sdk,
                                                                 command_cli};
    for (size_t i = 0; i < sizeof free_ones / sizeof free_ones[0]; i++)
        if (command->run == free_ones[i])
            return false;
    for (const struct command *e = env_commands; e->name; e++)
        if (e == command)
            return false;
    return strcmp(command->name, "completion") != 0;
}

/* ---- running ---- */

static int run_command(int argc, char **argv)
{
    const struct command *found = &cli_root;
    struct cli c = {0};
    struct arguments args = {.context = &c};
    struct error err = ERROR_INIT;
    struct text text = TEXT_INIT;
    bool help = false;
    int code;
    if (command_parse(&cli_root, argc, argv, &found, &args, &help, &err) != 0) {
        struct command_path path;
        code = cli_fail_error(err.code == ERROR_MEMORY ? CLI_TIMEOUT : EXIT_USAGE, &err);
        if (command_path_find(&cli_root, found, &path)) {
            command_path_name(&path, &text);
            fprintf(stderr, "Please refer to '%s --help'\n", text_string(&text));
        }
    } else if (help) {
        command_help(&cli_root, found, &text);
        fputs(text_string(&text), stdout);
        code = text_ok(&text) ? CLI_OK : cli_no_memory();
    } else {
        code = cli_open(&c);
        if (code == CLI_OK && needs_environment(found))
            code = cli_environment_check(&c);
        if (code == CLI_OK)
            code = found->run(&args);
        cli_close(&c);
    }
    text_deinit(&text);
    error_clear(&err);
    return code;
}

/* With `word` put in at `at`. */
static int run_with(int argc, char **argv, int at, const char *word)
{
    char **words = calloc((size_t)argc + 2, sizeof *words), *copy = strdup(word);
    int code = CLI_TIMEOUT;
    if (words && copy) {
        memcpy(words, argv, (size_t)at * sizeof *words);
        words[at] = copy;
        memcpy(words + at + 1, argv + at, (size_t)(argc - at) * sizeof *words);
        code = run_command(argc + 1, words);
    } else {
        cli_no_memory();
    }
    free(words);
    free(copy);
    return code;
}

static const char *near_command(const struct command *group, const char *word)
{
    const char *words[CHILDREN_MAX + 1] = {NULL};
    size_t n = 0;
    for (const struct command *c = group->children; c && c->name && n < CHILDREN_MAX; c++)
        words[n++] = c->name;
    return nearest_word(word, words);
}

static void hint(const char *near)
{
    if (near)
        fprintf(stderr, "Did you mean \"%s\"?\n", near);
}

static bool no_server(struct cli *c)
{
    bool was = cli_quiet(true);
    json_t *status = c->proxy ? json_object() : cli_status(c);
    cli_quiet(was);
    bool none = !status;
    json_decref(status);
    return none;
}

/* Not a word of the table: a program of that name, else a service of that name. The flags before it are ours. */
static int run_other(int argc, char **argv, int at)
{
    static const struct command ours = {.name = "micro", .positional_max = -1};
    struct command root = ours;
    const struct command *found = &root;
    struct cli c = {0};
    struct arguments args = {0};
    struct error err = ERROR_INIT;
    bool help = false;
    char path[CLI_PATH_MAX];
    root.options = cli_root.options;
    int code;
    if (command_parse(&root, at, argv, &found, &args, &help, &err) != 0)
        code = cli_fail_error(EXIT_USAGE, &err);
    else
        code = cli_open(&c);
    if (code == CLI_OK)
        code = cli_environment_check(&c);
    if (code == CLI_OK && command_external_find(argv[at], path)) {
        code = command_external(&c, path, argc - at, argv + at);
    } else if (code == CLI_OK) {
        bool known = false;
        code = command_dynamic(&c, argc - at, argv + at, &known);
        if (!known) {
            int code_of_look = code;
            struct text why = TEXT_INIT;
            text_puts(&why, cli_quiet_words());
            code = cli_fail(EXIT_USAGE, "Unrecognized micro command: %s. Please refer to 'micro --help'", argv[at]);
            hint(near_command(&cli_root, argv[at]));
            if (code_of_look == CLI_UNAUTHORIZED)
                fprintf(stderr, "Not logged in, so no service was looked for; see: micro login\n");
            else if (no_server(&c))
                fprintf(stderr, "No micro server runs on %s, so no service was looked for.\n", c.data_dir);
            else if (why.len > 0)
                fprintf(stderr, "No service was looked for, as the registry gave no answer: %s\n", text_string(&why));
            text_deinit(&why);
        }
    }
    cli_close(&c);
    error_clear(&err);
    return code;
}

int cli_main(int argc, char **argv)
{
    struct found f;
    find_words(argc, argv, &f);
    const struct command *here = f.path.commands[f.path.count - 1];
    struct text name = TEXT_INIT;
    bool root = f.path.count == 1, plain = here->run || f.help || (f.at < argc && strcmp(argv[f.at], "--") == 0);
    int code;
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)) {
        printf("micro %s\n", MICRO_VERSION_TEXT);
        return CLI_OK;
    }
    for (int i = 1; i < f.path.count; i++)
        text_printf(&name, "%s%s", i > 1 ? " " : "", f.path.commands[i]->name);
    if (plain) {
        code = run_command(argc, argv);
    } else if (f.at >= argc && root) {
        code = cli_fail(EXIT_USAGE, "No command");
        fprintf(stderr, "Please refer to 'micro --help'\n");
    } else if (root) {
        code = run_other(argc, argv, f.at);
    } else if (f.at >= argc && default_child(here)) {
        code = run_with(argc, argv, argc, default_child(here));
    } else if (f.at >= argc) {
        code = cli_fail(EXIT_USAGE, "No command provided to micro %s. Please refer to 'micro %s --help'",
                        text_string(&name), text_string(&name));
    } else {
        code = cli_fail(EXIT_USAGE, "Unrecognized subcommand for micro %s: %s. Please refer to 'micro %s --help'",
                        text_string(&name), argv[f.at], text_string(&name));
        hint(near_command(here, argv[f.at]));
    }
    text_deinit(&name);
    command_cleanup();
    return code;
}
