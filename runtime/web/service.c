/* Services, their endpoints, and calls, as the gateway tells of them. */
#include "base/json_text.h"
#include "runtime/web/form.h"
#include "runtime/web/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *member(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

/* The answer is none to be shown. True: the visit was answered. */
static bool failed(struct web_visit *v, int status, const json_t *answer, struct bytes text)
{
    const char *detail = member(answer, "detail");
    char shown[300];
    if (status == 200 && answer && !v->cut)
        return false;
    if (status == 200) { /* half a list is none */
        web_problem(v, 502, "The answer cannot be shown",
                    v->cut ? "It was larger than the dashboard reads, or did not end in time."
                           : "The gateway's answer is no JSON.");
        return true;
    }
    snprintf(shown, sizeof shown, "%.*s", (int)text.len, text.data ? (const char *)text.data : "");
    if (status == 0)
        web_problem(v, 502, "No answer from the gateway", shown);
    else
        web_problem(v, status, http1_reason(status), detail[0] ? detail : shown);
    return true;
}

/* ---- the services ----------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static void show_services(struct web_visit *v, int status, json_t *answer, struct bytes text)
{
    const json_t *list = json_object_get(answer, "services"), *service;
    size_t i, count = 0;
    struct text page = TEXT_INIT;
    if (failed(v, status, answer, text))
        return;
    size_t size = json_array_size(list) < WEB_SERVICES_MAX ? json_array_size(list) : WEB_SERVICES_MAX;
    const char **names = ARENA_NEW_N(http_arena(v->x), const char *, size + 1);
    for (i = 0; names && i < size; i++) {
        service = json_array_get(list, i);
        if (member(service, "name")[0])
            names[count++] = member(service, "name");
    }
    if (count > 0)
        qsort(names, count, sizeof *names, by_name);
    web_page_begin(v, &page, "Services");
    if (count == 0)
        text_puts(&page, "<p>There are none.</p>\n");
    text_puts(&page, "<table>\n");
    for (i = 0; i < count; i++) {
        if (i > 0 && strcmp(names[i], names[i - 1]) == 0)
            continue;
        text_puts(&page, "<tr><td><a href=\"/");
        web_encode(&page, names[i]);
        text_puts(&page, "\">");
        web_escape(&page, names[i]);
        text_puts(&page, "</a></td></tr>\n");
    }
    text_puts(&page, "</table>\n");
    if (size < json_array_size(list))
        text_printf(&page, "<p>%zu more are not shown.</p>\n", json_array_size(list) - size);
    web_page_end(v, &page, 200);
}

void web_services_page(struct web_visit *v)
{
    const char *path = arena_printf(http_arena(v->x), "/registry/listServices?options.domain=%s", v->web->namespace);
    if (path)
        web_read(v, path, show_services);
    else
        web_problem(v, 503, "Service Unavailable", "out of memory");
}

/* ---- one service ------------------------------------------------------------------------------------------------ */

static void find_service(struct web_visit *v,
                         void (*show)(struct web_visit *v, int status, json_t *answer, struct bytes text))
{
    const char *path = arena_printf(http_arena(v->x), "/registry/getService?service=%s&options.domain=%s", v->parts[0],
                                    v->web->namespace);
    if (path)
        web_read(v, path, show);
    else
        web_problem(v, 503, "Service Unavailable", "out of memory");
}

static void add_cell(struct text *page, const char *words)
{
    text_puts(page, "<td>");
    web_escape(page, words[0] ? words : "n/a");
    text_puts(page, "</td>");
}

static void add_endpoint(struct text *page, const char *service, const json_t *endpoint)
{
    const char *name = member(endpoint, "name");
    const json_t *value;
    size_t i;
    if (!strchr(name, '.'))
        return;
    text_puts(page, "<tr><td><a href=\"/");
    web_encode(page, service);
    text_char(page, '/');
    web_encode(page, name); /* "Type.Method" is a part of its own */
    text_puts(page, "\">");
    web_escape(page, name);
    text_puts(page, "</a></td><td>");
    json_array_foreach(json_object_get(json_object_get(endpoint, "request"), "values"), i, value)
    {
        text_puts(page, i ? ", " : "");
        web_escape(page, member(value, "name"));
        text_puts(page, " <small>");
        web_escape(page, member(value, "type"));
        text_puts(page, "</small>");
    }
    text_puts(page, "</td></tr>\n");
}

