#include "fuzz/cover/shared.h"

#include "base/array.h"
#include "fuzz/cover/shared_format.h"
#include "world/mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member {
    struct cover_shared_header header;
    struct world_mapping mapping; /* data NULL: the process is gone, its region waits for the next */
    int region;
};

struct cover_shared {
    struct world *world;
    struct cover *cover;
    char *folder;
    ARRAY(struct member) members;
    ARRAY(char *) names; /* of the folder, during a refresh */
    bool failed;
};

static bool is_alive(struct cover_shared *s, int64_t process)
{
    char path[64];
    struct world_stat stat = {0};
    snprintf(path, sizeof path, "/proc/%lld", (long long)process);
    return world_stat(s->world, path, &stat) == 0 && stat.exists;
}

static void each_name(void *arg, const char *name)
{
    struct cover_shared *s = arg;
    char *copy = strdup(name);
    if (!copy || !array_push(&s->names, copy)) {
        free(copy);
        s->failed = true;
    }
}

static void forget_names(struct cover_shared *s)
{
    for (size_t i = 0; i < s->names.count; i++)
        free(s->names.items[i]);
    array_clear(&s->names);
}

/* "1234.0" and nothing else. */
static bool parse_name(const char *name, int64_t *process, uint64_t *module)
{
    char *end;
    if (*name < '1' || *name > '9')
        return false;
    *process = strtoll(name, &end, 10);
    if (*end != '.' || end[1] < '0' || end[1] > '9')
        return false;
    *module = strtoull(end + 1, &end, 10);
    return *end == 0;
}

static bool is_header(const struct world_mapping *m, int64_t process, uint64_t module, struct cover_shared_header *out)
{
    if (m->size < WORLD_MAPPING_HEADER)
        return false;
    memcpy(out, m->data, sizeof *out);
    return memcmp(out->magic, COVER_SHARED_MAGIC, sizeof out->magic) == 0 && out->process == process &&
           out->module == module && out->offset >= WORLD_MAPPING_HEADER && out->offset <= m->size &&
           out->length <= m->size - out->offset && memchr(out->program, 0, sizeof out->program);
}

static void drop(struct cover_shared *s, struct member *m)
{
    cover_move_region(s->cover, (size_t)m->region, NULL, NULL);
    world_mapping_close(&m->mapping);
}

/* The place of a dead process of the same kind, or a new one. Takes over `mapping` when it is 0. */
static int take_in(struct cover_shared *s, const struct cover_shared_header *h, struct world_mapping mapping)
{
    uint8_t *start = (uint8_t *)mapping.data + h->offset, *end = start + h->length;
    for (size_t i = 0; i < s->members.count; i++) {
        struct member *m = &s->members.items[i];
        if (!m->mapping.data && m->header.module == h->module && m->header.length == h->length &&
            strcmp(m->header.program, h->program) == 0) {
            m->header = *h;
            m->mapping = mapping;
            return cover_move_region(s->cover, (size_t)m->region, start, end);
        }
    }
    if (s->members.count == COVER_SHARED_MAX)
        return ERROR_LIMIT;
    if (!array_grow(&s->members))
        return ERROR_MEMORY;
    int region = cover_add_region(s->cover, start, end);
    if (region < 0)
        return region;
    array_push(&s->members, ((struct member){*h, mapping, region}));
    return 0;
}

static bool is_known(const struct cover_shared *s, int64_t process, uint64_t module)
{
    for (size_t i = 0; i < s->members.count; i++)
        if (s->members.items[i].mapping.data && s->members.items[i].header.process == process &&
            s->members.items[i].header.module == module)
            return true;
    return false;
}

static int look_at(struct cover_shared *s, const char *name)
{
    char path[4096];
    int64_t process;
    uint64_t module;
    struct world_mapping mapping;
    struct cover_shared_header header;
    if (!parse_name(name, &process, &module) || is_known(s, process, module))
        return 0;
    int n = snprintf(path, sizeof path, "%s/%s", s->folder, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return ERROR_LIMIT;
    if (!is_alive(s, process)) {
        world_remove(s->world, path);
        return 0;
    }
    int rc = world_mapping_open(path, true, &mapping);
    if (rc)
        return rc == ERROR_MEMORY ? rc : 0; /* it went in between */
    if (!is_header(&mapping, process, module, &header)) {
        world_mapping_close(&mapping);
        return 0;
    }
    rc = take_in(s, &header, mapping);
    if (rc)
        world_mapping_close(&mapping);
    return rc;
}

int cover_shared_refresh(struct cover_shared *s, struct error *err)
{
    int rc, live = 0;
    for (size_t i = 0; i < s->members.count; i++)
        if (s->members.items[i].mapping.data && !is_alive(s, s->members.items[i].header.process))
            drop(s, &s->members.items[i]);
    s->failed = false;
    rc = world_list(s->world, s->folder, each_name, s);
    if (rc == 0 && s->failed)
        rc = ERROR_MEMORY;
    for (size_t i = 0; rc == 0 && i < s->names.count; i++)
        rc = look_at(s, s->names.items[i]);
    forget_names(s);
    if (rc)
        return error_set(err, rc, "cannot read the shared coverage in %s: %s", s->folder, error_code_name(rc));
    for (size_t i = 0; i < s->members.count; i++)
        live += s->members.items[i].mapping.data != NULL;
    return live;
}

size_t cover_shared_processes(const struct cover_shared *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->members.count; i++)
        count += s->members.items[i].mapping.data && s->members.items[i].header.module == 0;
    return count;
}

int cover_shared_open(struct world *w, const char *folder, struct cover *cover, struct cover_shared **out,
                      struct error *err)
{
    int rc = world_make_directory(w, folder);
    *out = NULL;
    if (rc)
        return error_set(err, rc, "cannot make the folder %s for shared coverage", folder);
    struct cover_shared *s = calloc(1, sizeof *s);
    if (s)
        s->folder = strdup(folder);
    if (!s || !s->folder) {
        free(s);
        return error_set(err, ERROR_MEMORY, "no memory for shared coverage");
    }
    s->world = w;
    s->cover = cover;
    rc = cover_shared_refresh(s, err);
    if (rc < 0) {
        cover_shared_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void cover_shared_close(struct cover_shared *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->members.count; i++)
        if (s->members.items[i].mapping.data)
            drop(s, &s->members.items[i]);
    forget_names(s);
    array_deinit(&s->names);
    array_deinit(&s->members);
    free(s->folder);
    free(s);
}
