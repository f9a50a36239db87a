#include "fakes/generate/internal.h"

#include <string.h>

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static char lower(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* One piece: underscores before the capitals that follow none. */
static char *humps(char *at, const char *piece, size_t len, char (*each)(char c))
{
    bool was_upper = true;
    for (size_t i = 0; i < len; i++) {
        if (is_upper(piece[i]) && !was_upper)
            *at++ = '_';
        *at++ = each(piece[i]);
        was_upper = is_upper(piece[i]);
    }
    return at;
}

static char *camel(char *at, const char *piece, size_t len)
{
    bool next_upper = true;
    for (size_t i = 0; i < len; i++) {
        if (piece[i] == '_') {
            next_upper = true;
            continue;
        }
        *at++ = next_upper ? upper(piece[i]) : piece[i];
        next_upper = false;
    }
    return at;
}

/* All pieces of a full name; `each` NULL: in camel case. */
static char *pieces(struct arena *a, const char *full_name, char (*each)(char c))
{
    char *out = arena_alloc(a, 2 * strlen(full_name) + 1), *at = out;
    if (out == NULL)
        return NULL;
    while (*full_name != '\0') {
        size_t len = strcspn(full_name, ".");
        if (len > 0 && at > out) {
            *at++ = '_';
            *at++ = '_';
        }
        at = each != NULL ? humps(at, full_name, len, each) : camel(at, full_name, len);
        full_name += len + (full_name[len] == '.');
    }
    *at = '\0';
    return out;
}

char *name_c(struct arena *a, const char *full_name)
{
    return pieces(a, full_name, NULL);
}

char *name_lower(struct arena *a, const char *full_name)
{
    return pieces(a, full_name, lower);
}

char *name_upper(struct arena *a, const char *full_name)
{
    return pieces(a, full_name, upper);
}

char *name_snake(struct arena *a, const char *name)
{
    return pieces(a, name, lower);
}

/* Words of C and C++, of the preprocessor in its GNU modes, and the member every message begins with. */
static const char *const words[] = {
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "assert",
    "auto",
    "base",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "class",
    "compl",
    "const",
    "const_cast",
    "constexpr",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "i386",
    "if",
    "inline",
    "int",
    "linux",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "offsetof",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "union",
    "unix",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
};

char *name_member(struct arena *a, const char *name)
{
    size_t len = strlen(name);
    char *out = arena_alloc(a, len + 2);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++)
        out[i] = lower(name[i]);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(out, words[i]) == 0) {
            out[len] = '_';
            break;
        }
    return out;
}

char *name_guard(struct arena *a, const char *path)
{
    static const char digits[] = "0123456789abcdef";
    char *out = arena_alloc(a, 3 * strlen(path) + 1), *at = out;
    if (out == NULL)
        return NULL;
    for (; *path != '\0'; path++) {
        bool plain = is_upper(*path) || (*path >= 'a' && *path <= 'z') || (*path >= '0' && *path <= '9');
        if (plain) {
            *at++ = *path;
            continue;
        }
        *at++ = '_';
        *at++ = digits[(unsigned char)*path >> 4];
        *at++ = digits[(unsigned char)*path & 15];
    }
    *at = '\0';
    return out;
}

char *name_unique(struct generator *g, struct map *taken, const char *name, const char *const *suffixes)
{
    size_t len = strlen(name), most = 0;
    for (size_t i = 0; suffixes[i] != NULL; i++)
        if (strlen(suffixes[i]) > most)
            most = strlen(suffixes[i]);
    for (size_t underscores = 0;; underscores++) {
        char *form = arena_alloc(&g->arena, len + underscores + most + 1);
        if (form == NULL)
            return NULL;
        memcpy(form, name, len);
        memset(form + len, '_', underscores);
        bool free_of_all = true;
        for (size_t i = 0; suffixes[i] != NULL && free_of_all; i++) {
            memcpy(form + len + underscores, suffixes[i], strlen(suffixes[i]) + 1);
            free_of_all = map_get(taken, form) == NULL;
        }
        if (!free_of_all)
            continue;
        for (size_t i = 0; suffixes[i] != NULL; i++) {
            memcpy(form + len + underscores, suffixes[i], strlen(suffixes[i]) + 1);
            if (!map_put(taken, form, g))
                return NULL;
        }
        form[len + underscores] = '\0';
        return form;
    }
}
