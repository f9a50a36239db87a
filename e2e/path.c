/* The part of JSONPath (RFC 9535) that names one value: $ .name ["name"] [index], a negative index from the end. */
#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>

#define NAME_LENGTH_MAX 256

/* Reads one segment; false at a malformed one. A name in `name`, or an index with *is_index. */
static bool segment(const char **p, char name[NAME_LENGTH_MAX], bool *is_index, long *index)
{
    const char *start;
    size_t len;
    *is_index = false;
    if (**p == '.') {
        start = ++*p;
        len = strcspn(start, ".[");
        *p = start + len;
    } else if ((*p)[0] == '[' && ((*p)[1] == '"' || (*p)[1] == '\'')) {
        char quote = (*p)[1];
        start = *p + 2;
        const char *end = strchr(start, quote);
        if (end == NULL || end[1] != ']')
            return false;
        len = (size_t)(end - start);
        *p = end + 2;
    } else if (**p == '[') {
        char *end;
        start = *p + 1;
        *index = strtol(start, &end, 10);
        if (end == start || *end != ']' || end - start > 9)
            return false;
        *is_index = true;
        *p = end + 1;
        return true;
    } else {
        return false;
    }
    if (len == 0 || len >= NAME_LENGTH_MAX)
        return false;
    memcpy(name, start, len);
    name[len] = '\0';
    return true;
}

const json_t *json_path(const json_t *root, const char *path, int *code)
{
    const json_t *at = root;
    char name[NAME_LENGTH_MAX];
    bool is_index;
    long index = 0;
    *code = path[0] == '$' ? 0 : ERROR_SYNTAX;
    for (const char *p = path + 1; *code == 0 && *p != '\0';) {
        if (!segment(&p, name, &is_index, &index)) {
            *code = ERROR_SYNTAX;
        } else if (is_index) {
            if (index < 0)
                index += (long)json_array_size(at);
            at = index >= 0 ? json_array_get(at, (size_t)index) : NULL;
        } else {
            at = json_object_get(at, name);
        }
    }
    return *code == 0 ? at : NULL;
}

bool json_path_valid(const char *path)
{
    int code;
    json_path(NULL, path, &code);
    return code == 0;
}
