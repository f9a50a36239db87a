/* Cookies of one flow (RFC 6265, 5.3 and 5.4): a list of maps with name, value, domain, path, host (only this host),
 * secure, and until (ns since 1970; absent: as long as the flow). */
#include "base/units.h"
#include "e2e/http/http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define COOKIES_MAX 1000

bool http_url_split(const char *url, struct http_url *out)
{
    const char *start = strstr(url, "://");
    if (start == NULL)
        return false;
    out->secure = strncasecmp(url, "https:", 6) == 0;
    out->host = start + 3;
    out->host_len = strcspn(out->host, "/?#");
    out->path = out->host + out->host_len;
    out->path_len = strcspn(out->path, "?#");
    out->name_len = out->host_len;
    const char *colon = memchr(out->host, ':', out->host_len); /* the port is none of a cookie's business */
    if (colon != NULL && out->host[0] != '[')
        out->name_len = (size_t)(colon - out->host);
    return out->host_len > 0;
}

/* ---- what a server sets ---- */

struct attribute {
    const char *name, *value;
    size_t name_len, value_len;
};

static void trim(const char **s, size_t *len)
{
    for (; *len > 0 && isspace((unsigned char)**s); ++*s, --*len)
        ;
    while (*len > 0 && isspace((unsigned char)(*s)[*len - 1]))
        --*len;
}

/* The next "name=value" before a ';', *p behind it. False: no more. */
static bool next_attribute(const char **p, const char *end, struct attribute *out)
{
    if (*p >= end)
        return false;
    const char *stop = memchr(*p, ';', (size_t)(end - *p));
    size_t len = (size_t)((stop != NULL ? stop : end) - *p);
    const char *equals = memchr(*p, '=', len);
    out->name = *p;
    out->name_len = equals != NULL ? (size_t)(equals - *p) : len;
    out->value = equals != NULL ? equals + 1 : *p + len;
    out->value_len = len - out->name_len - (equals != NULL);
    trim(&out->name, &out->name_len);
    trim(&out->value, &out->value_len);
    *p = stop != NULL ? stop + 1 : end;
    return true;
}

static bool is_named(const struct attribute *a, const char *name)
{
    return a->name_len == strlen(name) && strncasecmp(a->name, name, a->name_len) == 0;
}

/* "Wed, 21 Oct 2015 07:28:00 GMT", also with hyphens. */
static bool read_date(const struct attribute *a, int64_t *out)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S", "%a, %d-%b-%Y %H:%M:%S"};
    char text[64];
    if (a->value_len >= sizeof text)
        return false;
    memcpy(text, a->value, a->value_len);
    text[a->value_len] = '\0';
    for (size_t i = 0; i < 2; i++) {
        struct tm tm = {0};
        if (strptime(text, forms[i], &tm) != NULL) {
            *out = (int64_t)timegm(&tm);
            return true;
        }
    }
    return false;
}

static bool domain_covers(const char *domain, size_t len, const char *host, size_t host_len)
{
    if (len > host_len || strncasecmp(host + host_len - len, domain, len) != 0)
        return false;
    return len == host_len || (host[host_len - len - 1] == '.' && memchr(domain, '.', len) != NULL);
}

static bool same(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"name", "domain", "path"};
    for (size_t i = 0; i < 3; i++)
        if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])))
            return false;
    return true;
}

bool http_jar_put(json_t *jar, json_t *cookie, bool over)
{
    for (size_t i = 0; i < json_array_size(jar); i++)
        if (same(json_array_get(jar, i), cookie))
            json_array_remove(jar, i--);
    if (over || json_array_size(jar) >= COOKIES_MAX)
        return true;
    return json_array_append(jar, cookie) == 0;
}

/* One line of Set-Cookie. What is malformed is left out, as browsers do. */
static bool set_one(json_t *jar, const struct http_url *url, const char *line, size_t len, int64_t now, json_t *set)
{
    const char *p = line, *end = line + len, *domain = url->host, *path = url->path;
    size_t domain_len = url->name_len, path_len = url->path_len;
    struct attribute first, a;
    bool host = true, secure = false, aged = false, timed = false;
    int64_t until = 0, seconds;
    if (!next_attribute(&p, end, &first) || first.name_len == 0)
        return true;
    while (path_len > 1 && path[path_len - 1] != '/')
        path_len--;
    path_len -= path_len > 1;
    while (next_attribute(&p, end, &a)) {
        if (is_named(&a, "secure")) {
            secure = true;
        } else if (is_named(&a, "path") && a.value_len > 0 && a.value[0] == '/') {
            path = a.value;
            path_len = a.value_len;
        } else if (is_named(&a, "max-age")) {
            char *stop;
            seconds = strtoll(a.value, &stop, 10);
            if (stop == a.value)
                continue;
            aged = timed = true;
            until = seconds <= 0 ? 0 : seconds > INT32_MAX ? INT64_MAX : now + seconds * SECOND;
        } else if (is_named(&a, "expires") && !aged && read_date(&a, &seconds)) {
            timed = true;
            until = seconds < 0 ? 0 : seconds > INT64_MAX / SECOND ? INT64_MAX : seconds * SECOND;
        } else if (is_named(&a, "domain") && a.value_len > 0) {
            domain = a.value + (a.value[0] == '.');
            domain_len = a.value_len - (a.value[0] == '.');
            host = false;
            if (!domain_covers(domain, domain_len, url->host, url->name_len))
                return true; /* not this server's to set */
        }
    }
    json_t *cookie = json_pack(
        "{s:o, s:o, s:o, s:o, s:b, s:b}", "name", value_of_bytes(BYTES(first.name, first.name_len)), "value",
        value_of_bytes(BYTES(first.value, first.value_len)), "domain", value_of_bytes(BYTES(domain, domain_len)),
        "path", path_len > 0 ? value_of_bytes(BYTES(path, path_len)) : json_string("/"), "host", host, "secure",
        secure);
    bool ok = cookie != NULL && (!timed || json_object_set_new(cookie, "until", json_integer(until)) == 0) &&
              json_object_set(set, json_string_value(json_object_get(cookie, "name")),
                              json_object_get(cookie, "value")) == 0 &&
              http_jar_put(jar, cookie, timed && until <= now);
    json_decref(cookie);
    return ok;
}

