#include "base/words.h"

#include <string.h>

#define PLAIN_PUNCTUATION "-_./:=,+@%"
#define ESCAPED           "\"\\$`"

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(PLAIN_PUNCTUATION, c) != NULL);
}

void words_add(struct text *out, const char *word)
{
    size_t plain = 0;
    while (is_plain(word[plain]))
        plain++;
    if (out->len > 0)
        text_char(out, ' ');
    if (plain > 0 && word[plain] == '\0') {
        text_puts(out, word);
        return;
    }
    text_char(out, '"');
    for (size_t run; *word != '\0'; word += run) {
        if (strchr(ESCAPED, *word) != NULL)
            text_char(out, '\\');
        run = 1 + strcspn(word + 1, ESCAPED);
        text_add(out, word, run);
    }
    text_char(out, '"');
}

/* One word from *at on, which is left behind it. */
static int read_word(const char **at, struct text *word, struct error *err)
{
    char quote = '\0';
    const char *p = *at;
    for (; *p != '\0' && (quote != '\0' || *p != ' '); p++) {
        if (quote == '\0' && (*p == '"' || *p == '\''))
            quote = *p;
        else if (*p == quote)
            quote = '\0';
        else if (*p == '\\' && quote != '\'' && p[1] != '\0' && (quote == '\0' || strchr(ESCAPED, p[1]) != NULL))
            text_char(word, *++p);
        else
            text_char(word, *p);
    }
    *at = p;
    return quote == '\0' ? 0 : error_set(err, ERROR_SYNTAX, "a %c without its end in a command", quote);
}

int words_split(const char *line, struct arena *arena, char ***words, size_t *count, struct error *err)
{
    struct text word = TEXT_INIT;
    char **list = ARENA_NEW_N(arena, char *, WORDS_MAX + 1);
    size_t n = 0;
    int code = list != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    for (const char *p = line; code == 0;) {
        while (*p == ' ')
            p++;
        if (*p == '\0')
            break;
        if (n == WORDS_MAX) {
            code = error_set(err, ERROR_LIMIT, "a command of more than %d words", WORDS_MAX);
            break;
        }
        text_clear(&word);
        if ((code = read_word(&p, &word, err)) != 0)
            break;
        list[n] = text_ok(&word) ? arena_string(arena, text_string(&word)) : NULL;
        if (list[n++] == NULL)
            code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    text_deinit(&word);
    if (code == 0) {
        *words = list;
        *count = n;
    }
    return code;
}
