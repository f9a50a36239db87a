/* A request as curl makes it, to be sent by hand. What steps tell libcurl is called as curl's own options are; the few
 * that are not have their words here. */
#include "base/units.h"
#include "base/utf8.h"
#include "base/words.h"
#include "e2e/http/http.h"
#include "e2e/kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_option(struct text *out, const char *name, const char *value)
{
    char option[64];
    snprintf(option, sizeof option, "--%s", name);
    words_add(out, option);
    if (value != NULL)
        words_add(out, value);
}

static void add_path(struct text *out, const char *name, const struct node *from, const char *path)
{
    struct text whole = TEXT_INIT;
    path_beside(document_name(from->document), path, &whole);
    add_option(out, name, text_string(&whole));
    text_deinit(&whole);
}

/* Options that curl calls otherwise, or that take another value. */
static bool add_other(struct text *out, const char *name, const char *value)
{
    char seconds[32];
    int64_t time = 0;
    if (strcmp(name, "http") == 0 || strcmp(name, "ip") == 0) {
        text_printf(out, strcmp(name, "http") == 0 ? " --http%s" : " -%s", value);
    } else if (strcmp(name, "auth") == 0) {
        add_option(out, value, NULL);
    } else if (strcmp(name, "key-password") == 0) {
        add_option(out, "pass", value);
    } else if (strcmp(name, "connect-timeout") == 0) {
        units_parse_duration(value, &time, NULL);
        snprintf(seconds, sizeof seconds, "%.3f", (double)time / (double)SECOND);
        add_option(out, name, seconds);
    } else if (strcmp(name, "netrc") == 0 || strcmp(name, "path-as-is") == 0) {
        if (strcmp(value, "false") != 0)
            add_option(out, strcmp(value, "optional") == 0 ? "netrc-optional" : name, NULL);
    } else {
        return false;
    }
    return true;
}

static void add_transport(struct text *out, const struct node *n, const char *name, const json_t *value)
{
    static const char *const files[] = {"cert", "key", "netrc-file"};
    const json_t *one;
    struct text text = TEXT_INIT;
    bool file = false;
    size_t i;
    for (i = 0; i < sizeof files / sizeof files[0]; i++)
        file = file || strcmp(files[i], name) == 0;
    json_array_foreach(value, i, one)
    {
        add_option(out, name, json_is_string(one) ? json_string_value(one) : "");
    }
    value_text(value, &text);
    if (file)
        add_path(out, name, n, text_string(&text));
    else if (!json_is_array(value) && !add_other(out, name, text_string(&text)))
        add_option(out, name, text_string(&text));
    text_deinit(&text);
}

static int add_transports(struct flow_context *x, const struct node *map)
{
    for (size_t i = 0; map != NULL && i < map->map.count; i++) {
        const struct node_pair *p = &map->map.pairs[i];
        json_t *value = expand_node(x, &p->value);
        if (value == NULL)
            return x->error.code;
        add_transport(&x->repeat, &p->value, p->key, value);
        json_decref(value);
    }
    return 0;
}

static int add_body(struct flow_context *x, const struct node *step, struct bytes body)
{
    const struct node *file = node_get(step, "file");
    struct text line = TEXT_INIT;
    char *name = file != NULL ? expand_text(x, file) : NULL;
    if (file != NULL && name == NULL)
        return x->error.code;
    if (file != NULL) {
        struct text path = TEXT_INIT;
        path_beside(document_name(file->document), name, &path);
        text_printf(&line, "@%s", text_string(&path));
        text_deinit(&path);
    } else if (utf8_valid(body) && memchr(body.data, '\0', body.len) == NULL && body.data[0] != '@') {
        text_add(&line, body.data, body.len);
    } else {
        text_puts(&line, "@the-body");
    }
    add_option(&x->repeat, "data-binary", text_string(&line));
    text_deinit(&line);
    free(name);
    return 0;
}

int http_repeat(struct flow_context *x, const struct node *step, const struct http_request *r, int64_t hops)
{
    const char *name;
    json_t *value;
    struct text line = TEXT_INIT;
    if (x->options->simulated)
        return 0;
    text_puts(&x->repeat, "curl -i");
    if (strcmp(r->method, "HEAD") == 0) {
        words_add(&x->repeat, "-I");
    } else if (strcmp(r->method, "GET") != 0 || r->body.len > 0) {
        words_add(&x->repeat, "-X");
        words_add(&x->repeat, r->method);
    }
    if (strpbrk(r->url, "[]") != NULL) /* which curl would take for a list of URLs */
        words_add(&x->repeat, "-g");
    if (hops > 0)
        text_printf(&x->repeat, " -L --max-redirs %lld", (long long)hops);
    if (r->insecure)
        words_add(&x->repeat, "-k");
    const char *files[][2] = {{"cacert", r->ca_file}, {"cert", r->cert_file}, {"key", r->key_file}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (files[i][1] != NULL)
            add_option(&x->repeat, files[i][0], files[i][1]);
    if (r->decode)
        add_option(&x->repeat, "compressed", NULL);
    int code = add_transports(x, r->transport);
    json_object_foreach(r->headers, name, value)
    {
        text_clear(&line);
        text_puts(&line, name);
        text_puts(&line, ": ");
        text_puts(&line, json_string_value(value));
        words_add(&x->repeat, "-H");
        words_add(&x->repeat, text_string(&line));
    }
    text_deinit(&line);
    if (code == 0 && r->body.len > 0)
        code = add_body(x, step, r->body);
    words_add(&x->repeat, r->url);
    return code;
}
