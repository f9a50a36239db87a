#include "base/document.h"

#include "base/text.h"
#include "base/units.h"

#include <string.h>

#define WORD_MAX 64 /* bytes; longer words are not compared */

const struct node *node_get(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->map.count; i++)
        if (strcmp(map->map.pairs[i].key, key) == 0)
            return &map->map.pairs[i].value;
    return NULL;
}

const char *node_kind_name(enum node_kind kind)
{
    switch (kind) {
    case NODE_NULL:
        return "nothing";
    case NODE_BOOL:
        return "true or false";
    case NODE_INTEGER:
        return "an integer";
    case NODE_REAL:
        return "a number with a fraction";
    case NODE_TEXT:
        return "text";
    case NODE_LIST:
        return "a list";
    case NODE_MAP:
        return "a map";
    default:
        return "something else";
    }
}

static int error_at(const struct node *n, int line, int column, struct error *err, int code, const char *format,
                    va_list args) __attribute__((format(printf, 6, 0)));
static int error_at(const struct node *n, int line, int column, struct error *err, int code, const char *format,
                    va_list args)
{
    if (!err)
        return code;
    struct text message = TEXT_INIT;
    text_vprintf(&message, format, args);
    (void)error_set_at(err, code, document_name(n->document), line, column, "%s",
                       text_ok(&message) ? text_string(&message) : "out of memory");
    text_deinit(&message);
    return code;
}

int node_error(const struct node *n, struct error *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)error_at(n, n->line, n->column, err, code, format, args);
    va_end(args);
    return code;
}

static int key_error(const struct node *map, const struct node_pair *pair, struct error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static int key_error(const struct node *map, const struct node_pair *pair, struct error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)error_at(map, pair->key_line, pair->key_column, err, ERROR_INVALID, format, args);
    va_end(args);
    return ERROR_INVALID;
}

static int wrong_kind(const struct node *n, const char *key, const char *expected, struct error *err)
{
    /* A number where text is due is mostly a forgotten pair of quotes. */
    const char *hint =
        strcmp(expected, "text") == 0 && (n->kind == NODE_INTEGER || n->kind == NODE_REAL || n->kind == NODE_BOOL)
            ? " (write it in quotes if text is meant)"
            : "";
    (void)node_error(n, err, ERROR_INVALID, "%s: expected %s, found %s%s", key, expected, node_kind_name(n->kind),
                     hint);
    return ERROR_INVALID;
}

/* 0 and *out NULL when absent. */
static int get(const struct node *map, const char *key, const struct node **out, struct error *err)
{
    *out = NULL;
    if (map->kind != NODE_MAP) {
        (void)node_error(map, err, ERROR_INVALID, "expected a map with \"%s\", found %s", key,
                         node_kind_name(map->kind));
        return ERROR_INVALID;
    }
    *out = node_get(map, key);
    return 0;
}

/* 0 and *out never NULL. */
static int need(const struct node *map, const char *key, const struct node **out, struct error *err)
{
    int code = get(map, key, out, err);
    if (code)
        return code;
    if (!*out) {
        (void)node_error(map, err, ERROR_INVALID, "\"%s\" is missing", key);
        return ERROR_INVALID;
    }
    return 0;
}

static int as_text(const struct node *n, const char *key, const char **out, struct error *err)
{
    if (n->kind != NODE_TEXT)
        return wrong_kind(n, key, "text", err);
    if (memchr(n->text.data, '\0', n->text.len)) {
        (void)node_error(n, err, ERROR_INVALID, "%s: text with a zero character in it", key);
        return ERROR_INVALID;
    }
    *out = (const char *)n->text.data;
    return 0;
}

int node_need_text(const struct node *map, const char *key, const char **out, struct error *err)
{
    const struct node *n;
    int code = need(map, key, &n, err);
    return code ? code : as_text(n, key, out, err);
}

int node_may_text(const struct node *map, const char *key, const char **out, struct error *err)
{
    const struct node *n;
    int code = get(map, key, &n, err);
    return code || !n ? code : as_text(n, key, out, err);
}

int node_may_integer(const struct node *map, const char *key, int64_t min, int64_t max, int64_t *out, struct error *err)
{
    const struct node *n;
    int code = get(map, key, &n, err);
    if (code || !n)
        return code;
    if (n->kind != NODE_INTEGER)
        return wrong_kind(n, key, "an integer", err);
    if (n->integer < min || n->integer > max)
        return node_error(n, err, ERROR_INVALID, "%s: expected an integer from %lld to %lld, found %lld", key,
                          (long long)min, (long long)max, (long long)n->integer);
    *out = n->integer;
    return 0;
}

int node_may_bool(const struct node *map, const char *key, bool *out, struct error *err)
{
    const struct node *n;
    int code = get(map, key, &n, err);
    if (code || !n)
        return code;
    if (n->kind != NODE_BOOL)
        return wrong_kind(n, key, "true or false", err);
    *out = n->boolean;
    return 0;
}

