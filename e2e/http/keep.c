/* What a step keeps in files: the answer's body (`save`), and the flow's cookies (`jar`), in the form that curl, Hurl
 * and browsers' exports share (curl's documentation: "the cookie file format"). A line is a cookie: its domain, TRUE
 * when subdomains get it too, its path, TRUE when only https carries it, until when (seconds since 1970; 0: as long as
 * the flow), name and value, with tabs between. "#HttpOnly_" may stand in front; other lines with "#" are comments. */
#include "base/units.h"
#include "e2e/http/http.h"
#include "e2e/kind.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COOKIE_FILE_MAX ((size_t)1 << 20) /* bytes */
#define HTTP_ONLY       "#HttpOnly_"

enum { FIELD_DOMAIN, FIELD_SUBDOMAINS, FIELD_PATH, FIELD_SECURE, FIELD_UNTIL, FIELD_NAME, FIELD_VALUE, FIELDS };

/* ---- the form ---- */

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

/* ---- the step ---- */

static int read_lines(struct flow_context *x, const struct node *n, const char *name, const struct text *lines)
{
    size_t line;
    int code = http_jar_read(x->run->cookies, text_bytes(lines), world_wall(x->target->world), &line);
    if (code == ERROR_MEMORY || !text_ok(lines))
        return flow_memory(x);
    if (code != 0)
        flow_wrong(x, n, code,
                   "%s:%zu: this is no cookie: expected domain, TRUE or FALSE, path, TRUE or FALSE, seconds, name and "
                   "value, with tabs between",
                   name, line);
    return code;
}

static int write_file(struct flow_context *x, const struct node *n, struct bytes content)
{
    struct world *w = x->options->files != NULL ? x->options->files : x->target->world;
    struct error own = ERROR_INIT;
    struct text path = TEXT_INIT;
    char *name = expand_text(x, n);
    if (name == NULL)
        return x->error.code;
    path_beside(document_name(n->document), name, &path);
    int code = text_ok(&path) ? world_write_product(w, text_string(&path), content, &own) : flow_memory(x);
    if (text_ok(&path) && code != 0)
        flow_wrong(x, n, code, "cannot write %s: %s", text_string(&path),
                   own.message != NULL ? own.message : error_code_name(code));
    error_clear(&own);
    text_deinit(&path);
    free(name);
    return code;
}

int http_jar_begin(struct flow_context *x, const struct node *step)
{
    const struct node *jar = node_get(step, "jar");
    const struct node *clear = jar != NULL ? node_get(jar, "clear") : NULL;
    const struct node *sources[] = {jar != NULL ? node_get(jar, "read") : NULL,
                                    jar != NULL ? node_get(jar, "set") : NULL};
    int code = 0;
    if (clear != NULL && clear->boolean)
        json_array_clear(x->run->cookies);
    for (size_t i = 0; i < 2 && code == 0; i++) {
        struct text lines = TEXT_INIT;
        char *said = sources[i] != NULL ? expand_text(x, sources[i]) : NULL;
        if (sources[i] == NULL)
            continue;
        if (said == NULL)
            return x->error.code;
        if (i == 0)
            code = flow_read_file(x, sources[i], said, COOKIE_FILE_MAX, &lines);
        else
            text_puts(&lines, said);
        if (code == 0)
            code = read_lines(x, sources[i], i == 0 ? said : "set", &lines);
        text_deinit(&lines);
        free(said);
    }
    return code;
}

int http_jar_end(struct flow_context *x, const struct node *step)
{
    const struct node *jar = node_get(step, "jar"), *file = jar != NULL ? node_get(jar, "write") : NULL;
    struct text lines = TEXT_INIT, shown = TEXT_INIT;
    if (file == NULL)
        return 0;
    http_jar_print(x->run->cookies, &lines);
    secret_hide(x, text_string(&lines), &shown); /* no secret leaves the run */
    int code = text_ok(&lines) && text_ok(&shown) ? write_file(x, file, text_bytes(&shown)) : flow_memory(x);
    text_deinit(&lines);
    text_deinit(&shown);
    return code;
}

int http_save(struct flow_context *x, const struct node *step, struct bytes body)
{
    const struct node *file = node_get(step, "save");
    return file != NULL ? write_file(x, file, body) : 0;
}

int http_check_jar(const struct node *jar, struct error *err)
{
    static const char *const keys[] = {"clear", "read", "set", "write", NULL};
    if (jar == NULL)
        return 0;
    int code = node_only_keys(jar, keys, err);
    const struct node *clear = node_get(jar, "clear");
    if (code == 0 && clear != NULL && clear->kind != NODE_BOOL)
        code = node_error(clear, err, ERROR_INVALID, "\"clear\" is true or false");
    return code;
}
