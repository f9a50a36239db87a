#include "base/options.h"

#include "base/options_tree.h"

#include <string.h>

/* One script a shell, all by the same method: follow the words typed so far down the command tree, then offer what is
 * known at that place. Names come from tables in the program; summaries are quoted for the shell. */

typedef void visit(const struct command_path *path, const char *name, struct text *out);

static void walk(struct command_path *path, visit *each, struct text *out)
{
    struct text name = TEXT_INIT;
    const struct command *c = path->commands[path->count - 1];
    command_path_name(path, &name);
    if (!text_ok(&name))
        out->failed = true;
    each(path, text_string(&name), out);
    text_deinit(&name);
    if (path->count == COMMAND_DEPTH_MAX)
        return;
    for (const struct command *child = c->children; child && child->name; child++) {
        path->commands[path->count++] = child;
        walk(path, each, out);
        path->count--;
    }
}

static void walk_tree(const struct command *root, visit *each, struct text *out)
{
    struct command_path path = {.commands = {root}, .count = 1};
    walk(&path, each, out);
}

/* Inside single quotes of bash and zsh. */
static void add_quoted(struct text *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\'')
            text_puts(out, "'\\''");
        else
            text_char(out, *s);
    }
}

/* A function's name: what is no letter or digit becomes "_". */
static void add_identifier(struct text *out, const char *name)
{
    for (; *name; name++) {
        bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || (*name >= '0' && *name <= '9');
        if (plain)
            text_char(out, *name);
        else
            text_char(out, '_');
    }
}

static bool takes_file(const struct option *o)
{
    static const char *const names[] = {"FILE", "DIR", "PATH", "FOLDER", NULL};
    for (const char *const *n = names; o->argument && *n; n++)
        if (strcmp(o->argument, *n) == 0)
            return true;
    return false;
}

/* ---- bash and zsh: the parts that are the same ----------------------------------------------------------------- */

static void add_steps(const struct command_path *path, const char *name, struct text *out)
{
    for (const struct command *c = path->commands[path->count - 1]->children; c && c->name; c++)
        text_printf(out, "            \"%s %s\") at=\"%s %s\" ;;\n", name, c->name, name, c->name);
}

/* After an option with a value: what the value may be. */
static void add_values(const struct command_path *path, const char *name, struct text *out)
{
    const char *program = path->commands[0]->name;
    for (int i = path->count; i-- > 0;) {
        for (const struct option *o = command_path_options(path, i); o && o->name; o++) {
            if (o->kind == OPTION_FLAG)
                continue;
            text_printf(out, "        \"%s:--%s\"", name, o->name);
            if (o->letter)
                text_printf(out, "|\"%s:-%c\"", name, o->letter);
            text_puts(out, ") ");
            if (o->kind == OPTION_CHOICE) {
                text_char(out, '_');
                add_identifier(out, program);
                text_puts(out, "_offer '");
                for (const char *const *c = o->choices; *c; c++)
                    text_printf(out, "%s%s", c == o->choices ? "" : " ", *c);
                text_puts(out, "'; ");
            } else if (takes_file(o)) {
                text_char(out, '_');
                add_identifier(out, program);
                text_puts(out, "_offer_files; ");
            }
            text_puts(out, "return ;;\n");
        }
    }
}

/* ---- bash ---------------------------------------------------------------------------------------------------- */

static void bash_words(const struct command_path *path, const char *name, struct text *out)
{
    const struct command *here = path->commands[path->count - 1];
    text_printf(out, "        \"%s\") _", name);
    add_identifier(out, path->commands[0]->name);
    text_puts(out, "_offer '");
    for (const struct command *c = here->children; c && c->name; c++)
        text_printf(out, "%s ", c->name);
    for (int i = path->count; i-- > 0;) {
        for (const struct option *o = command_path_options(path, i); o && o->name; o++) {
            text_printf(out, "--%s ", o->name);
            if (o->kind == OPTION_FLAG)
                text_printf(out, "--no-%s ", o->name);
        }
    }
    text_puts(out, "--help' ;;\n");
}

