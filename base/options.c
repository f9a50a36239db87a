#include "base/options.h"

#include "base/array.h"
#include "base/document.h"
#include "base/options_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 512 /* option or command names looked through for the nearest one */

struct owned_list {
    struct option_list *target;
    const char **items; /* what to free, whatever the program did to its target */
    size_t count;
};

/* What parsing allocated and the program still uses: freed by command_cleanup(). */
static struct {
    ARRAY(struct owned_list) lists;
    ARRAY(const char *) positional;
} owned;
static const struct command *parsed; /* the command that was found last */

/* An option as it was met. Values are stored after the whole line was read, since defaults come first. */
struct setting {
    const struct option *option;
    const char *value;
    bool negated; /* --no-flag */
    bool flag;    /* given without a value */
};

struct parser {
    struct command_path path;
    int argc;
    char **argv;
    int at;
    ARRAY(struct setting) settings;
    struct error *err;
};

const struct command *command_child(const struct command *parent, const char *name)
{
    for (const struct command *c = parent->children; c && c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static bool find_below(const struct command *command, struct command_path *p)
{
    const struct command *here = p->commands[p->count - 1];
    if (here == command)
        return true;
    if (p->count == COMMAND_DEPTH_MAX)
        return false;
    for (const struct command *c = here->children; c && c->name; c++) {
        p->commands[p->count++] = c;
        if (find_below(command, p))
            return true;
        p->count--;
    }
    return false;
}

bool command_path_find(const struct command *root, const struct command *command, struct command_path *out)
{
    *out = (struct command_path){.commands = {root}, .count = 1};
    return find_below(command, out);
}

void command_path_name(const struct command_path *p, struct text *out)
{
    for (int i = 0; i < p->count; i++)
        text_printf(out, "%s%s", i > 0 ? " " : "", p->commands[i]->name);
}

const struct option *command_path_options(const struct command_path *p, int level)
{
    return level < p->count - 1 && p->commands[level]->run ? NULL : p->commands[level]->options;
}

int option_list_append(struct option_list *list, const char *value, struct error *err)
{
    struct owned_list *own = NULL;
    for (size_t i = 0; i < owned.lists.count && !own; i++)
        if (owned.lists.items[i].target == list)
            own = &owned.lists.items[i];
    if (!own) {
        if (!array_push(&owned.lists, ((struct owned_list){.target = list})))
            return error_set(err, ERROR_MEMORY, "out of memory");
        own = array_last(&owned.lists);
    }
    const char **items = realloc(own->items, (own->count + 1) * sizeof *items);
    if (!items)
        return error_set(err, ERROR_MEMORY, "out of memory");
    items[own->count++] = value;
    own->items = items;
    *list = (struct option_list){.items = items, .count = own->count};
    return 0;
}

void command_cleanup(void)
{
    for (size_t i = 0; i < owned.lists.count; i++) {
        struct owned_list *own = &owned.lists.items[i];
        free(own->items);
        *own->target = (struct option_list){0};
    }
    array_deinit(&owned.lists);
    array_deinit(&owned.positional);
}

/* ---- looking up ---------------------------------------------------------------------------------------------- */

/* The nearest command's options win over its parents'. */
static const struct option *find_long(const struct command_path *p, const char *name, size_t len)
{
    for (int i = p->count; i-- > 0;)
        for (const struct option *o = command_path_options(p, i); o && o->name; o++)
            if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
                return o;
    return NULL;
}

static const struct option *find_letter(const struct command_path *p, char letter)
{
    for (int i = p->count; i-- > 0;)
        for (const struct option *o = command_path_options(p, i); o && o->name; o++)
            if (o->letter && o->letter == letter)
                return o;
    return NULL;
}

static const struct command *current(const struct parser *p)
{
    return p->path.commands[p->path.count - 1];
}

/* Names of the options in reach, of flags only when `flags`. */
static void list_names(const struct parser *p, bool flags, const char **words)
{
    size_t count = 0;
    for (int i = p->path.count; i-- > 0;)
        for (const struct option *o = p->path.commands[i]->options; o && o->name && count < WORDS_MAX - 1; o++)
            if (!flags || o->kind == OPTION_FLAG)
                words[count++] = o->name;
    if (!flags)
        words[count++] = "help";
    words[count] = NULL;
}

static int unknown_option(struct parser *p, const char *word, size_t len)
{
    const char *words[WORDS_MAX + 1];
    char name[80];
    (void)snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), word);
    list_names(p, false, words);
    const char *no = "";
    const char *near = nearest_word(name, words);
    if (!near && strncmp(name, "no-", 3) == 0) {
        list_names(p, true, words);
        no = "no-";
        near = nearest_word(name + 3, words);
    }
    struct text shown = TEXT_INIT;
    text_printable(&shown, name, strlen(name), sizeof name);
    int code = near ? error_set(p->err, ERROR_INVALID, "unknown option --%s; did you mean --%s%s?", text_string(&shown),
                                no, near)
                    : error_set(p->err, ERROR_INVALID, "unknown option --%s", text_string(&shown));
    text_deinit(&shown);
    return code;
}

