/* Stubs from texts, files and folders. */
#include "fakes/stub/gripmock.h"

#include "base/json_text.h"
#include "fakes/stub/internal.h"

#include <stdlib.h>
#include <string.h>

#define ERRORS_MAX 100     /* of a folder that are told */
#define FILES_MAX  1000000 /* of a folder */

typedef int parse(struct bytes input, const char *name, struct document **out, struct error *err);

/* gripmock's YAML is read more freely than ours. */
static int parse_gripmock(struct bytes text, const char *name, struct document **out, struct error *err)
{
    size_t len = strlen(name);
    struct text quoted = TEXT_INIT;
    if (len >= 5 && strcmp(name + len - 5, ".json") == 0)
        return document_parse_json(text, name, out, err);
    gripmock_yaml(text, &quoted);
    int code = text_ok(&quoted) ? document_parse_yaml_with(text_bytes(&quoted), name,
                                                           DOCUMENT_ALIASES | DOCUMENT_MANY | DOCUMENT_LARGE, out, err)
                                : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&quoted);
    return code;
}

/* Without the lock while it is parsed, with it while it is compiled. */
static int64_t add_text(struct stub_set *s, parse *read, bool gripmock, struct bytes text, const char *name,
                        uint64_t *first, struct error *err)
{
    struct document *d = NULL;
    struct arena arena = ARENA_INIT;
    const struct node *root = NULL;
    int64_t count = read(text, name, &d, err);
    if (count == 0) {
        root = document_root(d);
        if (gripmock)
            count = gripmock_translate(s->pool, root, &arena, &root, err);
    }
    if (count == 0) {
        pthread_mutex_lock(&s->lock);
        count = set_add_nodes(s, root, NULL, first, err);
        pthread_mutex_unlock(&s->lock);
    }
    arena_deinit(&arena);
    document_free(d);
    return count;
}

int64_t stub_set_add_yaml(struct stub_set *s, struct bytes text, const char *name, uint64_t *first, struct error *err)
{
    return add_text(s, document_parse_yaml, false, text, name, first, err);
}

int64_t stub_set_add_json(struct stub_set *s, struct bytes text, const char *name, uint64_t *first, struct error *err)
{
    return add_text(s, document_parse_json, false, text, name, first, err);
}

int64_t stub_set_add_gripmock(struct stub_set *s, struct bytes text, const char *name, uint64_t *first,
                              struct error *err)
{
    return add_text(s, parse_gripmock, true, text, name, first, err);
}

int stub_gripmock_translate(const struct pb_pool *pool, struct bytes text, const char *name, struct text *out,
                            struct error *err)
{
    struct document *d = NULL;
    struct arena arena = ARENA_INIT;
    const struct node *root = NULL;
    int code = parse_gripmock(text, name, &d, err);
    if (code == 0)
        code = gripmock_translate(pool, document_root(d), &arena, &root, err);
    if (code == 0) {
        json_t *json = node_to_json(root);
        char *dumped = json != NULL ? json_text_of(json, 2) : NULL;
        json_decref(json);
        text_puts(out, dumped != NULL ? dumped : "");
        text_char(out, '\n');
        if (dumped == NULL || !text_ok(out))
            code = error_set(err, ERROR_MEMORY, "out of memory");
        free(dumped);
    }
    arena_deinit(&arena);
    document_free(d);
    return code;
}

/* ---- files and folders ---- */

struct loading {
    struct stub_set *set;
    struct world *world;
    bool gripmock;
    int64_t count;
    size_t files, errors;
    struct text messages;
    struct error *err; /* what ends the walk; files' own are in `messages` */
    int code;          /* of the first error */
};

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static void failed(struct loading *l, struct error *one, int code)
{
    if (l->errors++ < ERRORS_MAX) {
        text_puts(&l->messages, l->messages.len > 0 ? "\n" : "");
        error_format(one, &l->messages);
    }
    error_clear(one);
    if (l->code == 0)
        l->code = code;
}

static int64_t add_file(struct stub_set *s, struct world *w, const char *path, bool gripmock, struct error *err)
{
    struct text content = TEXT_INIT;
    int64_t count = world_read_file(w, path, STUB_FILE_MAX, &content, err);
    if (count == 0)
        count =
            add_text(s, gripmock ? parse_gripmock : document_parse, gripmock, text_bytes(&content), path, NULL, err);
    text_deinit(&content);
    return count;
}

static int load_file(void *arg, const char *path)
{
    struct loading *l = arg;
    struct error one = ERROR_INIT;
    if (!ends_with(path, ".yaml") && !ends_with(path, ".yml") && !ends_with(path, ".json"))
        return 0;
    if (l->files++ == FILES_MAX)
        return error_set(l->err, ERROR_LIMIT, "more than %d files of stubs", FILES_MAX);
    int64_t count = add_file(l->set, l->world, path, l->gripmock, &one);
    if (count < 0)
        failed(l, &one, (int)count);
    else
        l->count += count;
    return 0;
}

static int64_t load(struct stub_set *s, struct world *w, const char *path, bool gripmock, struct error *err)
{
    struct error folder = ERROR_INIT;
    struct loading l = {.set = s, .world = w, .gripmock = gripmock, .err = &folder};
    struct world_stat stat = {0};
    if (world_stat(w, path, &stat) == 0 && !stat.exists)
        return error_set(err, ERROR_NOT_FOUND, "%s: no such file or folder", path);
    if (!stat.directory)
        return add_file(s, w, path, gripmock, err);
    pthread_mutex_lock(&s->lock);
    uint64_t first = s->next_id;
    pthread_mutex_unlock(&s->lock);
    int code = world_walk(w, path, load_file, &l, &folder);
    if (code != 0)
        failed(&l, &folder, code);
    if (l.code != 0) {
        /* What other threads added meanwhile is not ours to take away, but their ids are among these: the files' stubs
         * are known by what their files are called. */
        pthread_mutex_lock(&s->lock);
        for (size_t i = s->rows.count; i-- > 0;)
            if (i < s->rows.count && s->rows.items[i].stub != NULL && s->rows.items[i].id >= first &&
                strncmp(s->rows.items[i].stub->file, path, strlen(path)) == 0)
                set_drop(s, &s->rows.items[i]);
        pthread_mutex_unlock(&s->lock);
        error_set(err, l.code, "%s%s", text_string(&l.messages), l.errors > ERRORS_MAX ? "\nand more" : "");
    }
    text_deinit(&l.messages);
    return l.code != 0 ? l.code : l.count;
}

int64_t stub_set_load(struct stub_set *s, struct world *w, const char *path, struct error *err)
{
    return load(s, w, path, false, err);
}

int64_t stub_gripmock_import(struct stub_set *s, struct world *w, const char *path, struct error *err)
{
    return load(s, w, path, true, err);
}
