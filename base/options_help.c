#include "base/options.h"

#include "base/options_tree.h"

#include <string.h>

#define HELP_WIDTH      100 /* columns */
#define HELP_COLUMN_MAX 34  /* columns before the explanation; what is longer gets a line of its own */

static void pad(struct text *out, size_t columns)
{
    while (columns-- > 0)
        text_char(out, ' ');
}

/* Words of `text` from `column` on, wrapped. The caller has filled the line up to there. */
static void add_wrapped(struct text *out, const char *text, size_t column)
{
    size_t at = column;
    bool first = true;
    while (*text) {
        size_t len = strcspn(text, " ");
        if (!first && at + 1 + len > HELP_WIDTH) {
            text_char(out, '\n');
            pad(out, column);
            at = column;
            first = true;
        }
        if (!first) {
            text_char(out, ' ');
            at++;
        }
        text_add(out, text, len);
        at += len;
        first = false;
        text += len;
        text += strspn(text, " ");
    }
    text_char(out, '\n');
}

static void add_row(struct text *out, const char *name, const char *explanation, size_t column)
{
    size_t len = strlen(name);
    text_printf(out, "  %s", name);
    if (len + 4 > column) {
        text_char(out, '\n');
        pad(out, column);
    } else {
        pad(out, column - len - 2);
    }
    add_wrapped(out, explanation, column);
}

/* "-s, --seed SEED"; a flag that is on by default is shown by what turns it off. */
static void option_name(const struct option *o, struct text *out)
{
    if (o->letter)
        text_printf(out, "-%c, ", o->letter);
    else
        text_puts(out, "    ");
    bool on = o->kind == OPTION_FLAG && o->fallback && strcmp(o->fallback, "true") == 0;
    text_printf(out, "--%s%s", on ? "[no-]" : "", o->name);
    if (o->kind != OPTION_FLAG)
        text_printf(out, " %s", o->argument ? o->argument : "VALUE");
}

static void option_explanation(const struct option *o, struct text *out)
{
    text_puts(out, o->help ? o->help : "");
    if (o->kind == OPTION_CHOICE) {
        text_puts(out, " (one of ");
        for (const char *const *c = o->choices; *c; c++)
            text_printf(out, "%s%s", c == o->choices ? "" : ", ", *c);
        text_char(out, ')');
    }
    if (o->kind == OPTION_INTEGER && o->max > o->min) {
        if (o->max == INT64_MAX)
            text_printf(out, " (%lld or more)", (long long)o->min);
        else
            text_printf(out, " (%lld to %lld)", (long long)o->min, (long long)o->max);
    }
    if (o->kind == OPTION_LIST)
        text_puts(out, " (may be given several times)");
    if (o->fallback && *o->fallback && !(o->kind == OPTION_FLAG && strcmp(o->fallback, "false") == 0))
        text_printf(out, " [default: %s]", o->kind == OPTION_FLAG ? "on" : o->fallback);
    if (o->env)
        text_printf(out, " [env: %s]", o->env);
}

static size_t option_column(const struct command_path *path)
{
    size_t widest = strlen("-h, --help");
    for (int i = 0; i < path->count; i++) {
        for (const struct option *o = command_path_options(path, i); o && o->name; o++) {
            struct text name = TEXT_INIT;
            option_name(o, &name);
            if (name.len > widest && name.len + 4 <= HELP_COLUMN_MAX)
                widest = name.len;
            text_deinit(&name);
        }
    }
    return widest + 4;
}

static void add_options(const struct command *c, size_t column, struct text *out)
{
    for (const struct option *o = c->options; o && o->name; o++) {
        struct text name = TEXT_INIT, explanation = TEXT_INIT;
        option_name(o, &name);
        option_explanation(o, &explanation);
        if (!text_ok(&name) || !text_ok(&explanation))
            out->failed = true;
        add_row(out, text_string(&name), text_string(&explanation), column);
        text_deinit(&name);
        text_deinit(&explanation);
    }
}

