#include "fuzz/loop/mutator.h"

#include "fuzz/case/mutate_case.h"

#include <stdlib.h>

#define NO_EVENT SIZE_MAX

static bool is_payload(const struct fuzz_event *e)
{
    return e->kind == EVENT_MESSAGE || e->kind == EVENT_BYTES;
}

/* One of the events whose bytes can be changed, each as likely. */
static size_t pick(struct random *r, const struct fuzz_case *c)
{
    size_t found = NO_EVENT;
    uint64_t count = 0;
    for (size_t i = 0; i < c->events.count; i++)
        if (is_payload(&c->events.items[i]) && (++count == 1 || random_below(r, count) == 0))
            found = i;
    return found;
}

static const struct pb_type *type_of(struct message_mutator *m, const struct fuzz_case *c, const struct fuzz_event *e)
{
    uint32_t number = 0;
    if (e->kind != EVENT_MESSAGE || !m->pool)
        return NULL;
    for (size_t i = 0; i < c->events.count; i++) {
        if (c->events.items[i].kind != EVENT_CALL || number++ != e->call)
            continue;
        struct bytes path = fuzz_case_bytes(c, c->events.items[i].name);
        if (path.len == 0 || path.len >= sizeof m->path || memchr(path.data, 0, path.len))
            return NULL;
        if (!bytes_is(path, m->path)) {
            memcpy(m->path, path.data, path.len);
            m->path[path.len] = 0;
            const struct pb_method *method = pb_find_method(m->pool, m->path, true);
            m->type = method ? method->input : NULL;
        }
        return m->type;
    }
    return NULL;
}

static struct fuzz_span keep(struct fuzz_case *out, struct bytes b)
{
    struct fuzz_span s = {(uint32_t)out->data.len, (uint32_t)b.len};
    if (b.len)
        text_add(&out->data, b.data, b.len);
    return s;
}

/* The case as a whole: what is called, when, with what around it. */
static int mutate_case(struct message_mutator *m, struct random *r, const struct fuzz_case *parent,
                       const struct fuzz_case *other, enum fuzz_lane lane, size_t max, struct fuzz_case *out,
                       struct mutated *did)
{
    struct case_mutated how;
    struct case_mutation what = {
        .source = &m->source, .other = other != parent ? other : NULL, .lane = lane, .max = max};
    int rc = fuzz_case_copy(out, parent);
    if (rc == 0)
        rc = fuzz_mutate_case(r, out, &what, &how);
    if (rc)
        return rc;
    *did = (struct mutated){.lane = how.lane, .what = how.what, .arm = MUTATE_NO_ARM, .source = MUTATE_NO_ARM};
    /* Changes in place leave what they replaced behind. */
    return out->data.len > max ? fuzz_case_tidy(out) : 0;
}

static int mutate(void *arg, struct random *r, const struct fuzz_case *parent, const struct fuzz_case *other,
                  enum fuzz_lane lane, size_t max, struct fuzz_case *out, struct mutated *did)
{
    struct message_mutator *m = arg;
    if (m->calls && random_below(r, CASE_SHARE) == 0)
        return mutate_case(m, r, parent, other, lane, max, out, did);
    size_t chosen = pick(r, parent), partner = pick(r, other);
    if (chosen == NO_EVENT)
        return ERROR_NOT_FOUND;
    const struct fuzz_event *from = &parent->events.items[chosen];
    struct mutation how = {.type = type_of(m, parent, from),
                           .input = fuzz_case_bytes(parent, from->value),
                           .dictionary = m->dictionary,
                           .learning = m->shared.data,
                           .scratch = &m->scratch};
    size_t rest = parent->data.len - how.input.len;
    how.max = max > rest ? max - rest : 0;
    if (partner != NO_EVENT) {
        how.other = fuzz_case_bytes(other, other->events.items[partner].value);
        how.other_type = how.type; /* a corpus of one program: mostly true, and checked as it is read */
        if (other->events.count > 1 && parent != other) {
            /* The path's memory is for the parent's type: look at the partner's only when it differs. */
            how.other_type = type_of(m, other, &other->events.items[partner]);
        }
    }
    if (!how.type)
        lane = LANE_GARBAGE;
    if (!array_reserve(&out->events, parent->events.count))
        return ERROR_MEMORY;
    for (size_t i = 0; i < parent->events.count; i++) {
        struct fuzz_event e = parent->events.items[i];
        e.name = keep(out, fuzz_case_bytes(parent, e.name));
        if (i != chosen) {
            e.value = keep(out, fuzz_case_bytes(parent, e.value));
        } else {
            size_t at = out->data.len;
            int rc = fuzz_mutate_message(r, &how, lane, &out->data, did);
            if (rc)
                return rc;
            e.value = (struct fuzz_span){(uint32_t)at, (uint32_t)(out->data.len - at)};
            e.lane = (uint8_t)(e.lane > did->lane ? e.lane : did->lane);
        }
        out->events.items[out->events.count++] = e;
    }
    return out->data.failed ? ERROR_MEMORY : 0;
}

static void credit(void *arg, struct random *r, const struct mutated *did, bool novel)
{
    struct message_mutator *m = arg;
    if (did->arm != MUTATE_NO_ARM)
        fuzz_mutate_credit(m->shared.data, NULL, r, did, novel);
}

static int list_methods(struct message_mutator *m)
{
    size_t count = 0;
    for (size_t i = 0; i < pb_service_count(m->pool); i++)
        count += pb_service_at(m->pool, i)->method_count;
    m->methods = calloc(count ? count : 1, sizeof *m->methods);
    if (!m->methods)
        return ERROR_MEMORY;
    count = 0;
    for (size_t i = 0; i < pb_service_count(m->pool); i++)
        for (size_t n = 0; n < pb_service_at(m->pool, i)->method_count; n++)
            m->methods[count++] = &pb_service_at(m->pool, i)->methods[n];
    m->source = (struct case_source){.pool = m->pool,
                                     .methods = m->methods,
                                     .method_count = count,
                                     .dictionary = m->dictionary,
                                     .scratch = &m->scratch,
                                     .scratch_wire = &m->scratch_wire};
    m->calls = count > 0;
    return 0;
}

int message_mutator_init(struct message_mutator *m, const struct pb_pool *pool, bool calls)
{
    *m = (struct message_mutator){.pool = pool};
    int rc = world_mapping_anonymous(sizeof(struct mutate_learning), &m->shared);
    if (rc)
        return rc;
    mutate_learning_init(m->shared.data);
    return calls && pool ? list_methods(m) : 0;
}

void message_mutator_deinit(struct message_mutator *m)
{
    world_mapping_close(&m->shared);
    text_deinit(&m->scratch);
    text_deinit(&m->scratch_wire);
    free(m->methods);
    *m = (struct message_mutator){0};
}

struct fuzz_mutator message_mutator(struct message_mutator *m)
{
    return (struct fuzz_mutator){.mutate = mutate, .credit = credit, .arg = m};
}
