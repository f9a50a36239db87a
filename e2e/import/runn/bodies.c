/* What an HTTP step of a book sends besides its texts: parts of multipart/form-data, and to what address. */
#include "e2e/import/runn/runn.h"

#include <ctype.h>
#include <string.h>

/* runn sends a part as a file when there is a file of that name, and flows say which it is: what has the form of a
 * file's name is one. */
static bool is_file(struct bytes t)
{
    const char *s = (const char *)t.data, *dot = strrchr(s, '.');
    bool letter = false;
    if (t.len > 7 && memcmp(s, "file://", 7) == 0)
        return true;
    if (dot == NULL || dot == s || dot[1] == '\0' || strlen(dot) > 6 || strpbrk(s, " \t\n@{}") != NULL ||
        strstr(s, "://") != NULL)
        return false;
    for (const char *c = dot + 1; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c))
            return false;
        letter = letter || isalpha((unsigned char)*c);
    }
    return letter;
}

/* As Go's net/http.DetectContentType calls what files of that ending hold. */
static const char *type_of(const char *path)
{
    static const char *const types[][2] = {{".png", "image/png"},
                                           {".jpg", "image/jpeg"},
                                           {".jpeg", "image/jpeg"},
                                           {".gif", "image/gif"},
                                           {".webp", "image/webp"},
                                           {".pdf", "application/pdf"},
                                           {".zip", "application/zip"},
                                           {".gz", "application/x-gzip"},
                                           {".txt", "text/plain; charset=utf-8"},
                                           {".csv", "text/plain; charset=utf-8"},
                                           {".json", "text/plain; charset=utf-8"},
                                           {".yml", "text/plain; charset=utf-8"},
                                           {".yaml", "text/plain; charset=utf-8"},
                                           {".md", "text/plain; charset=utf-8"}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return NULL;
}

static struct build_node *part(struct runn *r, const struct node *n)
{
    struct build *b = &r->tree.build;
    if (n->kind == NODE_TEXT && is_file(n->text)) {
        const char *path = (const char *)n->text.data;
        path += strncmp(path, "file://", 7) == 0 ? 7 : 0;
        struct build_node *file = build_map(b, tree_at(&r->tree, n));
        struct text plain = TEXT_INIT;
        tree_plain(bytes_of(path), &plain);
        build_put(b, file, "file", tree_text(&r->tree, n, &plain));
        if (type_of(path) != NULL)
            build_put(b, file, "type", tree_string(&r->tree, n, type_of(path)));
        tree_tell(&r->tree, n, "%s is taken for a file; write the text of the part in the flow if it is none", path);
        return file;
    }
    if (n->kind == NODE_TEXT || n->kind == NODE_INTEGER || n->kind == NODE_REAL)
        return tree_copy(&r->tree, n);
    tree_error(&r->tree, n, ERROR_INVALID, "a part is a text, a number or the name of a file, and this is %s",
               node_kind_name(n->kind));
    return NULL;
}

static void add_parts(struct runn *r, const struct node *map, struct build_node *out)
{
    struct build *b = &r->tree.build;
    for (size_t i = 0; i < map->map.count && r->tree.code == 0; i++) {
        const struct node *v = &map->map.pairs[i].value;
        size_t count = v->kind == NODE_LIST ? v->list.count : 1;
        for (size_t k = 0; k < count && r->tree.code == 0; k++) {
            const struct node *one = v->kind == NODE_LIST ? &v->list.items[k] : v;
            struct build_node *pair = build_map(b, tree_at(&r->tree, one));
            build_put(b, pair, "name", tree_string(&r->tree, one, map->map.pairs[i].key));
            build_put(b, pair, "value", part(r, one));
            build_add(b, out, pair);
        }
    }
}

void runn_put_parts(struct runn *r, const struct node *n, struct build_node *step)
{
    struct build_node *out = build_list(&r->tree.build, tree_at(&r->tree, n));
    if (n->kind == NODE_MAP)
        add_parts(r, n, out);
    else if (n->kind != NODE_LIST)
        tree_error(&r->tree, n, ERROR_UNSUPPORTED,
                   "the parts of multipart/form-data are a map of names and values, or a list of such maps: write "
                   "them out");
    for (size_t i = 0; n->kind == NODE_LIST && i < n->list.count && r->tree.code == 0; i++) {
        if (n->list.items[i].kind == NODE_MAP)
            add_parts(r, &n->list.items[i], out);
        else
            tree_error(&r->tree, &n->list.items[i], ERROR_INVALID, "expected a map of a part's name and value");
    }
    build_put(&r->tree.build, step, "multipart", out);
}

/* ---- hostRules ---- */

/* "*" stands for any text. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *again = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            again = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++again;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

/* The host of an address that stands in the book; NULL: it is known when the flow runs. */
static const char *host_of(struct runn *r, const struct node *endpoint)
{
    const char *s = (const char *)endpoint->text.data, *begin = strstr(s, "://");
    if (begin == NULL || strpbrk(s, "{}$") != NULL)
        return NULL;
    begin += 3;
    const char *host = arena_string_n(&r->arena, begin, strcspn(begin, ":/?#"));
    if (host == NULL)
        tree_no_memory(&r->tree);
    return host;
}

/* The name in the URL stays, and the connection goes to another address: libcurl's connect-to, HOST:PORT:TO. */
void runn_put_host_rules(struct runn *r, const struct node *endpoint, struct build_node *step)
{
    struct build *b = &r->tree.build;
    const struct node *rules = tree_member(&r->tree, r->root, "hostRules", NODE_MAP);
    const char *host = rules != NULL ? host_of(r, endpoint) : NULL;
    if (rules == NULL || rules->map.count == 0)
        return;
    struct build_node *curl = build_map(b, tree_at(&r->tree, rules)), *list = build_list(b, tree_at(&r->tree, rules));
    for (size_t i = 0; i < rules->map.count && r->tree.code == 0; i++) {
        const struct node *to = &rules->map.pairs[i].value;
        const char *from = rules->map.pairs[i].key;
        struct text line = TEXT_INIT;
        bool any = strcmp(from, "*") == 0, pattern = !any && strchr(from, '*') != NULL;
        if (to->kind != NODE_TEXT)
            tree_error(&r->tree, to, ERROR_INVALID, "hostRules: %s: expected an address as text, HOST or HOST:PORT",
                       from);
        else if (pattern && host == NULL)
            tree_error(&r->tree, to, ERROR_UNSUPPORTED,
                       "hostRules: %s: which host it is has to be known: write the runner's address out, or the host",
                       from);
        if (r->tree.code != 0 || (pattern && (host == NULL || !matches(from, host))))
            continue;
        text_printf(&line, "%s::", any ? "" : pattern ? host : from);
        tree_say(&r->tree, to, &line);
        build_add(b, list, tree_text(&r->tree, to, &line));
    }
    if (build_count(list) == 0)
        return;
    build_put(b, curl, "connect-to", list);
    build_put(b, step, "curl", curl);
}
