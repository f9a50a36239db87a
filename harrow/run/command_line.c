#include "harrow/run/command_line.h"

#include "base/secret_name.h"
#include "base/words.h"

#include <stdbool.h>
#include <string.h>

#define NONE ((size_t)-1)

static bool begins(const char *word, const char *with)
{
    return strncmp(word, with, strlen(with)) == 0;
}

/* How much of "NAME=VALUE" or "NAME: VALUE" may be shown; NONE: all. */
static size_t shown_of_pair(const char *pair)
{
    size_t name = strcspn(pair, "=:");
    if (pair[name] == '\0' || !is_secret_name(pair, name) || strstr(pair + name, "${env.") != NULL)
        return NONE;
    name++;
    while (pair[name] == ' ')
        name++;
    return name;
}

static size_t shown_of_hurl(const char *setting)
{
    if (begins(setting, "user=") || begins(setting, "secret="))
        return strcspn(setting, "=") + 1;
    size_t name = begins(setting, "variable=") || begins(setting, "header=") ? strcspn(setting, "=") + 1 : NONE;
    size_t shown = name != NONE ? shown_of_pair(setting + name) : NONE;
    return shown != NONE ? name + shown : NONE;
}

static size_t shown_of_value(const char *option, const char *value)
{
    return strcmp(option, "--hurl") == 0 ? shown_of_hurl(value) : shown_of_pair(value);
}

/* The word behind `before`, which may be an option with its value in one. */
static size_t shown_of_word(const char *before, const char *word)
{
    static const char *const options[] = {"--variable", "--hurl", "--metadata", "-H"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        size_t len = strlen(options[i]);
        if (strcmp(before, options[i]) == 0)
            return shown_of_value(options[i], word);
        if (!begins(word, options[i]) || strcmp(word, options[i]) == 0)
            continue;
        size_t sign = word[len] == '=' || options[i][1] != '-' ? len + (word[len] == '=') : NONE;
        size_t shown = sign != NONE ? shown_of_value(options[i], word + sign) : NONE;
        if (shown != NONE)
            return sign + shown;
    }
    return NONE;
}

struct address {
    const char *rest; /* of the text, behind what is in `out` */
    struct text *out;
};

static void leave_out(void *arg, const char *secret, size_t len)
{
    struct address *a = arg;
    if (len >= strlen("${env.") && memmem(secret, len, "${env.", strlen("${env.")) != NULL)
        return;
    text_add(a->out, a->rest, (size_t)(secret - a->rest));
    text_puts(a->out, COMMAND_LINE_HIDDEN);
    a->rest = secret + len;
}

void command_line_address(const char *text, struct text *out)
{
    struct address a = {text, out};
    secrets_in_address(text, leave_out, &a);
    text_puts(out, a.rest);
}

void command_line_add(struct text *line, const char *before, const char *word)
{
    struct text said = TEXT_INIT;
    size_t shown = shown_of_word(before, word);
    if (shown != NONE) {
        text_add(&said, word, shown);
        text_puts(&said, COMMAND_LINE_HIDDEN);
    } else {
        command_line_address(word, &said);
    }
    words_add(line, text_string(&said));
    line->failed = line->failed || !text_ok(&said);
    text_deinit(&said);
}

void command_line_write(int argc, const char *const *argv, struct text *out)
{
    words_add(out, "harrow");
    for (int i = 1; i < argc; i++)
        command_line_add(out, argv[i - 1], argv[i]);
}
