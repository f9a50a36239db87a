/* Links by what descriptors say: a field of a request that has the name and kind of one in the reply of an earlier
 * call, or, now and then, any two that convert into each other. fuzz/sequence knows better where the whole graph
 * counts; this is what keeps links in every case. */
#include "fuzz/case/generate_case.h"
#include "fuzz/case/links.h"

#define LINK_DEPTH_MAX 4  /* fields of a path */
#define LINK_DRAWS     12 /* leaves looked at before it is given up */

static bool is_scalar(const struct pb_field *f)
{
    return f->kind != PB_MESSAGE;
}

/* Some leaf, by going down from field to field. */
static const struct pb_field *draw_leaf(struct random *r, const struct pb_type *type, struct fuzz_path *path)
{
    path->count = 0;
    while (type && type->field_count > 0 && path->count < LINK_DEPTH_MAX) {
        const struct pb_field *f = &type->fields[random_below(r, type->field_count)];
        fuzz_path_push(path, f->number, f->repeated ? (uint32_t)random_below(r, 2) : FUZZ_PATH_NO_INDEX);
        if (is_scalar(f))
            return f;
        type = f->message;
    }
    return NULL;
}

static bool is_text(const struct pb_field *f)
{
    return f->kind == PB_STRING || f->kind == PB_BYTES;
}

/* What the name is about, is for its end to say: "key" fits "record_key". */
static bool is_alike(const struct pb_field *a, const struct pb_field *b)
{
    size_t a_len = strlen(a->name), b_len = strlen(b->name);
    const struct pb_field *longer = a_len < b_len ? b : a, *shorter = a_len < b_len ? a : b;
    size_t more = a_len < b_len ? b_len - a_len : a_len - b_len;
    return is_text(a) == is_text(b) && strcmp(longer->name + more, shorter->name) == 0 &&
           (more == 0 || longer->name[more - 1] == '_');
}

/* The first field of the type, or of messages right within it, that is alike. */
static bool find_alike(const struct pb_type *type, const struct pb_field *to, struct fuzz_path *path)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct pb_field *f = &type->fields[i];
        path->count = 0;
        fuzz_path_push(path, f->number, f->repeated ? 0 : FUZZ_PATH_NO_INDEX);
        if (is_scalar(f) && is_alike(f, to))
            return true;
        for (size_t k = 0; f->message && k < f->message->field_count; k++) {
            const struct pb_field *inner = &f->message->fields[k];
            path->count = 1;
            fuzz_path_push(path, inner->number, inner->repeated ? 0 : FUZZ_PATH_NO_INDEX);
            if (is_scalar(inner) && is_alike(inner, to))
                return true;
        }
    }
    return false;
}

int fuzz_insert_link(struct random *r, const struct case_source *s, struct fuzz_case *c, size_t at)
{
    const struct fuzz_event *message = &c->events.items[at];
    const struct pb_method *target = fuzz_case_method(c, message->call, s->pool);
    uint32_t before = 0;
    for (size_t i = 0; i < at; i++)
        before += c->events.items[i].kind == EVENT_CALL;
    if (!target || before == 0)
        return ERROR_NOT_FOUND;
    for (int i = 0; i < LINK_DRAWS; i++) {
        struct fuzz_path from, to;
        uint32_t call = (uint32_t)random_below(r, before);
        const struct pb_method *source = fuzz_case_method(c, call, s->pool);
        const struct pb_field *field = draw_leaf(r, target->input, &to);
        if (!source || !field || call == message->call)
            continue;
        bool alike = find_alike(source->output, field, &from);
        const struct pb_field *any = alike || i + 1 < LINK_DRAWS ? NULL : draw_leaf(r, source->output, &from);
        if (alike || (any && is_text(any) == is_text(field)))
            return fuzz_links_add(c, at, call, source->server_streaming ? (uint32_t)random_below(r, 2) : 0, &from, &to);
    }
    return ERROR_NOT_FOUND;
}