int node_may_duration(const struct node *map, const char *key, int64_t *nanoseconds, struct error *err)
{
    const struct node *n;
    int code = get(map, key, &n, err);
    if (code || !n)
        return code;
    if (n->kind == NODE_INTEGER && n->integer == 0) {
        *nanoseconds = 0;
        return 0;
    }
    if (n->kind == NODE_INTEGER || n->kind == NODE_REAL)
        return node_error(n, err, ERROR_INVALID, "%s: a duration needs a unit (250ms, 5s, 1m30s)", key);
    const char *text;
    code = as_text(n, key, &text, err);
    if (code)
        return code;
    struct error why = ERROR_INIT;
    code = units_parse_duration(text, nanoseconds, &why);
    if (code)
        code = node_error(n, err, ERROR_INVALID, "%s: %s", key, why.message ? why.message : "no duration");
    error_clear(&why);
    return code;
}

int node_need_map(const struct node *map, const char *key, const struct node **out, struct error *err)
{
    const struct node *n;
    int code = need(map, key, &n, err);
    if (code)
        return code;
    if (n->kind != NODE_MAP)
        return wrong_kind(n, key, "a map", err);
    *out = n;
    return 0;
}

int node_may_map(const struct node *map, const char *key, const struct node **out, struct error *err)
{
    const struct node *n;
    int code = get(map, key, &n, err);
    if (code || !n)
        return code;
    if (n->kind != NODE_MAP)
        return wrong_kind(n, key, "a map", err);
    *out = n;
    return 0;
}

int node_may_list(const struct node *map, const char *key, const struct node **out, struct error *err)
{
    const struct node *n;
    int code = get(map, key, &n, err);
    if (code || !n)
        return code;
    if (n->kind != NODE_LIST)
        return wrong_kind(n, key, "a list", err);
    *out = n;
    return 0;
}

static bool is_in(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

int node_only_keys(const struct node *map, const char *const *allowed, struct error *err)
{
    if (map->kind != NODE_MAP)
        return node_error(map, err, ERROR_INVALID, "expected a map, found %s", node_kind_name(map->kind));
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_pair *pair = &map->map.pairs[i];
        if (is_in(pair->key, allowed))
            continue;
        const char *near = nearest_word(pair->key, allowed);
        struct text names = TEXT_INIT;
        int code;
        if (near) {
            code = key_error(map, pair, err, "unknown key \"%s\"; did you mean \"%s\"?", pair->key, near);
        } else {
            for (const char *const *a = allowed; *a; a++)
                text_printf(&names, "%s%s", a == allowed ? "" : ", ", *a);
            code = key_error(map, pair, err, "unknown key \"%s\"; known are: %s", pair->key, text_string(&names));
        }
        text_deinit(&names);
        return code;
    }
    return 0;
}

json_t *node_to_json(const struct node *n)
{
    json_t *json = NULL;
    switch (n->kind) {
    case NODE_NULL:
        return json_null();
    case NODE_BOOL:
        return json_boolean(n->boolean);
    case NODE_INTEGER:
        return json_integer(n->integer);
    case NODE_REAL:
        return json_real(n->real);
    case NODE_TEXT:
        return json_stringn((const char *)n->text.data, n->text.len);
    case NODE_LIST:
        json = json_array();
        for (size_t i = 0; json && i < n->list.count; i++) {
            if (json_array_append_new(json, node_to_json(&n->list.items[i])) != 0) {
                json_decref(json);
                json = NULL;
            }
        }
        return json;
    case NODE_MAP:
        json = json_object();
        for (size_t i = 0; json && i < n->map.count; i++) {
            const struct node_pair *pair = &n->map.pairs[i];
            if (json_object_set_new(json, pair->key, node_to_json(&pair->value)) != 0) {
                json_decref(json);
                json = NULL;
            }
        }
        return json;
    default:
        return NULL;
    }
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Optimal string alignment: Levenshtein's distance in which swapping two neighbours is one step too. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        last[j] = j;
    memset(before, 0, sizeof rows[0]);
    for (size_t i = 1; i <= a_len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b_len];
}

const char *nearest_word(const char *word, const char *const *words)
{
    size_t len = strlen(word);
    const char *best = NULL, *longer = NULL;
    size_t best_distance = len / 3 > 1 ? len / 3 + 1 : 2; /* must be nearer than this */
    if (len < 2 || len > WORD_MAX)
        return NULL;
    for (; *words; words++) {
        size_t other = strlen(*words);
        if (other > WORD_MAX)
            continue;
        size_t d = distance(word, len, *words, other);
        if (d < best_distance) {
            best_distance = d;
            best = *words;
        }
        if (longer == NULL && len > 2 && strncmp(*words, word, len) == 0)
            longer = *words;
    }
    return best != NULL ? best : longer;
}
