#include "wire/pb_pool.h"
#include "wire/pb_wire.h"

/* ---- names of fields ------------------------------------------------------------------------------------------- */

static uint32_t name_hash(struct bytes name)
{
    uint32_t h = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ name.data[i]) * 16777619U;
    return h;
}

static const char *slot_name(const struct pb_type *t, uint32_t slot)
{
    const struct pb_field *f = &t->fields[(slot - 1) / 2];
    return (slot - 1) % 2 ? f->name : f->json_name;
}

static const struct pb_type_entry *entry_of(const struct pb_type *t)
{
    return (const struct pb_type_entry *)(const void *)t;
}

const struct pb_field *pb_field_find(const struct pb_type *t, struct bytes name)
{
    const struct pb_type_entry *e = entry_of(t);
    for (uint32_t at = name_hash(name) & e->slot_mask; e->slots[at]; at = (at + 1) & e->slot_mask)
        if (bytes_is(name, slot_name(t, e->slots[at])))
            return &t->fields[(e->slots[at] - 1) / 2];
    return NULL;
}

static void slot_put(struct pb_type_entry *t, const char *name, uint32_t slot)
{
    struct bytes b = bytes_of(name);
    uint32_t at = name_hash(b) & t->slot_mask;
    while (t->slots[at]) {
        if (bytes_is(b, slot_name(&t->type, t->slots[at])))
            return; /* a JSON name was there first, and wins */
        at = (at + 1) & t->slot_mask;
    }
    t->slots[at] = slot;
}

static int key_text(struct pb_pool *p, struct text *scratch, const char *name, struct bytes *out)
{
    text_clear(scratch);
    text_char(scratch, '"');
    text_json(scratch, name, strlen(name));
    text_puts(scratch, "\":");
    uint8_t *copy = text_ok(scratch) ? arena_copy(&p->arena, text_string(scratch), scratch->len) : NULL;
    *out = BYTES(copy, scratch->len);
    return copy ? 0 : pb_pool_no_memory(p);
}

int pb_type_index_names(struct pb_pool *p, struct pb_type_entry *t)
{
    size_t n = t->type.field_count, size = 4;
    while (size < 4 * n)
        size *= 2;
    t->slots = arena_alloc(&p->arena, size * sizeof *t->slots);
    t->keys = arena_alloc(&p->arena, (n + 1) * sizeof *t->keys);
    if (!t->slots || !t->keys)
        return pb_pool_no_memory(p);
    t->slot_mask = (uint32_t)(size - 1);
    for (uint32_t i = 0; i < n; i++)
        slot_put(t, t->type.fields[i].json_name, 1 + 2 * i);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(t->type.fields[i].name, t->type.fields[i].json_name) != 0)
            slot_put(t, t->type.fields[i].name, 2 + 2 * i);
    struct text scratch = TEXT_INIT;
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        rc = key_text(p, &scratch, t->type.fields[i].json_name, &t->keys[i].json);
        if (!rc)
            rc = key_text(p, &scratch, t->type.fields[i].name, &t->keys[i].proto);
    }
    text_deinit(&scratch);
    return rc;
}

const struct pb_field *pb_field_by_name(const struct pb_type *t, const char *name)
{
    return pb_field_find(t, bytes_of(name));
}

