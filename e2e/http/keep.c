/* What a step keeps in files: the answer's body (`save`), and the flow's cookies (`jar`, as jar_text.c writes them). */
#include "e2e/http/http.h"
#include "e2e/kind.h"

#include <stdlib.h>

#define COOKIE_FILE_MAX ((size_t)1 << 20) /* bytes */

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
