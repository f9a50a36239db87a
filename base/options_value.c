#include "base/options_tree.h"

#include "base/document.h"
#include "base/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUOTE_MAX 60 /* bytes of a bad value shown in its error */

static int refuse(const char *origin, const char *value, struct error *err, const char *expected)
{
    struct text quoted = TEXT_INIT;
    text_printable(&quoted, value, strlen(value), QUOTE_MAX);
    int code = error_set(err, ERROR_INVALID, "%s: expected %s, got \"%s\"", origin, expected, text_string(&quoted));
    text_deinit(&quoted);
    return code;
}

/* The reader of units knows what is wrong; this adds where. Memory is the one code that stays what it is. */
static int explain(const char *origin, struct error *why, struct error *err)
{
    int code = why->code == ERROR_MEMORY ? ERROR_MEMORY : ERROR_INVALID;
    (void)error_set(err, code, "%s: %s", origin, why->message ? why->message : error_code_name(why->code));
    error_clear(why);
    return code;
}

static int store_flag(const struct option *o, const char *value, const char *origin, struct error *err)
{
    static const char *const yes[] = {"true", "yes", "on", "1", NULL};
    static const char *const no[] = {"false", "no", "off", "0", NULL};
    for (int i = 0; yes[i]; i++) {
        if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
            *(bool *)o->target = strcmp(value, yes[i]) == 0;
            return 0;
        }
    }
    return refuse(origin, value, err, "true or false");
}

static int store_seed(const struct option *o, const char *value, const char *origin, struct error *err)
{
    bool hex = value[0] == '0' && (value[1] == 'x' || value[1] == 'X');
    const char *digits = hex ? value + 2 : value;
    char *end = NULL;
    errno = 0;
    unsigned long long seed = 0;
    /* strtoull would take a sign and leading space. */
    if (*digits && strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") == strlen(digits))
        seed = strtoull(digits, &end, hex ? 16 : 10);
    if (!end || errno)
        return refuse(origin, value, err, "a seed (0 to 18446744073709551615, or 0x and up to 16 hexadecimal digits)");
    *(uint64_t *)o->target = seed;
    return 0;
}

static int store_choice(const struct option *o, const char *value, const char *origin, struct error *err)
{
    for (const char *const *c = o->choices; *c; c++) {
        if (strcmp(*c, value) == 0) {
            *(const char **)o->target = *c;
            return 0;
        }
    }
    struct text expected = TEXT_INIT;
    for (const char *const *c = o->choices; *c; c++)
        text_printf(&expected, "%s%s", c == o->choices ? "" : c[1] ? ", " : " or ", *c);
    const char *near = nearest_word(value, o->choices);
    struct text quoted = TEXT_INIT;
    text_printable(&quoted, value, strlen(value), QUOTE_MAX);
    int code = near ? error_set(err, ERROR_INVALID, "%s: expected %s, got \"%s\": did you mean \"%s\"?", origin,
                                text_string(&expected), text_string(&quoted), near)
                    : refuse(origin, value, err, text_string(&expected));
    text_deinit(&expected);
    text_deinit(&quoted);
    return code;
}

int option_store(const struct option *o, const char *value, const char *origin, struct error *err)
{
    struct error why = ERROR_INIT;
    int code;
    if (o->filled && *value == '\0')
        return error_set(err, ERROR_INVALID, "%s: expected %s, got nothing", origin,
                         o->argument ? o->argument : "a value");
    switch (o->kind) {
    case OPTION_FLAG:
        return store_flag(o, value, origin, err);
    case OPTION_TEXT:
        *(const char **)o->target = value;
        return 0;
    case OPTION_INTEGER: {
        bool bounded = o->max > o->min;
        code = units_parse_integer(value, bounded ? o->min : INT64_MIN, bounded ? o->max : INT64_MAX, o->target, &why);
        return code ? explain(origin, &why, err) : 0;
    }
    case OPTION_SEED:
        return store_seed(o, value, origin, err);
    case OPTION_DURATION:
        code = units_parse_duration(value, o->target, &why);
        return code ? explain(origin, &why, err) : 0;
    case OPTION_SIZE:
        code = units_parse_size(value, o->target, &why);
        return code ? explain(origin, &why, err) : 0;
    case OPTION_CHOICE:
        return store_choice(o, value, origin, err);
    case OPTION_LIST:
        return option_list_append(o->target, value, err);
    default:
        return error_set(err, ERROR_INVALID, "%s: an option of no known kind", origin);
    }
}