const struct pb_field *pb_field_by_number(const struct pb_type *t, uint32_t number)
{
    /* Most messages number their fields from 1 without gaps. */
    if (number - 1 < t->field_count && t->fields[number - 1].number == number)
        return &t->fields[number - 1];
    size_t low = 0, high = t->field_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->fields[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->field_count && t->fields[low].number == number ? &t->fields[low] : NULL;
}

/* ---- enums ----------------------------------------------------------------------------------------------------- */

static const struct pb_enum_entry *enum_entry_of(const struct pb_enum *e)
{
    return (const struct pb_enum_entry *)(const void *)e;
}

bool pb_enum_is_null(const struct pb_enum *e)
{
    return enum_entry_of(e)->null_value;
}

const struct pb_enum_value *pb_enum_by_number(const struct pb_enum *e, int32_t number)
{
    const struct pb_enum_value **sorted = enum_entry_of(e)->by_number;
    size_t low = 0, high = e->value_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < e->value_count && sorted[low]->number == number ? sorted[low] : NULL;
}

/* As strcmp between the bytes and a C string. */
static int compare(struct bytes a, const char *b)
{
    size_t len = strlen(b), common = a.len < len ? a.len : len;
    int order = common ? memcmp(a.data, b, common) : 0;
    return order ? order : (a.len > len) - (a.len < len);
}

const struct pb_enum_value *pb_enum_value_find(const struct pb_enum *e, struct bytes name)
{
    const struct pb_enum_value **sorted = enum_entry_of(e)->by_name;
    size_t low = 0, high = e->value_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(name, sorted[middle]->name);
        if (order == 0)
            return sorted[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct pb_enum_value *pb_enum_by_name(const struct pb_enum *e, const char *name)
{
    return pb_enum_value_find(e, bytes_of(name));
}

/* ---- the pool -------------------------------------------------------------------------------------------------- */

static const struct pb_symbol *symbol_find(const struct pb_pool *p, struct bytes name, enum pb_symbol_kind kind)
{
    const struct pb_symbol *s = map_get_n(&p->symbols, name.data, name.len);
    return s && s->kind == kind ? s : NULL;
}

const struct pb_type *pb_type_find(const struct pb_pool *p, struct bytes full_name)
{
    const struct pb_symbol *s = symbol_find(p, full_name, PB_SYMBOL_TYPE);
    return s ? &((const struct pb_type_entry *)s->entry)->type : NULL;
}

const struct pb_type *pb_find_type(const struct pb_pool *p, const char *full_name)
{
    return pb_type_find(p, bytes_of(full_name));
}

const struct pb_enum *pb_find_enum(const struct pb_pool *p, const char *full_name)
{
    const struct pb_symbol *s = symbol_find(p, bytes_of(full_name), PB_SYMBOL_ENUM);
    return s ? &((const struct pb_enum_entry *)s->entry)->enumeration : NULL;
}

const struct pb_service *pb_find_service(const struct pb_pool *p, const char *full_name)
{
    const struct pb_symbol *s = symbol_find(p, bytes_of(full_name), PB_SYMBOL_SERVICE);
    return s ? s->entry : NULL;
}

const struct pb_method *pb_find_method(const struct pb_pool *p, const char *path, bool package_free)
{
    const struct pb_method *m = map_get(&p->methods, path);
    if (m || !package_free)
        return m;
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path || *path != '/')
        return NULL;
    const char *name = slash;
    while (name > path + 1 && name[-1] != '.' && name[-1] != '/')
        name--;
    return map_get(&p->free_methods, name);
}

size_t pb_service_count(const struct pb_pool *p)
{
    return p->service_count;
}

const struct pb_service *pb_service_at(const struct pb_pool *p, size_t i)
{
    return i < p->service_count ? &p->services[i] : NULL;
}

size_t pb_type_count(const struct pb_pool *p)
{
    return p->type_count;
}

const struct pb_type *pb_type_at(const struct pb_pool *p, size_t i)
{
    return i < p->type_count ? &p->types[i].type : NULL;
}

struct bytes pb_file_proto(const struct pb_pool *p, const char *file)
{
    const struct pb_file *f = map_get(&p->files_by_name, file);
    return f ? f->proto : BYTES_NONE;
}

const char *pb_file_of_symbol(const struct pb_pool *p, const char *symbol)
{
    const struct pb_symbol *s = map_get(&p->symbols, symbol);
    return s && s->kind != PB_SYMBOL_PACKAGE ? s->file->name : NULL;
}

size_t pb_file_count(const struct pb_pool *p)
{
    return p->file_count;
}

const char *pb_file_at(const struct pb_pool *p, size_t i)
{
    return i < p->file_count ? p->files[i].name : NULL;
}

size_t pb_file_dependencies(const struct pb_pool *p, const char *file, const char *const **names)
{
    const struct pb_file *f = map_get(&p->files_by_name, file);
    *names = f ? f->dependencies : NULL;
    return f ? f->dependency_count : 0;
}
