#include "runtime/web/form.h"

#include "wire/http1.h"

#include <string.h>

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

const char *web_cookie(const char *cookies, const char *name, size_t max, struct arena *arena)
{
    size_t name_len = strlen(name);
    for (const char *c = cookies; c && *c;) {
        c += strspn(c, "; ");
        size_t len = strcspn(c, ";");
        if (len > name_len + 1 && strncmp(c, name, name_len) == 0 && c[name_len] == '=') {
            const char *value = c + name_len + 1;
            size_t value_len = strspn(value, plain);
            if (value_len == len - name_len - 1 && value_len <= max)
                return arena_string_n(arena, value, value_len);
        }
        c += len;
    }
    return NULL;
}

int web_path_parts(const char *path, const char **parts, size_t max, struct arena *arena)
{
    size_t count = 0;
    const char *p = path;
    while (*p) {
        p += strspn(p, "/");
        size_t len = strcspn(p, "/");
        if (len == 0)
            break;
        if (count == max || p[0] == '.' || strspn(p, plain) < len || memchr(p, '~', len))
            return -1;
        parts[count] = arena_string_n(arena, p, len);
        if (!parts[count++])
            return -1;
        p += len;
    }
    return (int)count;
}

int web_form_each(struct bytes body, bool (*each)(void *arg, const char *name, const char *value), void *arg)
{
    const char *at = (const char *)body.data;
    size_t left = body.len, pairs = 0;
    struct text name = TEXT_INIT, value = TEXT_INIT;
    int rc = 0;
    while (rc == 0 && left > 0) {
        const char *end = memchr(at, '&', left);
        size_t len = end ? (size_t)(end - at) : left;
        const char *equal = memchr(at, '=', len);
        size_t name_len = equal ? (size_t)(equal - at) : len;
        text_clear(&name);
        text_clear(&value);
        if (len > 0 && pairs++ == WEB_PAIRS_MAX)
            rc = ERROR_LIMIT;
        else if (!http1_url_decode(BYTES(at, name_len), true, &name) ||
                 (equal && !http1_url_decode(BYTES(equal + 1, len - name_len - 1), true, &value)))
            rc = ERROR_SYNTAX;
        else if (!text_ok(&name) || !text_ok(&value))
            rc = ERROR_MEMORY;
        else if ((name.len && memchr(name.data, 0, name.len)) || (value.len && memchr(value.data, 0, value.len)))
            rc = ERROR_SYNTAX;
        else if (len > 0 && !each(arg, text_string(&name), text_string(&value)))
            break;
        at += len + (end ? 1 : 0);
        left -= len + (end ? 1 : 0);
    }
    text_deinit(&name);
    text_deinit(&value);
    return rc;
}

void web_encode(struct text *out, const char *words)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *words; words++) {
        unsigned char byte = (unsigned char)*words;
        if (strchr(plain, *words)) {
            text_char(out, *words);
        } else {
            text_char(out, '%');
            text_char(out, hex[byte >> 4]);
            text_char(out, hex[byte & 15]);
        }
    }
}

static void add_pair(struct text *out, const char *name, const char *key, const char *value)
{
    if (out->len > 0)
        text_char(out, '&');
    web_encode(out, name);
    if (key) {
        text_char(out, '.');
        web_encode(out, key);
    }
    text_char(out, '=');
    web_encode(out, value);
}

static void add_lines(struct web_form *f, const char *name, const char *value, bool map)
{
    struct text line = TEXT_INIT;
    while (*value) {
        size_t len = strcspn(value, "\r\n");
        text_clear(&line);
        text_add(&line, value, len);
        f->fields.failed = f->fields.failed || !text_ok(&line);
        char *equal = map && line.len > 0 ? strchr(line.data, '=') : NULL;
        if (map && len > 0 && (!equal || equal == line.data)) {
            f->bad = true;
        } else if (len > 0 && equal) {
            *equal = '\0';
            add_pair(&f->fields, name, line.data, equal + 1);
        } else if (len > 0) {
            add_pair(&f->fields, name, NULL, text_string(&line));
        }
        value += len;
        value += strspn(value, "\r\n");
    }
    text_deinit(&line);
}

static bool take(void *arg, const char *name, const char *value)
{
    struct web_form *f = arg;
    if (strcmp(name, "csrf") == 0) {
        text_clear(&f->csrf);
        text_puts(&f->csrf, value);
    } else if (strcmp(name, "json") == 0) {
        text_clear(&f->json);
        text_puts(&f->json, value);
    } else if (value[0] && strncmp(name, "f:", 2) == 0) {
        add_pair(&f->fields, name + 2, NULL, value);
    } else if (strncmp(name, "l:", 2) == 0 || strncmp(name, "m:", 2) == 0) {
        add_lines(f, name + 2, value, name[0] == 'm');
    }
    return true;
}

int web_form_read(struct bytes body, struct web_form *out)
{
    *out = (struct web_form){0};
    int rc = web_form_each(body, take, out);
    if (rc == 0 && (!text_ok(&out->fields) || !text_ok(&out->json) || !text_ok(&out->csrf)))
        rc = ERROR_MEMORY;
    return rc;
}

void web_form_deinit(struct web_form *f)
{
    text_deinit(&f->fields);
    text_deinit(&f->json);
    text_deinit(&f->csrf);
}
