/* The URL of what is wrapped. v3's forms: {http, grpc, file, exec}://path-or-address. */
#include "runtime/wrap/wrap.h"

#include "base/words.h"

#include <ctype.h>
#include <string.h>

#define FORMS                                                                                                          \
    "http://HOST:PORT[/PATH], https://HOST[:PORT][/PATH], grpc://HOST:PORT[/PACKAGE], file:///FOLDER or "              \
    "exec://PROGRAM [WORD]..."

static int refuse(const char *text, const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID, "the endpoint \"%.80s\" %s; it is written %s", text, why, FORMS);
}

static bool printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

/* "host:port", the port filled in where there is none and one is usual. */
static int read_address(const char *text, const char *from, size_t len, const char *port, struct arena *arena,
                        const char **out, struct error *err)
{
    size_t colon = len;
    while (colon > 0 && from[colon - 1] != ':' && from[colon - 1] != ']')
        colon--;
    bool given = colon > 0 && from[colon - 1] == ':';
    size_t host = given ? colon - 1 : len, digits = given ? strspn(from + colon, "0123456789") : 0;
    unsigned long number = 0;
    for (size_t i = 0; i < digits && number <= 65535; i++)
        number = number * 10 + (unsigned long)(from[colon + i] - '0');
    if (host == 0 || memchr(from, '@', len) || (from[0] != '[' && memchr(from, ':', host)))
        return refuse(text, "names no host", err);
    if (!given && !port)
        return refuse(text, "lacks the port", err);
    if (given && (digits == 0 || colon + digits != len || number == 0 || number > 65535))
        return refuse(text, "has a port that is no number from 1 to 65535", err);
    *out = given ? arena_string_n(arena, from, len) : arena_printf(arena, "%.*s:%s", (int)len, from, port);
    return *out ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static bool is_package(const char *text)
{
    bool begin = true;
    for (; *text; text++) {
        if (begin ? !isalpha((unsigned char)*text) && *text != '_'
                  : !isalnum((unsigned char)*text) && *text != '_' && *text != '.')
            return false;
        begin = *text == '.';
    }
    return !begin;
}

static int read_network(const char *text, const char *rest, const char *port, struct arena *arena,
                        struct wrap_endpoint *out, struct error *err)
{
    size_t len = strcspn(rest, "/");
    const char *path = rest + len;
    if (!printable(rest) || strpbrk(rest, "?#"))
        return refuse(text, "holds a blank, a query or another character that does not belong there", err);
    int rc = read_address(text, rest, len, port, arena, &out->address, err);
    if (rc)
        return rc;
    if (out->kind == WRAP_GRPC) {
        if (path[0] && path[1] && !is_package(path + 1))
            return refuse(text, "has a path that is no package (letters, digits, _ and dots)", err);
        out->path = path[0] && path[1] ? arena_string(arena, path + 1) : NULL;
        return path[0] && path[1] && !out->path ? error_set(err, ERROR_MEMORY, "out of memory") : 0;
    }
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/')
        end--;
    out->path = arena_string_n(arena, path, end);
    return out->path ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int read_command(const char *text, const char *rest, struct arena *arena, struct wrap_endpoint *out,
                        struct error *err)
{
    struct error why = ERROR_INIT;
    size_t count = 0;
    int rc = words_split(rest, arena, &out->argv, &count, &why);
    if (rc == ERROR_MEMORY)
        rc = error_set(err, rc, "out of memory");
    else if (rc)
        rc = refuse(text, why.message ? why.message : "is no command line", err);
    else if (count == 0 || !out->argv[0][0])
        rc = refuse(text, "names no program", err);
    else if (count > WRAP_WORDS_MAX)
        rc = refuse(text, "has more than 64 words", err);
    error_clear(&why);
    return rc;
}

int wrap_endpoint_parse(const char *text, struct arena *arena, struct wrap_endpoint *out, struct error *err)
{
    static const struct {
        const char *scheme;
        enum wrap_kind kind;
        const char *port; /* when there is none */
        bool tls;
    } schemes[] = {{"http://", WRAP_HTTP, "80", false},
                   {"https://", WRAP_HTTP, "443", true},
                   {"grpc://", WRAP_GRPC, NULL, false},
                   {"file://", WRAP_FILE, NULL, false},
                   {"exec://", WRAP_EXEC, NULL, false}};
    *out = (struct wrap_endpoint){0};
    if (strlen(text) > WRAP_TEXT_MAX)
        return error_set(err, ERROR_INVALID, "the endpoint is longer than %d bytes", WRAP_TEXT_MAX);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i].scheme);
        if (strncmp(text, schemes[i].scheme, len) != 0)
            continue;
        out->kind = schemes[i].kind;
        out->tls = schemes[i].tls;
        if (out->kind == WRAP_EXEC)
            return read_command(text, text + len, arena, out, err);
        if (out->kind != WRAP_FILE)
            return read_network(text, text + len, schemes[i].port, arena, out, err);
        if (!text[len])
            return refuse(text, "names no folder", err);
        out->path = arena_string(arena, text + len);
        return out->path ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    }
    return refuse(text, "begins with none of http://, https://, grpc://, file:// and exec://", err);
}
