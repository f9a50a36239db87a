#include "world/internal.h"

#include "base/units.h"

#include <string.h>

#define PORT_MAX 65535

int world_address_parse(const char *text, struct world_address *out, struct error *err)
{
    memset(out, 0, sizeof(*out));
    static const char prefix[] = "unix:";
    if (strncmp(text, prefix, sizeof(prefix) - 1) == 0) {
        const char *path = text + sizeof(prefix) - 1;
        if (!*path)
            return error_set(err, ERROR_INVALID, "address \"%s\" names no path after unix:", text);
        if (strlen(path) >= sizeof(out->path))
            return error_set(err, ERROR_INVALID, "the path of \"%s\" is longer than the %zu bytes a unix socket allows",
                             text, sizeof(out->path) - 1);
        out->local = true;
        memcpy(out->path, path, strlen(path) + 1);
        return 0;
    }
    const char *colon = strrchr(text, ':');
    if (!colon)
        return error_set(err, ERROR_INVALID, "address \"%s\" has no port; write host:port", text);
    const char *host = text;
    size_t len = (size_t)(colon - text);
    if (text[0] == '[') {
        if (len < 2 || text[len - 1] != ']')
            return error_set(err, ERROR_INVALID, "address \"%s\" opens a bracket and does not close it", text);
        out->bracketed = true;
        host++;
        len -= 2;
    } else if (memchr(text, ':', len)) {
        return error_set(err, ERROR_INVALID, "address \"%s\" has several colons; write IPv6 as [address]:port", text);
    }
    if (len == 0)
        return error_set(err, ERROR_INVALID, "address \"%s\" has no host; write host:port", text);
    if (len >= sizeof(out->host))
        return error_set(err, ERROR_INVALID, "the host of an address is longer than %zu bytes", sizeof(out->host) - 1);
    memcpy(out->host, host, len);
    int64_t port;
    if (units_parse_integer(colon + 1, 0, PORT_MAX, &port, NULL) < 0)
        return error_set(err, ERROR_INVALID, "address \"%s\": the port is no number from 0 to 65535", text);
    out->port = (int)port;
    return 0;
}
