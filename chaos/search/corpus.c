#include "chaos/search/corpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_ 32 /* of our own files */

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

int trial_corpus_open(struct trial_corpus *c, struct world *w, const char *folder, struct error *err)
{
    int code = world_make_directory(w, folder);
    if (code != 0)
        return error_set(err, code, "cannot make the corpus's folder %s: %s", folder, error_code_name(code));
    c->folder = strdup(folder);
    if (c->folder == NULL)
        return no_memory(err);
    c->world = w;
    return 0;
}

void trial_corpus_close(struct trial_corpus *c)
{
    for (size_t i = 0; i < c->fresh.count; i++)
        trial_deinit(&c->fresh.items[i]);
    array_deinit(&c->fresh);
    map_deinit(&c->names);
    free(c->folder);
    *c = (struct trial_corpus){0};
}

/* ---- files ---- */

struct listing {
    struct trial_corpus *corpus;
    struct text names; /* of new ones, NUL between them */
    bool out_of_memory;
};

static void on_name(void *arg, const char *name)
{
    struct listing *l = arg;
    size_t len = strlen(name);
    bool ours = len > 5 && (strcmp(name + len - 5, ".yaml") == 0 || strcmp(name + len - 5, ".json") == 0);
    if (!ours || map_get(&l->corpus->names, name) != NULL || map_count(&l->corpus->names) >= TRIAL_CORPUS_FILES_MAX)
        return;
    l->out_of_memory |= !map_put(&l->corpus->names, name, l->corpus);
    text_add(&l->names, name, len + 1);
}

static int read_one(struct trial_corpus *c, const char *name, struct target *target, const struct chaos_options *base,
                    struct text *told)
{
    struct text path = TEXT_INIT, content = TEXT_INIT, skipped = TEXT_INIT;
    struct error why = ERROR_INIT;
    struct trial t;
    text_printf(&path, "%s/%s", c->folder, name);
    int code =
        text_ok(&path) ? world_read_file(c->world, text_string(&path), TRIAL_FILE_MAX, &content, &why) : ERROR_MEMORY;
    if (code == 0)
        code = trial_read(text_bytes(&content), text_string(&path), target, base, &t, &skipped, &why);
    if (code == 0 && !array_push(&c->fresh, t)) {
        trial_deinit(&t);
        code = ERROR_MEMORY;
    }
    if (code == 0 && skipped.len > 0)
        text_printf(told, "left out of a schedule, since it cannot be done any more: %s", text_string(&skipped));
    if (code != 0 && code != ERROR_MEMORY && code != ERROR_NOT_FOUND) { /* not there: another has taken it out */
        error_format(&why, told);
        text_puts(told, " (the file is left alone)\n");
    }
    error_clear(&why);
    text_deinit(&path);
    text_deinit(&content);
    text_deinit(&skipped);
    return code == ERROR_MEMORY ? code : 0;
}

int trial_corpus_scan(struct trial_corpus *c, struct target *target, const struct chaos_options *base,
                      struct text *told, struct error *err)
{
    struct listing l = {.corpus = c};
    if (c->world == NULL)
        return 0;
    int code = world_list(c->world, c->folder, on_name, &l);
    if (code != 0)
        error_set(err, code, "cannot list the corpus's folder %s: %s", c->folder, error_code_name(code));
    else if (l.out_of_memory || !text_ok(&l.names))
        code = no_memory(err);
    for (size_t at = 0; code == 0 && at < l.names.len; at += strlen(l.names.data + at) + 1)
        if (read_one(c, l.names.data + at, target, base, told) != 0)
            code = no_memory(err);
    text_deinit(&l.names);
    return code;
}

static void name_of(uint64_t number, char out[NAME_MAX_])
{
    snprintf(out, NAME_MAX_, "%016" PRIx64 ".yaml", number);
}

int trial_corpus_add(struct trial_corpus *c, const struct trial *t, const char *comment, struct error *err)
{
    struct text path = TEXT_INIT, content = TEXT_INIT;
    char name[NAME_MAX_];
    uint64_t number;
    if (c->world == NULL)
        return 0;
    int code = trial_name(t, &number);
    if (code != 0)
        return no_memory(err);
    name_of(number, name);
    if (map_get(&c->names, name) != NULL) /* it came from there */
        return 0;
    text_printf(&path, "%s/%s", c->folder, name);
    trial_write(t, comment, &content);
    if (!text_ok(&path) || !text_ok(&content) || !map_put(&c->names, name, c))
        code = no_memory(err);
    else
        code = world_write_file(c->world, text_string(&path), text_bytes(&content), false, err);
    text_deinit(&path);
    text_deinit(&content);
    return code;
}

int trial_corpus_remove(struct trial_corpus *c, uint64_t number)
{
    struct text path = TEXT_INIT;
    char name[NAME_MAX_];
    name_of(number, name);
    if (c->world == NULL || map_get(&c->names, name) == NULL)
        return 0;
    map_remove(&c->names, name);
    text_printf(&path, "%s/%s", c->folder, name);
    int code = text_ok(&path) ? world_remove(c->world, text_string(&path)) : ERROR_MEMORY;
    text_deinit(&path);
    return code == ERROR_NOT_FOUND ? 0 : code;
}
