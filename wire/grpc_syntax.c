#include "wire/grpc_internal.h"

#include <string.h>

static const char *const status_names[] = {
    "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED",
};
#define STATUS_COUNT ((int)(sizeof status_names / sizeof status_names[0]))

const char *grpc_status_name(int status)
{
    return status >= 0 && status < STATUS_COUNT ? status_names[status] : "UNKNOWN";
}

bool grpc_status_parse(const char *name, int *status)
{
    for (int i = 0; i < STATUS_COUNT; i++) {
        if (strcmp(name, status_names[i]) == 0) {
            *status = i;
            return true;
        }
    }
    return false;
}

struct bytes grpc_metadata_get(struct grpc_metadata m, const char *name)
{
    for (size_t i = 0; i < m.count; i++) {
        if (bytes_is(m.items[i].name, name))
            return m.items[i].value;
    }
    return BYTES_NONE;
}

/* ---- grpc-timeout ---- */

#define TIMEOUT_DIGITS 8
#define TIMEOUT_MAX    ((uint64_t)INT64_MAX) /* 292 years; saturates, so that "now + timeout" is safe */

static const struct {
    char unit;
    uint64_t ns;
} timeout_units[] = {
    {'n', 1},
    {'u', 1000},
    {'m', 1000000},
    {'S', 1000000000},
    {'M', UINT64_C(60) * 1000000000},
    {'H', UINT64_C(3600) * 1000000000},
};
#define TIMEOUT_UNITS (sizeof timeout_units / sizeof timeout_units[0])

int grpc_timeout_parse(struct bytes text, uint64_t *ns)
{
    if (text.len < 2 || text.len > TIMEOUT_DIGITS + 1)
        return ERROR_SYNTAX;
    uint64_t value = 0;
    for (size_t i = 0; i + 1 < text.len; i++) {
        uint8_t c = text.data[i];
        if (c < '0' || c > '9')
            return ERROR_SYNTAX;
        value = value * 10 + (uint64_t)(c - '0');
    }
    for (size_t i = 0; i < TIMEOUT_UNITS; i++) {
        if (text.data[text.len - 1] != (uint8_t)timeout_units[i].unit)
            continue;
        uint64_t scale = timeout_units[i].ns;
        *ns = value > TIMEOUT_MAX / scale ? TIMEOUT_MAX : value * scale;
        return 0;
    }
    return ERROR_SYNTAX;
}

/* The finest unit that fits in eight digits, rounded up so that the peer never gives up before we do. */
size_t grpc_timeout_format(uint64_t ns, char out[16])
{
    size_t unit = 0;
    uint64_t value = ns;
    while (value > 99999999 && unit + 1 < TIMEOUT_UNITS) {
        unit++;
        value = ns / timeout_units[unit].ns + (ns % timeout_units[unit].ns != 0);
    }
    char digits[24];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    size_t len = 0;
    while (n > 0)
        out[len++] = digits[--n];
    out[len++] = timeout_units[unit].unit;
    out[len] = '\0';
    return len;
}

/* ---- percent-encoding ---- */

static bool percent_plain(uint8_t c)
{
    return c >= 0x20 && c <= 0x7e && c != '%';
}

void grpc_percent_encode(struct bytes message, struct text *out)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t from = 0;
    for (size_t i = 0; i < message.len; i++) {
        uint8_t c = message.data[i];
        if (percent_plain(c))
            continue;
        if (i > from)
            text_add(out, message.data + from, i - from);
        char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
        text_add(out, escape, sizeof escape);
        from = i + 1;
    }
    if (message.len > from)
        text_add(out, message.data + from, message.len - from);
}

/* An escape that is none stays as it came: a broken message is still better read than lost. */
void grpc_percent_decode(struct bytes encoded, struct text *out)
{
    size_t from = 0;
    for (size_t i = 0; i < encoded.len; i++) {
        if (encoded.data[i] != '%' || encoded.len - i < 3)
            continue;
        int high = bytes_hex_value(encoded.data[i + 1]), low = bytes_hex_value(encoded.data[i + 2]);
        if (high < 0 || low < 0)
            continue;
        if (i > from)
            text_add(out, encoded.data + from, i - from);
        text_char(out, (char)(uint8_t)(high << 4 | low));
        i += 2;
        from = i + 1;
    }
    if (encoded.len > from)
        text_add(out, encoded.data + from, encoded.len - from);
}

/* ---- names ---- */

bool grpc_name_is_binary(struct bytes name)
{
    return name.len >= 4 && memcmp(name.data + name.len - 4, "-bin", 4) == 0;
}

static bool name_well_formed(struct bytes name)
{
    if (name.len == 0)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        if (!fine)
            return false;
    }
    return true;
}

bool grpc_name_allowed(struct bytes name)
{
    /* The grpc- names that belong to applications and to layers above this one. */
    static const char *const ours_no_more[] = {"grpc-previous-rpc-attempts", "grpc-retry-pushback-ms", "grpc-tags-bin",
                                               "grpc-trace-bin"};
    static const char *const reserved[] = {
        "te",      "content-type",  "connection", "keep-alive", "host", "proxy-connection", "transfer-encoding",
        "upgrade", "content-length"};
    if (!name_well_formed(name))
        return false;
    if (name.len > 5 && memcmp(name.data, "grpc-", 5) == 0) {
        for (size_t i = 0; i < sizeof ours_no_more / sizeof ours_no_more[0]; i++) {
            if (bytes_is(name, ours_no_more[i]))
                return true;
        }
        return false;
    }
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (bytes_is(name, reserved[i]))
            return false;
    }
    return true;
}