static void add_children(const struct command *c, struct text *out)
{
    for (const struct command *child = c->children; child && child->name; child++)
        text_printf(out, "%s%s", child == c->children ? "" : ", ", child->name);
}

static const char *nearest_child(const struct command *here, const char *word)
{
    const char *words[WORDS_MAX + 1];
    size_t count = 0;
    for (const struct command *c = here->children; c && c->name && count < WORDS_MAX; c++)
        words[count++] = c->name;
    words[count] = NULL;
    return nearest_word(word, words);
}

const char *command_nearest_child(const char *word)
{
    return parsed ? nearest_child(parsed, word) : NULL;
}

static int unknown_command(struct parser *p, const char *word)
{
    const struct command *here = current(p);
    const char *near = nearest_child(here, word);
    struct text all = TEXT_INIT, shown = TEXT_INIT;
    add_children(here, &all);
    text_printable(&shown, word, strlen(word), 60);
    int code = near ? error_set(p->err, ERROR_INVALID, "unknown command \"%s\"; did you mean \"%s\"?",
                                text_string(&shown), near)
                    : error_set(p->err, ERROR_INVALID, "unknown command \"%s\"; known are: %s", text_string(&shown),
                                text_string(&all));
    text_deinit(&all);
    text_deinit(&shown);
    return code;
}

/* ---- reading the line ---------------------------------------------------------------------------------------- */

static int add_setting(struct parser *p, struct setting s)
{
    return array_push(&p->settings, s) ? 0 : error_set(p->err, ERROR_MEMORY, "out of memory");
}

/* The value in the next word. A word that looks like a long option is more likely a forgotten value. */
static int take_value(struct parser *p, const struct option *o, struct setting *s)
{
    const char *argument = o->argument ? o->argument : "VALUE";
    if (p->at == p->argc)
        return error_set(p->err, ERROR_INVALID, "--%s needs a value: --%s %s", o->name, o->name, argument);
    const char *next = p->argv[p->at];
    if (strncmp(next, "--", 2) == 0)
        return error_set(p->err, ERROR_INVALID, "--%s needs a value: --%s %s (or --%s=VALUE when it begins with --)",
                         o->name, o->name, argument, o->name);
    s->value = next;
    p->at++;
    return 0;
}

static int on_long(struct parser *p, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    struct setting s = {.option = find_long(&p->path, word, len), .value = equals ? equals + 1 : NULL};
    if (!s.option && len > 3 && strncmp(word, "no-", 3) == 0) {
        s.option = find_long(&p->path, word + 3, len - 3);
        if (s.option && s.option->kind != OPTION_FLAG)
            s.option = NULL;
        s.negated = s.option != NULL;
        if (s.negated && equals)
            return error_set(p->err, ERROR_INVALID, "--no-%s takes no value", s.option->name);
    }
    if (!s.option)
        return unknown_option(p, word, len);
    if (s.option->kind == OPTION_FLAG && !equals)
        s.flag = true;
    else if (!equals) {
        int code = take_value(p, s.option, &s);
        if (code)
            return code;
    }
    return add_setting(p, s);
}

