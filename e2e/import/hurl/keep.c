/* What an entry keeps: its answer in a file (`output`), and cookies: files that the command line names, and what
 * comments in front of a request say (@cookie_storage_set, @cookie_storage_clear). */
#include "base/document_build.h"
#include "e2e/import/hurl/hurl.h"

#include <string.h>

/* ---- output ---- */

/* Without ".", ".." and "//". */
static void normal(const char *path, struct text *out)
{
    bool absolute = path[0] == '/';
    text_puts(out, absolute ? "/" : "");
    size_t start = out->len;
    for (const char *p = path; *p != '\0';) {
        size_t len = strcspn(p, "/"), last = out->len;
        while (last > start && out->data[last - 1] != '/')
            last--;
        bool up = len == 2 && strncmp(p, "..", 2) == 0;
        bool above = out->len == start || strcmp(text_string(out) + last, "..") == 0;
        if (up && !above) {
            text_truncate(out, last > start ? last - 1 : start);
        } else if (len > 0 && !(len == 1 && p[0] == '.') && !(up && absolute)) {
            text_puts(out, out->len > start ? "/" : "");
            text_add(out, p, len);
        }
        p += len + (p[len] == '/');
    }
}

static bool is_below(const char *root, const char *path)
{
    struct text r = TEXT_INIT, p = TEXT_INIT;
    normal(root, &r);
    normal(path, &p);
    const char *file = text_string(&p);
    bool is = r.len > 0 ? strncmp(file, text_string(&r), r.len) == 0 && (file[r.len] == '/' || r.data[r.len - 1] == '/')
                        : file[0] != '/' && strncmp(file, "..", 2) != 0;
    text_deinit(&r);
    text_deinit(&p);
    return is;
}

int hurl_product(struct hurl *h, size_t at, struct text *file)
{
    struct text root = TEXT_INIT, path = TEXT_INIT;
    text_puts(&root, ".");
    hurl_from_root(h, &root);
    hurl_from_root(h, file);
    const char *document = document_name(h->b.document);
    struct text beside = TEXT_INIT;
    path_beside(document, text_string(&root), &beside);
    path_beside(document, text_string(file), &path);
    if (text_ok(&beside) && text_ok(&path) && strstr(text_string(file), "${") == NULL &&
        !is_below(text_string(&beside), text_string(&path)))
        scan_fail(&h->s, at,
                  "this leads out of the folder that files may be written in: --hurl file-root=FOLDER gives another");
    h->b.failed = h->b.failed || !text_ok(&root) || !text_ok(&path) || !text_ok(&beside);
    text_deinit(&root);
    text_deinit(&beside);
    text_deinit(&path);
    return h->s.code;
}

/* ---- cookies ---- */

static struct build_node *literal(struct hurl *h, size_t at, const char *s, size_t len)
{
    struct text said = TEXT_INIT;
    for (size_t i = 0; i < len; i++)
        scan_put(&said, s[i]);
    return hurl_node(h, at, &said);
}

static void put_file(struct hurl *h, size_t at, struct build_node *jar, const char *key, const char *name)
{
    struct text said = TEXT_INIT;
    for (const char *p = name; *p != '\0'; p++)
        scan_put(&said, *p);
    hurl_from_folder(h, &said, false);
    build_put(&h->b, jar, key, hurl_node(h, at, &said));
}

/* A comment in front of the request. */
static void comment(struct hurl *h, size_t at, const char *line, size_t len, struct build_node *jar)
{
    static const char set[] = "@cookie_storage_set:", clear[] = "@cookie_storage_clear";
    const char *found = memmem(line, len, set, sizeof set - 1);
    if (memmem(line, len, clear, sizeof clear - 1) != NULL)
        build_replace(&h->b, jar, "clear", build_bool(&h->b, at, true));
    if (found == NULL)
        return;
    found += sizeof set - 1;
    while (found < line + len && (*found == ' ' || *found == '\t'))
        found++;
    size_t left = (size_t)(line + len - found);
    while (left > 0 && strchr(" \t\r", found[left - 1]) != NULL && found[left - 1] != '\0')
        left--;
    build_replace(&h->b, jar, "set", literal(h, at, found, left));
}

/* Lines above the request, from the last one up, as long as they are comments or empty. */
static void comments(struct hurl *h, size_t at, struct build_node *jar)
{
    const char *text = (const char *)h->s.in.data;
    size_t end = at;
    while (end > 0 && text[end - 1] != '\n')
        end--;
    while (end > 0) {
        size_t line = --end, from;
        while (line > 0 && text[line - 1] != '\n')
            line--;
        for (from = line; from < end && strchr(" \t\r", text[from]) != NULL && text[from] != '\0'; from++)
            ;
        if (from < end && text[from] != '#')
            return;
        if (from < end)
            comment(h, at, text + from, end - from, jar);
        end = line;
    }
}

void hurl_jar(struct hurl *h, size_t at, bool first, struct build_node *step)
{
    struct build_node *jar = build_map(&h->b, at);
    comments(h, at, jar);
    if (first && h->cookies_from != NULL)
        put_file(h, at, jar, "read", h->cookies_from);
    if (h->cookies_to != NULL)
        put_file(h, at, jar, "write", h->cookies_to);
    if (build_count(jar) > 0)
        build_put(&h->b, step, "jar", jar);
}
