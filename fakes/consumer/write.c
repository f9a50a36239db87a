/* The pact goes to its folder. */
#include "fakes/consumer/internal.h"

#include <string.h>

#define LOCK_TRIES 1000
#define LOCK_WAIT  ((uint64_t)10 * 1000000) /* ns */

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* A name as part of a file's name. */
static void file_word(struct text *out, const char *name)
{
    for (const char *c = name; *c != '\0'; c++)
        text_char(out, *c == '/' || *c == '\\' || (unsigned char)*c < ' ' || (c == name && *c == '.') ? '_' : *c);
}

int consumer_read_pact(struct world *w, const char *path, struct pact **out, struct error *err)
{
    struct text text = TEXT_INIT;
    int code = world_read_file(w, path, CONSUMER_PACT_MAX, &text, err);
    if (code == 0)
        code = pact_parse(text_bytes(&text), path, out, err);
    text_deinit(&text);
    return code;
}

/* Nobody else writes the pact until the lock's file is gone. */
static int lock(struct world *w, const char *path, struct error *err)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        struct world_file *file;
        struct error why = ERROR_INIT;
        int code = world_file_open(w, path, WORLD_WRITE | WORLD_CREATE | WORLD_EXCLUSIVE, &file, &why);
        if (code == 0) {
            world_file_close(file);
            return 0;
        }
        if (code != ERROR_EXISTS)
            return error_move(err, &why);
        error_clear(&why);
        (void)world_sleep(w, LOCK_WAIT);
    }
    return error_set(err, ERROR_IN_USE, "%s is there for %d s: whoever wrote this pact was ended; remove the file",
                     path, (int)(LOCK_TRIES * LOCK_WAIT / 1000000000));
}

static bool is_owned(const struct consumer *c, const char *description)
{
    for (size_t i = 0; i < c->owned.count; i++) {
        size_t len = strlen(c->owned.items[i]);
        if (strncmp(description, c->owned.items[i], len) == 0 && description[len] == ':')
            return true;
    }
    return false;
}

/* The pact without what is told anew. */
static int without_owned(const struct consumer *c, struct pact **had, struct error *err)
{
    struct pact *kept;
    if (c->owned.count == 0)
        return 0;
    if (pact_new(c->name, c->provider, &kept) != 0)
        return out_of_memory(err);
    kept->file = arena_string(&kept->arena, (*had)->file);
    int code = plugin_merge(kept, *had) == 0 ? 0 : out_of_memory(err);
    for (size_t i = 0; i < (*had)->interactions.count && code == 0; i++) {
        struct pact one = **had;
        one.metadata = one.extra = NULL;
        one.interactions.items += i;
        one.interactions.count = one.interactions.capacity = 1;
        if (!is_owned(c, one.interactions.items[0].description))
            code = pact_merge(kept, &one, err);
    }
    struct pact *drop = code == 0 ? *had : kept;
    if (code == 0)
        *had = kept;
    pact_free(drop);
    return code;
}

static int merge_and_write(struct consumer *c, struct world *w, const char *path, struct error *err)
{
    struct book there = {.pact = NULL};
    struct world_stat stat;
    struct pact *had = NULL;
    struct text out = TEXT_INIT;
    int code = world_stat(w, path, &stat);
    if (code != 0)
        return error_set(err, code, "%s: %s", path, error_code_name(code));
    if (!stat.exists)
        code = pact_new(c->name, c->provider, &had) == 0 ? 0 : out_of_memory(err);
    else
        code = consumer_read_pact(w, path, &had, err);
    if (code == 0 && (code = without_owned(c, &had, err)) != 0)
        pact_free(had);
    if (code == 0)
        code = book_open(&there, had) == 0 ? 0 : out_of_memory(err);
    if (code == 0)
        code = book_put(&there, c->book.pact, NULL, err);
    if (code == 0)
        plugin_drop_unused(there.pact);
    if (code == 0)
        code = pact_write(there.pact, &out) == 0 && text_ok(&out) ? 0 : out_of_memory(err);
    if (code == 0)
        code = world_write_file(w, path, text_bytes(&out), false, err);
    text_deinit(&out);
    book_close(&there);
    return code;
}

int consumer_write(struct consumer *c, struct world *w, const char *folder, struct text *path, struct error *err)
{
    struct text file = TEXT_INIT, locked = TEXT_INIT;
    pthread_mutex_lock(&c->lock);
    text_printf(&file, "%s/", folder);
    file_word(&file, c->name);
    text_char(&file, '-');
    file_word(&file, c->provider);
    text_puts(&file, ".json");
    text_printf(&locked, "%s.lock", text_string(&file));
    int code = text_ok(&file) && text_ok(&locked) ? 0 : out_of_memory(err);
    if (code == 0 && c->failed.code != 0)
        code = error_move(err, &c->failed);
    if (code == 0 && c->book.pact->interactions.count > 0) {
        if ((code = world_make_directory(w, folder)) != 0)
            error_set(err, code, "cannot make the folder %s: %s", folder, error_code_name(code));
        if (code == 0 && (code = lock(w, text_string(&locked), err)) == 0) {
            code = merge_and_write(c, w, text_string(&file), err);
            (void)world_remove(w, text_string(&locked));
        }
    }
    if (code == 0 && path != NULL)
        text_add(path, file.data, file.len);
    text_deinit(&file);
    text_deinit(&locked);
    pthread_mutex_unlock(&c->lock);
    return code;
}