static void show_service(struct web_visit *v, int status, json_t *answer, struct bytes text)
{
    const json_t *versions = json_object_get(answer, "services"), *version, *each;
    size_t i, k;
    struct text page = TEXT_INIT;
    if (failed(v, status, answer, text))
        return;
    if (json_array_size(versions) == 0) {
        web_problem(v, 404, "404: Not Found", "There is no such service.");
        return;
    }
    web_page_begin(v, &page, v->parts[0]);
    json_array_foreach(versions, i, version)
    {
        text_puts(&page, "<h2>Version ");
        web_escape(&page, member(version, "version")[0] ? member(version, "version") : "n/a");
        text_puts(&page, "</h2>\n<table><tr><th>Node</th><th>Address</th></tr>\n");
        json_array_foreach(json_object_get(version, "nodes"), k, each)
        {
            text_puts(&page, "<tr>");
            add_cell(&page, member(each, "id"));
            add_cell(&page, member(each, "address"));
            text_puts(&page, "</tr>\n");
        }
        text_puts(&page, "</table>\n<table><tr><th>Endpoint</th><th>Request</th></tr>\n");
        json_array_foreach(json_object_get(version, "endpoints"), k, each)
        {
            add_endpoint(&page, v->parts[0], each);
        }
        text_puts(&page, "</table>\n");
    }
    web_page_end(v, &page, 200);
}

void web_service_page(struct web_visit *v)
{
    find_service(v, show_service);
}

/* ---- an endpoint's form ----------------------------------------------------------------------------------------- */

static void add_label(struct text *page, const char *name, const char *type, const char *hint)
{
    text_puts(page, "<label>");
    web_escape(page, name);
    text_puts(page, " <small>");
    web_escape(page, type);
    text_puts(page, hint);
    text_puts(page, "</small>");
}

/* `name` is the way to it: "user.name". */
static void add_input(struct text *page, const char *name, const char *type)
{
    bool map = strncmp(type, "map[", 4) == 0, list = strncmp(type, "[]", 2) == 0 && strcmp(type, "[]byte") != 0;
    bool number = strncmp(type, "int", 3) == 0 || strncmp(type, "uint", 4) == 0 || strncmp(type, "float", 5) == 0;
    add_label(page, name, type,
              map                           ? ", KEY=VALUE a line"
              : list                        ? ", one a line"
              : strcmp(type, "[]byte") == 0 ? ", base64"
                                            : "");
    if (map || list) {
        text_printf(page, "<textarea name=\"%c:", map ? 'm' : 'l');
        web_escape(page, name);
        text_puts(page, "\"></textarea></label>\n");
    } else if (strcmp(type, "bool") == 0) {
        text_puts(page, "<select name=\"f:");
        web_escape(page, name);
        text_puts(page,
                  "\"><option value=\"\"></option><option>true</option><option>false</option></select></label>\n");
    } else {
        text_puts(page, "<input name=\"f:");
        web_escape(page, name);
        text_puts(page, number ? "\" inputmode=\"decimal\"></label>\n" : "\"></label>\n");
    }
}

static void add_fields(struct web_visit *v, struct text *page, const json_t *values, const char *prefix, int depth,
                       size_t *count)
{
    const json_t *value;
    size_t i;
    json_array_foreach(values, i, value)
    {
        const json_t *inner = json_object_get(value, "values");
        const char *type = member(value, "type");
        const char *name =
            arena_printf(http_arena(v->x), "%s%s%s", prefix, prefix[0] ? "." : "", member(value, "name"));
        if (!name || !member(value, "name")[0] || *count >= WEB_FIELDS_MAX)
            continue;
        bool message = json_array_size(inner) > 0 && type[0] != '[' && strncmp(type, "map[", 4) != 0;
        if (message && depth + 1 < WEB_DEPTH_MAX) {
            text_puts(page, "<fieldset><legend>");
            web_escape(page, name);
            text_puts(page, "</legend>\n");
            add_fields(v, page, inner, name, depth + 1, count);
            text_puts(page, "</fieldset>\n");
        } else if (!message && !(json_array_size(inner) > 0)) { /* a list of messages is given as JSON */
            add_input(page, name, type);
            ++*count;
        }
    }
}