/* Lines as they stand, moved in by two columns, unless they are already. */
static void add_block(struct text *out, const char *title, const char *lines)
{
    if (!lines || !*lines)
        return;
    text_printf(out, "\n%s:\n", title);
    bool moved_in = *lines == ' ';
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        if (len > 0 && !moved_in)
            text_puts(out, "  ");
        text_add(out, lines, len);
        text_char(out, '\n');
        lines += len;
        if (*lines == '\n')
            lines++;
    }
}

static void add_usage(const struct command_path *path, struct text *out)
{
    const struct command *c = path->commands[path->count - 1];
    text_puts(out, "Usage: ");
    command_path_name(path, out);
    text_puts(out, " [OPTIONS]");
    if (c->positional)
        text_printf(out, " %s", c->positional);
    else if (c->children)
        text_puts(out, " COMMAND ...");
    text_char(out, '\n');
    if (c->positional && c->children) {
        text_puts(out, "       ");
        command_path_name(path, out);
        text_puts(out, " COMMAND ...\n");
    }
}

/* Lines that follow each other are one paragraph, wherever their source breaks them. A line that begins with space is
 * laid out by hand, and stands alone, as an empty one does. */
static const char *next_paragraph(const char *lines, struct text *out, bool *by_hand)
{
    *by_hand = *lines == ' ';
    for (;;) {
        size_t len = strcspn(lines, "\n");
        bool empty = len == 0;
        text_add(out, lines, len);
        lines += len;
        if (*lines == '\n')
            lines++;
        if (*by_hand || empty || *lines == '\0' || *lines == '\n' || *lines == ' ')
            return lines;
        text_char(out, ' ');
    }
}

static void add_description(const struct command *c, struct text *out)
{
    if (c->summary) {
        text_char(out, '\n');
        add_wrapped(out, c->summary, 0);
    }
    const char *lines = c->description;
    if (!lines || !*lines)
        return;
    text_char(out, '\n');
    while (*lines) {
        struct text paragraph = TEXT_INIT;
        bool by_hand;
        lines = next_paragraph(lines, &paragraph, &by_hand);
        if (!text_ok(&paragraph))
            out->failed = true;
        if (by_hand)
            text_printf(out, "%s\n", text_string(&paragraph));
        else
            add_wrapped(out, text_string(&paragraph), 0);
        text_deinit(&paragraph);
    }
}

static void add_children(const struct command *c, struct text *out)
{
    size_t widest = 0;
    if (!c->children)
        return;
    for (const struct command *child = c->children; child->name; child++)
        if (strlen(child->name) > widest && strlen(child->name) + 4 <= HELP_COLUMN_MAX)
            widest = strlen(child->name);
    text_puts(out, "\nCommands:\n");
    for (const struct command *child = c->children; child->name; child++)
        add_row(out, child->name, child->summary ? child->summary : "", widest + 4);
}

void command_help(const struct command *root, const struct command *command, struct text *out)
{
    struct command_path path;
    if (!command_path_find(root, command, &path))
        return;
    size_t column = option_column(&path);
    add_usage(&path, out);
    add_description(command, out);
    add_children(command, out);
    text_puts(out, "\nOptions:\n");
    add_options(command, column, out);
    add_row(out, "-h, --help", "show this and leave", column);
    for (int i = path.count - 1; i-- > 0;) {
        const struct command *parent = path.commands[i];
        const struct option *own = command_path_options(&path, i);
        if (!own || !own->name)
            continue;
        text_printf(out, "\nOptions of every %s command:\n", parent->name);
        add_options(parent, column, out);
    }
    add_block(out, "Examples", command->examples);
    const char *codes = NULL;
    for (int i = path.count; i-- > 0 && !codes;)
        codes = path.commands[i]->exit_codes;
    add_block(out, "Exit codes", codes);
    if (command->children) {
        text_puts(out, "\nMore: ");
        command_path_name(&path, out);
        text_puts(out, " COMMAND --help\n");
    }
}
