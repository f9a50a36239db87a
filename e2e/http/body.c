/* Bodies of HTTP requests: JSON, a form, a text, a file, and parts of several kinds (RFC 7578). */
#include "base/base64.h"
#include "base/json_text.h"
#include "e2e/http/http.h"
#include "e2e/kind.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define UPLOAD_MAX ((size_t)32 << 20) /* bytes of a file that is sent */

static const char *const bodies[] = {"json", "form", "body", "base64", "multipart", "file", NULL};

void http_url_encode(const char *s, struct text *out)
{
    for (; *s != '\0'; s++) {
        if (isalnum((unsigned char)*s) || strchr("-._~", *s) != NULL)
            text_char(out, *s);
        else
            text_printf(out, "%%%02X", (unsigned)(unsigned char)*s);
    }
}

int http_form_pair(struct flow_context *x, void *arg, const char *name, const struct node *n)
{
    struct text *out = arg;
    char *value = expand_text(x, n);
    if (value == NULL)
        return x->error.code;
    if (out->len > 0 && strchr("?&", out->data[out->len - 1]) == NULL)
        text_char(out, '&');
    http_url_encode(name, out);
    text_char(out, '=');
    http_url_encode(value, out);
    free(value);
    return 0;
}

static int base64_body(struct flow_context *x, const struct node *n, struct text *out)
{
    char *text = expand_text(x, n);
    if (text == NULL)
        return x->error.code;
    bool ok = base64_decode(out, bytes_of(text));
    free(text);
    return ok ? 0 : !text_ok(out) ? flow_memory(x) : flow_wrong(x, n, ERROR_INVALID, "this is not base64");
}

/* A file beside the flow's, as bytes. */
static int add_file(struct flow_context *x, const struct node *n, struct text *out)
{
    struct text content = TEXT_INIT;
    char *name = expand_text(x, n);
    if (name == NULL)
        return x->error.code;
    int code = flow_read_file(x, n, name, UPLOAD_MAX, &content);
    text_add(out, content.data, content.len);
    text_deinit(&content);
    free(name);
    return code;
}

/* A name inside quotes of Content-Disposition: quotes and line ends percent-encoded, as browsers do. */
static void add_quoted(const char *s, struct text *out)
{
    text_char(out, '"');
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\r' || *s == '\n')
            text_printf(out, "%%%02X", (unsigned)(unsigned char)*s);
        else
            text_char(out, *s);
    }
    text_char(out, '"');
}

/* `name: text`, or `name: {file: PATH, name: NAME, type: TYPE}`. */
static int add_content(struct flow_context *x, const char *key, const struct node *value, struct text *out)
{
    const struct node *file = node_get(value, "file"), *name = node_get(value, "name"), *type = node_get(value, "type");
    text_puts(out, "Content-Disposition: form-data; name=");
    add_quoted(key, out);
    if (file == NULL) {
        char *text = expand_text(x, value);
        if (text == NULL)
            return x->error.code;
        text_printf(out, "\r\n\r\n%s", text);
        free(text);
        return 0;
    }
    char *shown = expand_text(x, name != NULL ? name : file), *kind = type != NULL ? expand_text(x, type) : NULL;
    int code = shown != NULL && (type == NULL || kind != NULL) ? 0 : x->error.code;
    if (code == 0) {
        const char *slash = name == NULL ? strrchr(shown, '/') : NULL;
        text_puts(out, "; filename=");
        add_quoted(slash != NULL ? slash + 1 : shown, out);
        text_printf(out, "\r\nContent-Type: %s\r\n\r\n", kind != NULL ? kind : "application/octet-stream");
        code = add_file(x, file, out);
    }
    free(shown);
    free(kind);
    return code;
}

struct parts {
    struct text *out;
    const char *boundary;
};

static int add_part(struct flow_context *x, void *arg, const char *name, const struct node *value)
{
    const struct parts *p = arg;
    text_printf(p->out, "--%s\r\n", p->boundary);
    int code = add_content(x, name, value, p->out);
    text_puts(p->out, "\r\n");
    return code;
}

static int multipart(struct flow_context *x, const struct node *map, struct text *out, struct text *type)
{
    struct random base, own;
    char boundary[48];
    random_seed(&base, x->target->seed);
    random_fork(&base, "boundary", &own);
    uint64_t a = random_next(&own), b = random_next(&own);
    snprintf(boundary, sizeof boundary, "harrow-%016" PRIx64 "%08" PRIx64, a, b & UINT64_C(0xFFFFFFFF));
    struct parts parts = {.out = out, .boundary = boundary};
    int code = http_pairs(x, map, add_part, &parts);
    text_printf(out, "--%s--\r\n", boundary);
    text_printf(type, "multipart/form-data; boundary=%s", boundary);
    return code;
}

static int json_body(struct flow_context *x, const struct node *n, struct text *body)
{
    json_t *tree = expand_node(x, n);
    if (tree == NULL)
        return x->error.code != 0 ? x->error.code : flow_memory(x);
    json_text_add(body, tree, 0, 0);
    json_decref(tree);
    return 0;
}

int http_make_body(struct flow_context *x, const struct node *step, struct text *body, struct text *type)
{
    const struct node *n;
    int code = 0;
    if ((n = node_get(step, "json")) != NULL) {
        text_puts(type, "application/json");
        code = json_body(x, n, body);
    } else if ((n = node_get(step, "form")) != NULL) {
        text_puts(type, "application/x-www-form-urlencoded");
        code = http_pairs(x, n, http_form_pair, body);
    } else if ((n = node_get(step, "base64")) != NULL) {
        code = base64_body(x, n, body);
    } else if ((n = node_get(step, "multipart")) != NULL) {
        code = multipart(x, n, body, type);
    } else if ((n = node_get(step, "file")) != NULL) {
        text_puts(type, "application/octet-stream");
        code = add_file(x, n, body);
    } else if ((n = node_get(step, "body")) != NULL) {
        char *text = expand_text(x, n);
        if (text == NULL)
            return x->error.code;
        text_puts(body, text);
        free(text);
    }
    return code != 0 ? code : text_ok(body) && text_ok(type) ? 0 : flow_memory(x);
}

static int check_part(const struct node *part, struct error *err)
{
    static const char *const part_keys[] = {"file", "name", "type", NULL};
    int code = part->kind == NODE_MAP ? node_only_keys(part, part_keys, err) : 0;
    if (code == 0 && part->kind == NODE_MAP && node_get(part, "file") == NULL)
        code = node_error(part, err, ERROR_INVALID, "a part is a text, or {file: PATH, name: NAME, type: TYPE}");
    return code;
}

int http_check_body(const struct node *step, struct error *err)
{
    const struct node *parts = node_get(step, "multipart");
    int count = 0, code = 0;
    for (size_t i = 0; bodies[i] != NULL; i++)
        if (node_get(step, bodies[i]) != NULL && ++count > 1)
            return node_error(node_get(step, bodies[i]), err, ERROR_INVALID,
                              "a request has one of json, form, body, base64, multipart and file");
    if ((code = http_check_pairs(node_get(step, "form"), err)) != 0 || (code = http_check_pairs(parts, err)) != 0)
        return code;
    for (size_t i = 0; parts != NULL && parts->kind == NODE_MAP && i < parts->map.count && code == 0; i++)
        code = check_part(&parts->map.pairs[i].value, err);
    for (size_t i = 0; parts != NULL && parts->kind == NODE_LIST && i < parts->list.count && code == 0; i++)
        code = check_part(node_get(&parts->list.items[i], "value"), err);
    return code;
}