/* -n value, -nvalue, and flags in a row: -qv. */
static int on_letters(struct parser *p, const char *word, bool *help)
{
    for (const char *c = word; *c; c++) {
        struct setting s = {.option = find_letter(&p->path, *c)};
        int code;
        if (!s.option && *c == 'h') {
            *help = true;
            return 0;
        }
        if (!s.option) {
            char shown[8];
            bool printable = *c > 0x20 && *c < 0x7F;
            (void)snprintf(shown, sizeof shown, printable ? "%c" : "\\x%02x", (unsigned char)*c);
            return error_set(p->err, ERROR_INVALID, "unknown option -%s", shown);
        }
        if (s.option->kind == OPTION_FLAG) {
            s.flag = true;
        } else if (c[1]) {
            s.value = c + 1;
        } else {
            code = take_value(p, s.option, &s);
            if (code)
                return code;
        }
        code = add_setting(p, s);
        if (code || s.option->kind != OPTION_FLAG)
            return code;
    }
    return 0;
}

static bool descend(struct parser *p, const char *word)
{
    const struct command *child = command_child(current(p), word);
    if (!child || p->path.count == COMMAND_DEPTH_MAX)
        return false;
    p->path.commands[p->path.count++] = child;
    return true;
}

/* After --help only the commands count: `harrow --help run`, `harrow run --help --sede`. */
static void find_help_topic(struct parser *p)
{
    while (p->at < p->argc && descend(p, p->argv[p->at]))
        p->at++;
}

/* A command that runs by itself shares no options with its children: one that stands before the child would be lost. */
static int check_shared(struct parser *p, const struct command *parent, const char *child)
{
    for (size_t i = 0; parent->run && i < p->settings.count; i++)
        for (const struct option *o = parent->options; o && o->name; o++)
            if (p->settings.items[i].option == o)
                return error_set(p->err, ERROR_INVALID, "--%s stands before \"%s\" and is no option of it", o->name,
                                 child);
    return 0;
}

static int on_word(struct parser *p, const char *word, bool only_words, bool *help)
{
    const struct command *here = current(p);
    bool takes_words = !here->children || here->run;
    /* A child is named by the first word only: `fuzz museum`, but `fuzz -- museum` is a file. */
    if (here->children && !only_words && owned.positional.count == 0 && descend(p, word))
        return check_shared(p, here, word);
    if (takes_words) {
        if (!array_push(&owned.positional, word))
            return error_set(p->err, ERROR_MEMORY, "out of memory");
        return 0;
    }
    if (strcmp(word, "help") == 0) {
        *help = true;
        return 0;
    }
    return unknown_command(p, word);
}

static int read_words(struct parser *p, bool *help)
{
    bool only_words = false;
    int code = 0;
    while (!code && !*help && p->at < p->argc) {
        const char *word = p->argv[p->at++];
        if (only_words || word[0] != '-' || word[1] == '\0')
            code = on_word(p, word, only_words, help);
        else if (strcmp(word, "--") == 0)
            only_words = true;
        else if (strcmp(word, "--help") == 0)
            *help = true;
        else if (word[1] == '-')
            code = on_long(p, word + 2);
        else
            code = on_letters(p, word + 1, help);
    }
    if (*help)
        find_help_topic(p);
    return code;
}

/* ---- storing ------------------------------------------------------------------------------------------------- */

static bool was_given(const struct parser *p, const struct option *o)
{
    for (size_t i = 0; i < p->settings.count; i++)
        if (p->settings.items[i].option == o)
            return true;
    return false;
}

static int store_origin(struct parser *p, const struct option *o, const char *value, const char *prefix,
                        const char *name)
{
    struct text origin = TEXT_INIT;
    text_printf(&origin, "%s%s", prefix, name);
    int code = option_store(o, value, text_string(&origin), p->err);
    text_deinit(&origin);
    return code;
}

/* Default, then environment, then command line. A list is not added to its default but takes its place. */
static int store_settings(struct parser *p)
{
    for (int i = 0; i < p->path.count; i++) {
        for (const struct option *o = command_path_options(&p->path, i); o && o->name; o++) {
            const char *env = o->env ? getenv(o->env) : NULL;
            bool from_env = env && *env && !was_given(p, o);
            int code = 0;
            if (o->fallback && !(o->kind == OPTION_LIST && (from_env || was_given(p, o))))
                code = store_origin(p, o, o->fallback, "the default of --", o->name);
            if (!code && from_env)
                code = store_origin(p, o, env, "environment variable ", o->env);
            if (code)
                return code;
        }
    }
    for (size_t i = 0; i < p->settings.count; i++) {
        const struct setting *s = &p->settings.items[i];
        if (s->negated || s->flag) {
            *(bool *)s->option->target = !s->negated;
            continue;
        }
        int code = store_origin(p, s->option, s->value, "--", s->option->name);
        if (code)
            return code;
    }
    return 0;
}

