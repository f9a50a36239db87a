/* Names that may become part of a path or a column: letters, digits, '-', '_' and '.', and no '.' in front. */
#ifndef RUNTIME_NAMES_H
#define RUNTIME_NAMES_H

#include <stdbool.h>
#include <stddef.h>

static inline bool name_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
}

static inline bool name_is_plain(const char *name, size_t max)
{
    size_t len = 0;
    while (len <= max && name_letter(name[len]))
        len++;
    return len > 0 && len <= max && name[0] != '.' && name[len] == '\0';
}

#endif
