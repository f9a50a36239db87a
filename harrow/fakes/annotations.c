#include "harrow/fakes/annotations.h"

#include <string.h>

#define ANNOTATION_FILE_MAX ((size_t)4 << 20) /* bytes */

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

static int add(struct world *w, struct fakes_annotations *a, const char *path, struct error *err)
{
    struct text text = TEXT_INIT;
    int code = world_read_file(w, path, ANNOTATION_FILE_MAX, &text, err);
    const char *name = arena_string(&a->arena, path), *copy = arena_string_n(&a->arena, text_string(&text), text.len);
    struct behave_annotation one = {.text = BYTES(copy, text.len), .name = name};
    if (code == 0 && (name == NULL || copy == NULL || !array_push(&a->list, one)))
        code = out_of_memory(err);
    text_deinit(&text);
    return code;
}

/* Once, although a file may have several services. */
static int add_beside(struct world *w, struct fakes_annotations *a, const char *proto, struct error *err)
{
    size_t len = strlen(proto);
    const char *path = len > 6 ? arena_printf(&a->arena, "%.*s.behaviour.yaml", (int)(len - 6), proto) : "";
    struct world_stat stat = {0};
    if (path == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < a->list.count; i++)
        if (strcmp(a->list.items[i].name, path) == 0)
            return 0;
    return *path != '\0' && world_stat(w, path, &stat) == 0 && stat.exists ? add(w, a, path, err) : 0;
}

int fakes_annotations_load(struct world *w, const struct fakes_contracts *c, const struct option_list *given,
                           struct fakes_annotations *out, struct error *err)
{
    int code = 0;
    *out = (struct fakes_annotations){.arena = ARENA_INIT};
    for (size_t i = 0; code == 0 && i < c->services.count; i++) {
        const char *proto = fakes_contracts_path(c, c->services.items[i]->file);
        code = proto != NULL ? add_beside(w, out, proto, err) : 0;
    }
    out->beside = out->list.count;
    for (size_t i = 0; code == 0 && i < given->count; i++)
        code = add(w, out, given->items[i], err);
    if (code != 0)
        fakes_annotations_deinit(out);
    return code;
}

void fakes_annotations_deinit(struct fakes_annotations *a)
{
    array_deinit(&a->list);
    arena_deinit(&a->arena);
    *a = (struct fakes_annotations){.arena = ARENA_INIT};
}
