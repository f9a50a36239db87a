/* A cookie jar as text, in the form that curl, Hurl and browsers' exports share (curl's documentation: "the cookie file
 * format"). A line is a cookie: its domain, TRUE when subdomains get it too, its path, TRUE when only https carries it,
 * until when (seconds since 1970; 0: as long as the flow), name and value, with tabs between. "#HttpOnly_" may stand in
 * front; other lines with "#" are comments. */
#include "base/units.h"
#include "e2e/http/http.h"
#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HTTP_ONLY "#HttpOnly_"

enum { FIELD_DOMAIN, FIELD_SUBDOMAINS, FIELD_PATH, FIELD_SECURE, FIELD_UNTIL, FIELD_NAME, FIELD_VALUE, FIELDS };

/* Parts of a line between tabs; between any blanks when it has no tab. */
static size_t fields_of(struct bytes line, struct bytes *fields)
{
    bool tabs = memchr(line.data, '\t', line.len) != NULL;
    size_t count = 0;
    for (size_t at = 0; at < line.len && count < FIELDS;) {
        while (!tabs && at < line.len && line.data[at] == ' ')
            at++;
        size_t from = at;
        while (at < line.len && line.data[at] != (tabs ? '\t' : ' '))
            at++;
        if (tabs || at > from)
            fields[count++] = BYTES(line.data + from, at - from);
        at += at < line.len;
    }
    return count;
}

static bool is_true(struct bytes b)
{
    return b.len == 4 && strncasecmp((const char *)b.data, "TRUE", 4) == 0;
}

static int read_line(json_t *jar, struct bytes line, int64_t now)
{
    struct bytes f[FIELDS] = {BYTES_NONE};
    char number[24] = "", *end = number;
    size_t count = fields_of(line, f);
    if (f[FIELD_UNTIL].len > 0 && f[FIELD_UNTIL].len < sizeof number)
        memcpy(number, f[FIELD_UNTIL].data, f[FIELD_UNTIL].len);
    long long seconds = strtoll(number, &end, 10);
    if (count < FIELD_VALUE || f[FIELD_NAME].len == 0 || end == number || *end != '\0') /* the value may be empty */
        return ERROR_SYNTAX;
    if (f[FIELD_DOMAIN].len > 0 && f[FIELD_DOMAIN].data[0] == '.')
        f[FIELD_DOMAIN] = BYTES(f[FIELD_DOMAIN].data + 1, f[FIELD_DOMAIN].len - 1);
    if (f[FIELD_DOMAIN].len == 0)
        return ERROR_SYNTAX;
    int64_t until = seconds <= 0 ? 0 : seconds > INT64_MAX / SECOND ? INT64_MAX : seconds * SECOND;
    json_t *cookie = json_pack("{s:o, s:o, s:o, s:o, s:b, s:b}", "name", value_of_bytes(f[FIELD_NAME]), "value",
                               value_of_bytes(f[FIELD_VALUE]), "domain", value_of_bytes(f[FIELD_DOMAIN]), "path",
                               value_of_bytes(f[FIELD_PATH]), "host", !is_true(f[FIELD_SUBDOMAINS]), "secure",
                               is_true(f[FIELD_SECURE]));
    bool ok = cookie != NULL && (seconds <= 0 || json_object_set_new(cookie, "until", json_integer(until)) == 0) &&
              http_jar_put(jar, cookie, seconds < 0 || (seconds > 0 && until <= now));
    json_decref(cookie);
    return ok ? 0 : ERROR_MEMORY;
}

int http_jar_read(json_t *jar, struct bytes content, int64_t now, size_t *line)
{
    int code = 0;
    *line = 0;
    for (size_t at = 0; at < content.len && code == 0;) {
        const uint8_t *p = content.data + at, *stop = memchr(p, '\n', content.len - at);
        size_t len = stop != NULL ? (size_t)(stop - p) : content.len - at, skip = strlen(HTTP_ONLY);
        at += len + 1;
        ++*line;
        while (len > 0 && strchr("\r ", p[len - 1]) != NULL && p[len - 1] != '\0')
            len--;
        bool hidden = len > skip && memcmp(p, HTTP_ONLY, skip) == 0;
        if (len > 0 && (p[0] != '#' || hidden))
            code = read_line(jar, hidden ? BYTES(p + skip, len - skip) : BYTES(p, len), now);
    }
    return code;
}

void http_jar_print(const json_t *jar, struct text *out)
{
    text_puts(out, "# Netscape HTTP Cookie File\n");
    for (size_t i = 0; i < json_array_size(jar); i++) {
        const json_t *c = json_array_get(jar, i);
        const char *name = json_string_value(json_object_get(c, "name"));
        const char *value = json_string_value(json_object_get(c, "value"));
        if (strchr(name, '\t') != NULL || strchr(value, '\t') != NULL) /* the form cannot tell it */
            continue;
        bool host = json_is_true(json_object_get(c, "host")), secure = json_is_true(json_object_get(c, "secure"));
        text_printf(out, "%s%s\t%s\t%s\t%s\t%lld\t%s\t%s\n", host ? "" : ".",
                    json_string_value(json_object_get(c, "domain")), host ? "FALSE" : "TRUE",
                    json_string_value(json_object_get(c, "path")), secure ? "TRUE" : "FALSE",
                    (long long)(json_integer_value(json_object_get(c, "until")) / SECOND), name, value);
    }
}