/* A function beside the main one: "_program_name() body". */
static void add_helper(const struct command *root, const char *name, const char *body, struct text *out)
{
    text_char(out, '_');
    add_identifier(out, root->name);
    text_printf(out, "_%s() %s\n", name, body);
}

/* Both shells': from the end of "case $at WORD in", which follows the words typed to the command they name, to what is
 * offered there. */
static void add_cases(const struct command *root, visit *words, struct text *out)
{
    walk_tree(root, add_steps, out);
    text_puts(out, "        esac\n"
                   "    done\n"
                   "    case \"$at:$prev\" in\n");
    walk_tree(root, add_values, out);
    text_puts(out, "    esac\n"
                   "    case \"$at\" in\n");
    walk_tree(root, words, out);
    text_puts(out, "    esac\n");
}

static void completion_bash(const struct command *root, struct text *out)
{
    text_printf(out, "# bash completion for %s; load it with: source <(%s completion bash)\n", root->name, root->name);
    add_helper(root, "offer", "{ mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }", out);
    add_helper(root, "offer_files", "{ mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); }", out);
    text_char(out, '_');
    add_identifier(out, root->name);
    text_puts(out, "_complete() {\n"
                   "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" i\n");
    text_printf(out, "    local at=\"%s\"\n", root->name);
    text_puts(out, "    COMPREPLY=()\n"
                   "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                   "        case \"$at ${COMP_WORDS[i]}\" in\n");
    add_cases(root, bash_words, out);
    text_puts(out, "    if [ ${#COMPREPLY[@]} -eq 0 ]; then _");
    add_identifier(out, root->name);
    text_puts(out, "_offer_files; fi\n"
                   "}\n"
                   "complete -o filenames -F _");
    add_identifier(out, root->name);
    text_printf(out, "_complete %s\n", root->name);
}

/* ---- zsh ----------------------------------------------------------------------------------------------------- */

/* _describe takes "word:explanation"; a colon in the word itself would need a backslash, and no name has one. */
static void zsh_word(struct text *out, const char *dashes, const char *word, const char *explanation)
{
    text_printf(out, " '%s%s:", dashes, word);
    add_quoted(out, explanation ? explanation : "");
    text_char(out, '\'');
}

static void zsh_words(const struct command_path *path, const char *name, struct text *out)
{
    const struct command *here = path->commands[path->count - 1];
    text_printf(out, "        \"%s\")\n            commands=(", name);
    for (const struct command *c = here->children; c && c->name; c++)
        zsh_word(out, "", c->name, c->summary);
    text_puts(out, " )\n            options=(");
    for (int i = path->count; i-- > 0;)
        for (const struct option *o = command_path_options(path, i); o && o->name; o++)
            zsh_word(out, "--", o->name, o->help);
    text_puts(out, " '--help:show help' )\n            ;;\n");
}

static void completion_zsh(const struct command *root, struct text *out)
{
    text_printf(out,
                "#compdef %s\n"
                "# zsh completion for %s; put it as _%s into a folder of $fpath\n",
                root->name, root->name, root->name);
    add_helper(root, "offer", "{ compadd -- ${(s: :)1} }", out);
    add_helper(root, "offer_files", "{ _files }", out);
    text_char(out, '_');
    add_identifier(out, root->name);
    text_puts(out, "_complete() {\n"
                   "    local word prev=\"${words[CURRENT-1]}\"\n");
    text_printf(out, "    local at=\"%s\"\n", root->name);
    text_puts(out, "    local -a commands options\n"
                   "    for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
                   "        case \"$at $word\" in\n");
    add_cases(root, zsh_words, out);
    text_puts(out, "    if [[ \"${words[CURRENT]}\" == -* ]]; then\n"
                   "        _describe -o option options\n"
                   "    elif (( ${#commands} )); then\n"
                   "        _describe command commands\n"
                   "    else\n"
                   "        _files\n"
                   "    fi\n"
                   "}\n");
    /* Loaded from $fpath, the file is the function's body and has to complete at once; sourced, it registers. */
    text_printf(out, "if [[ \"$funcstack[1]\" == \"_%s\" ]]; then\n    _", root->name);
    add_identifier(out, root->name);
    text_puts(out, "_complete \"$@\"\nelse\n    compdef _");
    add_identifier(out, root->name);
    text_printf(out, "_complete %s\nfi\n", root->name);
}

/* ---- fish ---------------------------------------------------------------------------------------------------- */

/* Inside fish's single quotes a backslash and a quote take a backslash. */
static void fish_quoted(struct text *out, const char *s)
{
    text_char(out, '\'');
    for (; s && *s; s++) {
        if (*s == '\'' || *s == '\\')
            text_char(out, '\\');
        text_char(out, *s);
    }
    text_char(out, '\'');
}

static void fish_condition(struct text *out, const char *program, const char *name)
{
    text_printf(out, "complete -c %s -n '__", program);
    add_identifier(out, program);
    text_printf(out, "_at \"%s\"' ", name);
}

static void fish_steps(const struct command_path *path, const char *name, struct text *out)
{
    for (const struct command *c = path->commands[path->count - 1]->children; c && c->name; c++)
        text_printf(out, "            case \"%s %s\"\n                set at \"%s %s\"\n", name, c->name, name,
                    c->name);
}

static void fish_words(const struct command_path *path, const char *name, struct text *out)
{
    const struct command *here = path->commands[path->count - 1];
    for (const struct command *c = here->children; c && c->name; c++) {
        fish_condition(out, path->commands[0]->name, name);
        text_printf(out, "-f -a %s -d ", c->name);
        fish_quoted(out, c->summary);
        text_char(out, '\n');
    }
    for (int i = path->count; i-- > 0;) {
        for (const struct option *o = command_path_options(path, i); o && o->name; o++) {
            fish_condition(out, path->commands[0]->name, name);
            text_printf(out, "-l %s ", o->name);
            if (o->letter)
                text_printf(out, "-s %c ", o->letter);
            if (o->kind == OPTION_CHOICE) {
                text_puts(out, "-x -a '");
                for (const char *const *c = o->choices; *c; c++)
                    text_printf(out, "%s%s", c == o->choices ? "" : " ", *c);
                text_puts(out, "' ");
            } else if (o->kind != OPTION_FLAG) {
                text_puts(out, takes_file(o) ? "-r -F " : "-x ");
            }
            text_puts(out, "-d ");
            fish_quoted(out, o->help);
            text_char(out, '\n');
        }
    }
}

static void completion_fish(const struct command *root, struct text *out)
{
    text_printf(out, "# fish completion for %s; load it with: %s completion fish | source\nfunction __", root->name,
                root->name);
    add_identifier(out, root->name);
    text_printf(out,
                "_at\n"
                "    set -l at \"%s\"\n"
                "    set -l words (commandline -opc)\n"
                "    for word in $words[2..-1]\n"
                "        switch \"$at $word\"\n",
                root->name);
    walk_tree(root, fish_steps, out);
    text_puts(out, "        end\n"
                   "    end\n"
                   "    test \"$at\" = \"$argv[1]\"\n"
                   "end\n");
    text_printf(out, "complete -c %s -l help -s h -d 'show help'\n", root->name);
    walk_tree(root, fish_words, out);
}

void command_completion(const struct command *root, const char *shell, struct text *out)
{
    if (strcmp(shell, "bash") == 0)
        completion_bash(root, out);
    else if (strcmp(shell, "zsh") == 0)
        completion_zsh(root, out);
    else if (strcmp(shell, "fish") == 0)
        completion_fish(root, out);
}
