/* Names that may become part of a path or a column: letters, digits, '-', '_' and '.', and no '.' in front. */
#ifndef RUNTIME_NAMES_H
#define RUNTIME_NAMES_H

#include <stdbool.h>
#include <string.h>

static inline bool name_is_plain(const char *name, size_t max)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t len = strlen(name);
    return len > 0 && len <= max && name[0] != '.' && strspn(name, letters) == len;
}

#endif