bool http_jar_take(json_t *jar, const char *url, const char *header, int64_t now, json_t *set)
{
    struct http_url u;
    bool ok = true;
    if (header == NULL || !http_url_split(url, &u))
        return true;
    for (const char *p = header; ok && *p != '\0';) {
        size_t len = strcspn(p, "\n");
        ok = set_one(jar, &u, p, len, now, set);
        p += len + (p[len] == '\n');
    }
    return ok;
}

/* ---- what is sent ---- */

static bool path_covers(const char *path, const struct http_url *u)
{
    size_t len = strlen(path);
    if (u->path_len == 0)
        return strcmp(path, "/") == 0;
    if (len > u->path_len || strncmp(path, u->path, len) != 0)
        return false;
    return len == u->path_len || path[len - 1] == '/' || u->path[len] == '/';
}

static bool goes_to(const json_t *cookie, const struct http_url *u, int64_t now)
{
    const char *domain = json_string_value(json_object_get(cookie, "domain"));
    const json_t *until = json_object_get(cookie, "until");
    size_t len = strlen(domain);
    if (until != NULL && json_integer_value(until) <= now)
        return false;
    if (json_is_true(json_object_get(cookie, "secure")) && !u->secure)
        return false;
    bool host = json_is_true(json_object_get(cookie, "host"));
    bool matches = host ? len == u->name_len && strncasecmp(domain, u->host, len) == 0
                        : domain_covers(domain, len, u->host, u->name_len);
    return matches && path_covers(json_string_value(json_object_get(cookie, "path")), u);
}

void http_jar_give(const json_t *jar, const char *url, int64_t now, struct text *out)
{
    struct http_url u;
    if (!http_url_split(url, &u))
        return;
    for (size_t i = 0; i < json_array_size(jar); i++) {
        const json_t *cookie = json_array_get(jar, i);
        if (goes_to(cookie, &u, now))
            text_printf(out, "%s%s=%s", out->len > 0 ? "; " : "", json_string_value(json_object_get(cookie, "name")),
                        json_string_value(json_object_get(cookie, "value")));
    }
}

/* ---- where a redirect leads (RFC 3986, 5.2) ---- */

/* "." and ".." in the path behind `path` are gone through (RFC 3986, 5.2.4). */
static void remove_dots(struct text *url, size_t path)
{
    struct text out = TEXT_INIT;
    const char *p = text_string(url) + path, *end = p + strcspn(p, "?#");
    text_add(&out, text_string(url), path);
    while (p < end) {
        size_t len = 1;
        while (p + len < end && p[len] != '/')
            len++;
        bool last = p + len == end;
        if (len == 2 && p[1] == '.') {
            text_puts(&out, last ? "/" : "");
        } else if (len == 3 && p[1] == '.' && p[2] == '.') {
            while (out.len > path && out.data[out.len - 1] != '/')
                text_truncate(&out, out.len - 1);
            if (out.len > path)
                text_truncate(&out, out.len - 1);
            text_puts(&out, last ? "/" : "");
        } else {
            text_add(&out, p, len);
        }
        p += len;
    }
    text_puts(&out, end);
    out.failed = out.failed || !text_ok(url);
    text_deinit(url);
    *url = out;
}

void http_url_resolve(const char *base, const char *location, struct text *out)
{
    struct http_url u;
    const char *colon = strstr(location, "://");
    if ((colon != NULL && colon > location && strcspn(location, ":/?#") == (size_t)(colon - location)) ||
        !http_url_split(base, &u)) {
        text_add(out, location, strcspn(location, "#"));
        return;
    }
    if (strncmp(location, "//", 2) == 0) {
        text_add(out, base, (size_t)(u.host - base) - 2);
    } else if (location[0] == '/') {
        text_add(out, base, (size_t)(u.path - base));
    } else if (location[0] == '?') {
        text_add(out, base, (size_t)(u.path - base) + u.path_len);
        if (u.path_len == 0)
            text_char(out, '/');
    } else {
        size_t keep = u.path_len;
        while (keep > 0 && u.path[keep - 1] != '/')
            keep--;
        text_add(out, base, (size_t)(u.path - base) + keep);
        if (keep == 0)
            text_char(out, '/');
    }
    text_add(out, location, strcspn(location, "#"));
    struct http_url made;
    if (text_ok(out) && http_url_split(text_string(out), &made))
        remove_dots(out, (size_t)(made.path - text_string(out)));
}