static int check_count(struct parser *p)
{
    const struct command *c = current(p);
    size_t count = owned.positional.count;
    if (c->children && !c->run) {
        struct text all = TEXT_INIT;
        add_children(c, &all);
        int code = error_set(p->err, ERROR_INVALID, "a command is expected: %s", text_string(&all));
        text_deinit(&all);
        return code;
    }
    if (c->positional_min > 0 && count < (size_t)c->positional_min)
        return error_set(p->err, ERROR_INVALID, "expected %s%s", c->positional ? c->positional : "more words",
                         count ? ": too few were given" : "");
    if (c->positional_max >= 0 && count > (size_t)c->positional_max) {
        const char *extra = owned.positional.items[c->positional_max];
        struct text shown = TEXT_INIT;
        text_printable(&shown, extra, strlen(extra), 60);
        int code = error_set(p->err, ERROR_INVALID, "unexpected \"%s\"%s%s", text_string(&shown),
                             c->positional ? "; expected " : "", c->positional ? c->positional : "");
        text_deinit(&shown);
        return code;
    }
    return 0;
}

int command_parse(const struct command *root, int argc, char **argv, const struct command **found,
                  struct arguments *args, bool *help, struct error *err)
{
    struct parser p = {.path = {.commands = {root}, .count = 1}, .argc = argc, .argv = argv, .at = 1, .err = err};
    command_cleanup();
    *help = false;
    int code = read_words(&p, help);
    if (!code && !*help)
        code = check_count(&p);
    if (!code && !*help)
        code = store_settings(&p);
    *found = parsed = current(&p);
    args->argc = (int)owned.positional.count;
    args->argv = owned.positional.items;
    array_deinit(&p.settings);
    return code;
}

static int print(const struct text *t)
{
    if (!text_ok(t)) {
        (void)fputs("out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    (void)fwrite(text_string(t), 1, t->len, stdout); /* what fails is told at the program's end, as of all it prints */
    return EXIT_SUCCESS;
}

static int usage_error(const struct command *root, const struct command *found, const struct error *err)
{
    struct command_path path;
    struct text t = TEXT_INIT;
    text_printf(&t, "%s: ", root->name);
    error_format(err, &t);
    if (command_path_find(root, found, &path)) {
        text_puts(&t, "\nTry '");
        command_path_name(&path, &t);
        text_puts(&t, " --help'.");
    }
    (void)fprintf(stderr, "%s\n", text_ok(&t) ? text_string(&t) : "out of memory");
    text_deinit(&t);
    return err->code == ERROR_MEMORY ? EXIT_FAILURE : EXIT_USAGE;
}

int command_main(const struct command *root, int argc, char **argv, void *context)
{
    const struct command *found = root;
    struct arguments args = {.context = context};
    struct error err = ERROR_INIT;
    struct text t = TEXT_INIT;
    bool help = false;
    int exit_code;
    if (argc >= 2 && strcmp(argv[1], "completion") == 0 && root->children && !command_child(root, "completion")) {
        if (argc == 3)
            command_completion(root, argv[2], &t);
        if (t.len == 0 && text_ok(&t)) {
            (void)error_set(&err, ERROR_INVALID, "completion: expected one of bash, zsh, fish");
            exit_code = usage_error(root, root, &err);
        } else {
            exit_code = print(&t);
        }
        goto out;
    }
    if (command_parse(root, argc, argv, &found, &args, &help, &err) != 0) {
        exit_code = usage_error(root, found, &err);
    } else if (help) {
        command_help(root, found, &t);
        exit_code = print(&t);
    } else if (!found->run) {
        (void)error_set(&err, ERROR_UNSUPPORTED, "%s: not implemented", found->name);
        exit_code = usage_error(root, found, &err);
    } else {
        exit_code = found->run(&args);
    }
out:
    text_deinit(&t);
    error_clear(&err);
    command_cleanup();
    return exit_code;
}
