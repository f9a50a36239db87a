/* Bodies of HTTP requests: JSON, a form, a text, a file, and parts of several kinds (RFC 7578). */
#include "e2e/http.h"
#include "e2e/kind.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define UPLOAD_MAX ((size_t)32 << 20) /* bytes of a file that is sent */

static const char *const bodies[] = {"json", "form", "body", "multipart", "file", NULL};

static void url_encode(const char *s, struct text *out)
{
    for (; *s != '\0'; s++) {
        if (isalnum((unsigned char)*s) || strchr("-._~", *s) != NULL)
            text_char(out, *s);
        else
            text_printf(out, "%%%02X", (unsigned)(unsigned char)*s);
    }
}

static int form_body(struct flow_context *x, const struct node *form, struct text *out)
{
    for (size_t i = 0; i < form->map.count; i++) {
        char *value = expand_text(x, &form->map.pairs[i].value);
        if (value == NULL)
            return x->error.code;
        if (i > 0)
            text_char(out, '&');
        url_encode(form->map.pairs[i].key, out);
        text_char(out, '=');
        url_encode(value, out);
        free(value);
    }
    return 0;
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
static int add_part(struct flow_context *x, const struct node_pair *p, struct text *out)
{
    const struct node *file = node_get(&p->value, "file"), *name = node_get(&p->value, "name"),
                      *type = node_get(&p->value, "type");
    text_puts(out, "Content-Disposition: form-data; name=");
    add_quoted(p->key, out);
    if (file == NULL) {
        char *text = expand_text(x, &p->value);
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

static int multipart(struct flow_context *x, const struct node *map, struct text *out, struct text *type)
{
    struct random base, own;
    char boundary[48];
    random_seed(&base, x->target->seed);
    random_fork(&base, "boundary", &own);
    uint64_t a = random_next(&own), b = random_next(&own);
    snprintf(boundary, sizeof boundary, "harrow-%016" PRIx64 "%08" PRIx64, a, b & UINT64_C(0xFFFFFFFF));
    int code = 0;
    for (size_t i = 0; i < map->map.count && code == 0; i++) {
        text_printf(out, "--%s\r\n", boundary);
        code = add_part(x, &map->map.pairs[i], out);
        text_puts(out, "\r\n");
    }
    text_printf(out, "--%s--\r\n", boundary);
    text_printf(type, "multipart/form-data; boundary=%s", boundary);
    return code;
}

static int json_body(struct flow_context *x, const struct node *n, struct text *body)
{
    json_t *tree = expand_node(x, n);
    char *dumped = tree != NULL ? json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(tree);
    if (dumped == NULL)
        return x->error.code != 0 ? x->error.code : flow_memory(x);
    text_puts(body, dumped);
    free(dumped);
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
        code = form_body(x, n, body);
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

int http_check_body(const struct node *step, struct error *err)
{
    static const char *const part_keys[] = {"file", "name", "type", NULL};
    const struct node *parts = node_get(step, "multipart");
    int count = 0, code = 0;
    for (size_t i = 0; bodies[i] != NULL; i++)
        if (node_get(step, bodies[i]) != NULL && ++count > 1)
            return node_error(node_get(step, bodies[i]), err, ERROR_INVALID,
                              "a request has one of json, form, body, multipart and file");
    for (size_t i = 0; parts != NULL && i < parts->map.count && code == 0; i++) {
        const struct node *part = &parts->map.pairs[i].value;
        if (part->kind == NODE_MAP && (code = node_only_keys(part, part_keys, err)) == 0 &&
            node_get(part, "file") == NULL)
            code = node_error(part, err, ERROR_INVALID, "a part is a text, or {file: PATH, name: NAME, type: TYPE}");
    }
    return code;
}
