#include "fuzz/loop/mutator.h"

#include "fuzz/case/mutate_case.h"
#include "fuzz/loop/solve.h"
#include "fuzz/message/dictionary.h"

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

static void hold(void *arg, const struct fuzz_case *parent)
{
    struct message_mutator *m = arg;
    m->held.parent = parent;
    m->held.event = NO_EVENT;
}

/* The message's tree, if it is of the case that is held and can be read whole; else NULL. */
static const struct wire_tree *tree_of(struct message_mutator *m, const struct fuzz_case *parent, size_t event,
                                       const struct pb_type *type, struct bytes message)
{
    if (parent != m->held.parent)
        return NULL;
    if (m->held.event != event || m->held.type != type) {
        struct wire_tree *t = &m->held.tree;
        m->held.event = event;
        m->held.type = type;
        wire_tree_read(t, m->held.nodes, WIRE_TREE_NODES, type, message, 0);
        if (!t->clean) {
            text_clear(&m->held.mended);
            if (wire_tree_repair(type, message, &m->held.mended))
                m->held.event = NO_EVENT;
            else
                wire_tree_read(t, m->held.nodes, WIRE_TREE_NODES, type, text_bytes(&m->held.mended), 0);
        }
    }
    return m->held.event == event && m->held.tree.clean && !m->held.tree.full ? &m->held.tree : NULL;
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
    struct case_mutation what = {.source = &m->source,
                                 .other = other != parent ? other : NULL,
                                 .learning = &m->learnt->learning,
                                 .lane = lane,
                                 .max = max};
    int rc = fuzz_case_copy(out, parent);
    if (rc == 0)
        rc = fuzz_mutate_case(r, out, &what, &how);
    if (rc)
        return rc;
    *did = how.in_message
               ? how.message
               : (struct mutated){.lane = how.lane, .what = how.what, .arm = MUTATE_NO_ARM, .source = MUTATE_NO_ARM};
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
                           .learning = &m->learnt->learning,
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
    if (lane != LANE_GARBAGE)
        how.tree = tree_of(m, parent, chosen, how.type, how.input);
    if (how.tree)
        how.input = how.tree->input;
    if (!array_reserve(&out->events, parent->events.count))
        return ERROR_MEMORY;
    for (size_t i = 0; i < parent->events.count; i++) {
        struct fuzz_event e = parent->events.items[i];
        struct bytes name = fuzz_case_bytes(parent, e.name);
        if (i != chosen) {
            e.value = keep(out, fuzz_case_bytes(parent, e.value));
        } else {
            size_t at = out->data.len;
            int rc = fuzz_mutate_message(r, &how, lane, &out->data, did);
            if (rc)
                return rc;
            if (lane == LANE_VALID && m->learnt->relations.count && random_below(r, RELATION_BROKEN))
                relations_keep(&m->learnt->relations, how.type, &out->data, at, &m->scratch_wire);
            e.value = (struct fuzz_span){(uint32_t)at, (uint32_t)(out->data.len - at)};
            /* What was broken was mended first, but for garbage: the message is of its last change's lane. */
            e.lane = (uint8_t)did->lane;
            if (e.kind == EVENT_MESSAGE)
                name = e.lane == LANE_NEAR_VALID ? bytes_of(did->what) : BYTES_NONE;
        }
        e.name = keep(out, name);
        out->events.items[out->events.count++] = e;
    }
    return out->data.failed ? ERROR_MEMORY : 0;
}

static void credit(void *arg, struct random *r, const struct mutated *did, bool novel)
{
    struct message_mutator *m = arg;
    if (did->arm != MUTATE_NO_ARM)
        fuzz_mutate_credit(&m->learnt->learning, m->dictionary, r, did, novel);
}

static void learn(void *arg, const struct solved *s)
{
    struct message_mutator *m = arg;
    const struct pb_type *type = m->pool ? pb_find_type(m->pool, s->type) : NULL;
    const struct pb_field *f = type ? pb_field_by_number(type, s->field) : NULL;
    const struct pb_field *of = type && s->of ? pb_field_by_number(type, s->of) : NULL;
    if (f && of)
        relations_add(&m->learnt->relations, &(struct relation){f, of, (enum relation_kind)s->kind, s->width});
    else if (f && !s->of)
        dictionary_compared(m->dictionary, f, BYTES(s->value, s->len));
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
    int rc = world_mapping_anonymous(sizeof *m->learnt, &m->shared);
    if (rc == 0)
        rc = world_mapping_anonymous(dictionary_bytes(), &m->values);
    if (rc)
        return rc;
    m->learnt = m->shared.data;
    m->dictionary = m->values.data;
    mutate_learning_init(&m->learnt->learning);
    return calls && pool ? list_methods(m) : 0;
}

void message_mutator_deinit(struct message_mutator *m)
{
    world_mapping_close(&m->shared);
    world_mapping_close(&m->values);
    text_deinit(&m->scratch);
    text_deinit(&m->scratch_wire);
    text_deinit(&m->held.mended);
    free(m->methods);
    *m = (struct message_mutator){0};
}

struct fuzz_mutator message_mutator(struct message_mutator *m)
{
    return (struct fuzz_mutator){.hold = hold, .mutate = mutate, .learn = learn, .credit = credit, .arg = m};
}
