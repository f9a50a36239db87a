#include "fakes/generate/messages.h"

#include <stdlib.h>
#include <string.h>

bool field_is_number(int type)
{
    return type != TYPE(STRING) && type != TYPE(BYTES) && type != TYPE(MESSAGE) && type != TYPE(GROUP);
}

const char *field_c_type(const struct field *f)
{
    switch ((int)f->proto->type) {
    case TYPE(DOUBLE):
        return "double";
    case TYPE(FLOAT):
        return "float";
    case TYPE(INT64):
    case TYPE(SFIXED64):
    case TYPE(SINT64):
        return "int64_t";
    case TYPE(UINT64):
    case TYPE(FIXED64):
        return "uint64_t";
    case TYPE(INT32):
    case TYPE(SFIXED32):
    case TYPE(SINT32):
        return "int32_t";
    case TYPE(UINT32):
    case TYPE(FIXED32):
        return "uint32_t";
    case TYPE(BOOL):
        return "protobuf_c_boolean";
    case TYPE(STRING):
        return "char";
    case TYPE(BYTES):
        return "ProtobufCBinaryData";
    default:
        return f->type->c;
    }
}

/* Its member and the word beside it; underscores until neither is taken. */
static int name_field(struct message *m, struct field *f, struct map *taken)
{
    const char *beside = NULL;
    if (f->presence == REPEATED)
        beside = "n_";
    else if (f->presence == OPTIONAL && f->proto->type != TYPE(STRING) && f->proto->type != TYPE(MESSAGE))
        beside = "has_";
    f->member = name_member(&m->g->arena, f->proto->name);
    while (f->member != NULL) {
        char *word = arena_printf(&m->g->arena, "%s%s", beside != NULL ? beside : "", f->member);
        if (word == NULL)
            break;
        if (map_get(taken, f->member) == NULL && map_get(taken, word) == NULL)
            return map_put(taken, f->member, m) && map_put(taken, word, m) ? 0 : gen_no_memory(m->g);
        f->member = arena_printf(&m->g->arena, "%s_", f->member);
    }
    return gen_no_memory(m->g);
}

static int look_at_field(struct message *m, struct field *f, struct map *taken)
{
    const field_proto *p = f->proto;
    const char *full_name = m->type->full_name;
    if (!p->has_type || p->type < TYPE(DOUBLE) || p->type > TYPE(SINT64))
        return gen_fail(m->g, m->file, ERROR_INVALID, "%s.%s has no type", full_name, p->name);
    if (p->type == TYPE(GROUP))
        return gen_fail(m->g, m->file, ERROR_UNSUPPORTED, "%s.%s is a group, which protobuf-c has not", full_name,
                        p->name);
    if (!p->has_number || p->number < 1)
        return gen_fail(m->g, m->file, ERROR_INVALID, "%s.%s has no number", full_name, p->name);
    if (p->type == TYPE(MESSAGE) || p->type == TYPE(ENUM)) {
        f->type = gen_type(m->g, p->type_name);
        if (f->type == NULL || (f->type->message != NULL) != (p->type == TYPE(MESSAGE)))
            return gen_fail(m->g, m->file, ERROR_NOT_FOUND, "%s.%s: \"%.100s\" is no %s of the request", full_name,
                            p->name, p->type_name != NULL ? p->type_name : "",
                            p->type == TYPE(MESSAGE) ? "message" : "enum");
    }
    if (p->has_oneof_index && (p->oneof_index < 0 || (size_t)p->oneof_index >= m->type->message->n_oneof_decl))
        return gen_fail(m->g, m->file, ERROR_INVALID, "%s.%s is in oneof %d of %zu", full_name, p->name, p->oneof_index,
                        m->type->message->n_oneof_decl);
    if (p->label == LABEL(REPEATED))
        f->presence = REPEATED;
    else if (p->label == LABEL(REQUIRED))
        f->presence = REQUIRED;
    else if (p->has_oneof_index && !p->proto3_optional)
        f->presence = MEMBER;
    else
        f->presence = m->file->proto3 && !p->proto3_optional ? PLAIN : OPTIONAL;
    if (f->presence == MEMBER)
        m->oneofs[p->oneof_index].any = true;
    return name_field(m, f, taken);
}

static int look_at_oneofs(struct message *m, struct map *taken)
{
    static const char *const forms[] = {"_case", NULL};
    struct generator *g = m->g;
    size_t n = m->type->message->n_oneof_decl;
    for (size_t i = 0; i < n; i++) {
        struct oneof *o = &m->oneofs[i];
        const char *name = m->type->message->oneof_decl[i]->name;
        if (!o->any)
            continue;
        const char *lower = name_snake(&g->arena, name), *c = name_c(&g->arena, name);
        const char *upper = name_upper(&g->arena, name);
        o->member = lower != NULL ? name_unique(g, taken, lower, forms) : NULL;
        o->c = c != NULL ? arena_printf(&g->arena, "%s__%s", m->type->c, c) : NULL;
        o->upper = upper != NULL ? arena_printf(&g->arena, "%s__%s", m->type->upper, upper) : NULL;
        if (o->member == NULL || o->c == NULL || o->upper == NULL)
            return gen_no_memory(g);
    }
    return 0;
}

static int compare_numbers(const void *a, const void *b, void *arg)
{
    const struct message *m = arg;
    int32_t x = m->fields[*(const size_t *)a].proto->number, y = m->fields[*(const size_t *)b].proto->number;
    return (x > y) - (x < y);
}

static int compare_names(const void *a, const void *b, void *arg)
{
    const struct message *m = arg;
    size_t x = m->by_number[*(const size_t *)a], y = m->by_number[*(const size_t *)b];
    return strcmp(m->fields[x].proto->name, m->fields[y].proto->name);
}

int message_look_at(struct message *m)
{
    struct generator *g = m->g;
    const message_proto *p = m->type->message;
    struct map taken = MAP_INIT;
    m->count = p->n_field;
    m->fields = ARENA_NEW_N(&g->arena, struct field, m->count + 1);
    m->by_number = ARENA_NEW_N(&g->arena, size_t, m->count + 1);
    m->by_name = ARENA_NEW_N(&g->arena, size_t, m->count + 1);
    m->oneofs = ARENA_NEW_N(&g->arena, struct oneof, p->n_oneof_decl + 1);
    int code = m->fields && m->by_number && m->by_name && m->oneofs ? 0 : gen_no_memory(g);
    for (size_t i = 0; i < m->count && code == 0; i++) {
        m->fields[i].proto = p->field[i];
        code = look_at_field(m, &m->fields[i], &taken);
    }
    if (code == 0)
        code = look_at_oneofs(m, &taken);
    map_deinit(&taken);
    if (code != 0)
        return code;
    for (size_t i = 0; i < m->count; i++)
        m->by_number[i] = m->by_name[i] = i;
    qsort_r(m->by_number, m->count, sizeof(size_t), compare_numbers, m);
    qsort_r(m->by_name, m->count, sizeof(size_t), compare_names, m);
    for (size_t i = 1; i < m->count; i++)
        if (m->fields[m->by_number[i - 1]].proto->number == m->fields[m->by_number[i]].proto->number)
            return gen_fail(g, m->file, ERROR_INVALID, "%s has two fields with number %d", m->type->full_name,
                            m->fields[m->by_number[i]].proto->number);
    return 0;
}
