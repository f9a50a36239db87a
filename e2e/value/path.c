/* The part of JSONPath (RFC 9535) that names one value: $ .name ["name"] [index], a negative index from the end. A name
 * behind a dot may hold hyphens as well, since header names do. Names in quotes have no escapes. */
#include "e2e/internal.h"

#include <ctype.h>
#include <string.h>

#define NAME_LENGTH_MAX 256
#define DIGITS_MAX      9 /* of an index */

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || (unsigned char)c >= 0x80;
}

struct segment {
    bool is_index;
    long index;
    char name[NAME_LENGTH_MAX];
};

static bool keep_name(struct segment *s, const char *start, size_t len)
{
    if (len == 0 || len >= NAME_LENGTH_MAX)
        return false;
    memcpy(s->name, start, len);
    s->name[len] = '\0';
    return true;
}

/* [0] [-1] ["name"] ['name'], *p behind the opening bracket. */
static bool bracket(const char **p, struct segment *s)
{
    if (**p == '"' || **p == '\'') {
        const char *start = *p + 1, *end = strchr(start, **p);
        if (end == NULL || end[1] != ']')
            return false;
        *p = end + 2;
        return keep_name(s, start, (size_t)(end - start));
    }
    bool negative = **p == '-';
    int digits = 0;
    if (negative)
        ++*p;
    for (; isdigit((unsigned char)**p) && digits <= DIGITS_MAX; ++*p, digits++)
        s->index = s->index * 10 + (**p - '0');
    if (negative)
        s->index = -s->index;
    s->is_index = true;
    return digits > 0 && digits <= DIGITS_MAX && *(*p)++ == ']';
}

static bool next_segment(const char **p, struct segment *s)
{
    s->is_index = false;
    s->index = 0;
    char opens = *(*p)++;
    if (opens == '[')
        return bracket(p, s);
    const char *start = *p;
    while (name_char(**p))
        ++*p;
    return opens == '.' && keep_name(s, start, (size_t)(*p - start));
}

const json_t *json_path(const json_t *root, const char *path, int *code)
{
    const json_t *at = root;
    struct segment s;
    *code = ERROR_SYNTAX;
    if (path[0] != '$')
        return NULL;
    for (const char *p = path + 1; *p != '\0';) {
        if (!next_segment(&p, &s))
            return NULL;
        if (!s.is_index) {
            at = json_object_get(at, s.name);
            continue;
        }
        if (s.index < 0)
            s.index += (long)json_array_size(at);
        at = s.index >= 0 ? json_array_get(at, (size_t)s.index) : NULL;
    }
    *code = 0;
    return at;
}

bool json_path_valid(const char *path)
{
    int code;
    json_path(NULL, path, &code);
    return code == 0;
}