static const json_t *find_endpoint(const struct web_visit *v, const json_t *answer)
{
    const json_t *version, *endpoint;
    size_t i, k, type_len = strlen(v->parts[1]);
    json_array_foreach(json_object_get(answer, "services"), i, version)
    {
        json_array_foreach(json_object_get(version, "endpoints"), k, endpoint)
        {
            const char *name = member(endpoint, "name");
            if (strncmp(name, v->parts[1], type_len) == 0 && name[type_len] == '.' &&
                strcmp(name + type_len + 1, v->parts[2]) == 0)
                return endpoint;
        }
    }
    return NULL;
}

static void show_endpoint(struct web_visit *v, int status, json_t *answer, struct bytes text)
{
    struct text page = TEXT_INIT;
    char token[65], title[2 * WEB_NAME_MAX];
    size_t count = 0;
    if (failed(v, status, answer, text))
        return;
    const json_t *endpoint = find_endpoint(v, answer);
    if (!endpoint) {
        web_problem(v, 404, "404: Not Found", "The service has no such endpoint.");
        return;
    }
    snprintf(title, sizeof title, "%.120s %.120s", v->parts[0], member(endpoint, "name"));
    web_form_token(v, token);
    web_page_begin(v, &page, title);
    text_printf(&page, "<form method=\"post\"><input type=\"hidden\" name=\"csrf\" value=\"%s\">\n", token);
    add_fields(v, &page, json_object_get(json_object_get(endpoint, "request"), "values"), "", 0, &count);
    text_puts(&page, "<label>or the whole request <small>JSON</small><textarea name=\"json\"></textarea></label>\n"
                     "<button>Call</button></form>\n");
    web_page_end(v, &page, 200);
}

void web_endpoint_page(struct web_visit *v)
{
    find_service(v, show_endpoint);
}

/* ---- a call ----------------------------------------------------------------------------------------------------- */

static void show_answer(struct web_visit *v, int status, json_t *answer, struct bytes text)
{
    struct text page = TEXT_INIT;
    char title[2 * WEB_NAME_MAX + 2];
    char *indented = answer ? json_text_of(answer, 2) : NULL;
    snprintf(title, sizeof title, "%.128s.%.128s", v->parts[1], v->parts[2]);
    web_page_begin(v, &page, title);
    if (status)
        text_printf(&page, "<p%s>%d %s</p>\n", status >= 400 ? " class=\"problem\"" : "", status, http1_reason(status));
    else
        text_puts(&page, "<p class=\"problem\">No answer from the gateway</p>\n");
    text_puts(&page, "<pre>");
    if (indented)
        web_escape(&page, indented);
    else
        web_escape_bytes(&page, text);
    text_puts(&page, "</pre>\n");
    if (v->cut)
        text_puts(&page, "<p>There is more, or more to come, than is shown here.</p>\n");
    text_puts(&page, "<p><a href=\"\">Call again</a></p>\n");
    free(indented);
    web_page_end(v, &page, status ? 200 : 502);
}

/* "a.b" is "/a/b/Type/Method": the gateway's rule joins what stands in front of the last two. */
static const char *call_path(struct web_visit *v)
{
    char *path = arena_printf(http_arena(v->x), "/%s/%s/%s", v->parts[0], v->parts[1], v->parts[2]);
    for (size_t i = 0; path && i <= strlen(v->parts[0]); i++)
        if (path[i] == '.')
            path[i] = '/';
    return path;
}

void web_endpoint_call(struct web_visit *v)
{
    struct web_form form;
    int rc = web_form_read(http_body(v->x), &form);
    const char *path = call_path(v);
    const char *json = text_string(&form.json);
    bool whole = json[strspn(json, " \t\r\n")] != '\0';
    if (rc)
        web_problem(v, rc == ERROR_MEMORY ? 503 : 400, "The form cannot be read", error_code_name(rc));
    else if (!path)
        web_problem(v, 503, "Service Unavailable", "out of memory");
    else if (!web_post_allowed(v, text_bytes(&form.csrf))) {
    } else if (form.bad)
        web_problem(v, 400, "Bad Request", "A line of a map is written KEY=VALUE.");
    else if (whole)
        web_ask(v, path, "application/json", text_bytes(&form.json), show_answer);
    else
        web_ask(v, path, "application/x-www-form-urlencoded", text_bytes(&form.fields), show_answer);
    web_form_deinit(&form);
}
