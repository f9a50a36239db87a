#include "fuzz/case/links.h"

#include "fuzz/message/values.h"

/* Which kind of event a link belongs to. */
static unsigned target_kind(const struct fuzz_event *link)
{
    return link->flags & EVENT_LINK_METADATA ? EVENT_METADATA : EVENT_MESSAGE;
}

/* The links of an event, from the last one back; links of several things may stand among each other. */
static size_t links_of(const struct fuzz_case *c, size_t event, size_t *out, size_t max)
{
    unsigned kind = c->events.items[event].kind;
    size_t count = 0;
    for (size_t i = event; i > 0 && count < max; i--) {
        const struct fuzz_event *e = &c->events.items[i - 1];
        if (e->kind == kind)
            break;
        if (e->kind == EVENT_LINK && target_kind(e) == kind)
            out[count++] = i - 1;
    }
    return count;
}

bool fuzz_links_any(const struct fuzz_case *c, size_t event)
{
    size_t link;
    return links_of(c, event, &link, 1) > 0;
}

/* The reply a link is about: NULL when it has not come. */
static const struct trace_reply *reply_of(const struct fuzz_trace *t, uint32_t call, uint64_t number)
{
    if (call >= t->calls.count || number >= t->calls.items[call].replies)
        return NULL;
    /* Calls run side by side, so that one call's replies need not stand together. */
    for (size_t i = t->calls.items[call].first_reply; i < t->replies.count; i++)
        if (t->replies.items[i].call == call && number-- == 0)
            return &t->replies.items[i];
    return NULL;
}

static bool take(const struct fuzz_case *c, const struct fuzz_event *link, const struct fuzz_trace *t,
                 struct fuzz_value *out)
{
    struct fuzz_path from;
    const struct trace_reply *reply = reply_of(t, link->call, link->number);
    if (!reply || !fuzz_path_read(fuzz_case_bytes(c, link->name), &from))
        return false;
    const struct pb_method *m = t->calls.items[link->call].method;
    return fuzz_path_get(&from, m ? m->output : NULL, fuzz_trace_bytes(t, reply->body), out, 1) == 1;
}

bool fuzz_links_damage(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_LINK && c->events.items[i].flags >> EVENT_LINK_DAMAGE_SHIFT)
            return true;
    return false;
}

/* A text or bytes with one change, which the number is the seed of. */
static void damage(const struct fuzz_event *link, struct fuzz_value *v, struct text *changed)
{
    static const struct pb_field string = {.name = "value", .kind = PB_STRING},
                                 bytes = {.name = "value", .kind = PB_BYTES};
    unsigned number = link->flags >> EVENT_LINK_DAMAGE_SHIFT;
    struct random r;
    if (number == 0 || (v->kind != PB_STRING && v->kind != PB_BYTES))
        return;
    random_seed(&r, number);
    text_clear(changed);
    value_text_damage(&r, v->kind == PB_STRING ? &string : &bytes, v->bytes, FUZZ_LINK_DAMAGED_MAX, changed);
    v->bytes = text_bytes(changed);
}

/* The last link wins, as the last of two fields does. */
static int apply_metadata(const struct fuzz_case *c, const struct fuzz_event *link, const struct fuzz_value *v,
                          struct text *out, size_t base)
{
    struct bytes before = fuzz_case_bytes(c, link->value);
    size_t end = out->len;
    text_add(out, before.data, before.len);
    if (!fuzz_value_convert(v, PB_BYTES, NULL, out)) {
        text_truncate(out, end);
        return 0;
    }
    if (!text_ok(out))
        return ERROR_MEMORY;
    memmove(out->data + base, out->data + end, out->len - end);
    text_truncate(out, base + out->len - end);
    return 1;
}

/* The message so far stands from `base` on; the changed one is written behind it and takes its place. */
static int apply_message(const struct fuzz_case *c, const struct fuzz_event *link, const struct fuzz_value *v,
                         const struct pb_type *type, struct text *out, size_t base)
{
    struct fuzz_path to;
    size_t end = out->len;
    if (!fuzz_path_read(fuzz_case_bytes(c, link->value), &to))
        return 0;
    /* Room first: the message must not move while it is read. The value, the message and lengths are all there is. */
    if (!text_reserve(out, (end - base) + v->bytes.len + FUZZ_PATH_BYTES_MAX * 3))
        return ERROR_MEMORY;
    int rc = fuzz_path_put(&to, type, BYTES(out->data + base, end - base), v, out);
    if (rc)
        return rc == ERROR_MEMORY ? rc : 0;
    memmove(out->data + base, out->data + end, out->len - end);
    text_truncate(out, base + out->len - end);
    return 1;
}

int fuzz_links_apply(const struct fuzz_case *c, size_t event, const struct fuzz_trace *t, struct text *out)
{
    size_t links[FUZZ_LINKS_MAX], base = out->len;
    const struct fuzz_event *e = &c->events.items[event];
    struct bytes value = fuzz_case_bytes(c, e->value);
    const struct pb_type *type = NULL;
    struct text changed = TEXT_INIT;
    int applied = 0, rc = 0;
    if (e->call < t->calls.count && t->calls.items[e->call].method)
        type = t->calls.items[e->call].method->input;
    text_add(out, value.data, value.len);
    for (size_t i = links_of(c, event, links, FUZZ_LINKS_MAX); i > 0 && rc >= 0; i--) {
        const struct fuzz_event *link = &c->events.items[links[i - 1]];
        struct fuzz_value v;
        if (!take(c, link, t, &v))
            continue;
        damage(link, &v, &changed);
        rc = !text_ok(&changed)          ? ERROR_MEMORY
             : e->kind == EVENT_METADATA ? apply_metadata(c, link, &v, out, base)
                                         : apply_message(c, link, &v, type, out, base);
        applied += rc > 0;
    }
    text_deinit(&changed);
    return rc < 0 ? rc : text_ok(out) ? applied : ERROR_MEMORY;
}

int fuzz_links_add(struct fuzz_case *c, size_t event, uint32_t call, uint32_t reply, const struct fuzz_path *from,
                   const struct fuzz_path *to)
{
    uint8_t name[FUZZ_PATH_BYTES_MAX], value[FUZZ_PATH_BYTES_MAX];
    const struct fuzz_event e = {.kind = EVENT_LINK, .call = call, .number = reply};
    return fuzz_case_insert(c, event, &e, BYTES(name, fuzz_path_write(from, name)),
                            BYTES(value, fuzz_path_write(to, value)));
}
