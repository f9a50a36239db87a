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

void command_line_write(int argc, const char *const *argv, struct text *out)
{
    words_add(out, "harrow");
    for (int i = 1; i < argc; i++) {
        struct text word = TEXT_INIT;
        size_t shown = shown_of_word(argv[i - 1], argv[i]);
        text_add(&word, argv[i], shown != NONE ? shown : strlen(argv[i]));
        text_puts(&word, shown != NONE ? COMMAND_LINE_HIDDEN : "");
        words_add(out, text_string(&word));
        text_deinit(&word);
    }
}
